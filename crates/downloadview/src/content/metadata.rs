//! What a content says of itself; every part may be unknown.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use http::HeaderValue;

use super::etag::{ETag, since_epoch};

/// Size, dates, tag and types of a content. Everything is optional: a generated report may know
/// nothing, a local file knows its size and date, an object store knows it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) etag: Option<ETag>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content_encoding: Option<HeaderValue>,
    pub(crate) ranges: bool,
    pub(crate) location: Option<PathBuf>,
}

impl Metadata {
    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Size in bytes; `None` when only reading tells.
    #[must_use]
    #[doc(alias = "Content-Length")]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// When the content last changed.
    #[must_use]
    #[doc(alias = "modified_time")]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The modification time as `Last-Modified` may state it: `None` when unknown, at or before
    /// the first second of 1970 (it distinguishes nothing), or in the future (RFC 9110, 8.8.2.1).
    #[must_use]
    pub fn last_modified(&self) -> Option<SystemTime> {
        let modified = self.modified?;
        since_epoch(modified)?;
        (modified <= SystemTime::now()).then_some(modified)
    }

    /// Whether the content changed after `since`, in whole seconds; yes if nobody knows.
    #[must_use]
    pub fn changed_after(&self, since: SystemTime) -> bool {
        self.last_modified()
            .is_none_or(|modified| whole_seconds(modified) > whole_seconds(since))
    }

    /// The entity tag: the stated one, else one made of size and modification time.
    #[must_use]
    pub fn etag(&self) -> Option<ETag> {
        match (&self.etag, self.modified, self.size) {
            (Some(etag), ..) => Some(etag.clone()),
            (None, Some(modified), Some(size)) => ETag::of_file(modified, size),
            _ => None,
        }
    }

    /// Media type that the source states; `None` leaves it to the name.
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.content_type.as_ref()
    }

    /// Coding that the stored bytes already have (`gzip`, `br`), from the source.
    #[must_use]
    pub fn content_encoding(&self) -> Option<&HeaderValue> {
        self.content_encoding.as_ref()
    }

    /// Whether parts can be read without reading the whole: then ranges are offered.
    #[must_use]
    #[doc(alias = "Accept-Ranges")]
    pub fn ranges(&self) -> bool {
        self.ranges
    }

    /// Where a local file really lies, if a symbolic link led to it.
    #[must_use]
    pub fn location(&self) -> Option<&Path> {
        self.location.as_deref()
    }

    /// This, with everything that `stated` knows in its place; ranges and location stay.
    pub(crate) fn overridden_by(self, stated: &Self) -> Self {
        let stated = stated.clone();
        Self {
            size: stated.size.or(self.size),
            modified: stated.modified.or(self.modified),
            etag: stated.etag.or(self.etag),
            content_type: stated.content_type.or(self.content_type),
            content_encoding: stated.content_encoding.or(self.content_encoding),
            ranges: self.ranges,
            location: self.location,
        }
    }

    /// States the size in bytes.
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// States the time of the last change.
    #[must_use]
    pub fn with_modified(mut self, modified: SystemTime) -> Self {
        self.modified = Some(modified);
        self
    }

    /// States the entity tag.
    #[must_use]
    pub fn with_etag(mut self, etag: ETag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// States the media type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: HeaderValue) -> Self {
        self.content_type = Some(content_type);
        self
    }

    /// States the coding of the stored bytes.
    #[must_use]
    pub fn with_content_encoding(mut self, content_encoding: HeaderValue) -> Self {
        self.content_encoding = Some(content_encoding);
        self
    }

    /// States that parts can be read on their own.
    #[must_use]
    pub fn with_ranges(mut self) -> Self {
        self.ranges = true;
        self
    }
}

/// Whole seconds since 1970, as HTTP dates count; a time before that is 0.
pub(crate) fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_date_in_the_future_is_no_validator() {
        let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
        assert_eq!(
            Metadata::new().with_modified(tomorrow).last_modified(),
            None
        );
    }

    #[test]
    fn a_date_before_1970_neither_panics_nor_validates() {
        let metadata = Metadata::new()
            .with_size(3)
            .with_modified(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(metadata.last_modified(), None);
        assert_eq!(metadata.etag(), None);
    }

    #[test]
    fn a_stated_tag_wins_over_a_made_one() {
        let etag = ETag::strong("digest").unwrap();
        let metadata = Metadata::new()
            .with_size(3)
            .with_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
            .with_etag(etag.clone());
        assert_eq!(metadata.etag(), Some(etag));
    }
}
