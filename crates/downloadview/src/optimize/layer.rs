//! The layer and its service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, HeaderMap, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::Optimizer;
use super::announced::{ANNOUNCEMENT, Announced};
use super::future::{Asked, ResponseFuture};
use crate::content::{ETag, Metadata};
use crate::headers::ConditionalRequest;
use crate::response::{Deferred, Download};

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
    choice: Choice,
    route_name: Option<RouteName>,
}

impl OptimizeLayer {
    /// A layer around `optimizer`.
    pub fn new(optimizer: impl Into<Arc<Optimizer>>) -> Self {
        Self {
            choice: Choice::Fixed(optimizer.into()),
            route_name: None,
        }
    }

    /// A layer that lets each request prove the proxy it came through.
    pub fn announced(announced: impl Into<Arc<Announced>>) -> Self {
        Self {
            choice: Choice::Announced(announced.into()),
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

/// Which optimizer a request gets.
#[derive(Debug, Clone)]
pub(super) enum Choice {
    Fixed(Arc<Optimizer>),
    Announced(Arc<Announced>),
}

impl Choice {
    /// The proxy that the request proves. An outer layer that took the header has the proof.
    fn prove(&self, headers: &HeaderMap, outer: Option<&Deferred>) -> Option<Arc<str>> {
        let proven = outer.and_then(|outer| outer.proxy.clone());
        proven.or_else(|| match self {
            Self::Fixed(_) => None,
            Self::Announced(announced) => announced.prove(headers),
        })
    }

    fn optimizer(&self, proven: Option<&str>) -> Arc<Optimizer> {
        match self {
            Self::Fixed(optimizer) => Arc::clone(optimizer),
            Self::Announced(announced) => Arc::clone(announced.optimizer(proven)),
        }
    }

    /// The tag that any proxy which may serve the file insists on.
    pub(super) fn own_etag(&self, download: &Download, metadata: &Metadata) -> Option<ETag> {
        match self {
            Self::Fixed(optimizer) => optimizer.own_etag(download, metadata),
            Self::Announced(announced) => announced.own_etag(download, metadata),
        }
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
        let outer = request.extensions().get::<Deferred>();
        let proxy = self.layer.choice.prove(request.headers(), outer);
        let nested = outer.is_some();
        // Whatever it says, it is not for views and handlers to see.
        request.headers_mut().remove(ANNOUNCEMENT);
        let optimizer = self.layer.choice.optimizer(proxy.as_deref());
        request.extensions_mut().insert(Deferred { proxy });
        let asked = Asked {
            conditional: ConditionalRequest::of(request.method(), request.headers()),
            uri: request.uri().clone(),
            route: self
                .layer
                .route_name
                .as_ref()
                .and_then(|name| name(request.extensions())),
            nested,
            choice: self.layer.choice.clone(),
        };
        ResponseFuture::new(self.inner.call(request), optimizer, asked)
    }
}

impl fmt::Debug for OptimizeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizeLayer")
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}
