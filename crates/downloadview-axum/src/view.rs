//! A view as a route of axum's. axum's path parameters are put into the request as
//! [`RouteParameters`], and then the view's own service answers. Parameters that are not valid
//! UTF-8 are 404.

use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use downloadview::view::{DownloadService, RouteParameters};
use downloadview::{DownloadBody, DownloadFuture, DownloadView, Error};
use tower_service::Service;

/// A view as a service for `route_service`, with axum's path parameters as its [`RouteParameters`].
///
/// Views that need no parameters may also be mounted with
/// [`into_service`](downloadview::DownloadView::into_service). A parameter that is not valid UTF-8
/// is 404.
///
/// ```
/// use axum::Router;
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::view::{RouteParameters, StorageView};
/// use http::request::Parts;
///
/// let report = StorageView::new(MemoryStorage::new()).name(|request: &Parts| {
///     let parameters = RouteParameters::of(request);
///     let year = parameters.and_then(|parameters| parameters.get("year"));
///     StorageName::parse(format!("{}.pdf", year.unwrap_or_default()))
/// });
/// let report = downloadview_axum::view(report);
/// let app: Router = Router::new().route_service("/reports/{year}", report);
/// ```
pub fn view<V: DownloadView>(view: V) -> ViewService<V> {
    ViewService(view.into_service())
}

/// The tower service that [`view`] makes. Clones share the view; it never fails, because errors are
/// responses.
pub struct ViewService<V>(DownloadService<V>);

impl<V: DownloadView> ViewService<V> {
    fn respond(&self, mut request: Parts) -> DownloadFuture {
        let service = self.0.clone();
        DownloadFuture::new(async move {
            match RawPathParams::from_request_parts(&mut request, &()).await {
                Ok(parameters) => {
                    let parameters = RouteParameters::from_iter(&parameters);
                    request.extensions.insert(parameters);
                }
                // The route has none.
                Err(RawPathParamsRejection::MissingPathParams(_)) => {}
                Err(_) => return Error::NotFound.into_response(),
            }
            service.respond(request).await
        })
    }
}

impl<V: DownloadView, B> Service<Request<B>> for ViewService<V> {
    type Response = Response<DownloadBody>;
    type Error = Infallible;
    type Future = DownloadFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> DownloadFuture {
        self.respond(request.into_parts().0)
    }
}

impl<V> Clone for ViewService<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> fmt::Debug for ViewService<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewService").finish_non_exhaustive()
    }
}
