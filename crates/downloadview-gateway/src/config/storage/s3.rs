//! `kind = "s3"`: a bucket of an object store.

use std::env;

use super::bucket::{BucketSettings, bucket, hide_secrets, one_of_two};
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Secret, Table};
use crate::config::remote::{RemoteOrigin, RemoteUrl, Scheme, credential};

/// A bucket of Amazon S3, or of a store that speaks as it does. What the file does not say comes from the variables that
/// Amazon's own programs know.
///
/// ```toml
/// [storages.archive]
/// kind = "s3"
/// bucket = "archive"
/// endpoint = "https://minio.example"        # default: Amazon's
/// region = "eu-central-1"
/// access_key_id = "AKIA…"
/// secret_access_key_env = "ARCHIVE_SECRET"
/// prefix = "media/2026"
/// link_lifetime = "90s"
/// ```
///
/// Refused: an `http://` endpoint without `allow_http = true`, half a pair of keys, keys beside `anonymous = true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// `bucket`: its name, 3 or more letters, digits, hyphens, dots and underscores. Required.
    pub bucket: String,
    /// `endpoint`, else `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. Default: Amazon's of the region.
    pub endpoint: Option<RemoteOrigin>,
    /// `region`, else `AWS_REGION` or `AWS_DEFAULT_REGION`. Default: `us-east-1` with an endpoint, since most other stores
    /// take that; Amazon's own needs the true one.
    pub region: String,
    /// `virtual_hosted`: whether the bucket's name stands before the host, and not in the path. Default: false.
    pub virtual_hosted: bool,
    /// Who signs: the keys of [`S3Credentials`]. Default: what the environment and the machine have.
    pub credentials: S3Credentials,
    /// What can be said of every bucket.
    pub settings: BucketSettings,
}

/// Who signs the requests to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Credentials {
    /// The keys that the file names: `access_key_id`, `secret_access_key` or `secret_access_key_env`, and perhaps
    /// `session_token` or `session_token_env`.
    Keys {
        /// The public half.
        id: Secret,
        /// The secret half.
        secret: Secret,
        /// What goes with both for a while.
        session_token: Option<Secret>,
    },
    /// None of them: the variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or else what the
    /// machine has.
    Environment,
    /// `anonymous = true`: nobody; the bucket is public.
    Anonymous,
}

const REGION: &str = "us-east-1";

impl S3Config {
    /// The URL below which the objects lie.
    #[must_use]
    pub fn url(&self) -> RemoteUrl {
        let amazon = || RemoteOrigin {
            scheme: Scheme::Https,
            host: format!("s3.{}.amazonaws.com", self.region),
            port: 443,
        };
        let mut origin = self.endpoint.clone().unwrap_or_else(amazon);
        let mut path = "/".to_owned();
        match self.virtual_hosted {
            true => origin.host = format!("{}.{}", self.bucket, origin.host),
            false => path = format!("/{}/", self.bucket),
        }
        let path = self.settings.below(path);
        RemoteUrl { origin, path }
    }

    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        hide_secrets(table, &HARMLESS);
        let bucket = table.parsed("bucket", bucket);
        let bucket = table.require("bucket", "\"archive\"", bucket);
        let endpoint = read_endpoint(table);
        let region = table.parsed("region", region);
        let virtual_hosted = table.boolean("virtual_hosted").unwrap_or_default();
        let credentials = S3Credentials::read(table);
        let settings = BucketSettings::read(table, endpoint.as_ref());
        let of_environment = || variable(["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = region.or_else(of_environment);
        if region.is_none() && !table.has("region") && !table.has("endpoint") && endpoint.is_none()
        {
            table.report(
                "nothing says which region of Amazon's the bucket is in",
                "add region = \"eu-central-1\" or set AWS_REGION; or add the `endpoint` of another store",
            );
        }
        Some(Self {
            bucket: bucket?,
            endpoint: endpoint.map(|at| at.value),
            region: region.unwrap_or_else(|| REGION.to_owned()),
            virtual_hosted,
            credentials: credentials?,
            settings,
        })
    }
}

impl S3Credentials {
    fn read(table: &mut Table<'_>) -> Option<Self> {
        let anonymous = table.boolean("anonymous").unwrap_or_default();
        let id = table.parsed("access_key_id", credential);
        let secret = one_of_two(table, "secret_access_key", "secret_access_key_env");
        let token = one_of_two(table, "session_token", "session_token_env");
        let has_id = table.has("access_key_id");
        if anonymous && (has_id || secret.is_there || token.is_there) {
            table.report(
                "this bucket has keys, and is `anonymous`",
                "take one of the two out",
            );
            return None;
        }
        match (has_id, secret.is_there) {
            (true, true) => Some(Self::Keys {
                id: id?,
                secret: secret.secret?,
                session_token: token.secret,
            }),
            (false, false) if token.is_there => {
                table.report(
                    "this bucket has a session token, and no key that it belongs to",
                    "add `access_key_id` and `secret_access_key_env`",
                );
                None
            }
            (false, false) if anonymous => Some(Self::Anonymous),
            (false, false) => Some(Self::Environment),
            (true, false) => {
                let example = "\"…\", or secret_access_key_env = \"ARCHIVE_SECRET\"";
                table.require("secret_access_key", example, None)
            }
            (false, true) => table.require("access_key_id", "\"AKIA…\"", None),
        }
    }
}

/// The file's endpoint, or the one of the environment, which has the place of the table.
fn read_endpoint(table: &mut Table<'_>) -> Option<At<RemoteOrigin>> {
    let stated = table.parsed_at("endpoint", RemoteOrigin::read);
    if table.has("endpoint") {
        return stated;
    }
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let name = names.into_iter().find(|name| variable([name]).is_some())?;
    let text = variable([name])?;
    match RemoteOrigin::read(&text) {
        Ok(value) => Some(At {
            span: table.span.clone(),
            value,
        }),
        Err(fault) => {
            let message = format!("in the environment variable `{name}`: {}", fault.message);
            table.report(message, fault.help);
            None
        }
    }
}

/// The first of these variables that is set, and not to nothing.
fn variable<const N: usize>(names: [&str; N]) -> Option<String> {
    let mut values = names.into_iter().filter_map(|name| env::var(name).ok());
    values.find(|value| !value.is_empty())
}

/// Keys of these tables alone whose values a report may show.
const HARMLESS: [&str; 6] = [
    "access_key_id",
    "bucket",
    "region",
    "secret_access_key_env",
    "session_token_env",
    "virtual_hosted",
];

fn region(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !text.is_empty() && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            format!("{text:?} is not a region"),
            "write its name: \"eu-central-1\"",
        )),
    }
}
