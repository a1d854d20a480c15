//! The layer: configuration, and nothing that depends on a request.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Response};
use tower_layer::Layer;

use super::pages::ErrorPages;
use super::settings::Settings;
use super::{Front, Optimize};
use crate::response::Refusal;

/// Delegates or streams every [`DownloadResponse`](crate::DownloadResponse) that passes; other
/// responses only lose forged hand-off headers.
///
/// Put it around everything, around one route, or both: an inner layer adds its rules, which come
/// first, and the outermost one answers. What may still refuse a download belongs *inside* the
/// layer: a response with a body of another origin is sent as it is, whatever rides in its
/// extensions. Outside it the proxy would not care, since nginx looks at the hand-off header alone.
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

    /// How to find the route of a request in its extensions, for the warnings that are given once
    /// for each. Default: one warning in all.
    #[must_use]
    pub fn route_name(
        mut self,
        route_name: impl Fn(&Extensions) -> Option<Arc<str>> + Send + Sync + 'static,
    ) -> Self {
        self.0.route_name = Some(Arc::new(route_name));
        self
    }

    /// What clients see in place of a short plain text where there is no file: a page of the
    /// application's own for 400, 403, 404, 405, 412, 416, 500 and 503. `None` leaves the text.
    ///
    /// The status stays that of the refusal, and so do its headers (`Retry-After`, `Cache-Control:
    /// no-store`), but for those that the page states itself. Of nested layers the page of the
    /// innermost counts.
    ///
    /// ```
    /// # fn layer(optimizer: downloadview::Optimizer) -> downloadview::OptimizeLayer {
    /// use bytes::Bytes;
    /// use downloadview::{OptimizeLayer, Refusal};
    /// use http::{Response, header::CONTENT_TYPE};
    ///
    /// OptimizeLayer::new(optimizer).error_pages(|refusal: &Refusal| {
    ///     let page = format!("<h1>{}</h1>{}", refusal.status(), refusal.reason());
    ///     let page = Response::builder().header(CONTENT_TYPE, "text/html; charset=utf-8").body(page);
    ///     page.ok().map(|page| page.map(Bytes::from))
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
