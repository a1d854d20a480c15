//! Gives hyper a tower service, and tells the stream from when to when a request is being answered.
//! 1. hyper calls [`Connection`] with a request: the answer begins;
//! 2. [`AnswerFuture`] waits for the service, and puts its own body around that of the response;
//! 3. [`AnswerBody`] passes frames on, or tags of a file that the kernel sends; an error among them marks the answer as broken, so that the stream resets;
//! 4. the body is dropped, complete or not: the answer ends, and the client's idle time begins.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use downloadview::DownloadBody;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::outbox::FileBody;
use super::stream::Activity;
use crate::witness::{self, ConnectionNumber};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The service of one connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    service: S,
    activity: Arc<Activity>,
    number: u64,
}

/// While this lives, a request is being answered.
#[derive(Debug)]
struct Answering(Arc<Activity>);

pin_project! {
    /// An answer on its way.
    pub(super) struct AnswerFuture<F> {
        #[pin]
        future: F,
        answering: Option<Answering>,
    }
}

pin_project! {
    /// The body of an answer, which is being answered until it is dropped.
    #[derive(Debug)]
    pub(super) struct AnswerBody<B> {
        #[pin]
        body: B,
        // What the kernel sends in place of the body.
        file: Option<FileBody>,
        answering: Option<Answering>,
    }
}

impl<S> Connection<S> {
    /// `number` tells it from the other connections of this server.
    pub(super) fn new(service: S, activity: Arc<Activity>, number: u64) -> Self {
        Self {
            service,
            activity,
            number,
        }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
    B: 'static,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = AnswerFuture<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if witness::is_checked(&request) {
            let number = ConnectionNumber(self.number);
            request.extensions_mut().insert(number);
        }
        self.activity.answer_begins(!request.body().is_end_stream());
        AnswerFuture {
            // What is served here, the gateway's own service and axum's router, is always ready.
            future: self.service.clone().call(request),
            answering: Some(Answering(Arc::clone(&self.activity))),
        }
    }
}

impl<F, B> Future for AnswerFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: 'static,
{
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.future.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let answering = this.answering.take();
        let sends_files = answering
            .as_ref()
            .is_some_and(|answering| answering.0.sends_files());
        Poll::Ready(Ok(response.map(|body| AnswerBody {
            file: sends_files.then(|| file_of(&body)).flatten(),
            body,
            answering,
        })))
    }
}

/// Files of fewer bytes are copied: that costs less.
const LEAST: u64 = 64 << 10;

/// What the kernel can send in place of `body`. A body that somebody wrapped is not looked into: its bytes may be others.
fn file_of<B: 'static>(body: &B) -> Option<FileBody> {
    let body = (body as &dyn Any).downcast_ref::<DownloadBody>()?;
    let part = body.file_part()?;
    (part.range().len() >= LEAST).then(|| FileBody::new(part))
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let frame = match (this.file, this.answering.as_ref()) {
            (Some(file), Some(answering)) => {
                let tag = file.next(&answering.0.outbox);
                tag.map(|tag| tag.map(Frame::data).map_err(Into::into))
            }
            _ => ready!(this.body.poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
        };
        if let (Some(Err(_)), Some(answering)) = (&frame, this.answering.as_ref()) {
            answering.0.answer_breaks();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.file {
            Some(file) => file.left() == 0,
            None => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.file {
            Some(file) => SizeHint::with_exact(file.left()),
            None => self.body.size_hint(),
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answer_ends();
    }
}
