//! The target of a request to another server: a path and a query, checked once and sent byte for
//! byte.

use std::fmt;
use std::str::FromStr;

use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

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

/// What stands for itself in a segment of a path: RFC 3986's unreserved characters.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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

    /// The target whose path has these segments, as text that is not percent-encoded: names out of a
    /// database, [`RouteParameters`](crate::view::RouteParameters). It has no query.
    ///
    /// Each segment is percent-encoded, every byte but `A-Z a-z 0-9 - . _ ~`. So a segment stays one
    /// segment whatever it holds: a `?` begins no query, a `/` ends nothing, and `%3F` is these three
    /// characters. A text with several segments is split at its slashes before.
    ///
    /// ```
    /// use downloadview::fetch::RequestTarget;
    /// let target = RequestTarget::from_segments(["reports", "50% of what?.pdf"])?;
    /// assert_eq!(target.as_str(), "/reports/50%25%20of%20what%3F.pdf");
    /// let target = RequestTarget::from_segments("2026/q3 (new).pdf".split('/'))?;
    /// assert_eq!(target.as_str(), "/2026/q3%20%28new%29.pdf");
    /// assert!(RequestTarget::from_segments(["reports", "..", "keys"]).is_err());
    /// # Ok::<(), downloadview::error::NameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NameError::EmptySegment`] if a segment is empty or there is none,
    /// [`NameError::DotSegment`] if one is `.` or `..` or could be taken for it,
    /// [`NameError::Control`] if one holds a control character, and [`NameError::NotATarget`] if the
    /// whole is longer than 65,534 bytes.
    pub fn from_segments<S: AsRef<str>>(
        segments: impl IntoIterator<Item = S>,
    ) -> Result<Self, NameError> {
        let mut path = String::new();
        for segment in segments {
            let segment = segment.as_ref();
            if segment.is_empty() {
                return Err(NameError::EmptySegment);
            }
            if segment.contains(char::is_control) {
                return Err(NameError::Control);
            }
            path.push('/');
            path.extend(utf8_percent_encode(segment, UNRESERVED));
        }
        match path.is_empty() {
            true => Err(NameError::EmptySegment),
            false => Self::parse(&path),
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
    fn a_segment_stays_one_segment_whatever_it_holds() {
        for (segment, expected) in [
            ("a?b=c", "/of/a%3Fb%3Dc/end"),
            ("%3F", "/of/%253F/end"),
            ("%2e%2e", "/of/%252e%252e/end"),
            ("a#b", "/of/a%23b/end"),
            ("a/b", "/of/a%2Fb/end"),
            ("//evil.example", "/of/%2F%2Fevil.example/end"),
            ("a\\b", "/of/a%5Cb/end"),
            ("a b+c", "/of/a%20b%2Bc/end"),
            ("été", "/of/%C3%A9t%C3%A9/end"),
            ("{x};\"'", "/of/%7Bx%7D%3B%22%27/end"),
            ("...", "/of/.../end"),
        ] {
            let target = RequestTarget::from_segments(["of", segment, "end"]).unwrap();
            assert_eq!(target.as_str(), expected, "{segment:?}");
            assert_eq!((target.path(), target.query()), (expected, None));
        }
    }

    #[test]
    fn segments_that_climb_or_are_not_text_are_refused() {
        for (segment, expected) in [
            ("", NameError::EmptySegment),
            (".", NameError::DotSegment),
            ("..", NameError::DotSegment),
            ("../keys", NameError::DotSegment),
            ("a\\..\\b", NameError::DotSegment),
            ("..;a=b", NameError::DotSegment),
            ("a\r\nX-Evil: 1", NameError::Control),
            ("a\0", NameError::Control),
            ("a\u{85}b", NameError::Control),
        ] {
            let refused = RequestTarget::from_segments(["of", segment]);
            assert_eq!(refused, Err(expected), "{segment:?}");
        }
        assert_eq!(
            RequestTarget::from_segments([""; 0]),
            Err(NameError::EmptySegment)
        );
        let long = "a".repeat(65_535);
        assert_eq!(
            RequestTarget::from_segments([long]),
            Err(NameError::NotATarget)
        );
    }

    #[test]
    fn debug_shows_no_query() {
        let target = RequestTarget::parse("/a?X-Amz-Signature=secret").unwrap();
        assert_eq!(format!("{target:?}"), "\"/a?…\"");
    }
}
