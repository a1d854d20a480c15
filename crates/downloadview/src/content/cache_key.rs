//! What names the content of a file for as long as a copy of it is kept.
//!
//! `File::cache_key` gives one, and the spool makes the name of a local copy from it. The inputs
//! are hashed (SHA-256), because a part of them may come from a client: nobody can choose inputs
//! that lead to the copy of another file. The hash tells nothing of what went in.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{ETag, Metadata};

/// How many bytes of the hash are kept.
const LENGTH: usize = 24;

/// Names the content of a file, so that a copy of it can be found again.
///
/// Two files with the same key share one copy, whatever they are called. There are two kinds:
///
/// | kind | the same key means | a copy is used |
/// |---|---|---|
/// | [`of_content`](Self::of_content) | the same bytes, always | as it is |
/// | [`of_place`](Self::of_place) | the same place, where other bytes may be by now | while the validator of the file (`ETag`, `Last-Modified`) is still the one that the copy was made of |
///
/// ```
/// use downloadview::content::CacheKey;
/// use downloadview::file::VirtualFile;
///
/// // Everything that the bytes depend on, and nothing else.
/// let (customer, month, version) = ("4711", "2026-03", "v7");
/// let key = CacheKey::of_content(["invoices", customer, month, version]);
/// let rows = (0..3).map(|row| format!("{row}\n"));
/// let file = VirtualFile::from_chunks("invoices.csv", rows).cache_key(key);
/// # let _ = file;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CacheKey {
    hash: [u8; LENGTH],
    changes: bool,
    /// What the file states in place of what its source states. It belongs to the answer, and is
    /// not part of the key.
    stated: Option<Box<Metadata>>,
}

impl CacheKey {
    /// A key for content that never changes: whenever the `inputs` are the same, so is every byte.
    ///
    /// The inputs are all that the bytes depend on: identifiers, parameters, a version, the date of
    /// the data. If one is missing, a client may get the content of another.
    #[must_use]
    pub fn of_content<I>(inputs: I) -> Self
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        Self::of("content", false, inputs)
    }

    /// A key for a place whose content may change: the URL of a file, or a storage and a name.
    ///
    /// The file must state a strong `ETag` or a date when it is opened. If it states neither, no
    /// copy is kept.
    #[must_use]
    pub fn of_place<I>(inputs: I) -> Self
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        Self::of("place", true, inputs)
    }

    fn of<I>(kind: &str, changes: bool, inputs: I) -> Self
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let mut hasher = Sha256::new();
        hasher.update(kind);
        for input in inputs {
            let input = input.as_ref();
            // With its length, so that ["ab", "c"] and ["a", "bc"] are two keys.
            hasher.update((input.len() as u64).to_le_bytes());
            hasher.update(input);
        }
        let mut hash = [0; LENGTH];
        hash.copy_from_slice(&hasher.finalize()[..LENGTH]);
        Self {
            hash,
            changes,
            stated: None,
        }
    }

    /// Whether other bytes may have the same key later on.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.changes
    }

    /// The tag of content that never changes: the key itself. `None` if it may change.
    #[must_use]
    pub fn etag(&self) -> Option<ETag> {
        match self.changes {
            true => None,
            false => ETag::strong(&self.to_string()).ok(),
        }
    }

    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn hash(&self) -> [u8; LENGTH] {
        self.hash
    }

    /// The same key, for a file that states this in place of what its source does.
    pub(crate) fn stating(mut self, stated: Metadata) -> Self {
        self.stated = Some(Box::new(match self.stated {
            Some(before) => before.restated_by(&stated),
            None => stated,
        }));
        self
    }

    /// What the file says of a content that its source describes as `found`.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn described(&self, found: Metadata) -> Metadata {
        match &self.stated {
            Some(stated) => found.restated_by(stated),
            None => found,
        }
    }
}

/// The hash, in hexadecimal.
impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.changes {
            true => "place",
            false => "content",
        };
        write!(f, "CacheKey({kind} {self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_that_are_cut_elsewhere_are_another_key() {
        let key = |inputs: &[&str]| CacheKey::of_content(inputs);
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a"]), CacheKey::of_place(["a"]));
    }

    #[test]
    fn content_that_never_changes_has_its_key_as_tag() {
        let key = CacheKey::of_content(["a"]);
        assert_eq!(key.etag().unwrap().as_str(), format!("\"{key}\""));
        assert_eq!(CacheKey::of_place(["a"]).etag(), None);
    }

    #[test]
    fn what_was_stated_last_counts() {
        let tag = |text| ETag::strong(text).unwrap();
        let key = CacheKey::of_place(["a"])
            .stating(Metadata::new().with_etag(tag("row")))
            .stating(Metadata::new().with_etag(tag("option")));
        let found = Metadata::new().with_size(5).with_etag(tag("source"));
        let described = key.described(found);
        assert_eq!(
            (described.etag(), described.size()),
            (Some(tag("option")), Some(5))
        );
    }
}
