//! The name of a file inside a storage. Untrusted text becomes a type here, and nowhere else.
//!
//! In goes a name as it is stored ([`StorageName::parse`]), a path of a URL
//! ([`StorageName::from_url_path`]) or a relative path of this platform; out comes a
//! [`StorageName`] or a `NameError`. A path is percent-decoded once and never again.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::error::{NameError, Result};

/// What stands for itself in a path: RFC 3986's unreserved characters and the slash.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The name of a file inside a storage: one or more segments with `/` between them, relative, as
/// bytes, because that is what a file's name is on most systems.
///
/// Parsing is the only way to get one. It guarantees that there is no empty segment (so the name is
/// not absolute and does not end with a slash), no `.` or `..` segment, and no NUL byte. Everything
/// else is a valid, if unusual, file name: spaces, `%`, line feeds, bytes that are not valid UTF-8.
/// Clones share the bytes.
///
/// ```
/// use downloadview::storage::StorageName;
/// let name = StorageName::from_url_path("/sub/%C3%A9t%C3%A9%20100%25.txt").unwrap();
/// assert_eq!(name.as_bytes(), "sub/été 100%.txt".as_bytes());
/// assert_eq!(name.basename(), "été 100%.txt");
/// assert_eq!(name.to_url_path(), "sub/%C3%A9t%C3%A9%20100%25.txt");
/// assert!(StorageName::from_url_path("/%2e%2e/etc/passwd").is_err());
/// ```
#[derive(Clone)]
pub struct StorageName {
    spelling: Spelling,
    /// Where the last segment begins: it is asked for several times for each answer.
    last: usize,
}

/// Text is told from bytes once: that costs more than anything else that is asked of a name.
#[derive(Clone)]
enum Spelling {
    Text(Arc<str>),
    /// What is not valid UTF-8.
    Bytes(Arc<[u8]>),
}

impl StorageName {
    /// A name as it is stored, for instance in a database. Nothing is decoded. For a path of a URL
    /// use [`from_url_path`](Self::from_url_path).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`](crate::Error::InvalidName) with the guarantee that it breaks.
    ///
    /// ```
    /// use downloadview::storage::StorageName;
    /// assert!(StorageName::parse("reports/2026 (100%).pdf").is_ok());
    /// assert!(StorageName::parse("/etc/passwd").is_err()); // an empty first segment
    /// assert!(StorageName::parse("../secret").is_err());
    /// ```
    pub fn parse(name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        for segment in name.split(|&b| b == b'/') {
            check(segment)?;
        }
        Ok(Self::of(name))
    }

    /// A name that was checked.
    fn of(name: &[u8]) -> Self {
        Self::spelled(match std::str::from_utf8(name) {
            Ok(text) => Spelling::Text(text.into()),
            Err(_) => Spelling::Bytes(name.into()),
        })
    }

    fn spelled(spelling: Spelling) -> Self {
        let mut name = Self { spelling, last: 0 };
        let slash = name.as_bytes().iter().rposition(|&byte| byte == b'/');
        name.last = slash.map_or(0, |at| at + 1);
        name
    }

    /// The name that the path of a request states. One leading slash is removed, then each segment
    /// is percent-decoded once.
    ///
    /// A slash that was percent-encoded is an error: it does not become a separator. Segments that
    /// are `.` are dropped (RFC 3986, 5.2.4), because they mean nothing and apt asks for
    /// `./Packages`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and for a `%` without two hexadecimal digits after it.
    ///
    /// ```
    /// use downloadview::storage::StorageName;
    /// assert_eq!(StorageName::from_url_path("/a%20b.txt")?.as_str(), Some("a b.txt"));
    /// assert!(StorageName::from_url_path("/a%2Fb.txt").is_err());
    /// assert!(StorageName::from_url_path("/folder/").is_err()); // an empty last segment: 404
    /// # Ok::<(), downloadview::Error>(())
    /// ```
    pub fn from_url_path(path: &str) -> Result<Self> {
        Self::from_encoded(path.strip_prefix('/').unwrap_or(path))
    }

    /// As [`from_url_path`](Self::from_url_path), for a part of a path that a router captured. No
    /// leading slash is removed, so that a file has only one URL.
    ///
    /// # Errors
    ///
    /// As [`from_url_path`](Self::from_url_path).
    pub fn from_encoded(path: &str) -> Result<Self> {
        if cfg!(unix) && is_plain(path.as_bytes()) {
            return Ok(Self::spelled(Spelling::Text(path.into())));
        }
        let mut name = Vec::with_capacity(path.len());
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let decoded = decode(segment)?;
            if *decoded == *b"." && segments.peek().is_some() {
                continue;
            }
            if decoded.contains(&b'/') {
                return Err(NameError::Separator.into());
            }
            if *decoded == *b"." {
                // `a/.` is the folder `a/`.
                return Err(NameError::EmptySegment.into());
            }
            check(&decoded)?;
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(&decoded);
        }
        Ok(Self::of(&name))
    }

    /// The bytes of the name, with `/` between the segments.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.spelling {
            Spelling::Text(text) => text.as_bytes(),
            Spelling::Bytes(bytes) => bytes,
        }
    }

    /// The name as text; `None` if it is not valid UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.spelling {
            Spelling::Text(text) => Some(text),
            Spelling::Bytes(_) => None,
        }
    }

    /// The segments in order; at least one, and none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.as_bytes().split(|&b| b == b'/')
    }

    /// The last segment, as text for people. Bytes that are not valid UTF-8 become U+FFFD.
    #[must_use]
    pub fn basename(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.split_last().1)
    }

    /// The last segment; `None` if it is not valid UTF-8.
    pub(crate) fn basename_str(&self) -> Option<&str> {
        match &self.spelling {
            Spelling::Text(text) => Some(&text[self.last..]),
            // The bytes that are no text may stand before it.
            Spelling::Bytes(_) => std::str::from_utf8(self.split_last().1).ok(),
        }
    }

    /// The name as a part of a URL's path, without a leading slash. Every byte but `A-Z a-z 0-9 - .
    /// _ ~ /` is written as `%XX`.
    #[must_use]
    pub fn to_url_path(&self) -> String {
        strict(self.as_bytes()).into_owned()
    }

    /// The folder, if the name has more than one segment, and the last segment.
    pub(crate) fn split_last(&self) -> (Option<&[u8]>, &[u8]) {
        let name = self.as_bytes();
        match self.last {
            0 => (None, name),
            last => (Some(&name[..last - 1]), &name[last..]),
        }
    }

    /// The name as a relative path of this platform.
    #[cfg(unix)]
    pub(crate) fn to_path(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt as _;
        std::path::Path::new(std::ffi::OsStr::from_bytes(self.as_bytes()))
    }

    /// The name as a relative path of this platform.
    #[cfg(not(unix))]
    pub(crate) fn to_path(&self) -> &std::path::Path {
        // `check` let only UTF-8 in.
        std::path::Path::new(self.as_str().unwrap_or_default())
    }

    /// The name of a relative path. `None` if the path has a `..`, is absolute or names nothing.
    #[cfg(feature = "fs")]
    pub(crate) fn from_path(path: &std::path::Path) -> Option<Self> {
        use std::path::Component;

        let mut name = Vec::new();
        for component in path.components() {
            let Component::Normal(segment) = component else {
                return None;
            };
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(segment.as_encoded_bytes());
        }
        Self::parse(name).ok()
    }
}

/// Bytes as a URI's path: every one but `A-Z a-z 0-9 - . _ ~ /` as `%XX`.
pub(crate) fn strict(path: &[u8]) -> Cow<'_, str> {
    // Most paths need no encoding, and to see that is cheaper than to encode them.
    match std::str::from_utf8(path) {
        Ok(text) if is_strict(path) => Cow::Borrowed(text),
        _ => percent_encode(path, STRICT).into(),
    }
}

/// Whether [`strict`] leaves the bytes as they are.
pub(crate) fn is_strict(path: &[u8]) -> bool {
    // To the end, whatever comes: nearly all paths are, and to look at each byte alone costs more.
    path.iter()
        .fold(true, |strict, &byte| strict & PLAIN[usize::from(byte)])
}

/// Whether a byte stands for itself by [`STRICT`].
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let own = matches!(byte as u8, b'-' | b'.' | b'_' | b'~' | b'/');
        plain[byte] = own || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    plain
};

/// Whether an encoded path is the name that it states, as most are: nothing is encoded, and no
/// segment is empty or begins with a dot. What is not plain in this sense may be a name all the
/// same.
fn is_plain(path: &[u8]) -> bool {
    let mut before = b'/';
    let plain = path.iter().all(|&byte| {
        let begins = before == b'/';
        before = byte;
        PLAIN[usize::from(byte)] && !(begins && matches!(byte, b'/' | b'.'))
    });
    plain && before != b'/'
}

/// Whether a segment keeps the guarantees.
fn check(segment: &[u8]) -> Result<(), NameError> {
    match segment {
        b"" => Err(NameError::EmptySegment),
        b"." | b".." => Err(NameError::DotSegment),
        _ if segment.contains(&0) => Err(NameError::Nul),
        _ => check_platform(segment),
    }
}

#[cfg(unix)]
fn check_platform(_: &[u8]) -> Result<(), NameError> {
    Ok(())
}

/// Windows: other separators, drives and streams, devices with any extension, and names whose end
/// is removed silently.
#[cfg(not(unix))]
fn check_platform(segment: &[u8]) -> Result<(), NameError> {
    let Ok(text) = std::str::from_utf8(segment) else {
        return Err(NameError::Reserved);
    };
    if text.contains(['\\', ':']) {
        return Err(NameError::Separator);
    }
    let stem = text
        .split('.')
        .next()
        .unwrap_or(text)
        .trim_end()
        .to_ascii_uppercase();
    let device = matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || ((stem.starts_with("COM") || stem.starts_with("LPT"))
        && stem.chars().count() == 4);
    if device || text.ends_with(['.', ' ']) || text.contains(['<', '>', '"', '|', '?', '*']) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// A segment, percent-decoded once.
fn decode(segment: &str) -> Result<Cow<'_, [u8]>, NameError> {
    let bytes = segment.as_bytes();
    if !segment.contains('%') {
        return Ok(bytes.into());
    }
    for (at, _) in segment.match_indices('%') {
        let digits = bytes.get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(NameError::Percent);
        }
    }
    Ok(percent_encoding::percent_decode_str(segment).into())
}

impl PartialEq for StorageName {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for StorageName {}

impl PartialOrd for StorageName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StorageName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for StorageName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for StorageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for StorageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl std::str::FromStr for StorageName {
    type Err = crate::Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::parse(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use proptest::prelude::*;

    #[test]
    fn rejects_traversal_in_every_spelling() {
        use NameError::{DotSegment, EmptySegment, Nul, Percent, Separator};
        for (path, expected) in [
            ("..", DotSegment),
            ("/../x", DotSegment),
            ("a/../b", DotSegment),
            ("%2e%2e/x", DotSegment),
            ("%2E./x", DotSegment),
            ("a/.", EmptySegment),
            ("a/%2e", EmptySegment),
            (".", EmptySegment),
            ("./", EmptySegment),
            ("./..", DotSegment),
            ("a/./../b", DotSegment),
            ("/.//etc/passwd", EmptySegment),
            ("a%2fb", Separator),
            ("..%2f..%2fetc%2fpasswd", Separator),
            ("//etc/passwd", EmptySegment),
            ("%2fetc/passwd", Separator),
            ("a//b", EmptySegment),
            ("a/", EmptySegment),
            ("", EmptySegment),
            ("/", EmptySegment),
            ("a%00.txt", Nul),
            ("a\0", Nul),
            ("a%", Percent),
            ("a%zz", Percent),
            ("a%2", Percent),
        ] {
            let error = StorageName::from_url_path(path).unwrap_err();
            assert!(
                matches!(error, Error::InvalidName { reason } if reason == expected),
                "{path:?}: {error:?}"
            );
            assert!(error.status().is_client_error());
        }
    }

    #[test]
    fn a_captured_part_of_a_path_drops_no_slash() {
        assert!(StorageName::from_encoded("/a").is_err());
        assert_eq!(
            StorageName::from_encoded("a%20b").unwrap().as_bytes(),
            b"a b"
        );
    }

    /// apt's flat repositories: `deb URL ./`.
    #[test]
    fn a_dot_leads_nowhere() {
        for (path, expected) in [
            ("./Packages", "Packages"),
            ("/./Packages.gz", "Packages.gz"),
            ("a/./b", "a/b"),
            ("%2e/a/%2E/./b.txt", "a/b.txt"),
        ] {
            let name = StorageName::from_url_path(path).unwrap();
            assert_eq!(name.as_str(), Some(expected), "{path}");
        }
        // What is stored under a name is not a path of a URL.
        assert!(StorageName::parse("./a").is_err());
    }

    #[test]
    fn decodes_exactly_once() {
        let name = StorageName::from_url_path("%252e%252e/a%2520b").unwrap();
        assert_eq!(name.as_bytes(), b"%2e%2e/a%20b");
    }

    #[test]
    fn odd_names_are_names() {
        for name in [
            &b"a\\..\\b"[..],
            b"\xe9.txt",
            b"a\nb",
            b"...",
            b"..x",
            b"C:",
            b" ",
            b"~",
        ] {
            let parsed = StorageName::parse(name).unwrap();
            assert_eq!(
                StorageName::from_url_path(&parsed.to_url_path()).unwrap(),
                parsed
            );
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_the_way_through_a_url(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            if let Ok(name) = StorageName::parse(&bytes) {
                prop_assert_eq!(StorageName::from_url_path(&name.to_url_path()).unwrap(), name);
            }
        }

        #[test]
        fn no_text_climbs(path in "[./%2eEfF\\\\a]{0,24}") {
            if let Ok(name) = StorageName::from_url_path(&path) {
                prop_assert!(name.segments().all(|s| !s.is_empty() && s != b"." && s != b".."));
            }
        }
    }
}
