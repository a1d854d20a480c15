//! The settings of an authorizer, checked before it is built. A setting that is not valid is
//! remembered, and `build` returns it.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, Uri, header};
use url::Url;

use super::authorizer::{Authorizer, HostIs, Shared};
use super::cache::Cache;
use super::login::Login;
use super::verdict::Terms;
use crate::content::Slots;
use crate::error::BuildError;
use crate::fetch::{Client, Way};
use crate::said::OncePerMinute;

impl Authorizer {
    /// Begins the settings. `url` is where it is asked: `https://id.example/check`,
    /// `http://127.0.0.1:9000/may`, or `unix:/run/app.sock:/may` for the path `/may` behind a
    /// socket. It is an address of your own, so private ones are allowed.
    pub fn builder(client: &Client, url: impl Into<String>) -> AuthorizerBuilder {
        AuthorizerBuilder::new(client, url.into())
    }
}

/// Settings of an [`Authorizer`]. Made by [`Authorizer::builder`].
///
/// | setting | default |
/// |---|---|
/// | the client's headers that go along | `Cookie`, `Authorization`, `Accept`, `X-Requested-With` |
/// | time-outs | 1 s to connect, 5 s in all |
/// | questions at once | 512, and 256 that wait |
/// | `Host` | the authorizer's own |
/// | login page, required header, cache | none |
///
/// ```
/// use std::time::Duration;
/// use downloadview::authorize::Authorizer;
/// use downloadview::fetch::Client;
///
/// let authorizer = Authorizer::builder(&Client::new()?, "http://127.0.0.1:4180/oauth2/auth")
///     .login("/oauth2/sign_in?rd={uri}")
///     .timeout(Duration::from_secs(2))
///     .build()?;
/// # let _ = authorizer;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[must_use]
pub struct AuthorizerBuilder {
    client: Client,
    url: String,
    host: HostIs,
    forwarded: Vec<HeaderName>,
    connect_timeout: Duration,
    timeout: Duration,
    concurrency: usize,
    terms: Terms,
    cache: Option<Duration>,
    mistake: Option<BuildError>,
}

/// The longest head of an answer: many cookies of 4 KiB.
const LONGEST_HEAD: usize = 64 * 1024;
/// How long a pass may be kept at most.
const LONGEST_LIFE: Duration = Duration::from_secs(300);
/// Far more questions than a program answers at once.
const MOST_AT_ONCE: usize = 1 << 20;

/// Headers of the client that do not go along: they belong to the connection, to the file or to us.
const NOT_FORWARDED: [HeaderName; 15] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::FORWARDED,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::VIA,
];

impl AuthorizerBuilder {
    pub(super) fn new(client: &Client, url: String) -> Self {
        let x_requested_with = HeaderName::from_static("x-requested-with");
        let forwarded = [
            header::COOKIE,
            header::AUTHORIZATION,
            header::ACCEPT,
            x_requested_with,
        ];
        Self {
            client: client.clone(),
            url,
            host: HostIs::Own,
            forwarded: forwarded.into(),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            concurrency: 512,
            terms: Terms::default(),
            cache: None,
            mistake: None,
        }
    }

    /// Which of the client's headers go along, in place of the default ones. One that belongs to
    /// the connection, to conditions and ranges, or to us (`Host`, `Range`, `If-…`, `X-Forwarded-…`,
    /// `X-Download-…`) makes [`build`](Self::build) fail, and so does one with `_` in its name,
    /// which many programs take for `-`.
    pub fn forward_headers(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.forwarded.clear();
        for name in names {
            if let Some(why) = why_not_forwarded(&name) {
                return self.mistaken(format!("the header {name} cannot go along: {why}"));
            }
            if !self.forwarded.contains(&name) {
                self.forwarded.push(name);
            }
        }
        self
    }

    /// `Host` is the one that the client asked. Default: the authorizer's own.
    pub fn client_host(mut self) -> Self {
        self.host = HostIs::Client;
        self
    }

    /// Sends browsers to this page in place of a 401: a path or a URL, in which `{url}` stands for
    /// the whole URL that was asked and `{uri}` for its path and query. Default: the 401 goes on.
    ///
    /// A browser is who accepts `text/html`. The cookies of the 401 are set all the same.
    pub fn login(mut self, url: &str) -> Self {
        match Login::parse(url) {
            Ok(login) => self.terms.login = Some(login),
            Err(mistake) => drop(self.mistake.get_or_insert(mistake)),
        }
        self
    }

    /// A pass without this header, or with an empty one, is 502: for an authorizer that also lets
    /// strangers pass, such as one with a list of open paths. Default: none is required.
    pub fn require_header(mut self, name: HeaderName) -> Self {
        self.terms.required = Some(name);
        self
    }

    /// Keeps passes for so long, at most 5 minutes: the same request of the same person is not
    /// asked about again. Whoever logs out keeps access for that long. Default: every request is
    /// asked about.
    ///
    /// The same is what the authorizer is told, all of it. A pass that sets a cookie, or says
    /// `no-store` or `no-cache`, and one for a request without a credential, is not kept.
    pub fn cache(mut self, life: Duration) -> Self {
        if life.is_zero() || life > LONGEST_LIFE {
            return self.mistaken("a pass can be kept for up to 5 minutes");
        }
        self.cache = Some(life);
        self
    }

    /// How long connecting may take, with name and TLS. Default: 1 s. Then 503.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a question may take in all, with waiting for a place. Default: 5 s. Then 503.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many questions may be under way at once: 1 to 1,048,576. Default: 512. 256 more wait;
    /// then they are 503.
    pub fn concurrency(mut self, questions: usize) -> Self {
        if questions == 0 || questions > MOST_AT_ONCE {
            return self.mistaken(format!("the concurrency can be 1 to {MOST_AT_ONCE}"));
        }
        self.concurrency = questions;
        self
    }

    /// Remembers the first setting that is not valid.
    fn mistaken(mut self, what: impl fmt::Display) -> Self {
        let mistake = BuildError::new(format!("the authorizer: {what}"));
        self.mistake.get_or_insert(mistake);
        self
    }

    /// Makes the authorizer. Nothing is connected to.
    ///
    /// # Errors
    ///
    /// If the URL is not one, for `https` if no certificate is trusted, and for every setting that
    /// is not valid.
    pub fn build(self) -> Result<Authorizer, BuildError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let Target { url, name, way } = target(&self.url)?;
        if url.scheme_str() == Some("https") && !self.client.trusts() {
            let what = "no certificate is trusted, so https cannot work: install the system's (ca-certificates)";
            return Err(BuildError::new(format!("the authorizer: {what}")));
        }
        let transport = self
            .client
            .transport_by(way, self.connect_timeout, LONGEST_HEAD);
        Ok(Authorizer::new(Shared {
            url,
            name,
            host: self.host,
            forwarded: self.forwarded,
            timeout: self.timeout,
            terms: self.terms,
            cache: self.cache.map(Cache::new),
            transport,
            slots: Slots::new(self.concurrency),
            complained: OncePerMinute::default(),
        }))
    }
}

impl fmt::Debug for AuthorizerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizerBuilder").finish_non_exhaustive()
    }
}

/// Where an authorizer is asked.
struct Target {
    url: Uri,
    name: String,
    way: Way,
}

/// Takes the URL apart.
fn target(text: &str) -> Result<Target, BuildError> {
    let refused = |what: &str| BuildError::new(format!("the authorizer: {what}"));
    if let Some(rest) = text.strip_prefix("unix:") {
        return socket(rest).map_err(refused);
    }
    let url = Url::parse(text).map_err(|_| refused("its URL is not a valid one"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(
            "its URL begins with none of http://, https:// and unix:",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("its URL holds a user"));
    }
    if url.fragment().is_some() {
        return Err(refused("its URL holds a `#`"));
    }
    let uri = Uri::try_from(url.as_str()).map_err(|_| refused("its URL is not a valid one"))?;
    let name = uri.authority().map(ToString::to_string);
    Ok(Target {
        url: uri,
        name: name.unwrap_or_default(),
        way: Way::Anywhere,
    })
}

/// `/run/app.sock:/may`: the path of a socket, and of the URL behind it.
#[cfg(unix)]
fn socket(rest: &str) -> Result<Target, &'static str> {
    let (socket, path) = match rest.split_once(":/") {
        Some((socket, path)) => (socket, path),
        None => (rest, ""),
    };
    if !socket.starts_with('/') {
        return Err("the path of its socket does not begin with a slash");
    }
    if path.contains('#') {
        return Err("its URL holds a `#`");
    }
    let url = Uri::try_from(format!("http://localhost/{path}"));
    Ok(Target {
        url: url.map_err(|_| "the path behind its socket is not that of a URL")?,
        name: format!("unix:{socket}"),
        way: Way::Socket(std::path::Path::new(socket).into()),
    })
}

#[cfg(not(unix))]
fn socket(_: &str) -> Result<Target, &'static str> {
    Err("this platform has no Unix sockets")
}

/// Why a header of the client does not go along.
#[doc(hidden)]
#[must_use]
pub fn why_not_forwarded(name: &HeaderName) -> Option<&'static str> {
    let text = name.as_str();
    if text.contains('_') {
        return Some("many programs take `_` for `-`, so it could be taken for another");
    }
    if text.starts_with("x-forwarded-") || text.starts_with("x-download") || text == "x-real-ip" {
        return Some("it is ours to say");
    }
    let of_others = text.starts_with("if-") || text.starts_with("proxy-") || text == "keep-alive";
    (of_others || NOT_FORWARDED.contains(name))
        .then_some("it belongs to the connection, or to the file that is asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorizer_has_an_address_and_a_path() {
        for (text, url, name) in [
            (
                "http://127.0.0.1:9000/may",
                "http://127.0.0.1:9000/may",
                "127.0.0.1:9000",
            ),
            ("https://id.example", "https://id.example/", "id.example"),
            ("http://[::1]/a?b=c", "http://[::1]/a?b=c", "[::1]"),
            (
                "unix:/run/app.sock",
                "http://localhost/",
                "unix:/run/app.sock",
            ),
            (
                "unix:/run/app.sock:/a/b?c",
                "http://localhost/a/b?c",
                "unix:/run/app.sock",
            ),
        ] {
            let found = target(text).unwrap();
            assert_eq!(
                (found.url.to_string().as_str(), found.name.as_str()),
                (url, name)
            );
        }
        for text in [
            "",
            "/may",
            "ftp://a/",
            "http://",
            "http://u:p@a/",
            "http://a/#b",
            "unix:",
            "unix:run",
            "unix:/run/a:/b c",
            "unix:/run/a:/b#c",
        ] {
            assert!(target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_belongs_to_the_connection_or_to_us_does_not_go_along() {
        for name in [
            "host",
            "range",
            "if-none-match",
            "if-range",
            "expect",
            "connection",
            "te",
            "transfer-encoding",
            "content-length",
            "x-forwarded-for",
            "x-forwarded-user",
            "x-download-route",
            "x-downloadview-proxy",
            "x_user",
            "forwarded",
            "keep-alive",
            "proxy-authorization",
            "x-real-ip",
            "accept-encoding",
        ] {
            assert!(
                why_not_forwarded(&HeaderName::from_static(name)).is_some(),
                "{name}"
            );
        }
        for name in [
            "cookie",
            "authorization",
            "accept",
            "x-api-key",
            "user-agent",
            "origin",
        ] {
            assert!(
                why_not_forwarded(&HeaderName::from_static(name)).is_none(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_setting_that_is_not_valid_is_a_mistake() {
        let client = Client::new().unwrap();
        let builder = || Authorizer::builder(&client, "http://127.0.0.1:1/");
        assert!(builder().build().is_ok());
        for mistaken in [
            builder().cache(Duration::ZERO),
            builder().cache(Duration::from_secs(301)),
            builder().concurrency(0),
            builder().login("x"),
            builder().forward_headers([header::RANGE]),
        ] {
            assert!(mistaken.build().is_err());
        }
    }
}
