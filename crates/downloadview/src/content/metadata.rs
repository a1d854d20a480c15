//! What a content states about itself: size, dates, entity tag, media type, coding.
//!
//! Storages and files fill in a [`Metadata`]; `response::head` turns it into headers, and
//! `headers::preconditions` judges conditions by it. Two rules are kept here:
//!
//! 1. When a date or a tag may be stated at all: never one that two states of a file could share
//!    ([`Metadata::last_modified`], [`Metadata::etag`]).
//! 2. Whose word counts: what a record or a view states replaces what the storage found
//!    (`overridden_by`). `ObjectFile` then puts the size of the storage back.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::etag::{ETag, since_epoch};
#[cfg(all(feature = "fs", unix))]
use super::identity::Identity;

/// Size, dates, entity tag, media type and coding of a content.
///
/// Every part may be unknown: a generated report may know nothing, a local file knows its size and
/// its dates, an object store usually knows all of them. The default is that nothing is known.
///
/// Use the `with_…` methods to state what you know, in a [`File`](crate::File), a
/// [`Storage`](crate::storage::Storage) or a [record](crate::view::FileRecord) of your own. Of a
/// local file the library fills it in itself.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use downloadview::content::{ETag, Metadata};
///
/// let yesterday = SystemTime::now() - Duration::from_secs(86_400);
/// let metadata = Metadata::new()
///     .with_size(5_000)
///     .with_modified(yesterday)
///     .with_ranges();
/// assert_eq!(metadata.size(), Some(5_000));
/// assert!(metadata.supports_ranges());
///
/// // No tag was stated, so one is made of size and modification time.
/// assert!(metadata.etag().is_some_and(|etag| etag.is_strong()));
///
/// // A tag that is stated takes its place.
/// let metadata = metadata.with_etag(ETag::strong("v7")?);
/// assert_eq!(metadata.etag(), Some(ETag::strong("v7")?));
/// # Ok::<(), downloadview::ParseError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    /// For a local file: the modification time that the system reports. A record may state another
    /// one in `modified`.
    pub(crate) written: Option<SystemTime>,
    /// For a local file: `ctime`, the time of the last change of its bytes or its attributes. No
    /// program can set it.
    pub(crate) changed: Option<SystemTime>,
    /// Whether parts can be read on their own.
    pub(crate) ranges: bool,
    /// Another server has the file. Then only the validators that this server states are used: none
    /// is made from size and date.
    pub(crate) remote: bool,
    /// For a local file that was looked at or opened: which one it is, and whose.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) identity: Option<Identity>,
    /// What few local files have; `None` if all of it is unknown. It is large, and metadata is moved
    /// and copied for each request.
    rare: Option<Box<Rare>>,
}

/// The parts that a source states in words, and where a link led.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rare {
    etag: Option<ETag>,
    content_type: Option<HeaderValue>,
    content_encoding: Option<HeaderValue>,
    /// The media type that another server states. It counts only where neither the view nor the
    /// name tells the type.
    hearsay_type: Option<HeaderValue>,
    /// The real path of a local file, if a symbolic link led to it.
    location: Option<PathBuf>,
}

impl Metadata {
    /// Metadata in which every part is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::unknown()
    }

    /// As [`new`](Self::new), for constants.
    pub(crate) const fn unknown() -> Self {
        Self {
            size: None,
            modified: None,
            written: None,
            changed: None,
            ranges: false,
            remote: false,
            #[cfg(all(feature = "fs", unix))]
            identity: None,
            rare: None,
        }
    }

    /// The size in bytes; `None` if it is known only after reading everything.
    ///
    /// With a size the answer has a `Content-Length`; without one it is sent in chunks (HTTP/1.1),
    /// and a client sees no progress.
    #[must_use]
    #[doc(alias = "Content-Length")]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// When the content last changed, as the source states it; `None` if unknown.
    ///
    /// For a header use [`last_modified`](Self::last_modified), which leaves out times that a
    /// client must not rely on.
    #[must_use]
    #[doc(alias = "modified_time")]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The modification time, if `Last-Modified` may state it.
    ///
    /// It is `None` in these cases:
    /// - The time is unknown.
    /// - It is at or before the first second of 1970. Archives and reproducible builds give every
    ///   file that date, so it tells no two states apart.
    /// - It is in the future (RFC 9110, 8.8.2.1).
    /// - It is less than two seconds ago. The content could change again in the same second, and a
    ///   client that resumes by this date would join two states (RFC 9110, 8.8.2.2).
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use downloadview::content::Metadata;
    ///
    /// let now = SystemTime::now();
    /// let fresh = Metadata::new().with_modified(now);
    /// assert_eq!(fresh.last_modified(), None);
    ///
    /// let settled = Metadata::new().with_modified(now - Duration::from_secs(60));
    /// assert!(settled.last_modified().is_some());
    /// ```
    #[must_use]
    pub fn last_modified(&self) -> Option<SystemTime> {
        let modified = self.modified?;
        since_epoch(modified)?;
        is_past(modified).then_some(modified)
    }

    /// The modification time and the size that a proxy on this machine sees of the file.
    pub(crate) fn seen_by_proxies(&self) -> Option<(SystemTime, u64)> {
        if self.remote {
            return None;
        }
        self.written.or(self.modified).zip(self.size)
    }

    /// Whether the modification time in whole seconds tells this state of the file from every other
    /// one. If it does, so do the tags of proxies that are made of whole seconds and the size only.
    ///
    /// It does not while a second change could fall into the same second. It does not either for a
    /// file whose time was set to something other than its last change (`ctime`): a file that was
    /// copied, unpacked or renamed has a date that another file of the same size may have as well.
    pub(crate) fn is_told_by_seconds(&self) -> bool {
        let Some((written, _)) = self.seen_by_proxies() else {
            return false;
        };
        let changed = self.changed.unwrap_or(written);
        let apart = changed.duration_since(written);
        let apart = apart.unwrap_or_else(|earlier| earlier.duration());
        since_epoch(written).is_some() && is_past(written) && apart < SETTLED
    }

    /// Whether the content changed after `since`, compared in whole seconds as HTTP dates are.
    ///
    /// `true` if the modification time is unknown or must not be relied on: then the client gets
    /// the content again, which is always correct.
    #[must_use]
    pub fn changed_after(&self, since: SystemTime) -> bool {
        self.last_modified()
            .is_none_or(|modified| whole_seconds(modified) > whole_seconds(since))
    }

    /// The entity tag: the stated one, or else one made of the size, the modification time and, for
    /// a local file, the time of its last change (`ctime`), as [`ETag::of_file`] does.
    ///
    /// A tag that is made here is always strong. None is made where only whole seconds are known
    /// and they are less than two seconds ago: the next change could have the same tag. None is
    /// made either for a file of another server. Such a file has the tag that its server states,
    /// strong or weak, or none: any other tag would mean nothing to that server.
    #[must_use]
    pub fn etag(&self) -> Option<ETag> {
        if let Some(etag) = self.stated_etag() {
            return Some(etag.clone());
        }
        if self.remote {
            return None;
        }
        let (modified, size) = (self.modified?, self.size?);
        let mut times = [Some(modified), self.changed].into_iter().flatten();
        if times.all(|time| subsecond(time) == 0) && !is_past(modified) {
            return None;
        }
        ETag::of_file(modified, size, self.changed)
    }

    /// The media type that the source states; `None` means that the name of the file decides
    /// ([`content_type_of`](crate::headers::content_type_of)).
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.rare.as_ref()?.content_type.as_ref()
    }

    /// The coding that the stored bytes already have, such as `gzip` or `br`, if the source states
    /// one.
    ///
    /// The client undoes it. Nothing here compresses or decompresses.
    #[must_use]
    pub fn content_encoding(&self) -> Option<&HeaderValue> {
        self.rare.as_ref()?.content_encoding.as_ref()
    }

    /// Whether a part can be read without reading the whole. If so, the answer says `Accept-Ranges:
    /// bytes` and a client may resume.
    #[must_use]
    #[doc(alias = "Accept-Ranges")]
    pub fn supports_ranges(&self) -> bool {
        self.ranges
    }

    /// The real path of a local file, if a symbolic link led to it.
    ///
    /// [`LocalStorage`](crate::storage::LocalStorage) states it so that a rule does not hand a
    /// proxy a path with a link in it, which the proxy may refuse to follow.
    #[must_use]
    pub fn location(&self) -> Option<&Path> {
        self.rare.as_ref()?.location.as_deref()
    }

    /// The tag that the source states; none is made here.
    pub(crate) fn stated_etag(&self) -> Option<&ETag> {
        self.rare.as_ref()?.etag.as_ref()
    }

    /// The media type that another server states.
    pub(crate) fn hearsay_type(&self) -> Option<&HeaderValue> {
        self.rare.as_ref()?.hearsay_type.as_ref()
    }

    pub(crate) fn set_etag(&mut self, etag: Option<ETag>) {
        self.change(|rare| rare.etag = etag);
    }

    pub(crate) fn set_hearsay_type(&mut self, content_type: Option<HeaderValue>) {
        self.change(|rare| rare.hearsay_type = content_type);
    }

    #[cfg(feature = "fs")]
    pub(crate) fn set_location(&mut self, location: Option<PathBuf>) {
        self.change(|rare| rare.location = location);
    }

    /// Changes what is boxed, and leaves no box around nothing.
    fn change(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().unwrap_or_default();
        change(&mut rare);
        self.rare = (*rare != Rare::default()).then_some(rare);
    }

    /// This metadata, with every part that `stated` knows put in its place. Whether there are
    /// ranges and where the file lies stay as they are: only the storage knows.
    pub(crate) fn overridden_by(mut self, stated: &Self) -> Self {
        self.size = stated.size.or(self.size);
        self.modified = stated.modified.or(self.modified);
        if let Some(stated) = &stated.rare {
            let stated = stated.clone();
            self.change(|rare| {
                rare.etag = stated.etag.or(rare.etag.take());
                rare.content_type = stated.content_type.or(rare.content_type.take());
                rare.content_encoding = stated.content_encoding.or(rare.content_encoding.take());
            });
        }
        self
    }

    /// This metadata, with type and coding as `said` states them.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn typed_as(mut self, said: Self) -> Self {
        if let Some(said) = said.rare {
            self.change(|rare| {
                rare.content_type = said.content_type;
                rare.content_encoding = said.content_encoding;
                rare.hearsay_type = said.hearsay_type;
            });
        }
        self
    }

    /// What a file states of a content that its source describes so: `stated` takes the place of what
    /// was found, but for the size. If no tag is stated, the tag is that of the source, whatever
    /// date is stated.
    pub(crate) fn restated_by(self, stated: &Self) -> Self {
        let (size, etag) = (self.size(), self.etag());
        let mut described = self.overridden_by(stated);
        described.size = size;
        described.set_etag(stated.stated_etag().cloned().or(etag));
        described
    }

    /// States the size in bytes. Default: unknown.
    ///
    /// A stated size is a promise. If the bytes turn out to be fewer or more, the connection is
    /// closed early, so that a client never takes half a file for a whole one.
    #[must_use]
    pub fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// States the time of the last change. Default: unknown.
    #[must_use]
    pub fn with_modified(mut self, modified: SystemTime) -> Self {
        self.modified = Some(modified);
        self
    }

    /// States the entity tag. Default: made of size and date, see [`etag`](Self::etag).
    ///
    /// State one if a version number or a digest of the bytes is known: it is better than any date.
    #[must_use]
    pub fn with_etag(mut self, etag: ETag) -> Self {
        self.set_etag(Some(etag));
        self
    }

    /// States the media type. Default: by the name of the file.
    #[must_use]
    pub fn with_content_type(mut self, content_type: HeaderValue) -> Self {
        self.change(|rare| rare.content_type = Some(content_type));
        self
    }

    /// States the coding that the stored bytes already have, such as `gzip`. Default: none.
    ///
    /// ```
    /// use downloadview::content::Metadata;
    /// use downloadview::headers::content_coding;
    ///
    /// let metadata = Metadata::new().with_content_encoding(content_coding("gzip")?);
    /// assert_eq!(metadata.content_encoding().unwrap(), "gzip");
    /// # Ok::<(), downloadview::ParseError>(())
    /// ```
    #[must_use]
    pub fn with_content_encoding(mut self, content_encoding: HeaderValue) -> Self {
        self.change(|rare| rare.content_encoding = Some(content_encoding));
        self
    }

    /// States that parts can be read on their own. Default: they cannot.
    ///
    /// [`Content::from_bytes`](super::Content::from_bytes) and
    /// [`Content::ranged`](super::Content::ranged) state it themselves.
    #[must_use]
    pub fn with_ranges(mut self) -> Self {
        self.ranges = true;
        self
    }
}

/// After this long, a time in whole seconds tells two changes apart: one second for the resolution
/// of HTTP dates, and one for the difference between the clocks of servers.
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
