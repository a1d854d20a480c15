//! The settings of an origin, checked before it is built.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::{Host, Url};

use super::client::Client;
use super::guard::Guard;
use super::origin::{Origin, Settings};
use super::target::RequestTarget;
use crate::error::{BuildError, Result};

impl Client {
    /// The server of a URL that is only scheme, host and port: `https://files.example:8443`.
    pub fn origin(&self, url: impl Into<String>) -> OriginBuilder {
        OriginBuilder {
            client: self.clone(),
            url: url.into(),
            settings: Settings::new(),
            mistake: None,
        }
    }
}

/// Settings of an [`Origin`].
#[must_use]
pub struct OriginBuilder {
    client: Client,
    url: String,
    settings: Settings,
    mistake: Option<BuildError>,
}

impl OriginBuilder {
    /// Allows addresses of this machine and of private networks. Default: only public ones.
    ///
    /// Those where clouds hand out credentials (169.254.169.254 and the like) stay refused: they need
    /// [`allow_addresses`](Self::allow_addresses).
    pub fn allow_private(mut self) -> Self {
        self.settings.guard = self.settings.guard.with_private();
        self
    }

    /// Allows exactly these addresses too. Default: none.
    pub fn allow_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.settings.guard = self.settings.guard.with_addresses(addresses);
        self
    }

    /// Sends this header with each request to this server, and not to one that it redirects to. Default: none.
    pub fn header(
        mut self,
        name: impl TryInto<HeaderName>,
        value: impl TryInto<HeaderValue>,
    ) -> Self {
        let (Ok(name), Ok(mut value)) = (name.try_into(), value.try_into()) else {
            return self.mistaken("a header for it is not a valid header");
        };
        if OURS.contains(&name) || name.as_str().starts_with("if-") {
            return self.mistaken(format!(
                "the header {name} cannot be set, requests have their own"
            ));
        }
        value.set_sensitive(true);
        self.settings.headers.append(name, value);
        self
    }

    /// Sends what `with` makes for each request, such as a token that ages. Default: nothing.
    pub fn headers_with(
        mut self,
        with: impl Fn(&Method, &RequestTarget) -> Result<HeaderMap> + Send + Sync + 'static,
    ) -> Self {
        self.settings.headers_with = Some(Arc::new(with));
        self
    }

    /// What clients get where this server says 401 or 403: 404 or 403. Default: 404.
    pub fn forbidden_as(mut self, status: StatusCode) -> Self {
        if !matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
            return self.mistaken("what clients get for 401 and 403 can be 404 or 403");
        }
        self.settings.forbidden_as = status;
        self
    }

    /// The largest file, in bytes; one that is larger is 502. Default: as large as can be stated.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.settings.max_size = bytes.min(i64::MAX.unsigned_abs());
        self
    }

    /// How many requests, with their bodies, may be under way at once. Default: 512.
    ///
    /// 256 more wait, for as long as the first byte may take; then they are 503.
    pub fn concurrency(mut self, requests: usize) -> Self {
        if requests == 0 || requests > MOST_AT_ONCE {
            return self.mistaken(format!("the concurrency can be 1 to {MOST_AT_ONCE}"));
        }
        self.settings.concurrency = requests;
        self
    }

    /// How long a connection may take, name and TLS included. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long the head of an answer may take, the connection included. Default: 15 s.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.settings.first_byte_timeout = timeout;
        self
    }

    /// How long a body may pause while somebody waits for it. Default: 30 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        self
    }

    /// How many redirects of one request are followed, at most 5. Default: none.
    ///
    /// Each leads only to addresses that are allowed, and never from `https` to `http`.
    pub fn redirects(mut self, most: u8) -> Self {
        if most > MOST_REDIRECTS {
            return self.mistaken(format!(
                "at most {MOST_REDIRECTS} redirects can be followed"
            ));
        }
        self.settings.redirects = most;
        self
    }

    fn mistaken(mut self, what: impl fmt::Display) -> Self {
        let mistake = BuildError::new(format!("the origin: {what}"));
        self.mistake.get_or_insert(mistake);
        self
    }

    /// The origin. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// For a URL with more than scheme, host and port, an address that is not allowed, `https` where no certificate is
    /// trusted, and every setting that cannot work.
    pub fn build(self) -> Result<Origin, BuildError> {
        let Self {
            client,
            url,
            settings,
            mistake,
        } = self;
        if let Some(mistake) = mistake {
            return Err(mistake);
        }
        let url = parse(&url, &settings.guard)?;
        if url.scheme() == "https" && !client.trusts() {
            let what = "no certificate is trusted, so https cannot work: install the system's (ca-certificates)";
            return Err(BuildError::new(format!("the origin: {what}")));
        }
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Origin::new(&client, url, settings))
    }
}

impl fmt::Debug for OriginBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginBuilder").finish_non_exhaustive()
    }
}

const MOST_REDIRECTS: u8 = 5;
/// Far more than connections that a machine can have.
const MOST_AT_ONCE: usize = 1 << 20;

/// Headers of which each request has its own.
const OURS: [HeaderName; 10] = [
    header::HOST,
    header::RANGE,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
];

fn parse(text: &str, guard: &Guard) -> Result<Url, BuildError> {
    let refused = |what: &str| BuildError::new(format!("the origin: {what}"));
    let url = Url::parse(text).map_err(|_| refused("its URL is not a valid one"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("its URL begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return Err(refused(
            "its URL holds a user: state an Authorization header instead",
        ));
    }
    let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    if more || text.contains(['?', '#', '\\']) {
        return Err(refused("its URL holds more than scheme, host and port"));
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    if address.is_some_and(|address| !guard.allows(address)) {
        return Err(refused(
            "its address is not a public one: `allow_private` or `allow_addresses` would allow it",
        ));
    }
    Ok(url)
}
