//! A bucket behind signed URLs: what the stores have in common.
//!
//! For a look and an opening a URL is signed anew for each request, and `fetch` asks for it. For a
//! link a URL is signed for somebody else, with the headers that the answer must state as
//! parameters, and for a longer time. If the right to sign cannot be had, the answer is 503.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "s3", feature = "gcs"))]
use http::header;
use http::{HeaderMap, HeaderName, Method};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};

use super::key::Prefix;
use crate::content::{CacheKey, Content, Metadata, Want};
use crate::error::{BuildError, Error, Result};
use crate::fetch::{Flavour, Locate, Origin, RequestTarget};
use crate::headers::first_range;
use crate::storage::{LinkRequest, Places, SignedUrl, StorageName, strict};

/// How long our own requests may be under way before the store sees them. The URL never leaves the
/// process, so what counts is that a clock which is some minutes off does no harm: the stores allow
/// a quarter of an hour themselves.
const OWN_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// The longest that a signature lives: that of S3 and of GCS.
const LONGEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How a range that counts from the end begins.
const SUFFIX: &[u8] = b"bytes=-";
/// What a link lives where nothing is said.
pub(super) const LINK_LIFETIME: Duration = Duration::from_secs(60);

/// One bucket of a store.
pub(super) struct Bucket {
    pub(super) origin: Origin,
    /// `https://host:port/bucket`, without a slash at the end.
    pub(super) url: String,
    pub(super) prefix: Prefix,
    pub(super) access: Access,
    pub(super) link_lifetime: Duration,
    /// What the store calls the parameters that state a header of its answer.
    pub(super) parameters: Parameters,
    /// Whether the store knows ranges that count from the end.
    pub(super) knows_suffixes: bool,
}

/// By whose right a bucket is read.
pub(super) struct Access {
    /// `None` is nobody: the bucket is public.
    pub(super) signer: Option<Arc<dyn Signer>>,
    /// Whose right it is: differs from account to account.
    pub(super) reader: String,
    /// From where it comes, for an operator who has none.
    pub(super) credentials: &'static str,
}

/// The query parameters of a signed URL that state a header of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    pub(super) headers: &'static [(HeaderName, &'static str)],
    /// A link is for one client: nothing on the way keeps what it brings.
    pub(super) always: &'static [(&'static str, &'static str)],
    /// Whether a client may have the signature.
    pub(super) for_clients: bool,
}

impl Bucket {
    /// The same of a store that does not know ranges which count from the end.
    #[cfg(feature = "azure")]
    pub(super) fn without_suffixes(self) -> Self {
        Self {
            knows_suffixes: false,
            ..self
        }
    }

    /// What is known of an object: one HEAD request.
    pub(super) async fn look(self: &Arc<Self>, name: &StorageName) -> Result<Metadata> {
        let locate = self.locate(name)?;
        self.origin.look(locate, Flavour::Store).await
    }

    /// An object: one request, and its body where the want asks for one.
    pub(super) async fn open(
        self: &Arc<Self>,
        name: &StorageName,
        want: Want<'_>,
    ) -> Result<Content> {
        let locate = self.locate(name)?;
        let is_suffix =
            |range| first_range(range).is_some_and(|it| it.as_bytes().starts_with(SUFFIX));
        // The size is asked for first, and where that part begins is known then.
        let want = match !self.knows_suffixes && want.range().is_some_and(is_suffix) {
            true => want.as_head(),
            false => want,
        };
        self.origin.open(locate, Flavour::Store, want).await
    }

    /// The URL of an object without its signature.
    pub(super) fn places(&self, name: &StorageName) -> Places {
        let text = self.prefix.text(name);
        let key = strict(&text);
        Places::new().with_url(format!("{}/{key}", self.url))
    }

    /// What names an object: its URL without the signature, who asks for it, and which answers are used. What one account
    /// may read, another may perhaps not.
    pub(super) fn cache_key(&self, name: &StorageName) -> CacheKey {
        let text = self.prefix.text(name);
        let admits = self.origin.admits();
        let reader = self.access.reader.as_bytes();
        CacheKey::of_place([self.url.as_bytes(), &*text, reader, admits])
    }

    /// The URL with a signature for somebody else.
    pub(super) async fn link(
        &self,
        name: &StorageName,
        ask: LinkRequest<'_>,
    ) -> Result<Option<SignedUrl>> {
        let key = self.prefix.key(name)?;
        if self.access.signer.is_none() {
            return Ok(None);
        }
        let query = match ask.headers() {
            Some(headers) => self.parameters.of(headers)?,
            None => Vec::new(),
        };
        self.access
            .sign(ask.method(), &key, self.link_lifetime, query)
            .await
    }

    /// Signs each request anew: a signature is for one method, and ages.
    fn locate(self: &Arc<Self>, name: &StorageName) -> Result<Locate> {
        let key = self.prefix.key(name)?;
        let bucket = Arc::clone(self);
        Ok(Arc::new(move |method| {
            let (bucket, key) = (Arc::clone(&bucket), key.clone());
            Box::pin(async move { bucket.target(&method, &key).await })
        }))
    }

    async fn target(&self, method: &Method, key: &Path) -> Result<RequestTarget> {
        let signed = self.access.sign(method, key, OWN_LIFETIME, Vec::new());
        let url = match signed.await? {
            Some(url) => url,
            None => parsed(&format!("{}/{}", self.url, strict(key.as_ref().as_bytes())))?,
        };
        // `a\..\b`, encoded: a name that no server is asked for.
        RequestTarget::parse(url.target()).map_err(|_| Error::NotFound)
    }
}

impl Parameters {
    /// No client may have the signature.
    #[cfg(feature = "azure")]
    pub(super) const NONE: Self = Self {
        headers: &[],
        always: &[],
        for_clients: false,
    };

    /// Those that make the answer state these headers.
    fn of(self, headers: &HeaderMap) -> Result<Vec<(&'static str, String)>> {
        if !self.for_clients {
            return Err(Error::other(
                "no client may have the signature of this store: it was made elsewhere, and is good for more than this file",
            ));
        }
        let mut query = Vec::new();
        for (name, parameter) in self.headers {
            if let Some(value) = headers.get(name) {
                let text = value.to_str().map_err(|_| not_ascii(name))?;
                query.push((*parameter, text.to_owned()));
            }
        }
        let always = self.always.iter();
        query.extend(always.map(|(name, value)| (*name, (*value).to_owned())));
        Ok(query)
    }
}

/// Without it the answer would state the type that whoever stored the object gave it.
fn not_ascii(name: &HeaderName) -> Error {
    Error::other(format!(
        "a signed URL states headers of visible ASCII only, and {name} is not"
    ))
}

impl Access {
    /// A signed URL; `None` of a public bucket.
    async fn sign(
        &self,
        method: &Method,
        key: &Path,
        lifetime: Duration,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<SignedUrl>> {
        let Some(signer) = &self.signer else {
            return Ok(None);
        };
        let options = SignedUrlOptions::new().with_query(query);
        let signed = signer.signed_url_opts(method.clone(), key, lifetime, &options);
        // Its text is left out: it may hold what the server of the credentials said.
        let url = signed.await.map_err(|_| self.is_missing())?;
        parsed(url.as_str()).map(Some)
    }

    /// Signing itself cannot fail, so what failed is getting the right to.
    fn is_missing(&self) -> Error {
        tracing::warn!(
            "the credentials of an object store cannot be had: {}",
            self.credentials
        );
        Error::unavailable(std::io::Error::other("no credentials for the object store"))
    }
}

fn parsed(url: &str) -> Result<SignedUrl> {
    SignedUrl::parse(url).map_err(Error::from)
}

/// A lifetime that the stores take: whole seconds from one to a week.
pub(super) fn checked_lifetime(lifetime: Duration) -> Result<Duration, BuildError> {
    if lifetime.subsec_nanos() == 0 && !lifetime.is_zero() && lifetime <= LONGEST_LIFETIME {
        return Ok(lifetime);
    }
    Err(BuildError::new(
        "the lifetime of a link is whole seconds, from 1 second to 7 days",
    ))
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .field("is_public", &self.access.signer.is_none())
            .finish_non_exhaustive()
    }
}

/// Headers that S3 and GCS state for a client that goes to the URL itself.
#[cfg(any(feature = "s3", feature = "gcs"))]
pub(super) const RESPONSE_PARAMETERS: Parameters = Parameters {
    headers: &[
        (header::CONTENT_DISPOSITION, "response-content-disposition"),
        (header::CONTENT_TYPE, "response-content-type"),
        (header::CONTENT_ENCODING, "response-content-encoding"),
    ],
    always: &[("response-cache-control", "no-store")],
    for_clients: true,
};
