//! What a route took out of a request's path.

/// The value of the route's parameter, as it stands in the URL; in the request's extensions.
#[derive(Debug, Clone)]
pub struct Captured(pub String);
