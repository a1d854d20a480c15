//! The service of the layer: remembers the request, and decides who answers its download.
//!
//! The outermost layer marks the request (`Deferred`), removes the announcement of the proxy and
//! will answer. A layer that finds the mark is an inner one: it only adds its rules. The rest
//! happens in `future`, when the response has come.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::future::Duty;
use super::settings::Settings;
use super::{Asked, ResponseBody, ResponseFuture};
use crate::response::Deferred;

/// The service of [`OptimizeLayer`](super::OptimizeLayer), which makes it. Its response body is
/// [`ResponseBody`], the inner service's or a download's; its errors are those of the inner
/// service.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::{DownloadView as _, OptimizeLayer, Optimizer};
/// use downloadview::{file::VirtualFile, view::VirtualView};
/// use http::{Request, request::Parts};
/// use tower::{Layer as _, ServiceExt as _};
///
/// let hello = || VirtualFile::from_text("a.txt", "Hello!");
/// let view = VirtualView::new(move |_: &Parts| async move { Ok(hello()) });
/// let service = OptimizeLayer::new(Optimizer::none()).layer(view.into_service());
///
/// let request = Request::get("/").header("range", "bytes=-1").body(()).unwrap();
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.headers()["content-range"], "bytes 5-5/6");
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Optimize<S> {
    inner: S,
    settings: Settings,
}

impl<S> Optimize<S> {
    pub(super) fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Optimize<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let front = self.settings.front.clone();
        let pages = self.settings.pages.clone();
        let route = self.settings.route_of(request.extensions());
        let duty = if request.extensions().get::<Deferred>().is_some() {
            Duty::AddRules {
                front,
                route,
                pages,
            }
        } else {
            let mut asked = Asked::of(&mut request);
            asked.route = route;
            request.extensions_mut().insert(Deferred);
            Duty::Answer {
                front,
                asked: Box::new(asked),
                told: Arc::clone(&self.settings.told),
                pages,
            }
        };
        ResponseFuture::new(self.inner.call(request), duty)
    }
}
