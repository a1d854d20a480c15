//! What can go wrong between a request and its file, and the HTTP status that says so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file that cannot be found, named, read or delivered, or a setting that cannot work.
///
/// The texts are safe to log, and all but those of [`Error::Misconfigured`] are safe to show: they
/// hold no path of the server and no secret. Where the operating system gave a reason, [`source`](std::error::Error::source) has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing that may be downloaded has this name: missing, a directory, a socket, a link that
    /// the storage does not follow. 404.
    #[error("no such file")]
    #[doc(alias = "FileNotFound")]
    NotFound,
    /// The file is there, and the process or the caller may not read it. 403.
    #[error("reading this file is not permitted")]
    Forbidden,
    /// Downloads answer GET and HEAD only. 405, with `Allow`.
    #[error("downloads answer GET and HEAD only")]
    MethodNotAllowed,
    /// The request itself is wrong. 400.
    #[error("{reason}")]
    BadRequest {
        /// What is wrong with it, fit to be shown.
        reason: &'static str,
    },
    /// The text cannot name a file at all. 400, or 404 where a part of it is merely empty.
    #[error("not a file name: {reason}")]
    InvalidName {
        /// What is wrong with it.
        reason: NameError,
    },
    /// The server is out of a resource (file descriptors, a database) for now. 503 with `Retry-After`.
    /// Made by [`Error::unavailable`].
    #[error("temporarily out of resources")]
    #[non_exhaustive]
    Unavailable {
        /// What the operating system said.
        #[source]
        source: io::Error,
        /// When a client should ask again. Default: after 5 s.
        retry_after: Duration,
        /// Whether somebody logged the outage when it began: then this request, which is merely refused,
        /// is logged at DEBUG and not at ERROR. Default: no.
        already_logged: bool,
    },
    /// The server that has the file did not answer in time, or not as it should. 504 or 502.
    /// Made by [`Error::upstream`].
    #[error("the origin {origin} failed: {fault}")]
    #[non_exhaustive]
    Upstream {
        /// Host and port of that server.
        origin: Arc<str>,
        /// What it did.
        fault: UpstreamFault,
        /// What the operating system or the protocol said.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Opening or reading failed for another reason. 500.
    #[error("reading the file failed")]
    Io {
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The content ended before the promised size. The connection is aborted.
    #[error("content ended {missing} bytes before its stated size")]
    Truncated {
        /// Bytes that were promised and never came.
        missing: u64,
    },
    /// The file was overwritten in place while it was sent. The connection is aborted.
    #[error("the file was overwritten while it was sent")]
    Overwritten,
    /// The content went on after the promised size. The connection is aborted.
    #[error("content is longer than its stated size")]
    Overlong,
    /// A one-shot content (a reader, an iterator, a stream) was opened a second time. 500.
    #[error("the content of this file can be read only once and was already taken")]
    Consumed,
    /// A setting that cannot work, found only when a request needed it. 500.
    #[error(transparent)]
    Misconfigured(#[from] BuildError),
    /// A failure of the application's own view, storage or file. 500.
    #[error("the application failed to provide the file")]
    Other {
        /// The application's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A setting that cannot work, found while something was built: a folder that is not there, a rule that
/// its proxy cannot take.
///
/// Its text names the setting, what is wrong with it and how to fix it. It may hold paths of the server,
/// and is meant for those who start it, not for clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BuildError {
    what: String,
}

impl BuildError {
    /// With this text.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// Why a text is not a value of its kind: an entity tag, a media type, a content coding.
///
/// In a view it becomes [`Error::Other`], 500: the text is the application's own.
///
/// ```
/// use downloadview::content::ETag;
/// let error = ETag::parse("v1").unwrap_err();
/// assert_eq!(error.to_string(), "an entity tag stands between double quotes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ParseError {
    reason: &'static str,
}

impl ParseError {
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    /// What is wrong with the text, without the text.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::other(error)
    }
}

/// What a server that has a file did instead of answering with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamFault {
    /// Its name has no address.
    #[error("its name has no address")]
    Unresolved,
    /// Its address is one of a private network, of this machine, or of no server at all, and the
    /// settings do not allow that.
    #[error("its address is not a public one")]
    PrivateAddress,
    /// It takes no connection, or its certificate is not valid.
    #[error("no connection")]
    Connect,
    /// It took longer than the connect time-out. 504.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// It took longer than the first-byte time-out. 504.
    #[error("the answer took too long to begin")]
    FirstByteTimeout,
    /// Its body paused for longer than the idle time-out. 504.
    #[error("the body paused for too long")]
    IdleTimeout,
    /// It ended the connection within its answer.
    #[error("the connection ended within the answer")]
    Cut,
    /// Its answer has a status that is of no use here.
    #[error("status {0}")]
    Status(StatusCode),
    /// Its answer contradicts the request, or itself.
    #[error("{0}")]
    Answer(&'static str),
    /// The file is larger than the settings allow.
    #[error("the file is larger than allowed")]
    TooLarge,
    /// The file changed between two requests for parts of it.
    #[error("the file changed meanwhile")]
    Changed,
}

impl UpstreamFault {
    /// 504 for what took too long, else 502.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::IdleTimeout => {
                StatusCode::GATEWAY_TIMEOUT
            }
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

/// Why a text is not a [`StorageName`](crate::storage::StorageName).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing at all, or nothing between two slashes, before the first or after the last.
    #[error("a segment is empty")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("a segment is `.` or `..`")]
    DotSegment,
    /// A NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
    /// A separator that was percent-encoded, or a backslash where that is one.
    #[error("a segment holds a path separator")]
    Separator,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Percent,
    /// A name that this platform keeps for a device, or cannot store.
    #[error("the platform reserves this name")]
    Reserved,
    /// It cannot be the target of a request line: not one slash and visible ASCII.
    #[error("it is not a path of a URL that begins with one slash, in visible ASCII")]
    NotATarget,
}

impl Error {
    /// The status of the answer that this error becomes.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound
            | Self::InvalidName {
                reason: NameError::EmptySegment,
            } => StatusCode::NOT_FOUND,
            Self::InvalidName { .. } | Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream { fault, .. } => fault.status(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// An [`Error::Other`] around the application's own error.
    pub fn other(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other {
            source: source.into(),
        }
    }

    /// As [`other`](Self::other), for an error that may be one of this crate.
    pub(crate) fn of_application(
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        match source.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(source) => Self::Other { source },
        }
    }

    /// An [`Error::Unavailable`]: clients should ask again after 5 s, and the outage is logged.
    #[must_use]
    pub fn unavailable(source: io::Error) -> Self {
        Self::Unavailable {
            source,
            retry_after: Duration::from_secs(5),
            already_logged: false,
        }
    }

    /// An [`Error::Upstream`]: `origin` is the server's host and port.
    #[must_use]
    pub fn upstream(origin: impl Into<Arc<str>>, fault: UpstreamFault) -> Self {
        Self::Upstream {
            origin: origin.into(),
            fault,
            source: None,
        }
    }

    /// As [`unavailable`](Self::unavailable), for an outage that was logged when it began: this request
    /// is merely refused.
    #[must_use]
    pub fn known_outage(source: io::Error) -> Self {
        Self::Unavailable {
            source,
            retry_after: Duration::from_secs(5),
            already_logged: true,
        }
    }
}

impl From<NameError> for Error {
    fn from(reason: NameError) -> Self {
        Self::InvalidName { reason }
    }
}

impl Error {
    /// What became of looking up, opening or reading a file that a request named.
    ///
    /// What a client can provoke by choosing a name becomes [`NotFound`](Self::NotFound) or
    /// [`Forbidden`](Self::Forbidden); running out of descriptors becomes
    /// [`Unavailable`](Self::Unavailable), because many clients can cause that together. There is no
    /// `From<io::Error>`: of any other work, a missing file is not a 404.
    ///
    /// ```
    /// use downloadview::Error;
    /// let missing = std::fs::File::open("/no/such/file").map_err(Error::of_file);
    /// assert!(matches!(missing, Err(Error::NotFound)));
    /// ```
    #[must_use]
    pub fn of_file(source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match source.kind() {
            Kind::NotFound
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::InvalidFilename
            | Kind::CrossesDevices => Self::NotFound,
            Kind::PermissionDenied => Self::Forbidden,
            Kind::WouldBlock | Kind::StaleNetworkFileHandle | Kind::TimedOut => {
                Self::unavailable(source)
            }
            _ => Self::of_errno(source),
        }
    }

    #[cfg(all(unix, feature = "fs"))]
    fn of_errno(source: io::Error) -> Self {
        use rustix::io::Errno;

        match Errno::from_io_error(&source) {
            Some(
                // A loop of links, or one that is not followed.
                Errno::LOOP
                // A socket, a FIFO without a reader, a device without a driver.
                | Errno::NXIO | Errno::NODEV
                // Names that no file can have, or none on this file system (vfat, exfat, a
                // casefolded folder, one that wants UTF-8).
                | Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ | Errno::NOTSUP,
            ) => Self::NotFound,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Self::unavailable(source),
            _ => Self::Io { source },
        }
    }

    #[cfg(not(all(unix, feature = "fs")))]
    fn of_errno(source: io::Error) -> Self {
        Self::Io { source }
    }
}

#[cfg(all(test, unix, feature = "fs"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_can_cause_is_never_a_500() {
        use rustix::io::Errno;

        for (errno, status) in [
            (Errno::NOENT, 404),
            (Errno::ACCESS, 403),
            (Errno::NOTDIR, 404),
            (Errno::ISDIR, 404),
            (Errno::MFILE, 503),
            (Errno::NFILE, 503),
            (Errno::NAMETOOLONG, 404),
            (Errno::LOOP, 404),
            (Errno::NXIO, 404),
            (Errno::XDEV, 404),
            (Errno::NOMEM, 503),
            // Names that a file system cannot have.
            (Errno::INVAL, 404),
            (Errno::ILSEQ, 404),
            (Errno::NOTSUP, 404),
            (Errno::STALE, 503),
            (Errno::TIMEDOUT, 503),
            (Errno::IO, 500),
        ] {
            let error = Error::of_file(errno.into());
            assert_eq!(error.status(), status, "{errno:?}: {error:?}");
        }
    }
}
