//! A prefix on another server, and which absolute URLs lie below it. A URL with a `.` or `..`
//! segment in any spelling never does: whoever reads it might shorten it to a URL outside of the
//! prefix.

use crate::storage::SignedUrl;

/// A server, and a path on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote(SignedUrl);

impl Remote {
    /// The prefix of a rule, such as `https://files.example/media/`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in the words of a setting.
    pub(super) fn parse(prefix: &str) -> Result<Self, String> {
        let url = SignedUrl::parse(prefix).map_err(|error| error.to_string())?;
        if url.target().contains('?') {
            return Err("it must not have a query".to_owned());
        }
        if has_dot_segment(url.path()) || url.path().contains("//") {
            return Err("it must not have an empty, `.` or `..` segment".to_owned());
        }
        Ok(Self(url))
    }

    /// Whether a URL is one of this server, below the prefix. Whole segments are compared; the
    /// query does not matter.
    pub(super) fn takes(&self, url: &SignedUrl) -> bool {
        let (prefix, path) = (self.0.path(), url.path());
        let Some(rest) = path.strip_prefix(prefix) else {
            return false;
        };
        let whole = prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        whole && url.origin() == self.0.origin() && !has_dot_segment(path)
    }
}

/// Whether a path has a `.` or `..` segment in any spelling, with dots or slashes percent-encoded
/// too.
fn has_dot_segment(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    let plain = plain.replace("%2f", "/").replace("%5c", "/");
    let mut segments = plain.split(['/', '\\']);
    segments.any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(prefix: &str, url: &str) -> bool {
        let prefix = Remote::parse(prefix).unwrap();
        prefix.takes(&SignedUrl::parse(url).unwrap())
    }

    #[test]
    fn takes_whole_segments_only() {
        for prefix in ["https://a.example/media", "https://A.example:443/media/"] {
            assert!(takes(prefix, "https://a.example/media/a"));
            assert!(takes(
                prefix,
                "https://a.example/media/a?b=/../c#".trim_end_matches('#')
            ));
            assert!(takes(prefix, "https://a.example/media//a%2Fb"));
            assert!(!takes(prefix, "https://a.example/mediator/a"));
            assert!(!takes(prefix, "https://a.example/med?ia/"));
        }
        assert!(takes("https://a.example/get", "https://a.example/get?id=5"));
        assert!(!takes(
            "https://a.example/get/",
            "https://a.example/get?id=5"
        ));
        assert!(takes("https://a.example", "https://a.example?id=5"));
    }

    #[test]
    fn another_server_with_the_same_path_is_not_taken() {
        for url in [
            "https://b.example/media/a",
            "https://a.example.evil/media/a",
            "https://a.example:8443/media/a",
            "http://a.example/media/a",
        ] {
            assert!(!takes("https://a.example/media/", url), "{url}");
        }
    }

    #[test]
    fn a_path_that_climbs_is_not_taken() {
        for path in [
            "../b",
            "a/..",
            "%2e%2E/b",
            ".%2e/b",
            "a%2f..%2Fb",
            "..%5cb",
            "./b",
            "%2e",
        ] {
            let url = format!("https://a.example/media/{path}");
            assert!(!takes("https://a.example/media/", &url), "{url}");
        }
        for path in ["..a", "a..", "...", "a%2fb", "a.b"] {
            let url = format!("https://a.example/media/{path}");
            assert!(takes("https://a.example/media/", &url), "{url}");
        }
    }

    #[test]
    fn a_prefix_that_is_not_a_place_of_a_server_is_refused() {
        for prefix in [
            "/media/",
            "https:///media/",
            "https://a.example/media/?b",
            "https://a.example/../media/",
            "https://a.example/%2e%2e/",
            "https://a.example/a//b",
            "https://a.example/médias/",
            "https://user@a.example/",
        ] {
            assert!(Remote::parse(prefix).is_err(), "{prefix}");
        }
    }
}
