//! The response headers that tell a proxy which file to send, and who may set them: only this
//! crate's own conversion. From a handler or a remote server they would be a forged hand-off.

use http::{HeaderMap, HeaderName};

/// Whether a proxy would take this response header as an order to send a file, or as an option of
/// one: the families of nginx, Apache, lighttpd, H2O, LiteSpeed and GitLab Workhorse.
#[must_use]
pub(crate) fn is_hand_off(name: &HeaderName) -> bool {
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
            "x-reproxy-url" | "x-litespeed-location" | "x-archive-files"
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
            "x-reproxy-url",
            "x-litespeed-location",
            "gitlab-workhorse-send-data",
            "x-archive-files",
            "x-test",
            "x-send",
            "accept-ranges",
        ] {
            headers.append(HeaderName::from_static(name), "a".parse().unwrap());
            headers.append(HeaderName::from_static(name), "b".parse().unwrap());
        }
        assert!(strip(&mut headers).is_some());
        assert_eq!(strip(&mut headers), None);
        let mut kept: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["accept-ranges", "x-send", "x-test"]);
    }
}
