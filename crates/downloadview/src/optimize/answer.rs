//! From a download to its response: the one way, whatever brought the request here.
//!
//! 1. plan: which rule takes the file, of the fronts in order; touches no disk and no network
//! 2. look: a local file is looked at, once, unless the rule says not to
//! 3. hand off to the rule's proxy, or stream: [`delivery`](crate::delivery)
//!
//! A rule that cannot have the file after all (a name that its proxy's header cannot hold, a link
//! that leads out of it) leaves it to the fronts that follow.

use http::{Response, StatusCode, response};

use super::{Asked, Front, Optimizer, Outcome, Reason};
use crate::content::{ETag, Metadata};
use crate::delivery::deliver_parts;
use crate::error::Error;
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
    let decided = decide(asked, fronts, &mut head, &download).await;
    let (outcome, optimizer) = match decided {
        Ok(decided) => decided,
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

/// Steps 1 and 2, and the head of a hand-off. With the optimizer that decided, unless there is none.
async fn decide<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    download: &Download,
) -> Result<(Outcome, Option<&'a Optimizer>), Error> {
    let mut looked = None;
    let mut left: Option<(Reason, &Optimizer)> = None;
    for front in fronts {
        let optimizer = front.optimizer(asked.announcement.as_ref());
        let reason = match optimizer.plan(head.status, download) {
            Err(reason) => reason,
            Ok(plan) => {
                if plan.looks(download) && looked.is_none() {
                    looked = Some(download.file().metadata().await?);
                }
                let metadata = looked.as_ref().filter(|_| plan.looks(download));
                let etag = metadata.and_then(|metadata| {
                    let own = plan.own_etag(metadata);
                    own.or_else(|| own_etag(fronts, download, metadata))
                        .or_else(|| metadata.etag())
                });
                match plan.delegate(download, metadata, etag.as_ref(), head) {
                    Ok(outcome) => return Ok((outcome, Some(optimizer))),
                    Err(reason) => reason,
                }
            }
        };
        if left.is_none_or(|(before, _)| reason.telling() >= before.telling()) {
            left = Some((reason, optimizer));
        }
    }
    Ok(match left {
        Some((reason, optimizer)) => (optimizer.without_delegation(reason), Some(optimizer)),
        None => {
            let reason = Reason::NoBackend;
            (Outcome::Streamed { reason }, None)
        }
    })
}

/// The tag that any proxy which may serve the file insists on.
fn own_etag(fronts: &[Front], download: &Download, metadata: &Metadata) -> Option<ETag> {
    let mut fronts = fronts.iter();
    fronts.find_map(|front| front.own_etag(download, metadata))
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
