//! The key of an object: the storage's prefix and the file's name, in the one spelling that every
//! store takes.

use object_store::path::Path;

use crate::error::{BuildError, Error, Result};
use crate::storage::StorageName;

/// The longest key, in bytes of UTF-8: that of S3 and GCS; Azure counts 1,024 characters.
const LONGEST: usize = 1024;

/// What stands before every name: nothing, or segments with a slash after each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    /// `media` and `media/` are the same; nothing is the whole bucket.
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let segments = text.strip_suffix('/').unwrap_or(text);
        match path(segments) {
            Some(_) => Ok(Self(format!("{segments}/"))),
            None => Err(BuildError::new(
                "the prefix of a bucket is segments with `/` between them: no slash at its start, no empty segment, no `.`, \
                 no `..`, no control character, at most 1,024 bytes",
            )),
        }
    }

    /// The key of a file.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that no object can have here: not UTF-8, with a control
    /// character, too long.
    pub(super) fn key(&self, name: &StorageName) -> Result<Path> {
        let name = name.as_str().ok_or(Error::NotFound)?;
        path(&[&self.0, name].concat()).ok_or(Error::NotFound)
    }

    /// A key's text, as bytes: also where no object can have it.
    pub(super) fn text(&self, name: &StorageName) -> Vec<u8> {
        [self.0.as_bytes(), name.as_bytes()].concat()
    }
}

/// A key that arrives as it was sent: `Path::parse` drops a slash at either end, and another object
/// would answer.
fn path(key: &str) -> Option<Path> {
    let parsed = Path::parse(key).ok()?;
    let same = !key.is_empty() && parsed.as_ref() == key;
    (same && key.len() <= LONGEST).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(prefix: &str, name: &[u8]) -> Option<String> {
        let name = StorageName::parse(name).ok()?;
        let key = Prefix::parse(prefix).unwrap().key(&name);
        key.ok().map(|key| key.to_string())
    }

    #[test]
    fn a_key_is_the_prefix_and_the_name_as_they_are() {
        for name in [
            "a",
            "+ % ? # \\ \"",
            " a ",
            "a%2Fb",
            "👩\u{200d}👧.txt",
            "\u{85}",
            "...",
        ] {
            assert_eq!(key("", name.as_bytes()).as_deref(), Some(name));
            let below = key("media/2026", name.as_bytes());
            assert_eq!(below, Some(format!("media/2026/{name}")));
        }
        assert_eq!(key("media/", b"a"), key("media", b"a"));
    }

    #[test]
    fn a_name_that_no_object_can_have_is_not_found() {
        for name in [b"a\nb".as_slice(), b"\x7f", b"\xe9", &[b'a'; 1025]] {
            assert_eq!(key("", name), None);
        }
        assert_eq!(key("", &[b'a'; 1024]).map(|key| key.len()), Some(1024));
        assert_eq!(key("p", &[b'a'; 1023]), None);
    }

    #[test]
    fn a_key_that_would_arrive_as_another_is_not_a_key() {
        for key in ["", "/", "/a", "a/", "a//b", ".", "a/..", "./a", "a\0"] {
            assert_eq!(path(key), None, "{key:?}");
        }
    }

    #[test]
    fn a_prefix_that_is_not_segments_is_refused() {
        for prefix in ["/", "/media", "media//", "a//b", "a/../b", "a\n"] {
            assert!(Prefix::parse(prefix).is_err(), "{prefix:?}");
        }
        assert_eq!(Prefix::parse("").unwrap(), Prefix::default());
    }
}
