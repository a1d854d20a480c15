//! Where the value looked for comes from.

use downloadview::view::RouteParameters;
use downloadview::{BuildError, Result};
use http::request::Parts;

/// The text that a request looks for: a parameter of its route, by name, or whatever a closure
/// `|request: &Parts| -> Result<String>` makes of it.
pub trait Parameter: Send + Sync + 'static {
    /// The text, percent-decoded.
    ///
    /// # Errors
    ///
    /// Whatever the answer should be.
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
