//! A view as a route of axum's. axum's path parameters are put into the request as
//! [`RouteParameters`], and then the view's own service answers. Parameters that are not valid
//! UTF-8 are 404.

use std::convert::Infallible;
use std::fmt;
use std::task::{Context, Poll};

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts as _, OriginalUri, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Request, Response};
use downloadview::view::{DownloadService, RouteParameters};
use downloadview::{DownloadBody, DownloadFuture, DownloadView, Error};
use tower_service::Service;

/// A view as a service for `route_service` and `nest_service`, with axum's path parameters as its
/// [`RouteParameters`].
///
/// 404 is a parameter that is not valid UTF-8, and a path in which axum's `nest` lost a slash: the
/// view's own [`into_service`](downloadview::DownloadView::into_service) would take `/files//private/a`
/// for `/files/private/a`, which a route of yours may guard.
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
///
/// ```
/// use downloadview::{storage::MemoryStorage, view::StorageView};
/// use downloadview_axum::{ViewService, view};
///
/// /// Named where a function returns it, or a struct holds it.
/// fn media(storage: MemoryStorage) -> ViewService<StorageView> {
///     view(StorageView::new(storage).inline())
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use tower::ServiceExt as _;
/// let request = http::Request::get("/missing.txt").body(()).unwrap();
/// let response = media(MemoryStorage::new()).oneshot(request).await.unwrap();
/// assert_eq!(response.status(), 404);
/// # });
/// ```
pub struct ViewService<V>(DownloadService<V>);

impl<V: DownloadView> ViewService<V> {
    fn respond(&self, mut request: Parts) -> DownloadFuture {
        let service = self.0.clone();
        DownloadFuture::new(async move {
            if has_lost_a_slash(&request) {
                return Error::NotFound.into_response();
            }
            match insert_parameters(&mut request).await {
                Ok(()) => service.respond(request).await,
                Err(error) => error.into_response(),
            }
        })
    }
}

/// Whether `nest` made one slash of two: `/files//a` arrives as `/a`, as `/files/a` does, although a
/// route for the latter would not have seen it.
fn has_lost_a_slash(request: &Parts) -> bool {
    let Some(OriginalUri(original)) = request.extensions.get() else {
        return false;
    };
    let prefix = original.path().strip_suffix(request.uri.path());
    prefix.is_some_and(|prefix| prefix.ends_with('/'))
}

/// Puts axum's parameters into the request, where a view looks for them. 404 if one is not UTF-8.
pub(crate) async fn insert_parameters(request: &mut Parts) -> Result<(), Error> {
    match RawPathParams::from_request_parts(request, &()).await {
        Ok(parameters) => {
            let parameters = RouteParameters::from_iter(&parameters);
            request.extensions.insert(parameters);
            Ok(())
        }
        // The route has none.
        Err(RawPathParamsRejection::MissingPathParams(_)) => Ok(()),
        Err(_) => Err(Error::NotFound),
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

/// As [`insert_parameters`], for a layer around a view. One that is not UTF-8 is told to nobody: the
/// view will answer 404.
#[cfg(feature = "authorize")]
pub(crate) fn prepare(request: &mut Parts) {
    let inserted = std::pin::pin!(insert_parameters(request));
    // axum reads them from the extensions, which does not wait.
    let _ = inserted.poll(&mut Context::from_waker(std::task::Waker::noop()));
}
