//! Files of another server, by a target that follows from the request.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::options::view_options;
use super::{DownloadView, ViewOptions, view_setters};
use crate::error::Result;
use crate::fetch::{Origin, RequestTarget};
use crate::file::HttpFile;

/// Finds what to ask the other server for. It is implemented for closures `|request: &Parts| ->
/// Result<RequestTarget>`, and for a [`RequestTarget`], which is then asked for every request.
///
/// ```
/// use downloadview::fetch::{Client, RequestTarget};
/// use downloadview::view::{HttpView, RouteParameters};
/// use downloadview::{Error, Result};
/// use http::request::Parts;
///
/// let origin = Client::new()?.origin("https://files.example").build()?;
/// let by_number = |request: &Parts| -> Result<RequestTarget> {
///     let parameters = RouteParameters::of(request).ok_or(Error::NotFound)?;
///     let number = parameters.get("number").ok_or(Error::NotFound)?;
///     Ok(RequestTarget::from_segments(["invoices", number])?)
/// };
/// let view = HttpView::new(origin, by_number);
/// # let _ = view;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
pub trait ResolveTarget: Send + Sync + 'static {
    /// The target for this request.
    ///
    /// # Errors
    ///
    /// The error becomes the answer.
    fn resolve(&self, request: &Parts) -> Result<RequestTarget>;
}

impl<F> ResolveTarget for F
where
    F: Fn(&Parts) -> Result<RequestTarget> + Send + Sync + 'static,
{
    fn resolve(&self, request: &Parts) -> Result<RequestTarget> {
        self(request)
    }
}

impl ResolveTarget for RequestTarget {
    fn resolve(&self, _request: &Parts) -> Result<RequestTarget> {
        Ok(self.clone())
    }
}

/// A view for files that another server has: use it when the request says which.
///
/// The server is fixed when the view is built. A request chooses a target on it, and nothing else.
///
/// [`RouteParameters`] and names out of a database are decoded text, in which a `?` would begin a
/// query: [`RequestTarget::from_segments`] encodes them. A path that is percent-encoded already, as
/// `request.uri.path()` is, goes through [`RequestTarget::parse`].
///
/// [`RouteParameters`]: crate::view::RouteParameters
///
/// ```
/// use downloadview::fetch::{Client, RequestTarget};
/// use downloadview::view::{HttpView, RouteParameters};
/// use downloadview::{DownloadView, Error};
/// use http::request::Parts;
///
/// let origin = Client::new()?.origin("https://files.example").build()?;
/// // The route is `/mirror/{*path}`.
/// let mirror = HttpView::new(origin, |request: &Parts| {
///     let parameters = RouteParameters::of(request).ok_or(Error::NotFound)?;
///     let path = parameters.get("path").ok_or(Error::NotFound)?;
///     Ok(RequestTarget::from_segments(["public"].into_iter().chain(path.split('/')))?)
/// });
/// let service = mirror.into_service();
/// # let _ = service;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
#[doc(alias = "HTTPDownloadView")]
pub struct HttpView {
    origin: Origin,
    target: Arc<dyn ResolveTarget>,
    options: ViewOptions,
}

impl HttpView {
    /// The files of `origin` that `target` finds for a request.
    #[must_use]
    #[doc(alias = "get_url")]
    pub fn new(origin: Origin, target: impl ResolveTarget) -> Self {
        Self {
            origin,
            target: Arc::new(target),
            options: ViewOptions::default(),
        }
    }

    view_setters!();
}

impl DownloadView for HttpView {
    type File = HttpFile;

    async fn file(&self, request: &Parts) -> Result<HttpFile> {
        let target = self.target.resolve(request)?;
        Ok(HttpFile::new(self.origin.clone(), target))
    }

    view_options!();
}

impl fmt::Debug for HttpView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpView")
            .field("origin", &self.origin)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
