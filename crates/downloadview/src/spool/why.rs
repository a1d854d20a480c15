//! Why a file was streamed although there is a spool, and what an operator is told of it.

use std::fmt;
use std::io;

use super::folder::NotOurs;

/// Why no local copy of a file was handed to the proxy. Part of
/// [`Reason::NotSpooled`](crate::optimize::Reason::NotSpooled); [`Display`](fmt::Display) gives a
/// phrase for logs.
///
/// ```
/// use downloadview::spool::NotSpooled;
/// assert_eq!(NotSpooled::DiskFull.to_string(), "the spool's disk is full");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSpooled {
    /// The view asks for no copies.
    Off,
    /// The file lies on this machine: a rule can take it where it is.
    Local,
    /// The file has no [key](crate::File::cache_key), and the view does not ask for copies of such
    /// files.
    NoKey,
    /// What is at the file's place may change, and the file states neither a strong tag nor a date
    /// that would tell.
    NoValidator,
    /// There is a copy, whose source must be asked first whether it is still good, and this request
    /// does not ask for the bytes: it is a HEAD.
    Unasked,
    /// There is no copy yet, and the request does not ask for the bytes: it is a HEAD, or wants a
    /// [trace](crate::optimize::Asked::traced).
    NotAsked,
    /// The answer began while the copy is being made
    /// ([`Fill::While`](super::Fill::While)).
    Filling,
    /// The file is larger than a copy may be.
    TooLarge,
    /// The spool is full, and no copy in it may be removed yet.
    Full,
    /// Too many copies are being made already, or another process makes this one and does not go on.
    Busy,
    /// There is no room on the disk, or less than is to stay free.
    DiskFull,
    /// The folder cannot be written to.
    ReadOnly,
    /// Others may write into the folder, or it belongs to another user: nothing in it is used.
    NotOurs,
    /// The folder is not there.
    Missing,
    /// The disk fails, or does not answer.
    DiskFails,
    /// The source of the file failed.
    Source,
    /// There is no Tokio runtime that a copy could be made on.
    NoRuntime,
}

impl NotSpooled {
    /// How many there are, for counting.
    pub(super) const ALL: [Self; 17] = [
        Self::Off,
        Self::Local,
        Self::NoKey,
        Self::NoValidator,
        Self::Unasked,
        Self::NotAsked,
        Self::Filling,
        Self::TooLarge,
        Self::Full,
        Self::Busy,
        Self::DiskFull,
        Self::ReadOnly,
        Self::NotOurs,
        Self::Missing,
        Self::DiskFails,
        Self::Source,
        Self::NoRuntime,
    ];

    /// What an error of the disk means.
    pub(super) fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;

        match error.kind() {
            _ if NotOurs::is(error) => Self::NotOurs,
            Kind::StorageFull | Kind::QuotaExceeded => Self::DiskFull,
            Kind::FileTooLarge => Self::TooLarge,
            Kind::ReadOnlyFilesystem | Kind::PermissionDenied => Self::ReadOnly,
            Kind::NotFound | Kind::NotADirectory => Self::Missing,
            _ => Self::DiskFails,
        }
    }

    /// Whether an operator can do something about it.
    pub(super) fn is_trouble(self) -> bool {
        matches!(
            self,
            Self::Full
                | Self::TooLarge
                | Self::Busy
                | Self::DiskFull
                | Self::ReadOnly
                | Self::NotOurs
                | Self::Missing
                | Self::DiskFails
        )
    }
}

impl fmt::Display for NotSpooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "the view asks for no copies",
            Self::Local => "the file lies on this machine, where a rule can take it",
            Self::Unasked => {
                "there is a copy of it, whose source must be asked first whether it is still good, and this request does not ask"
            }
            Self::NoKey => "the file has no key that names its content",
            Self::NoValidator => {
                "the file states neither a strong tag nor a date that tells its state"
            }
            Self::NotAsked => "there is no copy of it yet, and this request makes none",
            Self::Filling => "the copy is being made while it is sent",
            Self::TooLarge => "the file is larger than a copy may be",
            Self::Full => "the spool is full, and its copies are in use",
            Self::Busy => "too many copies are being made, or another process does not go on with this one",
            Self::DiskFull => "the spool's disk is full",
            Self::ReadOnly => "the spool's folder cannot be written to",
            Self::NotOurs => {
                "others may write into the spool's folder: chmod go-w it, and chown it to the user of this program"
            }
            Self::Missing => "the spool's folder is not there",
            Self::DiskFails => "the spool's disk fails or does not answer",
            Self::Source => "the source of the file failed",
            Self::NoRuntime => "there is no runtime to make a copy on",
        })
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_a_disk_refuses_is_told_by_its_cause() {
        for (errno, why) in [
            (Errno::NOSPC, NotSpooled::DiskFull),
            (Errno::DQUOT, NotSpooled::DiskFull),
            (Errno::FBIG, NotSpooled::TooLarge),
            (Errno::ROFS, NotSpooled::ReadOnly),
            (Errno::ACCESS, NotSpooled::ReadOnly),
            (Errno::PERM, NotSpooled::ReadOnly),
            (Errno::NOENT, NotSpooled::Missing),
            (Errno::IO, NotSpooled::DiskFails),
        ] {
            assert_eq!(NotSpooled::of(&errno.into()), why, "{errno}");
            assert!(why.is_trouble());
        }
    }
}
