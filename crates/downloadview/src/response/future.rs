//! The future of a service that answers downloads.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use super::DownloadBody;
use crate::content::BoxFuture;

/// The future of a service that answers downloads: of a view's, of a router's of your own. It never
/// fails, because errors are responses too.
///
/// ```
/// use downloadview::{DownloadFuture, Error};
///
/// // In `tower::Service::call`, with `type Future = DownloadFuture` and `type Error = Infallible`:
/// let answer = DownloadFuture::new(async { Error::NotFound.into_response() });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(answer.await.unwrap().status(), 404);
/// # });
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct DownloadFuture(Answering);

enum Answering {
    /// The answer is there; taken once.
    Ready(Option<Response<DownloadBody>>),
    Waiting(BoxFuture<'static, Response<DownloadBody>>),
}

impl DownloadFuture {
    /// The future of the answer that `answering` returns.
    pub fn new(answering: impl Future<Output = Response<DownloadBody>> + Send + 'static) -> Self {
        Self(Answering::Waiting(Box::pin(answering)))
    }
}

impl From<BoxFuture<'static, Response<DownloadBody>>> for DownloadFuture {
    fn from(answering: BoxFuture<'static, Response<DownloadBody>>) -> Self {
        Self(Answering::Waiting(answering))
    }
}

impl From<Response<DownloadBody>> for DownloadFuture {
    fn from(answer: Response<DownloadBody>) -> Self {
        Self(Answering::Ready(Some(answer)))
    }
}

impl Future for DownloadFuture {
    type Output = Result<Response<DownloadBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Answering::Waiting(answering) => answering.as_mut().poll(cx).map(Ok),
            Answering::Ready(answer) => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                // Asked again, though it has answered.
                None => Poll::Pending,
            },
        }
    }
}

impl fmt::Debug for DownloadFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadFuture").finish_non_exhaustive()
    }
}
