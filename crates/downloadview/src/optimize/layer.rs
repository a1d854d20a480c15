//! The layer: its configuration, and nothing that depends on a request. `service` and `future` do
//! the work.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Response};
use tower_layer::Layer;

use super::pages::ErrorPages;
use super::settings::Settings;
use super::{Front, Optimize};
use crate::response::Refusal;

/// A tower layer that delegates or streams every [`DownloadResponse`](crate::DownloadResponse) that
/// passes. Other responses pass unchanged, except that forged hand-off headers are removed from
/// them.
///
/// Put it around everything, around one route, or both. An inner layer adds its rules, which are
/// asked first, and the outermost one answers.
///
/// What may still refuse a download belongs *inside* the layer: if a middleware there replaces the
/// body, its answer is sent as it is. Outside the layer a refusal would come too late, because
/// nginx goes by the hand-off header alone. Compression belongs outside, with
/// [`may_be_compressed`](crate::delivery::may_be_compressed).
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
pub struct OptimizeLayer(Settings);

impl OptimizeLayer {
    /// A layer for one [`Optimizer`](super::Optimizer), or for [`Announced`](super::Announced)
    /// proxies that each request proves.
    pub fn new(front: impl Into<Front>) -> Self {
        Self(Settings::new(front.into()))
    }

    /// How to find the route of a request in its extensions, for warnings that are given once for
    /// each route. Default: each warning is given once. `downloadview-axum` has this closure for
    /// axum.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use downloadview::{OptimizeLayer, Optimizer};
    ///
    /// /// What a router of your own puts into the extensions.
    /// #[derive(Clone)]
    /// struct Route(Arc<str>);
    ///
    /// let layer = OptimizeLayer::new(Optimizer::none())
    ///     .route_name(|extensions| extensions.get::<Route>().map(|route| Arc::clone(&route.0)));
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn route_name(
        mut self,
        route_name: impl Fn(&Extensions) -> Option<Arc<str>> + Send + Sync + 'static,
    ) -> Self {
        self.0.route_name = Some(Arc::new(route_name));
        self
    }

    /// What clients see if there is no file, in place of a short plain text: a page of the
    /// application's own for 400, 403, 404, 405, 412, 416, 500, 502, 503 and 504. If the closure
    /// returns `None`, the text is sent.
    ///
    /// The status stays that of the refusal, and so do its headers (`Retry-After`, `Cache-Control:
    /// no-store`), except those that the page states itself. If layers are nested, the page of the
    /// innermost one counts.
    ///
    /// ```
    /// # fn layer(optimizer: downloadview::Optimizer) -> downloadview::OptimizeLayer {
    /// use bytes::Bytes;
    /// use downloadview::{OptimizeLayer, Refusal};
    /// use http::{Response, header::CONTENT_TYPE};
    ///
    /// OptimizeLayer::new(optimizer).error_pages(|refusal: &Refusal| {
    ///     let page = format!("<h1>{}</h1>{}", refusal.status(), refusal.reason());
    ///     let html = Response::builder().header(CONTENT_TYPE, "text/html; charset=utf-8");
    ///     html.body(Bytes::from(page)).ok()
    /// })
    /// # }
    /// ```
    #[must_use]
    #[doc(alias = "file_not_found_response")]
    pub fn error_pages(
        mut self,
        page: impl Fn(&Refusal) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.0.pages = ErrorPages::new(page);
        self
    }
}

impl<S> Layer<S> for OptimizeLayer {
    type Service = Optimize<S>;

    fn layer(&self, inner: S) -> Optimize<S> {
        Optimize::new(inner, self.0.clone())
    }
}

impl fmt::Debug for OptimizeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizeLayer")
            .field("front", &self.0.front)
            .finish_non_exhaustive()
    }
}
