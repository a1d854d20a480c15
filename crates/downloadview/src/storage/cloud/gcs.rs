//! Google Cloud Storage.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use url::Url;

use super::bucket::{Access, Bucket, RESPONSE_PARAMETERS};
use super::connector::{Connector, retries};
use super::settings::{Settings, check_name, setters, storage};
use crate::error::BuildError;
use crate::fetch::Client;
use crate::storage::strict;

/// From where the right to sign may come.
const CREDENTIALS: &str = "name the file of a service account, or set GOOGLE_APPLICATION_CREDENTIALS, or give the \
     machine or the cluster an account that may sign";

/// A bucket of Google Cloud Storage. Clones are the same one.
///
/// A file is the object whose key is the prefix and the file's name; each look and each download is
/// one request, signed for it. A key of more than 1,024 bytes, with a control character, or that is
/// not valid UTF-8 is not found.
///
/// Proxies and clients fetch by links: URLs whose signature lives for a while
/// ([`GcsBuilder::link_lifetime`]). A link for a client states `Content-Disposition` and
/// `Content-Type` in the store's place, and `Cache-Control: no-store`; no other header can be
/// stated there.
///
/// With the key of a service account, signing takes no request and about a millisecond. Without one
/// (a machine of Google's, a user) each signature is a request to `iamcredentials.googleapis.com`,
/// for which the account needs the role `roles/iam.serviceAccountTokenCreator` on itself.
///
/// ```no_run
/// use downloadview::fetch::Client;
/// use downloadview::storage::GcsStorage;
/// let client = Client::new()?;
/// let archive = GcsStorage::builder(&client, "archive")
///     .environment()
///     .prefix("media/2026")
///     .build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct GcsStorage(Arc<Bucket>);

impl GcsStorage {
    /// A bucket by its name.
    pub fn builder(client: &Client, bucket: impl Into<String>) -> GcsBuilder {
        GcsBuilder {
            settings: Settings::new(client),
            bucket: bucket.into(),
            credentials: Vec::new(),
        }
    }
}

storage!(GcsStorage);

/// Settings of a [`GcsStorage`]. Made by [`GcsStorage::builder`].
///
/// Who signs must be said, once: [`service_account_key`](Self::service_account_key),
/// [`credentials_file`](Self::credentials_file), [`environment`](Self::environment) or
/// [`anonymous`](Self::anonymous).
///
/// | setting | default |
/// |---|---|
/// | endpoint | Google's own |
/// | URL | `https` only, and public addresses only |
/// | prefix of keys | none |
/// | lifetime of links | 60 s |
///
/// ```
/// use std::time::Duration;
/// use downloadview::fetch::Client;
/// use downloadview::storage::GcsStorage;
///
/// let client = Client::new()?;
/// let tiles = GcsStorage::builder(&client, "tiles")
///     .anonymous() // a public bucket
///     .prefix("2026")
///     .link_lifetime(Duration::from_secs(300))
///     .build()?;
/// # let _ = tiles;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[must_use]
pub struct GcsBuilder {
    settings: Settings,
    bucket: String,
    credentials: Vec<Credentials>,
}

/// Who signs.
enum Credentials {
    /// The content of a service account's file.
    Key(String),
    /// Such a file, or a user's.
    File(String),
    /// `gcloud`'s own file, if there is one, or else the machine's account.
    Default,
    /// Nobody: the bucket is public.
    Anonymous,
}

impl Credentials {
    /// Whose right to read it is. It is hashed wherever it goes.
    fn reader(&self) -> String {
        match self {
            Self::Key(json) => format!("key {json}"),
            Self::File(path) => format!("file {path}"),
            Self::Default => "default".to_owned(),
            Self::Anonymous => String::new(),
        }
    }
}

impl GcsBuilder {
    /// Signs with the key of a service account: the content of its file, JSON.
    pub fn service_account_key(mut self, json: impl Into<String>) -> Self {
        self.credentials.push(Credentials::Key(json.into()));
        self
    }

    /// Signs with what a file says: the key of a service account, or what `gcloud auth
    /// application-default login` stored. A file of another kind (`external_account`) is refused.
    pub fn credentials_file(mut self, path: impl Into<String>) -> Self {
        self.credentials.push(Credentials::File(path.into()));
        self
    }

    /// Looks for credentials where Google's own programs do: the file that
    /// `GOOGLE_APPLICATION_CREDENTIALS` names; else
    /// `.config/gcloud/application_default_credentials.json` below `HOME`; else the account of the
    /// machine or of the cluster, of which its metadata service tells.
    pub fn environment(self) -> Self {
        self.variables(&|name| std::env::var(name).ok())
    }

    /// As [`environment`](Self::environment), with `GOOGLE_APPLICATION_CREDENTIALS` from elsewhere;
    /// one that is empty is not set.
    pub fn variables(self, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let file = variable("GOOGLE_APPLICATION_CREDENTIALS").filter(|value| !value.is_empty());
        match file {
            Some(file) => self.credentials_file(file),
            None => self.with(Credentials::Default),
        }
    }

    /// Signs nothing: the bucket is public. Its links are plain URLs, whose answers state what is
    /// stored.
    pub fn anonymous(self) -> Self {
        self.with(Credentials::Anonymous)
    }

    fn with(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }

    /// The URL of an emulator. Signatures remain those for Google's own host, so another server
    /// that checks them would refuse them. Default: `https://storage.googleapis.com`.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    setters!();

    /// The storage. Nothing is connected to; a file of credentials is read.
    ///
    /// # Errors
    ///
    /// For settings that cannot work, for credentials that cannot be read, and where none or
    /// several are stated.
    pub fn build(mut self) -> Result<GcsStorage, BuildError> {
        check_name(&self.bucket)?;
        let credentials = match (self.credentials.pop(), self.credentials.is_empty()) {
            (Some(credentials), true) => credentials,
            (Some(_), false) => {
                return Err(refused(
                    "several sources of credentials are stated: one must stay",
                ));
            }
            (None, _) => {
                return Err(refused(
                    "nothing says who signs: state `service_account_key` or `credentials_file`, or take them from the \
                     environment, or say that the bucket is public (`anonymous`)",
                ));
            }
        };
        let endpoint = self.settings.endpoint("https://storage.googleapis.com")?;
        let base = format!("{}{}", endpoint.origin(), endpoint.path());
        let base = base.trim_end_matches('/');
        let reader = credentials.reader();
        let signer = signer(&self.settings.client, &self.bucket, base, credentials)?;
        let url = format!("{base}/{}", self.bucket);
        let access = Access {
            signer,
            reader,
            credentials: CREDENTIALS,
        };
        let bucket = self.settings.bucket(url, access, RESPONSE_PARAMETERS)?;
        Ok(GcsStorage(Arc::new(bucket)))
    }
}

/// Nothing of keys.
impl fmt::Debug for GcsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcsBuilder")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.settings.endpoint)
            .finish_non_exhaustive()
    }
}

fn refused(what: &str) -> BuildError {
    BuildError::new(format!("the bucket of Google Cloud Storage: {what}"))
}

fn signer(
    client: &Client,
    bucket: &str,
    base: &str,
    credentials: Credentials,
) -> Result<Option<Arc<dyn Signer>>, BuildError> {
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_base_url(base)
        .with_retry(retries())
        .with_http_connector(Connector::new(client));
    let builder = match credentials {
        Credentials::Anonymous => return Ok(None),
        Credentials::Key(json) => builder.with_service_account_key(json),
        Credentials::File(path) => builder.with_application_credentials(path),
        Credentials::Default => builder,
    };
    // Its text may hold what was stated.
    let built = builder.build().map_err(|_| {
        refused("its credentials cannot be read: they are JSON, of a service account with its key, or of a user")
    })?;
    Ok(Some(Arc::new(Encoded(built))))
}

/// `object_store` puts a key into the URL as it is: `?` would begin a query, and `a%2Fb` be another
/// object.
#[derive(Debug)]
struct Encoded(GoogleCloudStorage);

impl Encoded {
    fn key(key: &Path) -> object_store::Result<Path> {
        Ok(Path::parse(strict(key.as_ref().as_bytes()))?)
    }
}

#[async_trait]
impl Signer for Encoded {
    async fn signed_url(
        &self,
        method: Method,
        key: &Path,
        lifetime: Duration,
    ) -> object_store::Result<Url> {
        self.0.signed_url(method, &Self::key(key)?, lifetime).await
    }

    async fn signed_url_opts(
        &self,
        method: Method,
        key: &Path,
        lifetime: Duration,
        options: &SignedUrlOptions,
    ) -> object_store::Result<Url> {
        let key = Self::key(key)?;
        self.0
            .signed_url_opts(method, &key, lifetime, options)
            .await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::storage::{LinkRequest, Storage as _, StorageName};

    const SECRET: &str = "MIIEvgIBADANBgkqhkiG9w0";

    fn builder() -> GcsBuilder {
        GcsStorage::builder(&Client::new().unwrap(), "bucket")
    }

    fn name(name: &str) -> StorageName {
        StorageName::parse(name).unwrap()
    }

    fn error(builder: GcsBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn the_url_of_a_file_is_the_endpoints_with_bucket_prefix_and_name() {
        let place = |builder: GcsBuilder, file: &str| {
            let storage = builder.anonymous().build().unwrap();
            storage.places(&name(file)).url().unwrap().to_owned()
        };
        assert_eq!(
            place(builder(), "a b%.txt"),
            "https://storage.googleapis.com/bucket/a%20b%25.txt"
        );
        let below = builder()
            .prefix("media")
            .endpoint("https://gcs.example/v1/");
        assert_eq!(place(below, "a"), "https://gcs.example/v1/bucket/media/a");
    }

    #[test]
    fn a_public_bucket_has_no_signature() {
        let storage = builder().anonymous().build().unwrap();
        let name = name("a");
        let link = storage.link(&name, LinkRequest::new(&Method::GET));
        assert!(matches!(link.now_or_never(), Some(Ok(None))));
    }

    #[test]
    fn a_key_stands_in_the_url_with_everything_encoded() {
        for (key, encoded) in [
            ("a?b#c", "a%3Fb%23c"),
            ("a%2Fb", "a%252Fb"),
            ("%2e%2e", "%252e%252e"),
            ("a\\b/é", "a%5Cb/%C3%A9"),
        ] {
            let key = Encoded::key(&Path::parse(key).unwrap()).unwrap();
            assert_eq!(key.as_ref(), encoded);
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_and_not_quoted() {
        let secret = || builder().service_account_key(format!("{{\"private_key\": \"{SECRET}\"}}"));
        let file = format!("/no/{SECRET}");
        for (builder, part) in [
            (builder(), "nothing says who signs"),
            (secret(), "cannot be read"),
            (secret().anonymous(), "one must stay"),
            (builder().credentials_file(file), "cannot be read"),
            (
                builder().anonymous().endpoint("https://a.example/?x"),
                "query",
            ),
            (
                builder().anonymous().endpoint("http://a.example/"),
                "allow_http",
            ),
            (
                builder().anonymous().endpoint("https://127.0.0.1/"),
                "allow_private",
            ),
            (builder().anonymous().prefix("/a"), "prefix"),
            (
                builder().anonymous().link_lifetime(Duration::ZERO),
                "lifetime",
            ),
        ] {
            let shown = format!("{builder:?}");
            let error = error(builder);
            assert!(error.contains(part), "{error}");
            assert!(
                !error.contains(SECRET) && !shown.contains(SECRET),
                "{error} {shown}"
            );
        }
        let named = GcsStorage::builder(&Client::new().unwrap(), "a/b").anonymous();
        assert!(error(named).contains("name"));
    }

    #[test]
    fn the_variable_names_the_file_of_credentials() {
        let variables = |name: &str| {
            (name == "GOOGLE_APPLICATION_CREDENTIALS").then(|| "/no/such/file".to_owned())
        };
        assert!(error(builder().variables(&variables)).contains("cannot be read"));
    }
}
