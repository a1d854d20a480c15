//! From a download to its response: the one way, whatever brought the request here.
//!
//! 0. Write what a permission states over what the view states ([`permission`](crate::permission)).
//! 1. Remove hand-off headers of foreign backends, and say in `Vary` if the answer depends on the
//!    proxy.
//! 2. Decide which rule of which front hands the file over (`decide`).
//! 3. If none does, a local copy may be handed over in its place (`spooled`).
//! 4. Hand it over, redirect, refuse, or stream it ([`delivery`](crate::delivery)).
//! 5. Log the outcome, and put it into the response's extensions, unless nobody reads it there.
//!
//! Errors become responses; nothing here fails.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};

use super::decide::{Decision, decide, own_etag};
use super::denied;
use super::plan::{Candidate, Plan};
#[cfg(all(feature = "fs", unix))]
use super::spooled::{spool_for, spooled, why_not};
use super::{Asked, Front, Optimizer, Outcome, PROXY_HEADER, Reason, Trace};
use crate::content::Metadata;
use crate::delivery::deliver_parts;
use crate::error::{Denial, Error, SignatureFault};
use crate::headers::hand_off;
use crate::permission::{self, Grant};
use crate::response::head::refused;
use crate::response::{Download, DownloadBody, DownloadResponse, refusal};

/// Answers a request with a download: the first of `fronts` with a rule that takes the file hands
/// it over, or else it is streamed. The [`Outcome`] stands in the response's extensions. Errors
/// become responses.
///
/// It is for servers without a layer, such as one with a router of its own. Without fronts
/// everything is streamed.
///
/// ```
/// # use downloadview::optimize::{Asked, Front, answer};
/// # use downloadview::{DownloadBody, DownloadResponse, file::VirtualFile};
/// # use http::{Request, Response};
/// async fn handler(mut request: Request<()>, fronts: Vec<Front>) -> Response<DownloadBody> {
///     let asked = Asked::of(&mut request);
///     let hello = VirtualFile::from_text("hello.txt", "Hello world!\n");
///     answer(&asked, &fronts, DownloadResponse::new(hello)).await
/// }
/// ```
pub fn answer<'a>(
    asked: &'a Asked,
    fronts: &'a [Front],
    response: DownloadResponse,
) -> impl Future<Output = Response<DownloadBody>> + Send + use<'a> {
    // At once: the future then need not carry the response.
    let parts = response.into_parts();
    async move {
        match parts {
            Ok((head, download)) => answer_parts(asked, fronts, head, download).await,
            Err(error) => answer_error(asked, error),
        }
    }
}

/// Answers a request for which a view found no file: the page of the error, with its [`Outcome`] in
/// the response's extensions, as by [`answer`].
///
/// ```
/// use downloadview::Error;
/// use downloadview::optimize::{Asked, Outcome, answer_error};
/// use http::Request;
///
/// let asked = Asked::of(&mut Request::get("/gone.txt").body(()).unwrap());
/// let response = answer_error(&asked, Error::NotFound);
/// assert_eq!(response.status(), 404);
/// assert!(matches!(response.extensions().get(), Some(Outcome::NotFound)));
/// ```
#[must_use]
pub fn answer_error(asked: &Asked, error: Error) -> Response<DownloadBody> {
    let mut response = error.into_response();
    let denial = response.extensions().get::<Denial>().cloned();
    let outcome = without_file(asked, response.status(), denial);
    asked.keep(outcome, &mut response);
    response
}

/// Answers a request whose permission was refused: by `response`, the answer of whoever refused, or
/// else by the page of the denial. Either is made `no-store`, loses any hand-off header, and has its
/// [`Outcome`] in the extensions.
///
/// ```
/// use downloadview::error::{Denial, SignatureFault};
/// use downloadview::optimize::{Asked, Outcome, answer_denied};
/// use http::Request;
///
/// let asked = Asked::of(&mut Request::get("/a.txt").body(()).unwrap());
/// let denial = Denial::Signature(SignatureFault::Missing);
/// let response = answer_denied(&asked, denial, None);
/// assert_eq!(response.status(), 403);
/// assert_eq!(response.headers()["cache-control"], "no-store");
/// assert!(matches!(response.extensions().get(), Some(Outcome::Denied { .. })));
/// ```
#[must_use]
pub fn answer_denied(
    asked: &Asked,
    denial: Denial,
    response: Option<Response<DownloadBody>>,
) -> Response<DownloadBody> {
    let mut response = response.unwrap_or_else(|| Error::Denied(denial.clone()).into_response());
    hand_off::strip(response.headers_mut());
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    let outcome = without_file(asked, response.status(), Some(denial));
    if asked.traced {
        response.extensions_mut().insert(Trace::of_denial(&outcome));
    }
    response.extensions_mut().insert(outcome);
    response
}

/// The outcome of a request for which a view found no file, or whose permission was refused.
pub(super) fn without_file(asked: &Asked, status: StatusCode, denial: Option<Denial>) -> Outcome {
    let outcome = match denial {
        Some(denial) => Outcome::Denied { denial },
        None => Outcome::without_file(status),
    };
    log(asked, None, &outcome);
    outcome
}

/// As [`answer`], for a head that has passed through middleware.
pub(super) async fn answer_parts(
    asked: &Asked,
    fronts: &[Front],
    mut head: response::Parts,
    mut download: Download,
) -> Response<DownloadBody> {
    // That of a middleware further in contains the one that came with the request.
    let passed_on = head.extensions.remove::<Grant>();
    if let Some(grant) = passed_on.as_ref().or(asked.grant.as_deref()) {
        download = permission::apply(grant, &mut head, download);
        if grant.is_resuming_only() {
            return Box::pin(resumed(asked, fronts, head, download)).await;
        }
    }
    for front in fronts {
        front.strip(&mut head.headers);
    }
    vary(fronts, &mut head.headers);
    let status = head.status;
    let candidate = Candidate::new(&download);
    let mut decision = Decision::new();
    decide(asked, fronts, &mut head, &candidate, &mut decision).await;
    #[cfg(all(feature = "fs", unix))]
    let copy = match spool_for(asked, fronts, status, &candidate, &decision) {
        None => {
            if asked.traced {
                let why = why_not(asked, fronts, status, &candidate, &decision);
                decision.spooled = why.map(Err);
            }
            None
        }
        Some(spool) => {
            let placing = spooled(spool, asked, fronts, &mut head, &download, &mut decision);
            // Boxed apart, or every other answer would carry the room that it needs.
            Box::pin(placing).await
        }
    };
    #[cfg(all(feature = "fs", unix))]
    let (download, candidate) = match &copy {
        None => (&download, candidate),
        Some(copy) => (copy, Candidate::new(copy)),
    };
    #[cfg(not(all(feature = "fs", unix)))]
    let download = &download;
    if asked.traced {
        let trace = Trace::of(&decision, asked, fronts, status, &candidate);
        head.extensions.insert(trace);
    }
    let (mut response, outcome) = match decision.plan {
        Ok(Plan::HandOff {
            rule,
            backend,
            target,
        }) => {
            let outcome = Outcome::Delegated {
                rule,
                backend,
                target,
            };
            let body = DownloadBody::handed_off(download.clone());
            (Response::from_parts(head, body), outcome)
        }
        Ok(Plan::Redirect { rule, url }) => {
            let response = Response::from_parts(head, DownloadBody::empty());
            (response, Outcome::Redirected { rule, url })
        }
        Ok(Plan::Stream(reason)) => {
            let own_etag = |metadata: &Metadata| own_etag(fronts, &candidate, metadata);
            let delivering = deliver_parts(&asked.conditional, head, download, own_etag);
            // Boxed apart, or every delegated answer would carry the room that streaming needs.
            let (response, delivery) = Box::pin(delivering).await;
            (response, Outcome::of(delivery, reason))
        }
        Ok(Plan::Refuse(reason)) => {
            let refusal = refusal(StatusCode::SERVICE_UNAVAILABLE);
            (
                refused(head, download, refusal),
                Outcome::Refused { reason },
            )
        }
        Err(error) => {
            let outcome = Outcome::without_file(error.status());
            (refused(head, download, error.into_response()), outcome)
        }
    };
    log(asked, decision.optimizer, &outcome);
    asked.keep(outcome, &mut response);
    response
}

/// As [`answer_parts`], for a permission that has ended, and is good only for a range of the state
/// that the client has a part of. A proxy would send the whole file where the state changed.
async fn resumed(
    asked: &Asked,
    fronts: &[Front],
    mut head: response::Parts,
    download: Download,
) -> Response<DownloadBody> {
    for front in fronts {
        front.strip(&mut head.headers);
    }
    vary(fronts, &mut head.headers);
    let candidate = Candidate::new(&download);
    let own_etag = |metadata: &Metadata| own_etag(fronts, &candidate, metadata);
    let (mut response, delivery) =
        deliver_parts(&asked.conditional, head, &download, own_etag).await;
    if !delivery.is_partial() {
        return answer_denied(asked, SignatureFault::Expired.into(), None);
    }
    let outcome = Outcome::of(delivery, Reason::ResumesOnly);
    log(asked, None, &outcome);
    response.extensions_mut().insert(outcome);
    response
}

/// States `Vary` if proxies announce themselves and caches may share the answer: it differs from
/// proxy to proxy.
fn vary(fronts: &[Front], headers: &mut HeaderMap) {
    let announced = fronts
        .iter()
        .any(|front| matches!(front, Front::Announced(_)));
    if !announced {
        return;
    }
    let mut governed = headers.get_all(header::CACHE_CONTROL).iter();
    let private = |value: &HeaderValue| {
        let text = value.as_bytes().to_ascii_lowercase();
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        has(b"private") || has(b"no-store")
    };
    if !governed.any(private) {
        headers.append(header::VARY, HeaderValue::from_name(PROXY_HEADER));
    }
}

/// One log event for one outcome: without the query, which may hold a signature, and without the
/// target.
fn log(asked: &Asked, optimizer: Option<&Optimizer>, outcome: &Outcome) {
    let (path, route) = (asked.uri.path(), asked.route.as_deref());
    let (kind, reason) = (outcome.kind(), outcome.reason());
    let is_news =
        |reason: &Reason| optimizer.is_some_and(|optimizer| optimizer.warns(reason, route));
    match (outcome, reason) {
        (Outcome::Denied { denial }, _) => denied::log(denial, path, route),
        (Outcome::Delegated { rule, backend, .. }, _) => {
            let backend = backend.name();
            tracing::debug!(outcome = kind, %rule, backend, path, route, "download");
        }
        (Outcome::Redirected { rule, .. }, _) => {
            tracing::debug!(outcome = kind, %rule, path, route, "download");
        }
        (Outcome::Refused { .. }, Some(reason)) => {
            tracing::warn!(outcome = kind, %reason, path, route, "download");
        }
        (_, Some(reason)) if is_news(reason) => {
            tracing::warn!(outcome = kind, %reason, path, route, "download; said once for this route");
        }
        (_, Some(reason)) => tracing::debug!(outcome = kind, %reason, path, route, "download"),
        (_, None) => tracing::debug!(outcome = kind, path, route, "download"),
    }
}
