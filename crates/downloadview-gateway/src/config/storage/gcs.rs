//! `kind = "gcs"`: a bucket of Google Cloud Storage.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::bucket::{BucketSettings, bucket};
use crate::config::reader::Table;
use crate::config::reader::scalar::Fault;
use crate::config::remote::{RemoteOrigin, RemoteUrl, Scheme};

/// A bucket of Google Cloud Storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcsConfig {
    /// `bucket`: its name, 3 or more letters, digits, hyphens, dots and underscores. Required.
    pub bucket: String,
    /// `endpoint`: that of an emulator. Default: Google's own.
    pub endpoint: Option<RemoteOrigin>,
    /// Who signs.
    pub credentials: GcsCredentials,
    /// What can be said of every bucket.
    pub settings: BucketSettings,
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
            path: self.settings.below(format!("/{}/", self.bucket)),
        }
    }

    pub(super) fn read(table: &mut Table<'_>) -> Option<Self> {
        let base = table.source.folder;
        let bucket = table.parsed("bucket", bucket);
        let bucket = table.require("bucket", "\"archive\"", bucket);
        let endpoint = table.parsed_at("endpoint", RemoteOrigin::read);
        let anonymous = table.boolean("anonymous").unwrap_or_default();
        let file = table.parsed("credentials_file", |text| CredentialsFile::read(text, base));
        let settings = BucketSettings::read(table, endpoint.as_ref());
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
            settings,
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
