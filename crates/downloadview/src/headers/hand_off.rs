//! The response headers that tell a proxy which file to send, and who may set them: only this
//! crate's own conversion. From a handler or a remote server they would be a forged hand-off.

use std::iter;

use http::{HeaderMap, HeaderName, HeaderValue};

/// nginx and Caddy: a URI of the server.
pub const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
/// nginx: the most bytes a second for one download.
pub const X_ACCEL_LIMIT_RATE: HeaderName = HeaderName::from_static("x-accel-limit-rate");
/// nginx: whether it buffers the answer, `yes` or `no`.
pub const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// nginx: how many seconds its cache may keep the answer.
pub const X_ACCEL_EXPIRES: HeaderName = HeaderName::from_static("x-accel-expires");
/// nginx: the charset of the answer.
pub const X_ACCEL_CHARSET: HeaderName = HeaderName::from_static("x-accel-charset");
/// nginx and Caddy: the server of a file that they are to fetch, as the rule has it:
/// `https://host:port`.
pub const X_DOWNLOAD_ORIGIN: HeaderName = HeaderName::from_static("x-download-origin");
/// nginx and Caddy: what they are to ask that server for, `/path?query`.
pub const X_DOWNLOAD_TARGET: HeaderName = HeaderName::from_static("x-download-target");
/// Apache and lighttpd: a path.
pub const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");
/// lighttpd: the most kilobytes a second for one download.
pub const X_LIGHTTPD_KBYTES_PER_SECOND: HeaderName =
    HeaderName::from_static("x-lighttpd-kbytes-per-second");

/// The headers by which an answer hands a file to a proxy: what a
/// [`Backend`](crate::backend::Backend) makes of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOff {
    first: (HeaderName, HeaderValue),
    further: Vec<(HeaderName, HeaderValue)>,
}

impl HandOff {
    /// The header that names the file.
    #[must_use]
    pub fn new(name: HeaderName, value: HeaderValue) -> Self {
        Self {
            first: (name, value),
            further: Vec::new(),
        }
    }

    /// A further header: an option of the proxy.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.further.push((name, value));
        self
    }

    /// The header that names the file, and its value.
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
/// one: the families of nginx, Apache, lighttpd, H2O, LiteSpeed and GitLab Workhorse.
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

/// Removes every hand-off header; the name of one of them, if there were any.
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
