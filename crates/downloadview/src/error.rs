//! What can go wrong between a request and its file, and the HTTP status that tells the client.
//!
//! | type | when |
//! |---|---|
//! | [`Error`] | while a request is answered; it becomes a response ([`Error::status`]) |
//! | [`BuildError`] | while something is configured: show it to whoever starts the program |
//! | [`ParseError`] | a text is not a tag, a media type or a coding |
//! | [`NameError`] | why a text is not a file name |
//! | [`UpstreamFault`] | what another server did wrong |
//! | [`Denial`] | why somebody may not have a file |

mod denial;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

pub use self::denial::{AuthorizerFault, Denial, SignatureFault};

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file that cannot be found, named, read or delivered, or a setting that cannot work.
///
/// Views, files and storages of your own return it, and choose the status of the answer by the
/// variant:
///
/// ```
/// use downloadview::Error;
/// use http::StatusCode;
///
/// fn find(id: u64, may_read: bool) -> Result<&'static str, Error> {
///     match id {
///         1 if may_read => Ok("reports/2026.pdf"),
///         1 => Err(Error::Forbidden),
///         _ => Err(Error::NotFound),
///     }
/// }
///
/// assert_eq!(find(1, false).unwrap_err().status(), StatusCode::FORBIDDEN);
/// assert_eq!(find(2, true).unwrap_err().status(), StatusCode::NOT_FOUND);
/// ```
///
/// A status of 500 and above is logged when the answer is made. The texts are safe to log: they
/// hold no secret and no path of the server, except those of [`Error::Misconfigured`]. All others
/// are also safe to show. Where the operating system gave a reason,
/// [`source`](std::error::Error::source) has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No file that may be downloaded has this name: it is missing, a folder, a socket, or a link
    /// that the storage does not follow. 404.
    #[error("no such file")]
    #[doc(alias = "FileNotFound")]
    NotFound,
    /// The file is there, but the process or the caller may not read it. 403.
    #[error("reading this file is not permitted")]
    Forbidden,
    /// A permission was refused: a signature, for instance, is not that of the link. 403. The client
    /// is told no reason, but that a link has expired.
    #[error("permission denied: {0}")]
    Denied(Denial),
    /// Downloads answer GET and HEAD only. 405, with `Allow`.
    #[error("downloads answer GET and HEAD only")]
    MethodNotAllowed,
    /// The request itself is wrong. 400. The client sees the reason.
    #[error("{reason}")]
    BadRequest {
        /// What is wrong with it, in words that may be shown to the client.
        reason: &'static str,
    },
    /// The text cannot name a file at all. 400, or 404 if only a part of it is empty.
    #[error("not a file name: {reason}")]
    InvalidName {
        /// What is wrong with it.
        reason: NameError,
    },
    /// The server lacks what it needs for now (file descriptors, a database, credentials of an object
    /// store). 503 with `Retry-After`.
    /// Made by [`Error::unavailable`].
    #[error("what the download needs is not available for now")]
    #[non_exhaustive]
    Unavailable {
        /// What the operating system said.
        #[source]
        source: io::Error,
        /// How long a client should wait before it asks again. Default: 5 s.
        retry_after: Duration,
        /// Whether the outage was logged when it began. Then this request is logged at DEBUG and
        /// not at ERROR. Default: no.
        already_logged: bool,
    },
    /// The server that has the file did not answer in time (504), or not as it should (502). Made
    /// by [`Error::upstream`].
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
    /// The content ended before the promised size. The connection is closed, so that the client
    /// knows.
    #[error("content ended {missing} bytes before its stated size")]
    Truncated {
        /// Number of bytes that were promised and did not come.
        missing: u64,
    },
    /// The file was overwritten in place while it was sent. The connection is closed. Replace files
    /// by renaming a new one over the old one.
    #[error("the file was overwritten while it was sent")]
    Overwritten,
    /// The content went on after the promised size. The connection is closed.
    #[error("content is longer than its stated size")]
    Overlong,
    /// A content that can be read only once (a reader, an iterator, a stream) was opened a second
    /// time, or a part of it was asked for. 500.
    #[error("the content of this file can be read only once and was already taken")]
    Consumed,
    /// A setting that cannot work, found only when a request needed it. 500. Its text may hold
    /// paths of the server.
    #[error(transparent)]
    Misconfigured(#[from] BuildError),
    /// The application's own view, storage or file failed. 500. Made by [`Error::other`].
    #[error("the application failed to provide the file")]
    Other {
        /// The application's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A setting that cannot work, found while something was built: a folder that does not exist, a
/// rule that its proxy cannot carry out.
///
/// Its text names the setting, what is wrong with it and how to correct it. It may hold paths of
/// the server: show it to whoever starts the program, not to clients.
///
/// ```
/// use downloadview::{Optimizer, Rule, backend::Nginx};
///
/// let rule = Rule::url("media/").to_uri("/protected/");
/// let error = Optimizer::builder(Nginx::new()).rule(rule).build().unwrap_err();
/// assert!(error.to_string().contains("does not start with `/`"), "{error}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BuildError {
    what: String,
}

impl BuildError {
    /// An error with this text: for settings of your own adapters.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// A text is not a value of its kind: not an entity tag, a media type or a content coding.
///
/// In a view it becomes [`Error::Other`], 500: the text was the application's own.
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

    /// What is wrong with the text. The text itself is not quoted.
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
///
/// ```
/// use downloadview::UpstreamFault;
/// assert_eq!(UpstreamFault::IdleTimeout.status(), 504);
/// assert_eq!(UpstreamFault::Connect.status(), 502);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamFault {
    /// Its name has no address. 502.
    #[error("its name has no address")]
    Unresolved,
    /// Its address belongs to a private network, to this machine or to no server at all, and the
    /// settings do not allow it. 502.
    #[error("its address is not a public one")]
    PrivateAddress,
    /// It accepts no connection, or its certificate is not valid. 502.
    #[error("no connection")]
    Connect,
    /// Connecting took longer than the connect time-out. 504.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// Its answer did not begin within the first-byte time-out. 504.
    #[error("the answer took too long to begin")]
    FirstByteTimeout,
    /// Its body paused for longer than the idle time-out. 504.
    #[error("the body paused for too long")]
    IdleTimeout,
    /// It closed the connection before its answer was complete. 502.
    #[error("the connection ended within the answer")]
    Cut,
    /// Its answer has a status that cannot be used here. 502.
    #[error("status {0}")]
    Status(StatusCode),
    /// Its answer contradicts the request or itself. 502.
    #[error("{0}")]
    Answer(&'static str),
    /// The file is larger than the settings allow. 502.
    #[error("the file is larger than allowed")]
    TooLarge,
    /// The file changed between two requests for parts of it. 502.
    #[error("the file changed meanwhile")]
    Changed,
}

impl UpstreamFault {
    /// The status that the client gets: 504 for the three time-outs, else 502.
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
///
/// ```
/// use downloadview::{Error, error::NameError, storage::StorageName};
///
/// let error = StorageName::parse("../etc/passwd").unwrap_err();
/// assert!(matches!(error, Error::InvalidName { reason: NameError::DotSegment }));
/// assert_eq!(error.status(), 400);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing between two slashes, before the first or after the last; or nothing at all.
    /// 404, because such a URL is that of a folder.
    #[error("a segment is empty")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("a segment is `.` or `..`")]
    DotSegment,
    /// It holds a NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
    /// It holds a control character, which has no place in a request to another server.
    #[error("it holds a control character")]
    Control,
    /// It holds a percent-encoded separator, or a backslash on a platform where that is a
    /// separator.
    #[error("a segment holds a path separator")]
    Separator,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Percent,
    /// The platform keeps this name for a device, or cannot store it.
    #[error("the platform reserves this name")]
    Reserved,
    /// It cannot be asked of a server: it does not begin with exactly one slash, or is not visible
    /// ASCII.
    #[error("it is not a path of a URL that begins with one slash, in visible ASCII")]
    NotATarget,
}

impl Error {
    /// The status of the answer that this error becomes. Errors of a body that is under way have
    /// none: they close the connection, and count as 500 here.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound
            | Self::InvalidName {
                reason: NameError::EmptySegment,
            } => StatusCode::NOT_FOUND,
            Self::InvalidName { .. } | Self::BadRequest { .. } => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forbidden | Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream { fault, .. } => fault.status(),
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// An [`Error::Other`] around the application's own error. 500; the error is logged as the
    /// cause.
    ///
    /// ```
    /// use downloadview::Error;
    /// let number: Result<u64, Error> = "12a".parse::<u64>().map_err(Error::other);
    /// assert_eq!(number.unwrap_err().status(), 500);
    /// ```
    pub fn other(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other {
            source: source.into(),
        }
    }

    /// As [`other`](Self::other), for an error that may be one of this crate: that one stays as it
    /// is.
    pub(crate) fn of_application(
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        match source.into().downcast::<Self>() {
            Ok(own) => *own,
            Err(source) => Self::Other { source },
        }
    }

    /// An [`Error::Unavailable`] for an outage that nobody has logged yet: 503, `Retry-After: 5`,
    /// and an ERROR in the log.
    ///
    /// ```
    /// use std::io;
    /// use downloadview::Error;
    ///
    /// let late = io::Error::new(io::ErrorKind::TimedOut, "the pool is empty");
    /// let error = Error::unavailable(late);
    /// assert_eq!(error.status(), 503);
    /// ```
    #[must_use]
    pub fn unavailable(source: io::Error) -> Self {
        Self::Unavailable {
            source,
            retry_after: Duration::from_secs(5),
            already_logged: false,
        }
    }

    /// An [`Error::Upstream`]. `origin` is the server's host and port, such as `files.example:443`;
    /// it is logged, and clients do not see it.
    #[must_use]
    pub fn upstream(origin: impl Into<Arc<str>>, fault: UpstreamFault) -> Self {
        Self::Upstream {
            origin: origin.into(),
            fault,
            source: None,
        }
    }

    /// As [`unavailable`](Self::unavailable), for an outage that was logged when it began. This
    /// request is logged at DEBUG, so that a long outage does not fill the log.
    #[must_use]
    pub fn known_outage(source: io::Error) -> Self {
        Self::Unavailable {
            source,
            retry_after: Duration::from_secs(5),
            already_logged: true,
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<NameError> for Error {
    fn from(reason: NameError) -> Self {
        Self::InvalidName { reason }
    }
}

impl Error {
    /// The error of looking up, opening or reading a file that a request named.
    ///
    /// What a client can cause by its choice of a name becomes [`NotFound`](Self::NotFound) or
    /// [`Forbidden`](Self::Forbidden). A lack of descriptors or memory, and a file system that does
    /// not answer, become [`Unavailable`](Self::Unavailable). Everything else is [`Io`](Self::Io).
    ///
    /// There is no `From<io::Error>`, because a missing file in other work (a template, a key) is
    /// not a 404.
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
