//! The headers that all proxies treat alike: those that pass between proxy and application only, and those of the
//! gateway's answer that must reach the client with the file.

use crate::config::{Config, can_be_kept};

/// Request headers that mean something between a proxy and an application; a client must not send them. The
/// announcement is set in their place where the proxy announces itself.
pub(super) const HAND_OFF_REQUEST: [&str; 7] = [
    "X-Accel-Mapping",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-Sendfile-Type",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-Reproxy-URL",
];

/// The request header by which a proxy announces itself.
pub(super) const ANNOUNCEMENT: &str = "X-Downloadview-Proxy";

/// Response headers of nginx's and Caddy's family.
pub(super) const ACCEL: [&str; 5] = [
    "X-Accel-Redirect",
    "X-Accel-Buffering",
    "X-Accel-Charset",
    "X-Accel-Expires",
    "X-Accel-Limit-Rate",
];

/// Response headers of the `X-Sendfile` family.
pub(super) const SENDFILE: [&str; 4] = [
    "X-Sendfile",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-LIGHTTPD-KBytes-per-second",
];

/// Response headers of proxies that this gateway does not serve.
pub(super) const ELSEWHERE: [&str; 2] = ["X-Reproxy-URL", "X-LiteSpeed-Location"];

/// Headers of the gateway's answer that every file keeps, beside the client's name for it, its type, cookies and
/// freshness; whether error pages have it too.
pub(super) const ALWAYS_KEPT: [(&str, bool); 6] = [
    ("Content-Security-Policy", true),
    ("X-Content-Type-Options", true),
    ("X-Frame-Options", true),
    ("Vary", false),
    ("Link", false),
    ("Content-Language", false),
];

/// The headers that the file sets itself, and its `keep_headers`, where they are not named anyway: each once, in its
/// first spelling.
pub(super) fn also_kept<'a>(config: &'a Config, named: &[&str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    // Of those some are kept by every proxy, and would be sent twice.
    let stated = config.stated_headers().map(|header| &header.spelling);
    let stated = stated.filter(|name| can_be_kept(name));
    for name in config.optimize.keep_headers.iter().chain(stated) {
        let known = |other: &&str| other.eq_ignore_ascii_case(name);
        if !named.iter().any(known) && !kept.iter().any(known) {
            kept.push(name);
        }
    }
    kept
}
