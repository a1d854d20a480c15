//! `kind = "gcs"`: a bucket of Google Cloud Storage.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bucket::{OfAll, below, bucket};
use crate::config::reader::Table;
use crate::config::reader::scalar::Fault;
use crate::config::remote::{OriginSettings, RemoteOrigin, RemoteUrl, Scheme};

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsConfig {
    /// `bucket`: its name.
    pub bucket: String,
    /// `endpoint`: that of an emulator. Default: Google's own.
    pub endpoint: Option<RemoteOrigin>,
    /// Who signs.
    pub credentials: GcsCredentials,
    /// `allow_http`: whether the endpoint may be spoken to in the clear. Default: false.
    pub allow_http: bool,
    /// `prefix`: what stands before each file's name in the key, without slashes at its ends. Default: nothing.
    pub prefix: String,
    /// `link_lifetime`: how long a signed URL can be used to begin a download: whole seconds, at most 7 days. Default: 60 s.
    pub link_lifetime: Duration,
    /// How the store is asked.
    pub settings: OriginSettings,
}

/// Who signs the requests to a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcsCredentials {
    /// `credentials_file`: the key of a service account, or what `gcloud` stored for a user.
    File(CredentialsFile),
    /// Nothing is said: `GOOGLE_APPLICATION_CREDENTIALS`, or else what Google's own programs would find.
    Environment,
    /// `anonymous = true`: nobody; the bucket is public.
    Anonymous,
}

/// A file of credentials as it was when the configuration was read, so that a reload notices another content.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialsFile {
    /// Where it is.
    pub path: PathBuf,
    content: Vec<u8>,
}

impl GcsConfig {
    /// The URL below which the objects lie.
    #[must_use]
    pub fn url(&self) -> RemoteUrl {
        let google = || RemoteOrigin {
            scheme: Scheme::Https,
            host: "storage.googleapis.com".to_owned(),
            port: 443,
        };
        RemoteUrl {
            origin: self.endpoint.clone().unwrap_or_else(google),
            path: below(format!("/{}/", self.bucket), &self.prefix),
        }
    }

    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        let base = table.source.folder;
        let bucket = table.parsed("bucket", bucket);
        let bucket = table.require("bucket", "\"archive\"", bucket);
        let endpoint = table.parsed_at("endpoint", RemoteOrigin::read);
        let anonymous = table.boolean("anonymous").unwrap_or_default();
        let file = table.parsed("credentials_file", |text| CredentialsFile::read(text, base));
        let of_all = OfAll::read(table, endpoint.as_ref());
        let credentials = match (anonymous, table.has("credentials_file")) {
            (true, true) => {
                table.report(
                    "this bucket has a `credentials_file`, and is `anonymous`",
                    "take one of the two out",
                );
                None
            }
            (true, false) => Some(GcsCredentials::Anonymous),
            (false, true) => file.map(GcsCredentials::File),
            (false, false) => Some(GcsCredentials::Environment),
        };
        Some(Self {
            bucket: bucket?,
            endpoint: endpoint.map(|at| at.value),
            credentials: credentials?,
            allow_http: of_all.allow_http,
            prefix: of_all.prefix,
            link_lifetime: of_all.link_lifetime,
            settings: of_all.settings,
        })
    }
}

impl CredentialsFile {
    fn read(text: &str, base: &Path) -> Result<Self, Fault> {
        let path = base.join(text);
        match fs::read(&path) {
            Ok(content) => Ok(Self { path, content }),
            Err(error) => Err(Fault::new(
                format!("cannot read {}: {error}", path.display()),
                "name the JSON file of a service account that the user who runs the gateway may read",
            )),
        }
    }
}

/// Nothing of its content.
impl fmt::Debug for CredentialsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}
