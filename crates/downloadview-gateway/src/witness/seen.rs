//! One answer of the application, before a proxy made something of it: how the request arrived, who is to send the
//! bytes, and by which header. It becomes JSON for the client that asks; what may be a secret is left out there.

use std::net::IpAddr;

use downloadview::headers::hand_off::{ACCEL, SENDFILE};
use downloadview::optimize::{Outcome, PROXY_HEADER, Reason};
use http::{HeaderMap, Request, Response, Version, header};
use http_body::Body;
use serde::{Deserialize, Serialize};

/// The headers that name the file, as they are known.
const HAND_OFF: [&str; 2] = [ACCEL[0], SENDFILE[0]];

/// How a request arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Its method; empty of a gateway that did not tell it.
    #[serde(default)]
    pub method: String,
    /// Its path.
    pub path: String,
    /// Whom it was for: its `Host`.
    pub host: String,
    /// Whether it was HTTP/1.0.
    pub is_old: bool,
    /// Whether a proxy announced itself, rightly or not.
    pub is_announced: bool,
    /// Which connection it came on, counted from 1; 0 if nobody counts.
    pub connection: u64,
    /// Its headers, where they are kept; they are told to nobody else, since one of them may prove the proxy.
    #[serde(skip)]
    pub headers: HeaderMap,
}

/// Which connection a request came on: the server puts it into the extensions of requests with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionNumber(pub u64);

/// Whom the application takes for the client of a request, after all that proxies said of him.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Client {
    /// `X-Forwarded-For` as it arrived: all lines, with commas between them.
    pub forwarded_for: String,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// The host that the client asked.
    pub host: String,
    /// Whether it came by https.
    pub is_https: bool,
}

/// The application's answer to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// How the request arrived.
    pub asked: Envelope,
    /// Whom it was taken to come from, if a view asks for that.
    #[serde(default)]
    pub client: Option<Client>,
    /// Its status.
    pub status: u16,
    /// Who sends the bytes, as was decided.
    pub kind: Kind,
    /// Why no proxy sends them, if none does.
    pub reason: Option<String>,
    /// The hand-off header as it goes over the wire: `X-Accel-Redirect: /_internal/a.txt`.
    pub hand_off: Option<String>,
    /// Whether the application itself sends no byte.
    pub is_empty: bool,
    /// How many bytes the application itself sends, if that is known at the start.
    pub length: Option<u64>,
    /// What became of the download; not told to others.
    #[serde(skip)]
    pub outcome: Option<Outcome>,
    /// The headers of its answer, before a proxy saw them; not told to others.
    #[serde(skip)]
    pub headers: HeaderMap,
}

/// Who sends the bytes of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A proxy.
    Delegated,
    /// The server that the client was sent to.
    Redirected,
    /// The application.
    Streamed,
    /// The application, because no announced proxy proved itself.
    NotAnnounced,
    /// Nobody: no rule took the file, and it is not to be streamed.
    Refused,
    /// Nobody yet: its copy is being made.
    Preparing,
    /// Nobody: the client may not have it.
    Denied,
    /// Nobody: the file does not exist, cannot be read, or a condition was not met.
    NotSent,
    /// It was no download.
    NoDownload,
}

impl Envelope {
    /// How `request` arrived, with its headers.
    #[must_use]
    pub fn whole<B>(request: &Request<B>) -> Self {
        Self {
            headers: request.headers().clone(),
            ..Self::of(request)
        }
    }

    /// How `request` arrived, without its headers.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        let number = request.extensions().get::<ConnectionNumber>();
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            host: host(request.headers()),
            is_old: request.version() == Version::HTTP_10,
            is_announced: request.headers().contains_key(PROXY_HEADER),
            connection: number.map_or(0, |ConnectionNumber(number)| *number),
            headers: HeaderMap::new(),
        }
    }
}

fn host(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST);
    host.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
        .unwrap_or_default()
}

impl Seen {
    /// What was answered to a request that arrived so.
    #[must_use]
    pub fn of<B: Body>(asked: Envelope, response: &Response<B>) -> Self {
        let outcome = response.extensions().get::<Outcome>();
        let reason = outcome.and_then(Outcome::reason);
        Self {
            asked,
            client: None,
            status: response.status().as_u16(),
            kind: outcome.map_or(Kind::NoDownload, Kind::of),
            reason: reason.map(ToString::to_string),
            hand_off: hand_off(response.headers()),
            is_empty: response.body().size_hint().exact() == Some(0),
            length: response.body().size_hint().exact(),
            outcome: outcome.cloned(),
            headers: response.headers().clone(),
        }
    }
}

/// The hand-off header of an answer, as one line.
fn hand_off(headers: &HeaderMap) -> Option<String> {
    HAND_OFF.iter().find_map(|name| {
        let value = headers.get(*name)?;
        let value = String::from_utf8_lossy(value.as_bytes());
        Some(format!("{name}: {value}"))
    })
}

impl Kind {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Delegated { .. } => Self::Delegated,
            Outcome::Redirected { .. } => Self::Redirected,
            Outcome::Streamed {
                reason: Reason::NotAnnounced,
                ..
            } => Self::NotAnnounced,
            Outcome::Streamed { .. } => Self::Streamed,
            Outcome::Refused { .. } => Self::Refused,
            Outcome::Preparing { .. } => Self::Preparing,
            Outcome::Denied { .. } => Self::Denied,
            _ => Self::NotSent,
        }
    }

    /// The word for it: `delegated`, `redirected`, `streamed`, `refused`, `preparing`, `denied` or `failed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delegated => "delegated",
            Self::Redirected => "redirected",
            Self::Streamed | Self::NotAnnounced => "streamed",
            Self::Refused => "refused",
            Self::Preparing => "preparing",
            Self::Denied => "denied",
            Self::NotSent | Self::NoDownload => "failed",
        }
    }
}
