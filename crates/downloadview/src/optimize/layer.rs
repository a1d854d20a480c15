//! The layer and its service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::Optimizer;
use super::future::{Asked, ResponseFuture};
use crate::headers::ConditionalRequest;
use crate::response::Deferred;

type RouteName = Arc<dyn Fn(&Extensions) -> Option<Arc<str>> + Send + Sync>;

/// Delegates or streams every [`DownloadResponse`](crate::DownloadResponse) that passes; other
/// responses only lose forged hand-off headers.
///
/// Put it around everything, around one route, or both: an inner layer that cannot delegate a
/// download leaves it to the outer one.
///
/// ```
/// # fn main() -> downloadview::Result<()> {
/// use downloadview::{OptimizeLayer, Optimizer, Rule, backend::Nginx};
/// let optimizer = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .build()?;
/// let layer = OptimizeLayer::new(optimizer); // Router::new().….layer(layer)
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "BaseDownloadMiddleware")]
#[doc(alias = "DownloadDecorator")]
pub struct OptimizeLayer {
    optimizer: Arc<Optimizer>,
    route_name: Option<RouteName>,
}

impl OptimizeLayer {
    /// A layer around `optimizer`.
    pub fn new(optimizer: impl Into<Arc<Optimizer>>) -> Self {
        Self {
            optimizer: optimizer.into(),
            route_name: None,
        }
    }

    /// How to find the route of a request in its extensions, for the warning that is given once
    /// for each. Default: one warning in all.
    #[must_use]
    pub fn route_name(
        mut self,
        route_name: impl Fn(&Extensions) -> Option<Arc<str>> + Send + Sync + 'static,
    ) -> Self {
        self.route_name = Some(Arc::new(route_name));
        self
    }
}

impl<S> Layer<S> for OptimizeLayer {
    type Service = Optimize<S>;

    fn layer(&self, inner: S) -> Optimize<S> {
        Optimize {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`OptimizeLayer`].
#[derive(Clone, Debug)]
pub struct Optimize<S> {
    inner: S,
    layer: OptimizeLayer,
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Optimize<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
{
    type Response = Response<super::ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let nested = request.extensions_mut().insert(Deferred).is_some();
        let asked = Asked {
            conditional: ConditionalRequest::of(request.method(), request.headers()),
            uri: request.uri().clone(),
            route: self
                .layer
                .route_name
                .as_ref()
                .and_then(|name| name(request.extensions())),
            nested,
        };
        let optimizer = Arc::clone(&self.layer.optimizer);
        ResponseFuture::new(self.inner.call(request), optimizer, asked)
    }
}

impl fmt::Debug for OptimizeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizeLayer")
            .field("optimizer", &self.optimizer)
            .finish_non_exhaustive()
    }
}
