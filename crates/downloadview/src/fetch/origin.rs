//! One server that files come from, and its settings. Everything that its requests share is here:
//! connections, places, headers, and what was logged already.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};

use super::client::Client;
use super::connect::Transport;
use super::guard::Guard;
use super::target::RequestTarget;
use crate::content::{CacheKey, Slots};
use crate::error::Result;
use crate::said::OncePerMinute;

/// Makes the headers that go along with each request, for tokens that expire.
type HeadersWith = Arc<dyn Fn(&Method, &RequestTarget) -> Result<HeaderMap> + Send + Sync>;

/// One server that files come from: scheme, host and port, which no request can change. Clones
/// share everything.
///
/// Each file costs one request, and an answer is used only if it fits that request. How many
/// requests, with their bodies, may be under way at once is limited; those that find no place in
/// time are 503. What the server does wrong is 502 or 504 for the client
/// ([`UpstreamFault`](crate::UpstreamFault)).
///
/// ```
/// use std::time::Duration;
/// use downloadview::fetch::Client;
/// let origin = Client::new()?
///     .origin("https://files.example:8443")
///     .header("authorization", "Bearer s3cr3t")
///     .idle_timeout(Duration::from_secs(10))
///     .build()?;
/// assert_eq!(origin.url(), "https://files.example:8443");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Origin(Arc<Shared>);

/// What all clones of an origin share.
pub(super) struct Shared {
    /// `https://files.example:8443`, the default port left out.
    pub(super) url: String,
    /// Host and port, for errors and logs.
    pub(super) name: Arc<str>,
    pub(super) settings: Settings,
    pub(super) transport: Transport,
    pub(super) slots: Slots,
    said: OncePerMinute<OfAll>,
    /// Made once, since it is a part of each key.
    admits: Vec<u8>,
}

/// What concerns every file of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum OfAll {
    Refused,
    MissingBucket,
}

impl Shared {
    /// Logs that the origin answers 401 or 403.
    pub(super) fn tell_refusal(&self, status: StatusCode) {
        if self.said.is_due(OfAll::Refused) {
            let (origin, storage, status) = (&*self.name, self.storage(), status.as_u16());
            tracing::warn!(
                origin,
                storage,
                status,
                "an origin refuses a file; said once a minute"
            );
        }
    }

    /// Logs that none of the files can be there.
    pub(super) fn tell_missing_bucket(&self) {
        if self.said.is_due(OfAll::MissingBucket) {
            let (origin, storage) = (&*self.name, self.storage());
            tracing::warn!(
                origin,
                storage,
                "the bucket does not exist, so each of its files is 404; said once a minute"
            );
        }
    }

    fn storage(&self) -> Option<&str> {
        self.settings.logged_as.as_deref()
    }
}

/// What can be set. The defaults stand in `new`.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) guard: Guard,
    pub(super) headers: HeaderMap,
    pub(super) headers_with: Option<HeadersWith>,
    pub(super) forbidden_as: StatusCode,
    /// What the operator calls the files.
    pub(super) logged_as: Option<Arc<str>>,
    pub(super) max_size: u64,
    pub(super) concurrency: usize,
    pub(super) connect_timeout: Duration,
    pub(super) first_byte_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) redirects: u8,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self {
            guard: Guard::default(),
            headers: HeaderMap::new(),
            headers_with: None,
            forbidden_as: StatusCode::NOT_FOUND,
            logged_as: None,
            max_size: i64::MAX.unsigned_abs(),
            concurrency: 512,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(30),
            redirects: 0,
        }
    }

    /// What [`Origin::admits`] tells, for a client with this trust of its own.
    fn admits(&self, own_trust: &[u8]) -> Vec<u8> {
        let mut admits = self.max_size.to_le_bytes().to_vec();
        admits.push(self.redirects);
        admits.extend(self.guard.admits());
        admits.push(0);
        admits.extend(own_trust);
        admits
    }

    /// The headers for a request to this very server.
    pub(super) fn headers(&self, method: &Method, target: &RequestTarget) -> Result<HeaderMap> {
        let mut headers = self.headers.clone();
        if let Some(with) = &self.headers_with {
            headers.extend(with(method, target)?);
        }
        Ok(headers)
    }
}

impl Origin {
    /// The server at `url`, which is checked.
    pub(super) fn new(client: &Client, url: String, settings: Settings) -> Self {
        let name = url.split("//").nth(1).unwrap_or_default().into();
        let parsed = url.parse::<Uri>().ok();
        let host = parsed.as_ref().and_then(Uri::host);
        let Settings {
            guard,
            connect_timeout,
            ..
        } = &settings;
        let transport = client.transport(guard.clone(), host, *connect_timeout);
        Self(Arc::new(Shared {
            name,
            url,
            transport,
            slots: Slots::new(settings.concurrency),
            said: OncePerMinute::default(),
            admits: settings.admits(client.own_trust()),
            settings,
        }))
    }

    /// Scheme, host and port: `https://files.example:8443`. The default port is left out.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Whether headers go along with each request. A proxy that fetched the same URL would not send
    /// them and be refused.
    #[must_use]
    pub fn sends_headers(&self) -> bool {
        let Settings {
            headers,
            headers_with,
            ..
        } = &self.0.settings;
        !headers.is_empty() || headers_with.is_some()
    }

    /// The URL of a target for [`Places`](crate::file::Places), if a proxy gets the same answer
    /// there.
    pub(crate) fn public_url(&self, target: &str) -> Option<String> {
        (!self.sends_headers()).then(|| format!("{}{target}", self.url()))
    }

    /// What names the file at a target: its URL, the headers that go along, and [who may
    /// answer](Self::admits). Headers that are made for each request are not part of it, so a file
    /// that they choose has no key.
    pub(crate) fn cache_key(&self, target: &str) -> Option<CacheKey> {
        let settings = &self.0.settings;
        if settings.headers_with.is_some() {
            return None;
        }
        let url = [self.url().as_bytes(), target.as_bytes(), self.admits()];
        let headers = settings.headers.iter();
        let headers = headers.flat_map(|(name, value)| [name.as_ref(), value.as_bytes()]);
        Some(CacheKey::of_place(url.into_iter().chain(headers)))
    }

    /// Which answers are used: how large they may be, where they may come from, and by which certificates. A copy that these
    /// settings allowed is none for an origin with others.
    pub(crate) fn admits(&self) -> &[u8] {
        &self.0.admits
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Origin").field(&self.0.url).finish()
    }
}
