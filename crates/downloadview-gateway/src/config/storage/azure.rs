//! `kind = "azure"`: a container of Azure's Blob Storage.

use std::env;

use downloadview::storage::AzureAccount;

use super::bucket::{BucketSettings, hide_secrets, one_of_two};
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::remote::RemoteUrl;

/// A container of Azure's Blob Storage. What the file does not say comes from the variables that Azure's own programs know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureConfig {
    /// `container`: its name, 3 to 63 lower-case letters, digits and single hyphens. Required.
    pub container: String,
    /// `account` and `endpoint`, with `account_key`, `sas_token` (each may end in `_env`) or `anonymous`; else
    /// `AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or
    /// `AZURE_STORAGE_SAS_TOKEN`.
    pub account: AzureAccount,
    /// The URL below which the blobs lie.
    pub url: RemoteUrl,
    /// What can be said of every bucket.
    pub settings: BucketSettings,
}

impl AzureConfig {
    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        hide_secrets(table, &HARMLESS);
        let container = table.parsed("container", container);
        let container = table.require("container", "\"media\"", container);
        let account = read_account(table);
        let endpoint = table.parsed_at("endpoint", |text| {
            RemoteUrl::read(&format!("{}/", text.trim_end_matches('/')))
        });
        let has_wrong_endpoint = table.has("endpoint") && endpoint.is_none();
        let account = account.and_then(|account| match &endpoint {
            Some(at) => built(table, account.endpoint(&at.value.to_string())),
            None => Some(account),
        });
        let base = account.as_ref().and_then(|account| {
            let span = endpoint
                .as_ref()
                .map_or_else(|| table.span.clone(), |at| at.span.clone());
            let url = RemoteUrl::read(&format!("{}/", account.url())).ok()?;
            Some(At { span, value: url })
        });
        let origin = base.as_ref().map(|at| At {
            span: at.span.clone(),
            value: at.value.origin.clone(),
        });
        let settings = BucketSettings::read(table, origin.as_ref());
        let container = container?;
        let mut url = base?.value;
        url.path = settings.below(format!("{}{container}/", url.path));
        (!has_wrong_endpoint).then_some(())?;
        Some(Self {
            container,
            account: account?,
            url,
            settings,
        })
    }
}

fn read_account(table: &mut Table<'_>) -> Option<AzureAccount> {
    let anonymous = table.boolean("anonymous").unwrap_or_default();
    let name = table.parsed("account", |text| Ok(text.to_owned()));
    let key = one_of_two(table, "account_key", "account_key_env");
    let token = one_of_two(table, "sas_token", "sas_token_env");
    let stated = [anonymous, key.is_there, token.is_there];
    if stated.into_iter().filter(|is_there| *is_there).count() > 1 {
        table.report(
            "several things open this container: `account_key`, `sas_token`, `anonymous`",
            "keep one of them",
        );
        return None;
    }
    if stated == [false; 3] {
        // A name in the file stands before one in a variable.
        let account = AzureAccount::variables(&|variable| match (&name, variable) {
            (Some(_), "AZURE_STORAGE_CONNECTION_STRING") => None,
            (Some(name), "AZURE_STORAGE_ACCOUNT_NAME") => Some(name.clone()),
            _ => env::var(variable).ok(),
        });
        return built(table, account);
    }
    let name = table.require("account", "\"archive\"", name)?;
    let account = match (key.secret, token.secret) {
        (Some(key), _) => AzureAccount::with_key(name, key.expose()),
        (None, Some(token)) => AzureAccount::with_sas_token(name, token.expose()),
        (None, None) if anonymous => AzureAccount::anonymous(name),
        (None, None) => return None,
    };
    built(table, account)
}

/// The library's own words, which quote no secret.
fn built(
    table: &Table<'_>,
    account: Result<AzureAccount, downloadview::BuildError>,
) -> Option<AzureAccount> {
    match account {
        Ok(account) => Some(account),
        Err(error) => {
            table.report(
                error.to_string(),
                "write `account` with `account_key_env` or `sas_token_env`, or set the variables of Azure's own programs",
            );
            None
        }
    }
}

/// Keys of these tables alone whose values a report may show.
const HARMLESS: [&str; 4] = ["account", "account_key_env", "container", "sas_token_env"];

/// The name of a container, by Azure's rules for new ones.
fn container(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let odd = text.starts_with('-') || text.ends_with('-') || text.contains("--");
    match (3..=63).contains(&text.len()) && text.bytes().all(plain) && !odd {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            format!("{text:?} is not a container's name"),
            "write 3 to 63 lower-case letters, digits and single hyphens: \"media\"",
        )),
    }
}
