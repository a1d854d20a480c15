//! What a route took out of a request's path.

/// The values of the route's parameters that the view needs, in its order and as they stand in the URL; in the request's
/// extensions.
#[derive(Debug, Clone, Default)]
pub struct Captured(pub Vec<String>);

impl Captured {
    /// The value of a view with one parameter; empty for a view without.
    #[must_use]
    pub fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}
