//! A view as a tower service: refuses other methods, builds the response, and delivers it unless a
//! layer around it announced that it will.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Method, Request, Response};
use tower_service::Service;

use super::DownloadView;
use crate::content::BoxFuture;
use crate::delivery::deliver;
use crate::error::{Error, Result};
use crate::headers::ConditionalRequest;
use crate::response::{Deferred, DownloadBody, DownloadFuture, DownloadResponse};

/// The tower service of a [`DownloadView`]. It answers GET and HEAD, and 405 to the rest; it never
/// fails, errors become responses.
pub struct DownloadService<V> {
    view: Arc<V>,
}

impl<V: DownloadView> DownloadService<V> {
    pub(super) fn new(view: V) -> Self {
        let view = Arc::new(view);
        Self { view }
    }

    /// The view's response before anything is delivered, with its error kept.
    ///
    /// # Errors
    ///
    /// What the view answered, and [`Error::MethodNotAllowed`] for all but GET and HEAD.
    pub async fn try_call(&self, request: &Parts) -> Result<DownloadResponse> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Error::MethodNotAllowed);
        }
        let file = self.view.file(request).await?;
        let options = self.view.options(request, &file)?;
        Ok(DownloadResponse::presented(file, options))
    }

    /// Answers a request, of which only the head matters.
    pub fn respond(&self, request: Parts) -> BoxFuture<'static, Response<DownloadBody>> {
        let service = self.clone();
        Box::pin(async move {
            let response = match service.try_call(&request).await {
                Ok(response) => response,
                Err(error) => return error.into_response(),
            };
            if request.extensions.get::<Deferred>().is_some() {
                return response.into_http();
            }
            let request = ConditionalRequest::of(&request.method, &request.headers);
            Box::pin(deliver(&request, response)).await
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
