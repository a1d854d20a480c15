//! The future of [`Optimize`](super::Optimize): waits for the response, and has its download
//! answered.
//!
//! 1. An inner layer adds its rules to the download, and leaves the rest to the outermost one.
//! 2. Hand-off headers are removed: only an answer of this crate sets them, and it is not written
//!    yet.
//! 3. A response without a download, or whose body did not come with it, passes unchanged. Only a
//!    refusal of this crate may get another page.
//! 4. A download is answered (`answer`).
//!
//! What can go wrong is logged once for each route: a forged hand-off header, and a body that was
//! replaced.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Response, StatusCode, response};
use http_body::Body;

use super::answer::{Unanswered, without_file};
use super::pages::ErrorPages;
use super::settings::Told;
use super::{Asked, Front, Outcome, ResponseBody};
use crate::content::BoxFuture;
use crate::error::Denial;
use crate::headers::hand_off;
use crate::response::{Download, DownloadBody, Refusal, carries};

/// What a layer has to do about a response.
#[derive(Debug)]
pub(super) enum Duty {
    /// Another layer around this one will answer.
    AddRules {
        front: Front,
        route: Option<Arc<str>>,
        pages: ErrorPages,
    },
    /// This layer answers.
    Answer {
        front: Front,
        asked: Box<Asked>,
        told: Arc<Told>,
        pages: ErrorPages,
    },
}

/// The rules of inner layers, the innermost first. They travel in the extensions of a response with
/// a download.
#[derive(Debug, Clone, Default)]
struct Added {
    fronts: Vec<Front>,
    route: Option<Arc<str>>,
    pages: ErrorPages,
}

pin_project_lite::pin_project! {
    /// The response future of [`Optimize`](super::Optimize).
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // Taken when the inner response is there.
        duty: Option<Duty>,
        answering: Option<BoxFuture<'static, Response<DownloadBody>>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, duty: Duty) -> Self {
        Self {
            inner,
            duty: Some(duty),
            answering: None,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.duty.is_some() {
            let (mut head, body) = ready!(this.inner.poll(cx))?.into_parts();
            let duty = this.duty.take().expect("looked at above");
            let (front, asked, download, pages) = match duty {
                Duty::AddRules {
                    front,
                    route,
                    pages,
                } => {
                    front.strip(&mut head.headers);
                    add_rules(&mut head, front, route, &pages);
                    return Poll::Ready(Ok(passed_on(head, body, &pages)));
                }
                Duty::Answer {
                    front,
                    asked,
                    told,
                    pages,
                } => {
                    front.strip(&mut head.headers);
                    match captured(&mut head, &body, &asked, &told) {
                        Some(download) => (front, asked, download, pages),
                        None => {
                            note_refusal(&mut head, &asked);
                            return Poll::Ready(Ok(passed_on(head, body, &pages)));
                        }
                    }
                }
            };
            *this.answering = Some(Box::pin(answer(asked, front, head, download, pages)));
        }
        let answering = this.answering.as_mut().expect("polled after completion");
        let response = ready!(answering.as_mut().poll(cx));
        Poll::Ready(Ok(response.map(ResponseBody::download)))
    }
}

/// A response that is not a download. It passes unchanged, unless it is a refusal of this crate.
fn passed_on<B>(head: response::Parts, body: B, pages: &ErrorPages) -> Response<ResponseBody<B>> {
    let response = Response::from_parts(head, ResponseBody::inner(body));
    pages.apply(response, ResponseBody::download)
}

/// Adds the outcome to a refusal of a view.
fn note_refusal(head: &mut response::Parts, asked: &Asked) {
    let refusal = head.extensions.get::<Refusal>();
    let is_of_view = refusal.is_some_and(|refusal| refusal.status() == head.status);
    let denial = head.extensions.get::<Denial>().cloned();
    if (is_of_view || denial.is_some()) && head.extensions.get::<Outcome>().is_none() {
        let outcome = without_file(asked, head.status, denial);
        head.extensions.insert(outcome);
    }
}

/// Adds the rules of this layer to the download, behind those of layers further in.
fn add_rules(
    head: &mut response::Parts,
    front: Front,
    route: Option<Arc<str>>,
    pages: &ErrorPages,
) {
    if Download::of(&head.extensions).is_none() {
        return;
    }
    let added = head.extensions.get_or_insert_default::<Added>();
    added.fronts.push(front);
    added.route = added.route.take().or(route);
    added.pages = std::mem::take(&mut added.pages).or(pages.clone());
}

/// The download of a response, if the response is still the download's own.
fn captured(
    head: &mut response::Parts,
    body: &impl Body,
    asked: &Asked,
    told: &Told,
) -> Option<Download> {
    let forged = hand_off::strip(&mut head.headers);
    let download = head.extensions.remove::<Download>();
    let download = download.filter(|download| is_of(head, body, asked, download, told));
    // A layer further in that did not know of this one may have answered.
    let before = head.extensions.get::<Outcome>();
    if let (Some(name), None) = (forged, before)
        && told.forged.is_first(asked.route.as_deref())
    {
        let (path, route) = (asked.path(), asked.route.as_deref());
        tracing::warn!(
            %name, path, route,
            "a handler's own hand-off header was removed, and its answer goes on without it; return \
            a `DownloadResponse` and let a rule name the destination; said once for this route"
        );
    }
    download
}

/// Whether the body is the download's own; for HEAD, a router may have dropped it, as it should.
/// Otherwise somebody in between made another answer of it, and that answer counts.
fn is_of(
    head: &response::Parts,
    body: &impl Body,
    asked: &Asked,
    download: &Download,
    told: &Told,
) -> bool {
    let ok = head.status == StatusCode::OK;
    if carries(body, download) || (*asked.method() == Method::HEAD && ok && body.is_end_stream()) {
        return true;
    }
    let (path, route) = (asked.path(), asked.route.as_deref());
    if ok && told.replaced.is_first(route) {
        tracing::warn!(
            path,
            route,
            "the body of a download was replaced, or wrapped by something that does not pass \
            `Body::size_hint` on: it is sent as it is, by no proxy and without ranges; said once for \
            this route"
        );
    } else {
        let status = head.status.as_u16();
        tracing::debug!(
            status,
            path,
            route,
            "another answer took a download's place"
        );
    }
    false
}

/// Answers the download by the rules of all layers, and applies the error pages.
async fn answer(
    mut asked: Box<Asked>,
    front: Front,
    mut head: response::Parts,
    download: Download,
    mut pages: ErrorPages,
) -> Response<DownloadBody> {
    // For a layer further out that this one does not know of.
    let kept = download.clone();
    let mut response = match head.extensions.remove::<Added>() {
        None => {
            let fronts = std::slice::from_ref(&front);
            let unanswered = Unanswered::of(&asked, fronts, head, download, false);
            unanswered.answer(&asked, fronts).await
        }
        Some(mut added) => {
            asked.route = added.route.or(asked.route);
            pages = added.pages.or(pages);
            added.fronts.push(front);
            let fronts = &added.fronts;
            let unanswered = Unanswered::of(&asked, fronts, head, download, false);
            unanswered.answer(&asked, fronts).await
        }
    };
    if carries(response.body(), &kept) {
        response.extensions_mut().insert(kept);
    }
    pages.apply(response, std::convert::identity)
}
