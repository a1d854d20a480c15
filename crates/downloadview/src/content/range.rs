//! A part of a content, as plain offsets.

/// Bytes `start..end` of a content, `end` excluded; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// The bytes from `start` up to, not including, `end`; `None` if there are none.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Offset of the first byte.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Offset after the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many bytes; at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        self.end - self.start
    }
}
