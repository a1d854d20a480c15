//! What a router took out of a request's path, for views behind any router.

use std::sync::Arc;

use http::request::Parts;

/// The parameters of the route that matched, percent-decoded, in the request's extensions.
///
/// Routers keep theirs in types of their own. Who mounts a view fills this one in before the view
/// is called: `downloadview_axum::view` does so for axum.
///
/// ```
/// use downloadview::view::RouteParameters;
/// use http::Request;
///
/// let parameters = RouteParameters::from_iter([("slug", "hello-world")]);
/// let request = Request::get("/documents/hello-world").extension(parameters).body(())?;
/// let (request, ()) = request.into_parts();
/// let slug = RouteParameters::of(&request).and_then(|parameters| parameters.get("slug"));
/// assert_eq!(slug, Some("hello-world"));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias = "kwargs")]
pub struct RouteParameters(Arc<[(String, String)]>);

impl RouteParameters {
    /// Those of a request; `None` if nobody filled them in.
    #[must_use]
    pub fn of(request: &Parts) -> Option<&Self> {
        request.extensions.get()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for RouteParameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(parameters: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(parameters.into_iter().map(owned).collect())
    }
}
