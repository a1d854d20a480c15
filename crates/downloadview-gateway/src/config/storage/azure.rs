//! `kind = "azure"`: a container of Azure's Blob Storage.

use std::env;
use std::time::Duration;

use downloadview::storage::AzureAccount;

use super::bucket::{OfAll, below, one_of_two};
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::remote::{OriginSettings, RemoteUrl};

/// A container of Azure's Blob Storage. What the file does not say comes from the variables that Azure's own programs know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureConfig {
    /// `container`: its name.
    pub container: String,
    /// `account` and `endpoint`, with `account_key`, `sas_token` (each may end in `_env`) or `anonymous`; else
    /// `AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or
    /// `AZURE_STORAGE_SAS_TOKEN`.
    pub account: AzureAccount,
    /// The URL below which the blobs lie.
    pub url: RemoteUrl,
    /// `allow_http`: whether the endpoint may be spoken to in the clear. Default: false.
    pub allow_http: bool,
    /// `prefix`: what stands before each file's name in the key, without slashes at its ends. Default: nothing.
    pub prefix: String,
    /// `link_lifetime`: how long a signed URL can be used to begin a download: whole seconds, at most 7 days. Default: 60 s.
    pub link_lifetime: Duration,
    /// How the store is asked.
    pub settings: OriginSettings,
}

impl AzureConfig {
    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        table.hide_all_but(&HARMLESS);
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
        let of_all = OfAll::read(table, origin.as_ref());
        let container = container?;
        let mut url = base?.value;
        url.path = below(format!("{}{container}/", url.path), &of_all.prefix);
        (!has_wrong_endpoint).then_some(())?;
        Some(Self {
            container,
            account: account?,
            url,
            allow_http: of_all.allow_http,
            prefix: of_all.prefix,
            link_lifetime: of_all.link_lifetime,
            settings: of_all.settings,
        })
    }
}

fn read_account(table: &mut Table<'_>) -> Option<AzureAccount> {
    let anonymous = table.boolean("anonymous").unwrap_or_default();
    let name = table.parsed("account", |text| Ok(text.to_owned()));
    let key = one_of_two(table, "account_key", "account_key_env");
    let token = one_of_two(table, "sas_token", "sas_token_env");
    let has_key = table.has("account_key") || table.has("account_key_env");
    let has_token = table.has("sas_token") || table.has("sas_token_env");
    if usize::from(anonymous) + usize::from(has_key) + usize::from(has_token) > 1 {
        table.report(
            "several things open this container: `account_key`, `sas_token`, `anonymous`",
            "keep one of them",
        );
        return None;
    }
    if !anonymous && !has_key && !has_token {
        // A name in the file stands before one in a variable.
        let account = AzureAccount::variables(&|variable| match (&name, variable) {
            (Some(_), "AZURE_STORAGE_CONNECTION_STRING") => None,
            (Some(name), "AZURE_STORAGE_ACCOUNT_NAME") => Some(name.clone()),
            _ => env::var(variable).ok(),
        });
        return built(table, account);
    }
    let name = table.require("account", "\"archive\"", name)?;
    let account = match (key, token) {
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

/// The keys whose values a report may show.
const HARMLESS: [&str; 18] = [
    "account",
    "account_key_env",
    "allow_http",
    "allow_private",
    "anonymous",
    "concurrency",
    "connect_timeout",
    "container",
    "endpoint",
    "first_byte_timeout",
    "forbidden",
    "idle_timeout",
    "kind",
    "link_lifetime",
    "max_size",
    "prefix",
    "redirects",
    "sas_token_env",
];

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
