//! The settings of an origin, checked before it is built. A setting that is not valid is
//! remembered, and `build` returns it.

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
    /// Begins the settings of a server. `url` is only scheme, host and port:
    /// `https://files.example:8443`.
    pub fn origin(&self, url: impl Into<String>) -> OriginBuilder {
        OriginBuilder {
            client: self.clone(),
            url: url.into(),
            settings: Settings::new(),
            mistake: None,
        }
    }
}

/// Settings of an [`Origin`]. Made by [`Client::origin`].
///
/// | setting | default |
/// |---|---|
/// | addresses | public ones only |
/// | headers | none |
/// | 401 and 403 of the server | 404 |
/// | largest file | unlimited |
/// | requests at once | 512, and 256 that wait |
/// | time-outs | 5 s to connect, 15 s to the first byte, 30 s of pause |
/// | redirects | none followed |
///
/// ```
/// use std::time::Duration;
/// use downloadview::fetch::Client;
///
/// let origin = Client::new()?
///     .origin("http://10.0.0.7:9000")
///     .allow_private()
///     .max_size(5_000_000_000)
///     .first_byte_timeout(Duration::from_secs(5))
///     .redirects(1)
///     .build()?;
/// # let _ = origin;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[must_use]
pub struct OriginBuilder {
    client: Client,
    url: String,
    settings: Settings,
    mistake: Option<BuildError>,
}

impl OriginBuilder {
    /// Allows addresses of this machine and of private networks. Default: only public addresses.
    ///
    /// The addresses where clouds hand out credentials (169.254.169.254 and the like) stay refused;
    /// only [`allow_addresses`](Self::allow_addresses) allows them.
    pub fn allow_private(mut self) -> Self {
        self.settings.guard = self.settings.guard.with_private();
        self
    }

    /// Allows exactly these addresses too. Default: none besides public ones.
    pub fn allow_addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.settings.guard = self.settings.guard.with_addresses(addresses);
        self
    }

    /// Sends this header with each request to this server, but not to a server that it redirects
    /// to. Default: none.
    ///
    /// A proxy does not know the header, so such files are streamed. A header that requests have
    /// anyway (`Host`, `Range`, `If-…`) makes [`build`](Self::build) fail.
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

    /// Sends the headers that `with` makes for each request, such as a token that expires. Default:
    /// none. An error of `with` is the answer to the client.
    ///
    /// ```
    /// use downloadview::fetch::Client;
    /// use http::{HeaderMap, HeaderValue, header};
    ///
    /// let origin = Client::new()?
    ///     .origin("https://files.example")
    ///     .headers_with(|_method, _target| {
    ///         let token = "fresh"; // from wherever it is renewed
    ///         let value = HeaderValue::try_from(format!("Bearer {token}"));
    ///         let value = value.map_err(downloadview::Error::other)?;
    ///         Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    ///     })
    ///     .build()?;
    /// # let _ = origin;
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn headers_with(
        mut self,
        with: impl Fn(&Method, &RequestTarget) -> Result<HeaderMap> + Send + Sync + 'static,
    ) -> Self {
        self.settings.headers_with = Some(Arc::new(with));
        self
    }

    /// What clients get if this server answers 401 or 403: 404 or 403. Default: 404, so that
    /// clients do not learn of the file. It is logged at most once a minute.
    pub fn forbidden_as(mut self, status: StatusCode) -> Self {
        if !matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) {
            return self.mistaken("what clients get for 401 and 403 can be 404 or 403");
        }
        self.settings.forbidden_as = status;
        self
    }

    /// What the log calls the files of this server where it speaks of all of them, beside host and
    /// port: the name of a storage in your configuration. Default: nothing; of a bucket, its URL.
    pub fn logged_as(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.logged_as = Some(name.into());
        self
    }

    /// The largest file, in bytes; a larger one is 502. Default: as large as a file can be.
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.settings.max_size = bytes.min(i64::MAX.unsigned_abs());
        self
    }

    /// How many requests, with their bodies, may be under way at once: 1 to 1,048,576. Default:
    /// 512.
    ///
    /// 256 more wait, for as long as the first byte may take; then they are 503.
    pub fn concurrency(mut self, requests: usize) -> Self {
        if requests == 0 || requests > MOST_AT_ONCE {
            return self.mistaken(format!("the concurrency can be 1 to {MOST_AT_ONCE}"));
        }
        self.settings.concurrency = requests;
        self
    }

    /// How long connecting may take, with name and TLS. Default: 5 s. Then 504.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long the head of an answer may take, with connecting. Default: 15 s. Then 504.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.settings.first_byte_timeout = timeout;
        self
    }

    /// How long a body may pause while somebody waits for it. Default: 30 s. Then the rest is asked
    /// for again, or the client's connection is closed.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        self
    }

    /// How many redirects of one request are followed: at most 5. Default: none, so that a redirect
    /// is 502.
    ///
    /// Each must lead to addresses that are allowed, and never from `https` to `http`.
    pub fn redirects(mut self, most: u8) -> Self {
        if most > MOST_REDIRECTS {
            return self.mistaken(format!(
                "at most {MOST_REDIRECTS} redirects can be followed"
            ));
        }
        self.settings.redirects = most;
        self
    }

    /// Remembers the first setting that is not valid.
    fn mistaken(mut self, what: impl fmt::Display) -> Self {
        let mistake = BuildError::new(format!("the origin: {what}"));
        self.mistake.get_or_insert(mistake);
        self
    }

    /// Makes the origin. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// If the URL holds more than scheme, host and port, if its address is not allowed, for `https`
    /// if no certificate is trusted, and for every setting that is not valid.
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

/// The most redirects that can be followed.
const MOST_REDIRECTS: u8 = 5;
/// Far more connections than a machine can have.
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

/// The URL of an origin, if it holds no more than scheme, host and port.
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
