//! What a content says of itself; every part may be unknown.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::etag::{ETag, since_epoch};

/// Size, dates, tag and types of a content. Everything is optional: a generated report may know
/// nothing, a local file knows its size and date, an object store knows it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    /// Of a local file, what the system says: a record may state another modification time.
    pub(crate) written: Option<SystemTime>,
    pub(crate) changed: Option<SystemTime>,
    pub(crate) etag: Option<ETag>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content_encoding: Option<HeaderValue>,
    /// What another server calls the type: it counts only where nobody here knows one.
    pub(crate) hearsay_type: Option<HeaderValue>,
    pub(crate) ranges: bool,
    /// Another server has it: its validators are those that it states, and none is made up.
    pub(crate) remote: bool,
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
    /// the first second of 1970 (it distinguishes nothing), in the future (RFC 9110, 8.8.2.1), or
    /// less than two seconds ago: the content could change once more in the same second, and a client
    /// that resumes by that date would join two states (RFC 9110, 8.8.2.2).
    #[must_use]
    pub fn last_modified(&self) -> Option<SystemTime> {
        let modified = self.modified?;
        since_epoch(modified)?;
        is_past(modified).then_some(modified)
    }

    /// The modification time that a proxy sees of the file, and its size.
    pub(crate) fn seen_by_proxies(&self) -> Option<(SystemTime, u64)> {
        if self.remote {
            return None;
        }
        self.written.or(self.modified).zip(self.size)
    }

    /// Whether whole seconds of that time tell the state of the file from every other, and with them
    /// the tags of proxies that are made of no more.
    ///
    /// Not while a second change could fall into the same second, and not for a file whose time was
    /// set to something else than its last change (`ctime`): copied, unpacked or renamed, with a
    /// date that another file of the same size may have as well.
    pub(crate) fn is_told_by_seconds(&self) -> bool {
        let Some((written, _)) = self.seen_by_proxies() else {
            return false;
        };
        let changed = self.changed.unwrap_or(written);
        let apart = changed.duration_since(written);
        let apart = apart.unwrap_or_else(|earlier| earlier.duration());
        since_epoch(written).is_some() && is_past(written) && apart < SETTLED
    }

    /// Whether the content changed after `since`, in whole seconds; yes if nobody knows.
    #[must_use]
    pub fn changed_after(&self, since: SystemTime) -> bool {
        self.last_modified()
            .is_none_or(|modified| whole_seconds(modified) > whole_seconds(since))
    }

    /// The entity tag: the stated one, else one made of size, modification time and, for a local
    /// file, the time of its last change (`ctime`). Always strong, or none: not where only whole
    /// seconds are known, and they are less than two ago. A file of another server has the tag that
    /// this one states, strong or weak, or none: no other would mean anything to it.
    #[must_use]
    pub fn etag(&self) -> Option<ETag> {
        if let Some(etag) = &self.etag {
            return Some(etag.clone());
        }
        if self.remote {
            return None;
        }
        let (modified, size) = (self.modified?, self.size?);
        let mut times = [Some(modified), self.changed].into_iter().flatten();
        if !is_past(modified) && times.all(|time| subsecond(time) == 0) {
            return None;
        }
        ETag::of_file(modified, size, self.changed)
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
    pub fn supports_ranges(&self) -> bool {
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
            written: self.written,
            changed: self.changed,
            etag: stated.etag.or(self.etag),
            content_type: stated.content_type.or(self.content_type),
            content_encoding: stated.content_encoding.or(self.content_encoding),
            hearsay_type: self.hearsay_type,
            ranges: self.ranges,
            remote: self.remote,
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

/// After this long a time in whole seconds tells two changes apart: one second, and what clocks of
/// servers differ by.
const SETTLED: Duration = Duration::from_secs(2);

fn is_past(time: SystemTime) -> bool {
    let age = SystemTime::now().duration_since(time);
    age.is_ok_and(|age| age >= SETTLED)
}

fn subsecond(time: SystemTime) -> u32 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos())
}

/// Whole seconds since 1970, as HTTP dates count; a time before that is 0.
pub(crate) fn whole_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// What an ordinary file of ten bytes says of itself, changed this long ago in the middle of a
    /// second.
    fn written(ago: Duration) -> Metadata {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let time = UNIX_EPOCH + Duration::new((now - ago).as_secs(), 500_000_000);
        let mut metadata = Metadata::new().with_size(10).with_modified(time);
        metadata.changed = Some(time);
        metadata
    }

    #[test]
    fn a_file_replaced_within_one_second_keeps_no_validator() {
        // Of the first state: no date, and a tag that knows more than seconds.
        let first = written(Duration::from_secs(1));
        assert_eq!(first.last_modified(), None);
        assert!(!first.is_told_by_seconds());
        let mut second = first.clone();
        second.modified = first.modified.map(|time| time + Duration::from_millis(100));
        assert_ne!(first.etag(), second.etag());
        // Whole seconds are all that some file systems know.
        let whole = UNIX_EPOCH + Duration::from_secs(whole_seconds(first.modified.unwrap()));
        let mut coarse = first.with_modified(whole);
        coarse.changed = Some(whole);
        assert_eq!(coarse.etag(), None);
        let settled = written(Duration::from_secs(5));
        assert!(settled.last_modified().is_some() && settled.is_told_by_seconds());
    }

    #[test]
    fn a_rename_that_keeps_size_and_date_changes_the_tag() {
        let old = written(Duration::from_secs(100));
        let mut renamed = old.clone();
        renamed.changed = old.changed.map(|time| time + Duration::from_secs(50));
        assert_ne!(old.etag(), renamed.etag());
        assert!(old.is_told_by_seconds() && !renamed.is_told_by_seconds());
    }

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
