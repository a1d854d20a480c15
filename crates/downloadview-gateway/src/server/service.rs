//! Gives hyper a tower service, and tells the stream from when to when a request is being answered.
//! 1. hyper calls [`Connection`] with a request: the answer begins;
//! 2. [`AnswerFuture`] waits for the service, and puts its own body around that of the response;
//! 3. [`AnswerBody`] passes frames on; an error among them marks the answer as broken, so that the stream resets;
//! 4. the body is dropped, complete or not: the answer ends, and the client's idle time begins.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::stream::Activity;
use crate::witness::{CHECK, ConnectionNumber};

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
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = AnswerFuture<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if request.headers().contains_key(CHECK) {
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
{
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.future.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let answering = this.answering.take();
        Poll::Ready(Ok(response.map(|body| AnswerBody { body, answering })))
    }
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(Err(_)), Some(answering)) = (&frame, this.answering.as_ref()) {
            answering.0.answer_breaks();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answer_ends();
    }
}
