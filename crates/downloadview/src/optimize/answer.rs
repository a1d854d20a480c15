//! From a download to its response: the one way, whatever brought the request here.
//!
//! 1. decide: which rule of which front hands the file to its proxy (`decide`)
//! 2. hand off, or stream: [`delivery`](crate::delivery)

use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};

use super::decide::{decide, own_etag};
use super::{ANNOUNCEMENT, Asked, Front, Optimizer, Outcome, Trace};
use crate::content::Metadata;
use crate::delivery::deliver_parts;
use crate::response::{Download, DownloadBody, DownloadResponse, refusal, with_headers_of};

/// Answers a request with a download: hands it to a proxy by the first of `fronts` with a rule that
/// takes it, or streams it. The [`Outcome`] is in the response's extensions. Errors become responses.
///
/// This is for servers without a layer, such as one with a router of its own. Without fronts
/// everything is streamed.
///
/// ```
/// # use downloadview::optimize::{Asked, Front, answer};
/// # use downloadview::{DownloadResponse, file::VirtualFile};
/// # async fn handler(mut request: http::Request<()>, fronts: Vec<Front>) -> http::Response<downloadview::DownloadBody> {
/// let asked = Asked::of(&mut request);
/// let response = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello world!\n"));
/// answer(&asked, &fronts, response).await
/// # }
/// ```
pub async fn answer(
    asked: &Asked,
    fronts: &[Front],
    response: DownloadResponse,
) -> Response<DownloadBody> {
    let (head, download) = response.into_parts();
    answer_parts(asked, fronts, head, download).await
}

/// As [`answer`], for a head that has come through middleware.
pub(super) async fn answer_parts(
    asked: &Asked,
    fronts: &[Front],
    mut head: response::Parts,
    download: Download,
) -> Response<DownloadBody> {
    vary(fronts, &mut head.headers);
    let status = head.status;
    let decision = decide(asked, fronts, &mut head, &download).await;
    if asked.traced {
        let trace = Trace::of(&decision, asked, fronts, status, &download);
        head.extensions.insert(trace);
    }
    let (outcome, optimizer) = match decision.outcome {
        Ok(outcome) => (outcome, decision.optimizer),
        Err(error) => return with_headers_of(head, error.into_response()),
    };
    log(asked, optimizer, &outcome);
    let mut response = match &outcome {
        Outcome::Delegated { .. } => Response::from_parts(head, DownloadBody::handed_off(download)),
        Outcome::Streamed { .. } => {
            let own_etag = |metadata: &Metadata| own_etag(fronts, &download, metadata);
            // Boxed apart, or every delegated answer would carry the room that streaming needs.
            Box::pin(deliver_parts(&asked.conditional, head, &download, own_etag)).await
        }
        Outcome::Refused { .. } => with_headers_of(head, refusal(StatusCode::SERVICE_UNAVAILABLE)),
    };
    response.extensions_mut().insert(outcome);
    response
}

/// An answer that caches may share differs from proxy to proxy, where these announce themselves.
fn vary(fronts: &[Front], headers: &mut HeaderMap) {
    let announced = fronts
        .iter()
        .any(|front| matches!(front, Front::Announced(_)));
    let mut governed = headers.get_all(header::CACHE_CONTROL).iter();
    let private = |value: &HeaderValue| {
        let text = value.as_bytes().to_ascii_lowercase();
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        has(b"private") || has(b"no-store")
    };
    if announced && !governed.any(private) {
        headers.append(header::VARY, HeaderValue::from_name(ANNOUNCEMENT));
    }
}

/// One event for one outcome. Without the query, which may hold a signature, and without the target.
fn log(asked: &Asked, optimizer: Option<&Optimizer>, outcome: &Outcome) {
    let path = asked.uri.path();
    let route = asked.route.as_deref();
    let warns = |outcome| optimizer.is_some_and(|optimizer| optimizer.warns(outcome, route));
    match outcome {
        Outcome::Delegated { rule, backend, .. } => {
            let backend = backend.name();
            tracing::debug!(outcome = "delegated", %rule, backend, path, route, "download");
        }
        Outcome::Refused { reason } => {
            tracing::warn!(outcome = "refused", %reason, path, route, "download");
        }
        Outcome::Streamed { reason } if warns(outcome) => {
            tracing::warn!(outcome = "streamed", %reason, path, route, "download; said once for this route");
        }
        Outcome::Streamed { reason } => {
            tracing::debug!(outcome = "streamed", %reason, path, route, "download");
        }
    }
}
