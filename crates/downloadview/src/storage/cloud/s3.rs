//! Amazon S3, and the many stores that speak like it.

use std::fmt;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::signer::Signer;

use super::bucket::{Access, Bucket, RESPONSE_PARAMETERS};
use super::connector::{Connector, retries};
use super::credentials::Credentials;
use super::settings::{Settings, check_name, setters, storage};
use crate::error::BuildError;
use crate::fetch::Client;
use crate::storage::SignedUrl;

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

#[derive(Default)]
struct Keys {
    id: Option<String>,
    secret: Option<String>,
    session_token: Option<String>,
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
        let credentials = credentials(self.keys, self.credentials)?;
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

fn credentials(keys: Keys, other: Option<Credentials>) -> Result<Credentials, BuildError> {
    match (keys.id, keys.secret, other) {
        (Some(access_key_id), Some(secret_access_key), None) => Ok(Credentials::Static {
            access_key_id,
            secret_access_key,
            session_token: keys.session_token,
        }),
        (None, None, Some(other)) if keys.session_token.is_none() => Ok(other),
        (None, None, None) => Err(refused(
            "nothing says who signs: state `access_key_id` and `secret_access_key`, or take them from the environment, or \
             say that the bucket is public (`anonymous`)",
        )),
        (_, _, Some(_)) => Err(refused(
            "keys and another source of credentials are stated: one must go",
        )),
        _ => Err(refused(
            "`access_key_id` and `secret_access_key` go together, and one is missing",
        )),
    }
}

fn region(stated: Option<String>, has_endpoint: bool) -> Result<String, BuildError> {
    match stated {
        Some(region) if is_region(&region) => Ok(region),
        Some(_) => Err(refused(
            "its region is not a valid one: letters, digits and hyphens",
        )),
        None if has_endpoint => Ok("us-east-1".to_owned()),
        None => Err(refused(
            "Amazon's S3 needs the region, such as eu-central-1",
        )),
    }
}

fn is_region(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

/// `https://host/bucket` or `https://bucket.host`, with the path of the endpoint if it has one.
fn bucket_url(endpoint: &SignedUrl, bucket: &str, is_virtual_hosted: bool) -> String {
    let path = endpoint.path().trim_end_matches('/');
    match endpoint.origin().split_once("://") {
        Some((scheme, host)) if is_virtual_hosted => format!("{scheme}://{bucket}.{host}{path}"),
        _ => format!("{}{path}/{bucket}", endpoint.origin()),
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use http::{HeaderMap, HeaderValue, Method, header};

    use super::*;
    use crate::storage::{LinkRequest, Storage as _, StorageName};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "T0ken+/=";

    fn builder() -> S3Builder {
        S3Storage::builder(&Client::new().unwrap(), "bucket")
            .endpoint("http://127.0.0.1:9000")
            .allow_http()
            .allow_private()
            .access_key_id("AKIAIOSFODNN7EXAMPLE")
            .secret_access_key(SECRET)
            .session_token(TOKEN)
    }

    fn name(name: &str) -> StorageName {
        StorageName::parse(name).unwrap()
    }

    fn link(storage: &S3Storage, file: &str, ask: LinkRequest<'_>) -> SignedUrl {
        let name = name(file);
        let link = storage.link(&name, ask).now_or_never();
        link.expect("static keys need no request").unwrap().unwrap()
    }

    fn parameter(url: &SignedUrl, wanted: &str) -> Option<String> {
        let url = url::Url::parse(url.expose()).unwrap();
        let mut pairs = url.query_pairs();
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    }

    fn error(builder: S3Builder) -> String {
        builder.build().unwrap_err().to_string()
    }

    /// One account may perhaps not read what another may: a copy that was made for the one is not for the other.
    #[test]
    fn the_copies_of_a_bucket_are_not_those_of_another_account() {
        let key = |builder: S3Builder| {
            let storage = builder.build().unwrap();
            storage.cache_key(&name("a")).unwrap().hash()
        };
        let other = || builder().access_key_id("AKIAI44QH8DHBEXAMPLE");
        let anonymous = S3Storage::builder(&Client::new().unwrap(), "bucket")
            .endpoint("http://127.0.0.1:9000")
            .allow_http()
            .allow_private()
            .anonymous();
        assert_eq!(key(builder()), key(builder()));
        assert_ne!(key(builder()), key(other()));
        assert_ne!(key(builder()), key(anonymous));
    }

    #[test]
    fn the_url_of_a_file_is_the_endpoints_with_bucket_prefix_and_name() {
        let place = |builder: S3Builder, file: &str| {
            let storage = builder.build().unwrap();
            storage.places(&name(file)).url().unwrap().to_owned()
        };
        assert_eq!(
            place(builder(), "a b%.txt"),
            "http://127.0.0.1:9000/bucket/a%20b%25.txt"
        );
        let below = builder()
            .prefix("media")
            .endpoint("http://127.0.0.1:9000/s3/");
        assert_eq!(place(below, "a"), "http://127.0.0.1:9000/s3/bucket/media/a");
        let amazon = || {
            let mut builder = builder();
            builder.settings.endpoint = None;
            builder.region("eu-central-1")
        };
        assert_eq!(
            place(amazon(), "a"),
            "https://s3.eu-central-1.amazonaws.com/bucket/a"
        );
        let hosted = place(amazon().virtual_hosted(), "a");
        assert_eq!(hosted, "https://bucket.s3.eu-central-1.amazonaws.com/a");
    }

    #[test]
    fn a_link_is_the_files_url_signed_for_its_lifetime() {
        let storage = builder()
            .link_lifetime(Duration::from_secs(90))
            .build()
            .unwrap();
        let url = link(&storage, "a +é.txt", LinkRequest::new(&Method::GET));
        let place = storage.places(&name("a +é.txt"));
        assert_eq!(url.expose().split('?').next(), place.url());
        assert_eq!(parameter(&url, "X-Amz-Expires").as_deref(), Some("90"));
        assert_eq!(
            parameter(&url, "X-Amz-Security-Token").as_deref(),
            Some(TOKEN)
        );
        assert_eq!(parameter(&url, "response-content-type"), None);
        let other = link(&storage, "a +é.txt", LinkRequest::new(&Method::HEAD));
        let signature = |url| parameter(url, "X-Amz-Signature").unwrap();
        assert_ne!(
            signature(&url),
            signature(&other),
            "each method has its signature"
        );
    }

    #[test]
    fn a_link_for_a_client_states_name_and_type() {
        let mut headers = HeaderMap::new();
        let disposition = "attachment; filename=\"a+b & c.txt\"; filename*=UTF-8''%C3%A9";
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static(disposition),
        );
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        let storage = builder().build().unwrap();
        let url = link(
            &storage,
            "a",
            LinkRequest::new(&Method::GET).with_headers(&headers),
        );
        let stated = |name| parameter(&url, name);
        assert_eq!(
            stated("response-content-disposition").as_deref(),
            Some(disposition)
        );
        assert_eq!(
            stated("response-content-type").as_deref(),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            stated("response-cache-control").as_deref(),
            Some("no-store")
        );
        // What `+` means in a query differs from store to store.
        assert!(!url.target().contains('+'), "{}", url.target());
    }

    #[test]
    fn a_type_that_no_link_can_state_is_an_error() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_bytes(b"text/\xe9").unwrap(),
        );
        let storage = builder().build().unwrap();
        let name = name("a");
        let ask = LinkRequest::new(&Method::GET).with_headers(&headers);
        assert!(storage.link(&name, ask).now_or_never().unwrap().is_err());
    }

    #[test]
    fn a_name_that_no_object_can_have_has_no_link_and_is_not_found() {
        let storage = builder().build().unwrap();
        let name = StorageName::parse([b'a'; 1025]).unwrap();
        let link = storage.link(&name, LinkRequest::new(&Method::GET));
        assert!(matches!(
            link.now_or_never(),
            Some(Err(crate::Error::NotFound))
        ));
        let look = storage.look(&name).now_or_never();
        assert!(matches!(look, Some(Err(crate::Error::NotFound))));
    }

    #[test]
    fn a_public_bucket_has_no_signature() {
        let mut builder = builder();
        builder.keys = Keys::default();
        let storage = builder.anonymous().build().unwrap();
        let name = name("a");
        let link = storage.link(&name, LinkRequest::new(&Method::GET));
        assert!(matches!(link.now_or_never(), Some(Ok(None))));
    }

    #[test]
    fn no_secret_is_shown() {
        let storage = builder().build().unwrap();
        let url = link(&storage, "a", LinkRequest::new(&Method::GET));
        let shown = format!("{:?} {:?} {url:?} {url}", builder(), storage);
        for secret in [SECRET, TOKEN, "Signature", "AKIA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_and_not_quoted() {
        let bare = || S3Storage::builder(&Client::new().unwrap(), "bucket").region("eu-central-1");
        for (builder, part) in [
            (bare(), "nothing says who signs"),
            (bare().access_key_id(SECRET), "go together"),
            (bare().secret_access_key(SECRET), "go together"),
            (bare().anonymous().session_token(SECRET), "one must go"),
            (builder().anonymous(), "one must go"),
            (builder().endpoint("http://127.0.0.1/?x"), "query"),
            (builder().endpoint("http://s3cr3t@a.example/"), "endpoint"),
            (builder().region("eu/.."), "region"),
            (builder().prefix("/a"), "prefix"),
            (builder().link_lifetime(Duration::ZERO), "lifetime"),
            (
                builder().link_lifetime(Duration::from_millis(1900)),
                "lifetime",
            ),
            (
                builder().link_lifetime(Duration::from_secs(7 * 86_400 + 1)),
                "lifetime",
            ),
        ] {
            let error = error(builder);
            assert!(
                error.contains(part) && ![SECRET, "s3cr3t"].iter().any(|it| error.contains(it)),
                "{error}"
            );
        }
        for bucket in ["", "a", "..", "a/b", "a b", "é", ".abc", "abc?"] {
            let named = S3Storage::builder(&Client::new().unwrap(), bucket).anonymous();
            assert!(error(named.region("a")).contains("name"), "{bucket}");
        }
    }

    #[test]
    fn plain_http_and_private_addresses_must_be_allowed() {
        let bare = || {
            S3Storage::builder(&Client::new().unwrap(), "bucket")
                .endpoint("http://127.0.0.1:9000")
                .anonymous()
        };
        assert!(error(bare()).contains("allow_http"));
        assert!(error(bare().allow_http()).contains("allow_private"));
        assert!(bare().allow_http().allow_private().build().is_ok());
    }

    #[test]
    fn variables_fill_in_what_was_not_stated() {
        let variables = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("AKIDFROMVARIABLES".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
            "AWS_REGION" => Some(String::new()),
            "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
            _ => None,
        };
        let bare = || S3Storage::builder(&Client::new().unwrap(), "bucket");
        let credential = |builder: S3Builder| {
            let storage = builder.variables(&variables).unwrap().build().unwrap();
            let url = link(&storage, "a", LinkRequest::new(&Method::GET));
            parameter(&url, "X-Amz-Credential").unwrap()
        };
        let found = credential(bare());
        assert!(
            found.starts_with("AKIDFROMVARIABLES/") && found.contains("/eu-west-1/"),
            "{found}"
        );
        let stated = bare().access_key_id("AKIDSTATED").secret_access_key(SECRET);
        let found = credential(stated.region("eu-north-1"));
        assert!(
            found.starts_with("AKIDSTATED/") && found.contains("/eu-north-1/"),
            "{found}"
        );
    }
}
