//! Amazon S3, and the many stores that speak like it.
//!
//! 1. `credentials`: who signs, and where the right to do so comes from.
//! 2. `place`: where the bucket is.

mod credentials;
mod place;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::signer::Signer;

use self::credentials::{Credentials, Keys};
use self::place::{bucket_url, region};
use super::bucket::{Access, Bucket, RESPONSE_PARAMETERS};
use super::connector::{Connector, retries};
use super::settings::{Settings, check_name, setters, storage};
use crate::error::BuildError;
use crate::fetch::Client;

/// From where the right to sign may come.
const CREDENTIALS: &str = "state keys, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the cluster, the \
     container or the machine a role";

/// A bucket of Amazon S3, or of a store that speaks like it (MinIO, Ceph, R2, GCS by its HMAC
/// keys). Clones are the same one.
///
/// A file is the object whose key is the prefix and the file's name; each look and each download is
/// one request, signed for it. A key of more than 1,024 bytes, with a control character, or that is
/// not valid UTF-8 is not found.
///
/// Proxies and clients fetch by links: URLs whose signature lives for a while
/// ([`S3Builder::link_lifetime`]). A link for a client states `Content-Disposition` and
/// `Content-Type` in S3's place, and `Cache-Control: no-store`; no other header can be stated
/// there.
///
/// ```no_run
/// use downloadview::fetch::Client;
/// use downloadview::storage::S3Storage;
/// let client = Client::new()?;
/// let archive = S3Storage::builder(&client, "archive")
///     .region("eu-central-1")
///     .access_key_id("AKIAIOSFODNN7EXAMPLE")
///     .secret_access_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
///     .build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct S3Storage(Arc<Bucket>);

impl S3Storage {
    /// A bucket by its name.
    pub fn builder(client: &Client, bucket: impl Into<String>) -> S3Builder {
        S3Builder {
            settings: Settings::new(client),
            bucket: bucket.into(),
            region: None,
            is_virtual_hosted: false,
            keys: Keys::default(),
            credentials: None,
        }
    }
}

storage!(S3Storage);

/// Settings of an [`S3Storage`]. Made by [`S3Storage::builder`].
///
/// Where the right to sign comes from must be stated: a key, [`environment`](Self::environment),
/// [`instance`](Self::instance) or [`anonymous`](Self::anonymous).
///
/// | setting | default |
/// |---|---|
/// | endpoint | Amazon's, of the region |
/// | region | `us-east-1` with an endpoint, else required |
/// | bucket's name | in the path |
/// | URL | `https` only, and public addresses only |
/// | prefix of keys | none |
/// | lifetime of links | 60 s |
///
/// ```no_run
/// use std::time::Duration;
/// use downloadview::fetch::Client;
/// use downloadview::storage::S3Storage;
///
/// let client = Client::new()?;
/// let media = S3Storage::builder(&client, "media")
///     .endpoint("https://minio.example:9000")
///     .environment()? // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY …
///     .prefix("2026")
///     .link_lifetime(Duration::from_secs(300))
///     .build()?;
/// # let _ = media;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[must_use]
pub struct S3Builder {
    settings: Settings,
    bucket: String,
    region: Option<String>,
    is_virtual_hosted: bool,
    keys: Keys,
    credentials: Option<Credentials>,
}

impl S3Builder {
    /// The store's URL, where it is not Amazon's: `https://minio.example:9000`. Default: Amazon's
    /// of the region.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// The region, `eu-central-1`. Default: `us-east-1` where there is an
    /// [`endpoint`](Self::endpoint), since most other stores take that; Amazon's own needs the true
    /// one.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Puts the bucket's name before the host (`https://archive.s3.eu-central-1.amazonaws.com/`)
    /// and not into the path. Default: into the path.
    pub fn virtual_hosted(mut self) -> Self {
        self.is_virtual_hosted = true;
        self
    }

    /// The public half of a key.
    pub fn access_key_id(mut self, id: impl Into<String>) -> Self {
        self.keys.id = Some(id.into());
        self
    }

    /// The secret half of a key.
    pub fn secret_access_key(mut self, secret: impl Into<String>) -> Self {
        self.keys.secret = Some(secret.into());
        self
    }

    /// The token that goes with a key for a while. Default: none.
    pub fn session_token(mut self, token: impl Into<String>) -> Self {
        self.keys.session_token = Some(token.into());
        self
    }

    /// Takes what was not stated from the variables that Amazon's own programs know.
    ///
    /// - Credentials: `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` and perhaps
    ///   `AWS_SESSION_TOKEN`; else `AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN`, perhaps
    ///   `AWS_ROLE_SESSION_NAME` and `AWS_ENDPOINT_URL_STS`; else
    ///   `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`; else `AWS_CONTAINER_CREDENTIALS_FULL_URI` with
    ///   `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`; else as [`instance`](Self::instance).
    /// - `AWS_REGION`, `AWS_DEFAULT_REGION`.
    /// - `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    ///
    /// When one variable of a pair is not set.
    pub fn environment(self) -> Result<Self, BuildError> {
        self.variables(&|name| std::env::var(name).ok())
    }

    /// As [`environment`](Self::environment), with variables from elsewhere; one that is empty is
    /// not set.
    ///
    /// # Errors
    ///
    /// As [`environment`](Self::environment).
    pub fn variables(
        mut self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        let variable = &|name: &str| variable(name).filter(|value| !value.is_empty());
        let of = |names: [&str; 2]| names.into_iter().find_map(variable);
        self.region = self
            .region
            .or_else(|| of(["AWS_REGION", "AWS_DEFAULT_REGION"]));
        self.settings.endpoint = self
            .settings
            .endpoint
            .or_else(|| of(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]));
        if self.credentials.is_none() && self.keys.id.is_none() && self.keys.secret.is_none() {
            self.credentials = Some(Credentials::of(variable)?);
        }
        Ok(self)
    }

    /// Signs with the role of the machine, of which its metadata service at 169.254.169.254 tells.
    pub fn instance(mut self) -> Self {
        self.credentials = Some(Credentials::Instance);
        self
    }

    /// Signs nothing: the bucket is public. Its links are plain URLs, whose answers state what is
    /// stored.
    pub fn anonymous(mut self) -> Self {
        self.credentials = Some(Credentials::Anonymous);
        self
    }

    setters!();

    /// The storage. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// For settings that cannot work, and where none says who signs.
    pub fn build(self) -> Result<S3Storage, BuildError> {
        check_name(&self.bucket)?;
        let credentials = self.keys.or(self.credentials)?;
        let region = region(self.region, self.settings.endpoint.is_some())?;
        let amazon = format!("https://s3.{region}.amazonaws.com");
        let endpoint = self.settings.endpoint(&amazon)?;
        let url = bucket_url(&endpoint, &self.bucket, self.is_virtual_hosted);
        let client = &self.settings.client;
        let reader = credentials.reader();
        let signer = signer(client, &self.bucket, &url, region, credentials)?;
        let access = Access {
            signer,
            reader,
            credentials: CREDENTIALS,
        };
        let bucket = self.settings.bucket(url, access, RESPONSE_PARAMETERS)?;
        Ok(S3Storage(Arc::new(bucket)))
    }
}

/// Nothing of keys and tokens.
impl fmt::Debug for S3Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Builder")
            .field("bucket", &self.bucket)
            .field("endpoint", &self.settings.endpoint)
            .field("region", &self.region)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

fn refused(what: impl fmt::Display) -> BuildError {
    BuildError::new(format!("the S3 bucket: {what}"))
}

/// `object_store` puts the key behind the URL as it is, so this is the bucket's own.
fn signer(
    client: &Client,
    bucket: &str,
    url: &str,
    region: String,
    credentials: Credentials,
) -> Result<Option<Arc<dyn Signer>>, BuildError> {
    if matches!(credentials, Credentials::Anonymous) {
        return Ok(None);
    }
    let builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_endpoint(url)
        .with_virtual_hosted_style_request(true)
        .with_region(region)
        .with_retry(retries())
        .with_http_connector(Connector::new(client));
    // Its text may hold what was stated.
    let built = credentials.state_to(builder).build();
    let signer = built.map_err(|_| refused("its settings do not fit together"))?;
    Ok(Some(Arc::new(signer)))
}
