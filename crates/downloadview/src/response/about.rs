//! What a line of the log says of a request.

/// What was asked for, as the log tells it: without the query, which may hold a signature.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// The path of the request, if it is known.
    pub(crate) path: Option<&'a str>,
    /// Its route, if it has one.
    pub(crate) route: Option<&'a str>,
}
