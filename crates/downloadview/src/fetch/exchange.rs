//! A request and its answer on the wire: sent within its time-out, redirects followed, errors
//! named.
//!
//! `open` and `body` call it. In goes an `Ask`; out comes an answer that fits it, with the body
//! behind it. The origin's own headers are sent to the origin only, never to where it redirects.
//! What goes wrong becomes an `UpstreamFault`, with a reason for the log that holds no path and no
//! query. 401 and 403 become what the settings say, 404 and 410 are `NotFound`.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use url::Url;

use super::answer::{Answer, check, is_same_state};
use super::connect::{NoConnection, Transport, Used};
use super::origin::Origin;
use super::request::Ask;
use super::target::RequestTarget;
use super::{Flavour, Locate, missing_bucket};
use crate::content::{ByteRange, Metadata, unavailable};
use crate::error::{Error, Result, UpstreamFault};

/// A file of an origin: where to find it, and how its server behaves.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) origin: Origin,
    pub(super) locate: Locate,
    pub(super) flavour: Flavour,
}

/// An answer that fits, and the body behind it.
pub(super) type Reply = (Answer, Incoming);

impl Remote {
    /// Waits for a place among the requests to the origin.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit> {
        let shared = self.origin.shared();
        let entering = timeout(shared.settings.first_byte_timeout, shared.slots.take());
        let entered = entering.await;
        entered.unwrap_or_else(|_| Err(unavailable("the origin has too much to do")))
    }

    /// One request, and its answer compared with it.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Reply> {
        let limit = self.origin.shared().settings.first_byte_timeout;
        let target = timeout(limit, (self.locate)(ask.method.clone())).await;
        let target = target.map_err(|_| self.failed(UpstreamFault::FirstByteTimeout))??;
        let (head, body) = self.follow(&target, ask).await?.into_parts();
        let max_size = self.origin.shared().settings.max_size;
        match check(&head, ask, self.flavour, max_size) {
            Ok(answer) => Ok((answer, body)),
            // The body of an error is dropped with the connection, but for what was read with the head
            // and what tells that a whole bucket is missing.
            Err(UpstreamFault::Status(status)) => {
                if self.flavour == Flavour::Store
                    && status == StatusCode::NOT_FOUND
                    && missing_bucket::is_meant(&head.headers, body).await
                {
                    self.origin.shared().tell_missing_bucket();
                }
                Err(self.refused(status))
            }
            Err(fault) => Err(self.failed(fault)),
        }
    }

    /// A part of the file, or all of it, in the state that is known. If the file is in another
    /// state now, it is [`UpstreamFault::Changed`].
    pub(super) async fn part(
        &self,
        range: Option<ByteRange>,
        state: &Metadata,
    ) -> Result<Incoming> {
        match (self.ask(&Ask::part(range, state)).await?, range) {
            ((Answer::Part(now, extent), body), Some(range))
                if extent == range && is_same_state(&now, state) =>
            {
                Ok(body)
            }
            ((Answer::Whole(now), body), None) if is_same_state(&now, state) => Ok(body),
            ((Answer::Whole(now), _), Some(_)) if is_same_state(&now, state) => {
                Err(self.failed(UpstreamFault::Answer("the whole in place of a part")))
            }
            _ => Err(self.failed(UpstreamFault::Changed)),
        }
    }

    /// The error for a fault of this origin.
    pub(super) fn failed(&self, fault: UpstreamFault) -> Error {
        Error::upstream(Arc::clone(&self.origin.shared().name), fault)
    }

    /// The error for a status that is not a success.
    fn refused(&self, status: StatusCode) -> Error {
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Error::NotFound,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.origin.shared().tell_refusal(status);
                match self.origin.shared().settings.forbidden_as {
                    StatusCode::FORBIDDEN => Error::Forbidden,
                    _ => Error::NotFound,
                }
            }
            status => self.failed(UpstreamFault::Status(status)),
        }
    }

    /// Sends the request, and follows redirects as far as the settings allow.
    async fn follow(&self, target: &RequestTarget, ask: &Ask) -> Result<Response<Incoming>> {
        let shared = self.origin.shared();
        let mut url = format!("{}{}", shared.url, target.as_str());
        let own = shared.settings.headers(&ask.method, target)?;
        let mut left = shared.settings.redirects;
        loop {
            let is_ours = is_below(&url, &shared.url);
            let mut headers = if is_ours {
                own.clone()
            } else {
                HeaderMap::new()
            };
            ask.write(&mut headers);
            let response = self.send(&url, &ask.method, &headers).await?;
            if left == 0 || !is_redirect(response.status()) {
                return Ok(response);
            }
            left -= 1;
            let next = next_url(&url, response.headers());
            url = next.map_err(|fault| self.failed(fault))?;
        }
    }

    /// Sends one request.
    async fn send(
        &self,
        url: &str,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>> {
        let uri = Uri::try_from(url)
            .map_err(|_| self.failed(UpstreamFault::Answer("a URL that is not valid")))?;
        let shared = self.origin.shared();
        let request = || {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = headers.clone();
            request
        };
        let limit = shared.settings.first_byte_timeout;
        let sent = send(&shared.transport, limit, request).await;
        sent.map_err(|unsent| self.unsent(unsent))
    }

    /// The error for a request that got no answer.
    fn unsent(&self, Unsent { fault, reason }: Unsent) -> Error {
        Error::Upstream {
            origin: Arc::clone(&self.origin.shared().name),
            fault,
            source: reason.map(Into::into),
        }
    }
}

/// Why a request got no answer: the fault, and the reason for the log.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) fault: UpstreamFault,
    pub(crate) reason: Option<String>,
}

/// How often a request is sent again. A server that ends, or closes what it has kept for too long, does so with several
/// connections at once; one that does nothing else is not asked for ever.
const AGAIN: u32 = 3;

/// Sends one request, and returns its answer if that begins within `limit`. It is sent again only if it
/// went over a connection that had been kept and that the server closed just then: servers may do
/// that at any time (RFC 9112, 9.3.1).
pub(crate) async fn send(
    transport: &Transport,
    limit: Duration,
    request: impl Fn() -> Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Unsent> {
    let mut again = 0;
    loop {
        match timeout(limit, transport.request(request())).await {
            Ok(Ok(response)) => {
                if let Some(used) = response.extensions().get::<Used>() {
                    used.mark();
                }
                return Ok(response);
            }
            Ok(Err(error)) if again < AGAIN && was_kept(&error) => again += 1,
            Ok(Err(error)) => {
                let (fault, reason) = fault_of(&error);
                let reason = Some(reason);
                return Err(Unsent { fault, reason });
            }
            Err(_) => {
                let fault = UpstreamFault::FirstByteTimeout;
                return Err(Unsent {
                    fault,
                    reason: None,
                });
            }
        }
    }
}

/// Whether the connection had carried a request before, and ended without any answer to this one.
fn was_kept(error: &legacy::Error) -> bool {
    let Some(connected) = error.connect_info() else {
        return false;
    };
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    let kept = extras.get::<Used>().is_some_and(Used::mark);
    let protocol = error
        .source()
        .and_then(|it| it.downcast_ref::<hyper::Error>());
    kept && protocol.is_some_and(|error| !error.is_parse())
}

/// The fault that the causes of an error lead to, and the text of the last cause. No text among
/// them holds a path or a query.
fn fault_of(error: &legacy::Error) -> (UpstreamFault, String) {
    let mut fault = match error.is_connect() {
        true => UpstreamFault::Connect,
        false => UpstreamFault::Cut,
    };
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = error.to_string();
        if let Some(known) = error.downcast_ref::<NoConnection>() {
            return (known.fault, known.reason.clone());
        }
        let protocol = error.downcast_ref::<hyper::Error>();
        if protocol.is_some_and(hyper::Error::is_parse) {
            fault = UpstreamFault::Answer("its head is not valid HTTP");
        }
        cause = error.source();
    }
    (fault, reason)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Whether a URL is on this server.
fn is_below(url: &str, origin: &str) -> bool {
    url.strip_prefix(origin)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Where a redirect leads. Whether its address is allowed is decided when it is connected to, as
/// for every other URL. A redirect from `https` to `http` is refused.
fn next_url(url: &str, headers: &HeaderMap) -> Result<String, UpstreamFault> {
    const NOWHERE: UpstreamFault = UpstreamFault::Answer("a redirect that leads nowhere");
    let location = headers.get(header::LOCATION).ok_or(NOWHERE)?;
    let location = location.to_str().map_err(|_| NOWHERE)?;
    let from = Url::parse(url).map_err(|_| NOWHERE)?;
    let mut to = from.join(location).map_err(|_| NOWHERE)?;
    to.set_fragment(None);
    if (from.scheme(), to.scheme()) == ("https", "http") {
        return Err(UpstreamFault::Answer("a redirect away from https"));
    }
    let allowed = matches!(to.scheme(), "http" | "https");
    let anonymous = to.username().is_empty() && to.password().is_none();
    match allowed && anonymous {
        true => Ok(to.into()),
        false => Err(NOWHERE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leads_away_from_https() {
        let to = |from: &str, location: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, http::HeaderValue::from_static(location));
            next_url(from, &headers)
        };
        let from = "https://a.example/b/c?d=e";
        let ok = |url: &str| Ok(url.to_owned());
        assert_eq!(to(from, "f"), ok("https://a.example/b/f"));
        assert_eq!(to(from, "//b.example/f#g"), ok("https://b.example/f"));
        assert_eq!(
            to("http://a.example/", "https://b.example"),
            ok("https://b.example/")
        );
        let away = Err(UpstreamFault::Answer("a redirect away from https"));
        assert_eq!(to(from, "http://a.example/f"), away);
        assert!(to(from, "https://u:p@a.example/").is_err());
        assert!(to(from, "ftp://a.example/").is_err());
    }

    /// Credentials are for one server, and not for one whose name or port begins with it.
    #[test]
    fn headers_go_only_to_the_very_origin() {
        assert!(is_below("http://a.example/b", "http://a.example"));
        for url in [
            "http://a.example.evil/b",
            "http://a.example:81/",
            "https://a.example/",
            "http://b.example/",
        ] {
            assert!(!is_below(url, "http://a.example"), "{url}");
        }
    }
}
