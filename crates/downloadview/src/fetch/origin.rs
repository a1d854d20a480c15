//! One server that files come from, and the settings for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};

use super::client::Client;
use super::connect::Transport;
use super::guard::Guard;
use super::target::RequestTarget;
use crate::content::Slots;
use crate::error::Result;

/// Makes the headers that go along with each request: for tokens that age.
type HeadersWith = Arc<dyn Fn(&Method, &RequestTarget) -> Result<HeaderMap> + Send + Sync>;

/// One server that files come from: scheme, host and port, which no request can change. Clones are the same one.
///
/// It is asked for one file with one request, and believed only where its answer fits. How many requests, with their
/// bodies, may be under way at once is bounded; those that find no place in time are 503.
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

pub(super) struct Shared {
    /// `https://files.example:8443`, the default port left out.
    pub(super) url: String,
    /// Host and port, for errors and logs.
    pub(super) name: Arc<str>,
    pub(super) settings: Settings,
    pub(super) transport: Transport,
    pub(super) slots: Slots,
    pub(super) refusals: Refusals,
}

/// Says in the log that the origin lets us in no more, and not for each request that it does so.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Option<Instant>>);

impl Refusals {
    pub(super) fn tell(&self, status: StatusCode, origin: &Origin) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() > Duration::from_secs(60)) {
            *said = Some(Instant::now());
            let (status, origin) = (status.as_u16(), &*origin.0.name);
            tracing::warn!(
                origin,
                status,
                "an origin refuses a file; said once a minute"
            );
        }
    }
}

/// What can be set.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) guard: Guard,
    pub(super) headers: HeaderMap,
    pub(super) headers_with: Option<HeadersWith>,
    pub(super) forbidden_as: StatusCode,
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
            max_size: i64::MAX.unsigned_abs(),
            concurrency: 512,
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(30),
            redirects: 0,
        }
    }

    /// What goes along with a request to this very server.
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
        Self(Arc::new(Shared {
            name,
            url,
            transport: client.transport(settings.guard.clone(), settings.connect_timeout),
            slots: Slots::new(settings.concurrency),
            refusals: Refusals::default(),
            settings,
        }))
    }

    /// Scheme, host and port, the default port left out: `https://files.example:8443`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Whether headers go along with each request, so that a proxy which fetched the same URL would be refused.
    #[must_use]
    pub fn sends_headers(&self) -> bool {
        let Settings {
            headers,
            headers_with,
            ..
        } = &self.0.settings;
        !headers.is_empty() || headers_with.is_some()
    }

    /// The URL of a target, for [`Places`](crate::file::Places): only where a proxy gets the same answer there.
    pub(crate) fn public_url(&self, target: &str) -> Option<String> {
        (!self.sends_headers()).then(|| format!("{}{target}", self.url()))
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
