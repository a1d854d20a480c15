//! The future and the body of [`Optimize`](super::Optimize): captures the response, then finishes
//! it.
//!
//! 1. Hand-off headers that this crate did not produce are removed.
//! 2. A response without a [`Download`] goes on as it is.
//! 3. A download is delegated, or left to an outer layer, or refused, or streamed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode, Uri, response};
use http_body::{Body, Frame, SizeHint};

use super::layer::Choice;
use super::{Optimizer, Outcome, issue};
use crate::content::{BoxFuture, Metadata};
use crate::delivery::deliver_parts;
use crate::error::Error;
use crate::headers::{ConditionalRequest, hand_off};
use crate::response::{Download, DownloadBody, refusal, with_headers_of};

/// What is remembered of the request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) conditional: ConditionalRequest,
    pub(super) uri: Uri,
    pub(super) route: Option<Arc<str>>,
    pub(super) choice: Choice,
    /// Whether another layer around this one can still deliver.
    pub(super) nested: bool,
}

pin_project_lite::pin_project! {
    /// Response future of [`Optimize`](super::Optimize).
    #[project = StateProject]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // Taken when the inner response is there.
        waiting: Option<(Arc<Optimizer>, Asked)>,
        finishing: Option<BoxFuture<'static, Response<DownloadBody>>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, optimizer: Arc<Optimizer>, asked: Asked) -> Self {
        Self {
            inner,
            waiting: Some((optimizer, asked)),
            finishing: None,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.waiting.is_some() {
            let (mut head, body) = ready!(this.inner.poll(cx))?.into_parts();
            keep_own_hand_off(&mut head);
            let captured = head.extensions.remove::<Download>();
            let (Some(download), Some((optimizer, asked))) = (captured, this.waiting.take()) else {
                let response = Response::from_parts(head, ResponseBody::inner(body));
                return Poll::Ready(Ok(response));
            };
            download.disown_body(&mut head.headers);
            *this.finishing = Some(Box::pin(finish(optimizer, asked, head, download)));
        }
        let finishing = this.finishing.as_mut().expect("polled after completion");
        let response = ready!(finishing.as_mut().poll(cx));
        Poll::Ready(Ok(response.map(ResponseBody::download)))
    }
}

/// Removes forged hand-off headers. An inner layer's own hand-off is written anew from its outcome,
/// so that nothing between the layers can have changed it.
fn keep_own_hand_off(head: &mut response::Parts) {
    hand_off::strip(&mut head.headers);
    let Some(Outcome::Delegated {
        backend, target, ..
    }) = head.extensions.get::<Outcome>().cloned()
    else {
        return;
    };
    // Something outside the inner layer made another answer of it, a refusal perhaps.
    if head.status != StatusCode::OK {
        head.extensions.remove::<Outcome>();
        return;
    }
    // It was written once already, so it can be written.
    let _ = issue(&*backend, &target, head);
}

async fn finish(
    optimizer: Arc<Optimizer>,
    asked: Asked,
    mut head: response::Parts,
    download: Download,
) -> Response<DownloadBody> {
    let outcome = match delegate(&optimizer, &asked.choice, &mut head, &download).await {
        Ok(outcome) => outcome,
        Err(error) => return with_headers_of(head, error.into_response()),
    };
    if asked.nested && matches!(outcome, Outcome::Streamed { .. } | Outcome::Refused { .. }) {
        return left_to_outer(head, download);
    }
    log(&optimizer, &outcome, &asked);
    let mut response = match &outcome {
        Outcome::Delegated { .. } => Response::from_parts(head, DownloadBody::empty()),
        Outcome::Streamed { .. } => {
            let own_etag = |metadata: &Metadata| asked.choice.own_etag(&download, metadata);
            // Boxed apart, or every delegated answer would carry the room that streaming needs.
            Box::pin(deliver_parts(&asked.conditional, head, &download, own_etag)).await
        }
        Outcome::Refused { .. } => with_headers_of(head, refusal(StatusCode::SERVICE_UNAVAILABLE)),
    };
    response.extensions_mut().insert(outcome);
    response
}

async fn delegate(
    optimizer: &Optimizer,
    choice: &Choice,
    head: &mut response::Parts,
    download: &Download,
) -> Result<Outcome, Error> {
    let plan = match optimizer.plan(head.status, download) {
        Ok(plan) => plan,
        Err(reason) => return Ok(optimizer.without_delegation(reason)),
    };
    let metadata = match plan.looks(download) {
        true => Some(download.file().metadata().await?),
        false => None,
    };
    let etag = metadata.as_ref().and_then(|metadata| {
        let own = plan.own_etag(metadata);
        own.or_else(|| choice.own_etag(download, metadata))
            .or_else(|| metadata.etag())
    });
    Ok(plan
        .delegate(download, metadata.as_ref(), etag.as_ref(), head)
        .unwrap_or_else(|reason| optimizer.without_delegation(reason)))
}

fn left_to_outer(mut head: response::Parts, download: Download) -> Response<DownloadBody> {
    let body = DownloadBody::lazy(download.clone());
    head.extensions.insert(download);
    Response::from_parts(head, body)
}

/// One event for one outcome. Without the query, which may hold a signature, and without the target.
fn log(optimizer: &Optimizer, outcome: &Outcome, asked: &Asked) {
    let path = asked.uri.path();
    let route = asked.route.as_deref();
    match outcome {
        Outcome::Delegated { rule, backend, .. } => {
            let backend = backend.name();
            tracing::debug!(outcome = "delegated", %rule, backend, path, route, "download");
        }
        Outcome::Refused { reason } => {
            tracing::warn!(outcome = "refused", %reason, path, route, "download");
        }
        Outcome::Streamed { reason } if optimizer.warns(outcome, route) => {
            tracing::warn!(outcome = "streamed", %reason, path, route, "download; said once for this route");
        }
        Outcome::Streamed { reason } => {
            tracing::debug!(outcome = "streamed", %reason, path, route, "download");
        }
    }
}

pin_project_lite::pin_project! {
    /// Body of [`Optimize`](super::Optimize): the handler's own, or a download's.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = KindProject]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Download { #[pin] body: DownloadBody },
    }
}

impl<B> ResponseBody<B> {
    fn inner(body: B) -> Self {
        let kind = Kind::Inner { body };
        Self { kind }
    }

    fn download(body: DownloadBody) -> Self {
        let kind = Kind::Download { body };
        Self { kind }
    }
}

/// For stacks that hold nothing but downloads.
impl<B: Into<Self>> From<ResponseBody<B>> for DownloadBody {
    fn from(body: ResponseBody<B>) -> Self {
        match body.kind {
            Kind::Inner { body } => body.into(),
            Kind::Download { body } => body,
        }
    }
}

/// Error of a [`ResponseBody`]: the handler's, or [`Error`].
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProject::Inner { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            KindProject::Download { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Download { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Download { body } => body.size_hint(),
        }
    }
}
