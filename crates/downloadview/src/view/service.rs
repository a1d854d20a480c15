//! A view as a tower service.
//!
//! 1. Methods other than GET and HEAD are 405, paths in a second spelling 400 (`spelling`).
//! 2. The view finds the file, then the options (`try_call`).
//! 3. If a layer around it announced (`Deferred`) that it will deliver, the plain response goes
//!    out, with the download in its extensions.
//! 4. Else what a permission states is applied, and the download is streamed here (`delivery`).
//!
//! Errors of any step become responses; the service itself never fails.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Method, Request, Response};
use tower_service::Service;

use super::{DownloadView, spelling};
use crate::content::BoxFuture;
use crate::delivery::deliver_granted;
use crate::error::{Error, Result};
use crate::headers::ConditionalRequest;
use crate::permission::Grant;
use crate::response::{About, Deferred, DownloadBody, DownloadFuture, DownloadResponse};

/// The tower service of a [`DownloadView`]. It answers GET and HEAD, and 405 to everything else; 400
/// to a path that a router may have taken for another one
/// ([open and guarded routes](super#open-and-guarded-routes-side-by-side)). It never fails: errors
/// become responses. Clones share the view.
///
/// [`DownloadView::into_service`] makes it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::{DownloadView as _, file::VirtualFile, view::VirtualView};
/// use http::{Request, request::Parts};
///
/// let hello = || VirtualFile::from_text("a.txt", "Hello!");
/// let service = VirtualView::new(move |_: &Parts| async move { Ok(hello()) }).into_service();
///
/// let (request, ()) = Request::post("/").body(()).unwrap().into_parts();
/// assert_eq!(service.respond(request).await.status(), 405);
/// # });
/// ```
pub struct DownloadService<V> {
    view: Arc<V>,
}

impl<V: DownloadView> DownloadService<V> {
    pub(super) fn new(view: V) -> Self {
        let view = Arc::new(view);
        Self { view }
    }

    /// The view's response before anything is delivered, with its error kept: for an adapter that
    /// answers errors in its own way, and whose router knows a path in each of its spellings
    /// ([`normalized`](super::normalized)).
    ///
    /// # Errors
    ///
    /// The error of the view, and [`Error::MethodNotAllowed`] for all methods but GET and HEAD.
    pub async fn try_call(&self, request: &Parts) -> Result<DownloadResponse> {
        match self.try_call_now(request) {
            Some(found) => found,
            None => self.presented(request, self.view.file(request).await),
        }
    }

    /// As [`try_call`](Self::try_call), if that needs no waiting: an error of the request itself, or
    /// what the view [finds at once](DownloadView::file_now).
    ///
    /// # Errors
    ///
    /// As there.
    #[must_use]
    pub fn try_call_now(&self, request: &Parts) -> Option<Result<DownloadResponse>> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Some(Err(Error::MethodNotAllowed));
        }
        let found = self.view.file_now(request)?;
        Some(self.presented(request, found))
    }

    /// The file with the options of the request.
    fn presented(&self, request: &Parts, found: Result<V::File>) -> Result<DownloadResponse> {
        let file = found?;
        let options = self.view.options(request, &file)?;
        Ok(DownloadResponse::presented(file, options))
    }

    /// Answers a request; only its head matters. For servers without tower.
    pub fn respond(&self, request: Parts) -> BoxFuture<'static, Response<DownloadBody>> {
        let service = self.clone();
        Box::pin(async move {
            let response = match spelling::check(request.uri.path()) {
                Ok(()) => service.try_call(&request).await,
                Err(error) => Err(error),
            };
            let response = match response {
                Ok(response) => response,
                Err(error) => {
                    let path = Some(request.uri.path());
                    return error.into_response_about(About { path, route: None });
                }
            };
            if request.extensions.get::<Deferred>().is_some() {
                return response.into_http();
            }
            let grant = Grant::of(&request.extensions);
            let request = ConditionalRequest::of(&request.method, &request.headers);
            Box::pin(deliver_granted(&request, response, grant)).await
        })
    }
}

impl<V: DownloadView, B> Service<Request<B>> for DownloadService<V> {
    type Response = Response<DownloadBody>;
    type Error = Infallible;
    type Future = DownloadFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.respond(request.into_parts().0).into()
    }
}

impl<V> Clone for DownloadService<V> {
    fn clone(&self) -> Self {
        Self {
            view: Arc::clone(&self.view),
        }
    }
}

impl<V> fmt::Debug for DownloadService<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadService").finish_non_exhaustive()
    }
}
