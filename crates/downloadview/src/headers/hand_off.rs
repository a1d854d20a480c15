//! The response headers that tell a proxy which file to send.
//!
//! Only this crate may set them: a handler, a view or a remote server that sets one would make the
//! proxy send a file of its choice. So [`OptimizeLayer`](crate::OptimizeLayer) removes every such
//! header ([`is_hand_off`]) from the answers that pass through it, and a
//! [`Backend`](crate::backend::Backend) returns its headers as a [`HandOff`], a value that only
//! `response::head` writes.
//!
//! The constants are the names of the headers that this crate writes or that its proxies read.

use std::iter;

use http::{HeaderMap, HeaderName, HeaderValue};

/// nginx and Caddy: the URI of the location that sends the file
/// ([nginx](https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers)).
pub const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
/// nginx: the highest rate of one download, in bytes per second; 0 for no limit.
pub const X_ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");
/// nginx: whether it buffers the answer, `yes` or `no`.
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// nginx: how many seconds its cache may keep the answer; 0 to keep none.
pub const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");
/// nginx: the charset that it adds to the type of the answer.
pub const X_ACCEL_CHARSET: HeaderName = HeaderName::from_static("x-accel-charset");
/// nginx and Caddy: the server from which they fetch a remote file, as the rule states it:
/// `https://host:port`. A header of this crate; the proxy's configuration reads it.
pub const X_DOWNLOAD_ORIGIN: HeaderName = HeaderName::from_static("x-download-origin");
/// nginx and Caddy: what they ask that server for, `/path?query`. A header of this crate; the
/// proxy's configuration reads it.
pub const X_DOWNLOAD_TARGET: HeaderName = HeaderName::from_static("x-download-target");
/// Apache (`mod_xsendfile`) and lighttpd: the path of the file on disk.
pub const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");
/// lighttpd: the highest rate of one download, in kilobytes per second.
pub const X_LIGHTTPD_KBYTES_PER_SECOND: HeaderName =
    HeaderName::from_static("x-lighttpd-kbytes-per-second");

/// The family of nginx and Caddy in the usual spelling; the first one names the file. For whoever
/// writes the configuration of a proxy.
pub const ACCEL: [&str; 5] = [
    "X-Accel-Redirect",
    "X-Accel-Buffering",
    "X-Accel-Charset",
    "X-Accel-Expires",
    "X-Accel-Limit-Rate",
];
/// The family of Apache and lighttpd in the usual spelling; the first one names the file.
pub const SENDFILE: [&str; 4] = [
    "X-Sendfile",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-LIGHTTPD-KBytes-per-second",
];
/// By which nginx and Caddy learn of a file of another server, in the usual spelling.
pub const REMOTE: [&str; 2] = ["X-Download-Origin", "X-Download-Target"];
/// Those of proxies that this crate has no backend for, in the usual spelling.
pub const ELSEWHERE: [&str; 2] = ["X-Reproxy-URL", "X-LiteSpeed-Location"];

/// The headers by which an answer hands a file to a proxy: the one that names the file, and the
/// proxy's options.
///
/// A [`Backend`](crate::backend::Backend) makes one of a target. It is a value because a backend
/// does not see the response.
///
/// ```
/// use downloadview::headers::hand_off::{HandOff, X_ACCEL_LIMIT_RATE, X_ACCEL_REDIRECT};
/// use http::HeaderValue;
///
/// let uri = HeaderValue::from_static("/protected/a.txt");
/// let hand_off = HandOff::new(X_ACCEL_REDIRECT, uri)
///     .with(X_ACCEL_LIMIT_RATE, HeaderValue::from(1_000_000));
/// assert_eq!(hand_off.header().1, "/protected/a.txt");
/// assert_eq!(hand_off.into_iter().count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOff {
    first: (HeaderName, HeaderValue),
    further: Vec<(HeaderName, HeaderValue)>,
}

impl HandOff {
    /// A hand-off by the header that names the file. The value must be escaped as the proxy expects
    /// it.
    #[must_use]
    pub fn new(name: HeaderName, value: HeaderValue) -> Self {
        Self {
            first: (name, value),
            further: Vec::new(),
        }
    }

    /// Adds a further header: an option of the proxy, such as a rate limit.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.further.push((name, value));
        self
    }

    /// The header that names the file: its name and its value.
    #[must_use]
    pub fn header(&self) -> (&HeaderName, &HeaderValue) {
        (&self.first.0, &self.first.1)
    }
}

impl IntoIterator for HandOff {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = iter::Chain<
        iter::Once<(HeaderName, HeaderValue)>,
        std::vec::IntoIter<(HeaderName, HeaderValue)>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        iter::once(self.first).chain(self.further)
    }
}

/// Whether a proxy would take this response header as an order to send a file, or as an option of
/// such an order: the families of nginx, Apache, lighttpd, H2O, LiteSpeed and GitLab Workhorse.
///
/// A program that relays answers of other servers should drop these headers.
///
/// ```
/// use downloadview::headers::hand_off::is_hand_off;
/// use http::{HeaderName, header};
///
/// assert!(is_hand_off(&HeaderName::from_static("x-accel-redirect")));
/// assert!(is_hand_off(&HeaderName::from_static("x-sendfile")));
/// assert!(!is_hand_off(&header::CONTENT_TYPE));
/// ```
#[must_use]
pub fn is_hand_off(name: &HeaderName) -> bool {
    let name = name.as_str();
    // Most names are ruled out by their first letter.
    if !name.starts_with(['x', 'g']) {
        return false;
    }
    name.starts_with("x-accel-")
        || name.starts_with("x-sendfile")
        || name.starts_with("x-lighttpd-")
        || name.starts_with("gitlab-workhorse-")
        || matches!(
            name,
            "x-download-origin"
                | "x-download-target"
                | "x-reproxy-url"
                | "x-litespeed-location"
                | "x-archive-files"
        )
}

/// Removes every hand-off header. It returns the name of one of them, if there were any, for a
/// warning.
pub(crate) fn strip(headers: &mut HeaderMap) -> Option<HeaderName> {
    let mut stripped = None;
    // Looking costs nothing; removing allocates, and almost never happens.
    while let Some(name) = headers.keys().find(|name| is_hand_off(name)).cloned() {
        headers.remove(&name);
        stripped = Some(name);
    }
    stripped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_is_written_into_a_configuration_is_a_hand_off() {
        let listed = || {
            ACCEL
                .into_iter()
                .chain(SENDFILE)
                .chain(REMOTE)
                .chain(ELSEWHERE)
        };
        for name in listed() {
            let name: HeaderName = name.parse().unwrap();
            assert!(is_hand_off(&name), "{name}");
        }
        for name in [
            X_ACCEL_REDIRECT,
            X_ACCEL_LIMIT_RATE,
            X_ACCEL_BUFFERING,
            X_ACCEL_EXPIRES,
            X_ACCEL_CHARSET,
            X_DOWNLOAD_ORIGIN,
            X_DOWNLOAD_TARGET,
            X_SENDFILE,
            X_LIGHTTPD_KBYTES_PER_SECOND,
        ] {
            let found = listed().any(|listed| name.as_str().eq_ignore_ascii_case(listed));
            assert!(found, "{name}");
        }
    }

    #[test]
    fn strips_the_whole_family_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-accel-redirect",
            "x-accel-charset",
            "x-sendfile",
            "x-sendfile2",
            "x-sendfile-temporary",
            "x-lighttpd-send-file",
            "x-lighttpd-kbytes-per-second",
            "x-download-origin",
            "x-download-target",
            "x-reproxy-url",
            "x-litespeed-location",
            "gitlab-workhorse-send-data",
            "x-archive-files",
            "x-test",
            "x-send",
            "x-download-options",
            "accept-ranges",
        ] {
            headers.append(HeaderName::from_static(name), "a".parse().unwrap());
            headers.append(HeaderName::from_static(name), "b".parse().unwrap());
        }
        assert!(strip(&mut headers).is_some());
        assert_eq!(strip(&mut headers), None);
        let mut kept: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(
            kept,
            ["accept-ranges", "x-download-options", "x-send", "x-test"]
        );
    }
}
