//! Where the value that is looked for comes from.

use downloadview::view::RouteParameters;
use downloadview::{BuildError, Result};
use http::request::Parts;

/// The text that a request looks for. It is implemented for the name of a parameter of the route
/// (`"slug"`), and for closures `|request: &Parts| -> Result<String>`.
///
/// ```
/// use downloadview::{Error, Result};
/// use downloadview_sea_orm::Table;
/// use http::request::Parts;
///
/// let by_route = Table::new("document").lookup("slug", "slug");
///
/// let by_header = Table::new("avatar").lookup("user", |request: &Parts| -> Result<String> {
///     let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
///     user.map(str::to_owned).ok_or(Error::Forbidden)
/// });
/// # let _ = (by_route, by_header);
/// ```
pub trait Parameter: Send + Sync + 'static {
    /// The text, percent-decoded.
    ///
    /// # Errors
    ///
    /// The error becomes the answer. A parameter that the route does not have is
    /// [`Error::Misconfigured`](downloadview::Error::Misconfigured), 500.
    fn value(&self, request: &Parts) -> Result<String>;
}

/// One of the [`RouteParameters`].
impl Parameter for &'static str {
    fn value(&self, request: &Parts) -> Result<String> {
        named(self, request)
    }
}

/// One of the [`RouteParameters`].
impl Parameter for String {
    fn value(&self, request: &Parts) -> Result<String> {
        named(self, request)
    }
}

impl<F> Parameter for F
where
    F: Fn(&Parts) -> Result<String> + Send + Sync + 'static,
{
    fn value(&self, request: &Parts) -> Result<String> {
        self(request)
    }
}

/// A parameter of the route.
fn named(name: &str, request: &Parts) -> Result<String> {
    let parameters = RouteParameters::of(request);
    let value = parameters.and_then(|parameters| parameters.get(name));
    value.map(str::to_owned).ok_or_else(|| {
        let what = format!(
            "the route has no parameter `{name}`, or its router fills in no `RouteParameters`: with axum, mount the view with `downloadview_axum::view`"
        );
        BuildError::new(what).into()
    })
}
