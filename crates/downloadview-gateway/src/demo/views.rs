//! The routes that the grid shows, in the order of the page.

use self::Ranges::{Offered, ReadOnce};
use super::files::{GOODBYE, HELLO};

/// A route of the application.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Its name in the grid.
    pub(super) name: &'static str,
    /// The path of a request for it.
    pub(super) path: &'static str,
    /// What the file says.
    pub(super) text: &'static str,
    pub(super) ranges: Ranges,
    /// The only proxy that it is for: it hands off to that one whoever asks.
    pub(super) fixed_to: Option<&'static str>,
}

/// What becomes of a request for a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranges {
    /// It is answered with that part.
    Offered,
    /// The content can be read once only, from its start: without a copy it is answered with the whole.
    ReadOnce,
}

/// All routes.
#[rustfmt::skip] // A table.
pub(super) const VIEWS: [View; 26] = [
    open("path, fixed", "/path/static-path/", Offered),
    open("path, named", "/path/dynamic-path/hello-world.txt", Offered),
    open("storage", "/storage/static-path/1.txt", Offered),
    open("storage, renamed", "/storage/dynamic-path/1.txt", Offered),
    open("object", "/object/default-file/hello-world/", Offered),
    open("object, another file", "/object/another-file/hello-world/", Offered).saying(GOODBYE),
    open("object, its own name", "/object/deserialized_basename/hello-world/", Offered),
    open("object, inline", "/object/inline-file/hello-world/", Offered),
    open("http", "/http/simple_url/", Offered),
    open("storage in S3", "/s3/static-path/1.txt", Offered),
    open("storage in S3, redirected", "/s3/redirect/1.txt", Offered),
    open("virtual, text", "/virtual/text/", Offered),
    open("virtual, reader", "/virtual/stringio/", ReadOnce),
    open("virtual, generated", "/virtual/generated/", ReadOnce),
    fixed("nginx", "nginx, by middleware", "/nginx/optimized-by-middleware/"),
    fixed("nginx", "nginx, by decorator", "/nginx/optimized-by-decorator/"),
    fixed("nginx", "nginx, modified headers", "/nginx/modified_headers/"),
    fixed("apache", "apache, by middleware", "/apache/optimized-by-middleware/"),
    fixed("apache", "apache, by decorator", "/apache/optimized-by-decorator/"),
    fixed("apache", "apache, modified headers", "/apache/modified_headers/"),
    fixed("lighttpd", "lighttpd, by middleware", "/lighttpd/optimized-by-middleware/"),
    fixed("lighttpd", "lighttpd, by decorator", "/lighttpd/optimized-by-decorator/"),
    fixed("lighttpd", "lighttpd, modified headers", "/lighttpd/modified_headers/"),
    fixed("caddy", "caddy, by middleware", "/caddy/optimized-by-middleware/"),
    fixed("caddy", "caddy, by decorator", "/caddy/optimized-by-decorator/"),
    fixed("caddy", "caddy, modified headers", "/caddy/modified_headers/"),
];

impl View {
    const fn saying(self, text: &'static str) -> Self {
        Self { text, ..self }
    }
}

const fn open(name: &'static str, path: &'static str, ranges: Ranges) -> View {
    View {
        name,
        path,
        text: HELLO,
        ranges,
        fixed_to: None,
    }
}

const fn fixed(proxy: &'static str, name: &'static str, path: &'static str) -> View {
    View {
        name,
        path,
        text: HELLO,
        ranges: Offered,
        fixed_to: Some(proxy),
    }
}
