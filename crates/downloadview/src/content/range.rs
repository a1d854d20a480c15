//! One part of a content, as two plain offsets. Headers state the last byte; here the end is
//! excluded, so that lengths need no `+ 1`. `headers::range` makes these of a `Range` header.

/// The bytes `start..end` of a content. `end` is excluded, and a range is never empty.
///
/// ```
/// use downloadview::content::ByteRange;
///
/// let first_kilobyte = ByteRange::new(0, 1024).expect("not empty");
/// assert_eq!(first_kilobyte.len(), 1024);
/// assert_eq!(first_kilobyte.end(), 1024); // the offset after the last byte
/// assert_eq!(ByteRange::new(7, 7), None); // no bytes, so not a range
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// The bytes from `start` up to, but not including, `end`, both counted in bytes from 0. `None`
    /// if there are no bytes between the two.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Offset of the first byte, from 0.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset after the last byte. `Content-Range` states the byte before it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Number of bytes; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        self.end - self.start
    }
}
