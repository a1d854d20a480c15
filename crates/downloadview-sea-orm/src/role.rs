//! What a column is for: the roles that columns of a row have for a download.

use std::fmt;

/// What a column of a row tells about the file. The argument of
/// [`Table::column`](crate::Table::column); an [`EntityView`](crate::EntityView) has a method for
/// each.
///
/// [`Display`](fmt::Display) gives the role in words, for messages:
///
/// ```
/// use downloadview_sea_orm::Role;
/// assert_eq!(Role::ContentType.to_string(), "content type");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It finds the row: a text, an integer or a UUID. Its values should be unique, because a value
    /// that several rows have is 404.
    Lookup,
    /// The file's name in the storage: a text.
    File,
    /// The name that the client sees: a text.
    Basename,
    /// The media type: a text such as `application/pdf`.
    ContentType,
    /// The coding that the stored bytes already have: a text such as `gzip`.
    ContentEncoding,
    /// The size in bytes: an integer. It is never the length of an answer, which is that of the
    /// storage's file; a row that states another one is logged at WARN, once a minute.
    Size,
    /// The time of the last change: a date with time (UTC if it has no zone), or an integer of
    /// seconds since 1970.
    Modified,
    /// The entity tag: a text, with or without its quotes.
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
