//! Azure's Blob Storage.
//!
//! 1. `account` with its `connection` strings: where it is, and who signs.
//! 2. `sas`: the signatures.
//!
//! Azure does not know ranges that count from the end, so that a client's `bytes=-N` begins with a
//! HEAD request.

mod account;
mod connection;
mod sas;

use std::fmt;
use std::sync::Arc;

use http::header;

pub use self::account::AzureAccount;
use self::account::{Credentials, refused};
use super::bucket::{Access, Bucket, Parameters};
use super::settings::{Settings, setters, storage};
use crate::error::BuildError;
use crate::fetch::{Client, OriginBuilder};

/// A container of Azure's Blob Storage. Clones are the same one.
///
/// A file is the blob whose name is the prefix and the file's name; each look and each download is
/// one request, signed for it, and one more for a range that counts from the end (`bytes=-500`). A
/// key of more than 1,024 bytes, with a control character, or that is not valid UTF-8 is not found.
///
/// Proxies and clients fetch by links: URLs whose signature lives for a while
/// ([`AzureBuilder::link_lifetime`]), for reading that one blob, and over `https` only unless
/// [`AzureBuilder::allow_http`] says otherwise. A link for a client states `Content-Disposition`
/// and `Content-Type` in the store's place, and `Cache-Control: no-store`; no other header can be
/// stated there.
///
/// ```no_run
/// use downloadview::fetch::Client;
/// use downloadview::storage::{AzureAccount, AzureStorage};
/// let client = Client::new()?;
/// let account = AzureAccount::with_key("archive", "c2VjcmV0IGtleQ==")?;
/// let archive = AzureStorage::builder(&client, account, "media")
///     .prefix("2026")
///     .build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct AzureStorage(Arc<Bucket>);

impl AzureStorage {
    /// A container by its name.
    pub fn builder(
        client: &Client,
        account: AzureAccount,
        container: impl Into<String>,
    ) -> AzureBuilder {
        AzureBuilder {
            settings: Settings::new(client),
            account,
            container: container.into(),
        }
    }
}

storage!(AzureStorage);

/// Settings of an [`AzureStorage`]. Made by [`AzureStorage::builder`].
///
/// | setting | default |
/// |---|---|
/// | URL | `https` only, and public addresses only |
/// | prefix of keys | none |
/// | lifetime of links | 60 s |
///
/// ```no_run
/// use std::time::Duration;
/// use downloadview::fetch::Client;
/// use downloadview::storage::{AzureAccount, AzureStorage};
/// let client = Client::new()?;
/// let media = AzureStorage::builder(&client, AzureAccount::environment()?, "media")
///     .link_lifetime(Duration::from_secs(300))
///     .build()?;
/// # let _ = media;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[must_use]
pub struct AzureBuilder {
    settings: Settings,
    account: AzureAccount,
    container: String,
}

impl AzureBuilder {
    setters!();

    /// The storage. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// For settings that cannot work.
    pub fn build(mut self) -> Result<AzureStorage, BuildError> {
        check_container(&self.container)?;
        self.settings.endpoint = Some(self.account.url().to_owned());
        let endpoint = self.settings.endpoint(self.account.url())?;
        let base = format!("{}{}", endpoint.origin(), endpoint.path());
        let url = format!("{}/{}", base.trim_end_matches('/'), self.container);
        let parameters = match self.account.credentials {
            // The token would be the client's, for as long as it is valid.
            Credentials::SasToken(_) => Parameters::NONE,
            Credentials::Key(_) => PARAMETERS,
            Credentials::Anonymous => {
                // Without it the oldest version answers, whose tags have no quotes.
                let version = |origin: OriginBuilder| origin.header("x-ms-version", sas::VERSION);
                self.settings.origin(version);
                PARAMETERS
            }
        };
        let reader = match &self.account.credentials {
            // Every key of the account opens everything.
            Credentials::Key(_) => "key".to_owned(),
            Credentials::SasToken(token) => format!("token {token}"),
            Credentials::Anonymous => String::new(),
        };
        let signer = sas::signer(&self.account, &self.container).map(Arc::from);
        let access = Access {
            signer,
            reader,
            credentials: CREDENTIALS,
        };
        let bucket = self.settings.bucket(url, access, parameters)?;
        Ok(AzureStorage(Arc::new(bucket.without_suffixes())))
    }
}

/// Nothing of keys.
impl fmt::Debug for AzureBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureBuilder")
            .field("account", &self.account)
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

/// From where the right to sign may come.
const CREDENTIALS: &str = "state the account's key or a SAS token, or set AZURE_STORAGE_CONNECTION_STRING, or \
     AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN";

/// Headers that Azure states for a client that goes to the URL itself.
const PARAMETERS: Parameters = Parameters {
    headers: &[
        (header::CONTENT_DISPOSITION, "rscd"),
        (header::CONTENT_TYPE, "rsct"),
        (header::CONTENT_ENCODING, "rsce"),
    ],
    always: &[("rscc", "no-store")],
    for_clients: true,
};

/// What stands in a path as it is; `$web` and `$root` are not among it.
fn check_container(name: &str) -> Result<(), BuildError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let odd = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    match (3..=63).contains(&name.len()) && name.bytes().all(plain) && !odd {
        true => Ok(()),
        false => Err(refused(
            "the name of the container is not a valid one: 3 to 63 lower-case letters, digits and \
             single hyphens",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;
    use crate::storage::{LinkRequest, SignedUrl, Storage as _, StorageName};

    const KEY: &str = "c2VjcmV0IGtleQ==";
    const TOKEN: &str = "sv=2022-11-02&sp=r&sig=s3cr3t%3D";

    fn at(account: AzureAccount) -> AzureBuilder {
        AzureStorage::builder(&Client::new().unwrap(), account, "media")
    }

    fn keyed() -> AzureBuilder {
        at(AzureAccount::with_key("archive", KEY).unwrap())
    }

    fn name(name: &str) -> StorageName {
        StorageName::parse(name).unwrap()
    }

    fn link(storage: &AzureStorage, file: &str, ask: LinkRequest<'_>) -> SignedUrl {
        let name = name(file);
        let link = storage.link(&name, ask).now_or_never();
        link.expect("a key needs no request").unwrap().unwrap()
    }

    fn parameter(url: &SignedUrl, wanted: &str) -> Option<String> {
        let url = url::Url::parse(url.expose()).unwrap();
        let mut pairs = url.query_pairs();
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    }

    fn stated() -> HeaderMap {
        let mut headers = HeaderMap::new();
        let disposition = HeaderValue::from_static("attachment; filename=\"a+b & c.txt\"");
        headers.insert(header::CONTENT_DISPOSITION, disposition);
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
        headers
    }

    #[test]
    fn the_url_of_a_file_is_the_accounts_with_container_prefix_and_name() {
        let place = |builder: AzureBuilder, file: &str| {
            let storage = builder.build().unwrap();
            storage.places(&name(file)).url().unwrap().to_owned()
        };
        let of_azure = "https://archive.blob.core.windows.net/media";
        assert_eq!(
            place(keyed(), "a b%.txt"),
            format!("{of_azure}/a%20b%25.txt")
        );
        let below = keyed().prefix("2026");
        assert_eq!(place(below, "a"), format!("{of_azure}/2026/a"));
        let account = AzureAccount::anonymous("archive").unwrap();
        let account = account.endpoint("https://blobs.example/archive/").unwrap();
        assert_eq!(
            place(at(account), "a"),
            "https://blobs.example/archive/media/a"
        );
    }

    #[test]
    fn a_link_reads_one_blob_over_tls_for_its_lifetime() {
        let storage = keyed().build().unwrap();
        let url = link(&storage, "a +é.txt", LinkRequest::new(&Method::GET));
        let place = storage.places(&name("a +é.txt"));
        assert_eq!(url.expose().split('?').next(), place.url());
        for (name, value) in [
            ("sp", "r"),
            ("sr", "b"),
            ("spr", "https"),
            ("sv", "2020-12-06"),
        ] {
            assert_eq!(parameter(&url, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(parameter(&url, "rscd"), None);
        let account = AzureAccount::with_key("archive", KEY).unwrap();
        let plain = at(account.endpoint("http://blobs.example").unwrap()).allow_http();
        let url = link(&plain.build().unwrap(), "a", LinkRequest::new(&Method::GET));
        assert_eq!(parameter(&url, "spr").as_deref(), Some("https,http"));
    }

    #[test]
    fn a_link_for_a_client_states_name_and_type() {
        let storage = keyed().build().unwrap();
        let headers = stated();
        let ask = LinkRequest::new(&Method::GET).with_headers(&headers);
        let url = link(&storage, "a", ask);
        let said = |name| parameter(&url, name);
        let disposition = "attachment; filename=\"a+b & c.txt\"";
        assert_eq!(said("rscd").as_deref(), Some(disposition));
        assert_eq!(said("rsct").as_deref(), Some("text/plain; charset=utf-8"));
        assert_eq!(said("rscc").as_deref(), Some("no-store"));
        assert!(!url.target().contains('+'), "{}", url.target());
    }

    #[test]
    fn a_token_that_somebody_else_signed_goes_to_proxies_and_to_no_client() {
        let account = AzureAccount::with_sas_token("archive", TOKEN).unwrap();
        assert!(!account.can_redirect());
        let storage = at(account).build().unwrap();
        let url = link(&storage, "a?b", LinkRequest::new(&Method::GET));
        assert_eq!(url.target(), format!("/media/a%3Fb?{TOKEN}"));
        let headers = stated();
        let name = name("a");
        let ask = LinkRequest::new(&Method::GET).with_headers(&headers);
        let refused = storage.link(&name, ask).now_or_never().unwrap();
        let error = refused.unwrap_err().to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn a_public_container_has_no_signature() {
        let storage = at(AzureAccount::anonymous("archive").unwrap())
            .build()
            .unwrap();
        let name = name("a");
        let link = storage.link(&name, LinkRequest::new(&Method::GET));
        assert!(matches!(link.now_or_never(), Some(Ok(None))));
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let error = |builder: AzureBuilder| builder.build().unwrap_err().to_string();
        let elsewhere = |url: &str| {
            let account = AzureAccount::with_key("archive", KEY).unwrap();
            at(account.endpoint(url).unwrap())
        };
        for (builder, part) in [
            (elsewhere("http://a.example"), "allow_http"),
            (elsewhere("https://127.0.0.1"), "allow_private"),
            (keyed().prefix("/a"), "prefix"),
            (keyed().link_lifetime(Duration::ZERO), "lifetime"),
        ] {
            let error = error(builder);
            assert!(error.contains(part), "{error}");
        }
        for container in ["", "ab", "Media", "a/b", "-abc", "a--b", "$web", "a.b"] {
            let account = AzureAccount::anonymous("archive").unwrap();
            let builder = AzureStorage::builder(&Client::new().unwrap(), account, container);
            assert!(error(builder).contains("container"), "{container}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let storage = keyed().build().unwrap();
        let url = link(&storage, "a", LinkRequest::new(&Method::GET));
        let given = at(AzureAccount::with_sas_token("archive", TOKEN).unwrap());
        let shown = format!("{:?} {storage:?} {url:?} {url} {given:?}", keyed());
        for secret in [KEY, "secret", "s3cr3t", "sig="] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
