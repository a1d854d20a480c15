//! What a column is for.

use std::fmt;

/// What a column of a row says of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Finds the row. A text, an integer or a UUID; its values should be unique.
    Lookup,
    /// The file's name in the storage: a text.
    File,
    /// The name for the client: a text.
    Basename,
    /// The media type: a text such as `application/pdf`.
    ContentType,
    /// The coding that the stored bytes have: a text such as `gzip`.
    ContentEncoding,
    /// The size in bytes: an integer.
    Size,
    /// The time of the last change: a date with time, in UTC unless it has a zone, or an integer of seconds since 1970.
    Modified,
    /// The entity tag: a text, with its quotes or without.
    Etag,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "lookup",
            Self::File => "file",
            Self::Basename => "basename",
            Self::ContentType => "content type",
            Self::ContentEncoding => "content encoding",
            Self::Size => "size",
            Self::Modified => "modified",
            Self::Etag => "etag",
        })
    }
}
