//! `[views.authorize]`: another program says who may have the view's files.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, Uri};

use crate::config::reader::scalar::{Fault, positive_duration};
use crate::config::reader::{Table, Value, paths};
use crate::config::remote::{RemoteOrigin, read_concurrency};

/// Who is asked before a file is looked at, and how.
///
/// ```toml
/// [views.authorize]
/// url = "http://127.0.0.1:9000/may"     # or "https://…", or "unix:/run/app.sock:/may"
/// login = "/oauth2/sign_in?rd={uri}"    # in place of a 401, for browsers
/// forward_headers = ["Cookie", "Authorization", "Accept", "X-Requested-With"]
/// require_header = "X-Auth-Request-User"
/// timeout = "5s"
/// cache = "10s"
/// ```
///
/// 200, 202 and 204 pass; a refusal goes on to the client; nonsense is 502, silence 503. What is `None` is left to the
/// library, whose defaults are named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeConfig {
    /// `url`: where it is asked. Required.
    pub url: AuthorizerUrl,
    /// `forward_headers`: which of the client's headers go along. Default: `Cookie`, `Authorization`, `Accept` and
    /// `X-Requested-With`. Refused: what belongs to the connection, to ranges and conditions, or to the gateway, and
    /// names with `_`.
    pub forward_headers: Option<Vec<HeaderName>>,
    /// `host`: `"client"` sends the host that the client asked, for applications with several. Default: `"own"`, that
    /// of the URL.
    pub host: AuthorizeHost,
    /// `login`: where browsers are sent in place of a 401: a path or a URL, in which `{uri}` stands for path and query
    /// that were asked, `{url}` for the whole URL. Default: the 401 goes on.
    pub login: Option<String>,
    /// `require_header`: a pass without this header, or with an empty one, is 502. Default: none is required.
    pub require_header: Option<HeaderName>,
    /// `connect_timeout`: how long a connection may take. Default: 1 s.
    pub connect_timeout: Option<Duration>,
    /// `timeout`: how long a question may take in all. Default: 5 s.
    pub timeout: Option<Duration>,
    /// `concurrency`: how many questions may be under way at once. Default: 512.
    pub concurrency: Option<NonZeroUsize>,
    /// `cache`: for how long a pass counts for the same request of the same person, at most 5 minutes. Default: every
    /// request is asked about, so that logging out ends access at once.
    pub cache: Option<Duration>,
    /// `ca_file`: a file in PEM with the certificates that sign the server's, for `https`. Default: those that the
    /// system trusts.
    pub ca_file: Option<PathBuf>,
}

/// Where an authorizer is asked: `http://127.0.0.1:9000/may`, `https://id.example/check`, or `unix:/run/app.sock:/may`, the
/// path `/may` behind a socket. `Display` and `Debug` show it without its query.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizerUrl(String);

/// Whose name stands in the `Host` of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthorizeHost {
    /// `"own"`: that of the URL.
    #[default]
    Own,
    /// `"client"`: the one that the client asked.
    Client,
}

const LONGEST_CACHE: Duration = Duration::from_secs(300);
const NAME: &str = "[views.authorize]";

impl AuthorizeConfig {
    /// Reads the table `authorize` of a view; `None` if there is none, or it holds mistakes.
    pub(super) fn read(view: &mut Table<'_>) -> Option<Self> {
        let value = view.get("authorize")?;
        if value.is_string() {
            value.refuse(Fault::new(
                "the URL stands in a table",
                "write [views.authorize] and url = \"http://127.0.0.1:9000/may\" below it",
            ));
            return None;
        }
        let mut table = value.table(NAME)?;
        let folder = table.source.folder;
        let url = table.parsed("url", |text| AuthorizerUrl::read(text, folder));
        let url = table.require("url", "\"http://127.0.0.1:9000/may\"", url);
        let forward_headers = table.get("forward_headers").map(|value| forwarded(&value));
        let host = table.parsed("host", |text| match text {
            "own" => Ok(AuthorizeHost::Own),
            "client" => Ok(AuthorizeHost::Client),
            _ => Err(Fault::new(
                format!("`{text}` is not whose host is told"),
                "use \"own\" or \"client\"",
            )),
        });
        let login = table.parsed("login", login);
        let require_header = table.parsed("require_header", header_name);
        let concurrency = table.get("concurrency");
        let config = Self {
            url: url.clone().unwrap_or_default(),
            forward_headers,
            host: host.unwrap_or_default(),
            login,
            require_header,
            connect_timeout: table.parsed("connect_timeout", positive_duration),
            timeout: table.parsed("timeout", positive_duration),
            concurrency: concurrency.and_then(|value| read_concurrency(&value)),
            cache: table.parsed("cache", cache),
            ca_file: table.parsed("ca_file", |text| paths::certificates(text, folder)),
        };
        table.finish();
        url.map(|_| config)
    }
}

impl AuthorizerUrl {
    /// As the library takes it, whole; its query may be a secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// No message holds a query.
    fn read(text: &str, folder: &Path) -> Result<Self, Fault> {
        let example =
            "write \"http://127.0.0.1:9000/may\", \"https://…\" or \"unix:/run/app.sock:/may\"";
        if text.contains('#') {
            return Err(Fault::new(
                "the URL holds a `#`, which no server is sent",
                "take it out",
            ));
        }
        let (start, rest) = match text.strip_prefix("unix:") {
            Some(rest) => {
                let (socket, path) = rest.split_once(":/").unwrap_or((rest, ""));
                let socket = paths::absolute(socket, folder)?;
                (format!("unix:{}:", socket.display()), format!("/{path}"))
            }
            None if text.contains("://") => {
                let (origin, rest) = RemoteOrigin::split(text)?;
                (origin.to_string(), rest.to_owned())
            }
            None => return Err(Fault::new("the URL names no server", example)),
        };
        let path = match rest.as_str() {
            "" => "/",
            rest => rest,
        };
        let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_path || path.parse::<Uri>().is_err() {
            return Err(Fault::new(
                "what follows the server is not the path of a URL",
                example,
            ));
        }
        Ok(Self(start + path))
    }
}

/// Stands in for a URL that could not be read.
impl Default for AuthorizerUrl {
    fn default() -> Self {
        Self("http://127.0.0.1/".to_owned())
    }
}

impl fmt::Display for AuthorizerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once('?') {
            Some((path, _)) => write!(f, "{path}?…"),
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for AuthorizerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizerUrl({self})")
    }
}

/// `forward_headers`; each bad name has a report of its own.
fn forwarded(value: &Value<'_>) -> Vec<HeaderName> {
    let items = value.items().unwrap_or_default();
    let named = items.iter().filter_map(|item| item.parsed(forwarded_name));
    named.collect()
}

fn forwarded_name(text: &str) -> Result<HeaderName, Fault> {
    let name = header_name(text)?;
    match downloadview::authorize::why_not_forwarded(&name) {
        None => Ok(name),
        Some(why) => Err(Fault::new(
            format!("{text} cannot go along: {why}"),
            "take it out of the list",
        )),
    }
}

fn header_name(text: &str) -> Result<HeaderName, Fault> {
    HeaderName::try_from(text).map_err(|_| {
        Fault::new(
            format!("{text:?} is not a header name"),
            "use letters, digits and `-`: \"X-Api-Key\"",
        )
    })
}

fn login(text: &str) -> Result<String, Fault> {
    match downloadview::authorize::check_login(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err(Fault::new(
            format!("{text:?} is not a place to log in"),
            "write a path or a URL, with {uri} or {url} for the page: \"/login?next={uri}\"",
        )),
    }
}

fn cache(text: &str) -> Result<Duration, Fault> {
    match positive_duration(text)? {
        life if life <= LONGEST_CACHE => Ok(life),
        _ => Err(Fault::new(
            "whoever logs out would keep access for longer than 5 minutes",
            "write \"5m\" or less",
        )),
    }
}
