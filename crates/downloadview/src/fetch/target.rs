//! The target of a request to another server: a path and a query, checked once and sent byte for
//! byte.

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::error::NameError;

/// Path and query of a request to another server, as they are sent: `/reports/2026.pdf?version=3`.
///
/// It begins with exactly one slash and holds only visible ASCII, no fragment, no backslash, and no
/// `.` or `..` segment in any spelling. So no server on the way takes it for another path.
///
/// `Debug` does not show the query, which may hold a signature.
///
/// ```
/// use downloadview::fetch::RequestTarget;
/// let target = RequestTarget::parse("/a%20b.txt?key=1")?;
/// assert_eq!(target.as_str(), "/a%20b.txt?key=1");
/// assert!(RequestTarget::parse("/a/%2e%2e/b").is_err());
/// # Ok::<(), downloadview::error::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RequestTarget(PathAndQuery);

impl RequestTarget {
    /// Checks `target`. Nothing is decoded or encoded.
    ///
    /// # Errors
    ///
    /// The rule above that it breaks.
    pub fn parse(target: &str) -> Result<Self, NameError> {
        if !target.bytes().all(|b| b.is_ascii_graphic()) || target.contains(['#', '\\']) {
            return Err(NameError::NotATarget);
        }
        let path = target.split('?').next().unwrap_or_default();
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(NameError::NotATarget);
        }
        if path.split('/').any(is_dots) {
            return Err(NameError::DotSegment);
        }
        let parsed = PathAndQuery::from_str(target).map_err(|_| NameError::NotATarget)?;
        match parsed.as_str() == target {
            true => Ok(Self(parsed)),
            false => Err(NameError::NotATarget),
        }
    }

    /// Path and query, as they are sent. The query may hold a permission: do not log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The path without the query, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The query without its question mark, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.0.query()
    }
}

/// Whether a segment is `.` or `..`, also behind a separator that a server might decode, and before
/// parameters of the segment: Java servers read `/..;a=b/` as `/../`.
fn is_dots(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).collect::<Vec<u8>>();
    let mut pieces = decoded.split(|b| matches!(b, b'/' | b'\\'));
    pieces.any(|piece| {
        let name = piece.split(|&b| b == b';').next();
        matches!(name, Some(b"." | b".."))
    })
}

impl fmt::Debug for RequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = self.query().map_or("", |_| "?…");
        write!(f, "{:?}", format!("{}{query}", self.path()))
    }
}

impl FromStr for RequestTarget {
    type Err = NameError;

    fn from_str(target: &str) -> Result<Self, NameError> {
        Self::parse(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_could_take_for_another_path_is_refused() {
        for (target, expected) in [
            ("", NameError::NotATarget),
            ("a", NameError::NotATarget),
            ("?a", NameError::NotATarget),
            ("*", NameError::NotATarget),
            ("//evil.example/a", NameError::NotATarget),
            ("http://evil.example/", NameError::NotATarget),
            ("/a b", NameError::NotATarget),
            ("/a\r\nX-Evil: 1", NameError::NotATarget),
            ("/a\tb", NameError::NotATarget),
            ("/a#b", NameError::NotATarget),
            ("/\\evil.example/", NameError::NotATarget),
            ("/é", NameError::NotATarget),
            ("/a<b", NameError::NotATarget),
            ("/..", NameError::DotSegment),
            ("/a/../b", NameError::DotSegment),
            ("/a/./b", NameError::DotSegment),
            ("/a/%2e%2E/b", NameError::DotSegment),
            ("/a/.%2e", NameError::DotSegment),
            ("/..%2fetc", NameError::DotSegment),
            ("/a%5c..%5cb", NameError::DotSegment),
            ("/a/..;/b", NameError::DotSegment),
            ("/a/.;x=y/b", NameError::DotSegment),
            ("/a/..%3Bx/b", NameError::DotSegment),
            ("/a/%2e%2e;/b", NameError::DotSegment),
        ] {
            assert_eq!(RequestTarget::parse(target), Err(expected), "{target:?}");
        }
    }

    #[test]
    fn a_target_is_sent_byte_for_byte() {
        for target in [
            "/", "/?", "/a?b?c", "/a%2Fb", "/a%zz", "/a//b", "/...", "/a?../x", "/a..;b", "/a;..",
            "/{a}\"|^",
        ] {
            let parsed = RequestTarget::parse(target);
            assert_eq!(parsed.as_ref().map(RequestTarget::as_str), Ok(target));
        }
    }

    #[test]
    fn debug_shows_no_query() {
        let target = RequestTarget::parse("/a?X-Amz-Signature=secret").unwrap();
        assert_eq!(format!("{target:?}"), "\"/a?…\"");
    }
}
