//! What happened to a download, as data: for tests, for logs, for metrics.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::backend::Backend;
use crate::delivery::Delivery;
use crate::error::Denial;
use crate::file::SignedUrl;
use crate::rule::Target;

/// What happened to a download. It stands in the extensions of every response that
/// [`OptimizeLayer`](super::OptimizeLayer) or [`answer()`](super::answer()) makes of a download,
/// and is the same behind every proxy and none. Tests of an application check it in place of a
/// proxy's header.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::optimize::{Asked, Outcome, Reason, answer};
/// use downloadview::{DownloadResponse, Optimizer, file::VirtualFile};
/// use http::Request;
///
/// let mut request = Request::get("/hello.txt").body(()).unwrap();
/// let asked = Asked::of(&mut request);
/// let download = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello!\n"));
/// let response = answer(&asked, &[Optimizer::none().into()], download).await;
///
/// let outcome = response.extensions().get::<Outcome>().unwrap();
/// assert_eq!(outcome.kind(), "streamed");
/// assert_eq!(outcome.reason(), Some(&Reason::NoBackend));
/// # });
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[doc(alias = "ProxiedDownloadResponse")]
pub enum Outcome {
    /// A proxy sends the file, and answers conditions and ranges.
    #[non_exhaustive]
    Delegated {
        /// The rule's name.
        rule: Arc<str>,
        /// The rule's backend.
        backend: Arc<dyn Backend>,
        /// What the proxy was told.
        target: Target,
    },
    /// The client fetches the file from the server that has it: 302.
    #[non_exhaustive]
    Redirected {
        /// The rule's name.
        rule: Arc<str>,
        /// Where the client was sent.
        url: SignedUrl,
    },
    /// The application sends the file: 200, or 206.
    #[non_exhaustive]
    Streamed {
        /// Why no proxy does.
        reason: Reason,
        /// How much of it.
        extent: Extent,
    },
    /// The application answered that the client's copy is still good: 304.
    #[non_exhaustive]
    NotModified {
        /// Why no proxy answered.
        reason: Reason,
    },
    /// The application answered that the state which the client asked for is gone: 412.
    #[non_exhaustive]
    PreconditionFailed {
        /// Why no proxy answered.
        reason: Reason,
    },
    /// The application answered that the file has no such part: 416.
    #[non_exhaustive]
    RangeNotSatisfiable {
        /// Why no proxy answered.
        reason: Reason,
    },
    /// Nobody sends the file: [`Unmatched::Refuse`](super::Unmatched::Refuse). 503.
    #[non_exhaustive]
    Refused {
        /// Why no proxy does.
        reason: Reason,
    },
    /// The file is not there yet, because its copy is being made: 202
    /// ([`DownloadOptions::prepare`](crate::DownloadOptions::prepare)).
    #[non_exhaustive]
    Preparing {
        /// After how many seconds the client is to ask again.
        retry_after: u64,
    },
    /// A permission was refused, and nothing was looked at: 403, or the answer of whoever refused.
    #[non_exhaustive]
    Denied {
        /// Why.
        denial: Denial,
    },
    /// There is no such file: 404.
    NotFound,
    /// The file could not be opened or read, or the view returned an error.
    #[non_exhaustive]
    Failed {
        /// The status of the answer: 403, 500, 502, 503 or 504; of a view 400 and 405 too.
        status: StatusCode,
    },
}

/// How much of a file was streamed: for metrics that count whole downloads only.
///
/// ```
/// use downloadview::optimize::{Extent, Outcome};
///
/// fn is_whole(outcome: &Outcome) -> bool {
///     matches!(outcome, Outcome::Streamed { extent: Extent::Whole, .. })
/// }
/// # let _ = is_whole;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extent {
    /// The whole file. For HEAD, what a GET would send.
    Whole,
    /// One range.
    Range,
    /// Several ranges.
    Ranges,
}

impl Outcome {
    /// Why no proxy was asked to send the file. `None` if one was, if the client was sent to the
    /// file, if there is no file, and if a permission was refused.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Streamed { reason, .. }
            | Self::NotModified { reason }
            | Self::PreconditionFailed { reason }
            | Self::RangeNotSatisfiable { reason }
            | Self::Refused { reason } => Some(reason),
            Self::Delegated { .. }
            | Self::Redirected { .. }
            | Self::Preparing { .. }
            | Self::Denied { .. }
            | Self::NotFound
            | Self::Failed { .. } => None,
        }
    }

    /// Why the permission was refused, if it was.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Denied { denial } => Some(denial),
            _ => None,
        }
    }

    /// The outcome of a refused permission, for an answer that somebody else made.
    #[must_use]
    pub fn denied(denial: Denial) -> Self {
        Self::Denied { denial }
    }

    /// The word for it in logs, such as `delegated`, `streamed` or `not modified`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delegated { .. } => "delegated",
            Self::Redirected { .. } => "redirected",
            Self::Streamed { .. } => "streamed",
            Self::NotModified { .. } => "not modified",
            Self::PreconditionFailed { .. } => "precondition failed",
            Self::RangeNotSatisfiable { .. } => "range not satisfiable",
            Self::Refused { .. } => "refused",
            Self::Preparing { .. } => "preparing",
            Self::Denied { .. } => "denied",
            Self::NotFound => "not found",
            Self::Failed { .. } => "failed",
        }
    }

    /// The outcome of an answer of the application, with the reason why it had to answer.
    pub(super) fn of(delivery: Delivery, reason: Reason) -> Self {
        match delivery {
            Delivery::Whole => Self::streamed(reason, Extent::Whole),
            Delivery::Part => Self::streamed(reason, Extent::Range),
            Delivery::Parts => Self::streamed(reason, Extent::Ranges),
            Delivery::NotModified => Self::NotModified { reason },
            Delivery::PreconditionFailed => Self::PreconditionFailed { reason },
            Delivery::RangeNotSatisfiable => Self::RangeNotSatisfiable { reason },
            Delivery::Failed(status) => Self::without_file(status),
        }
    }

    fn streamed(reason: Reason, extent: Extent) -> Self {
        Self::Streamed { reason, extent }
    }

    /// The outcome for a file that cannot be opened or read.
    pub(super) fn without_file(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            status => Self::Failed { status },
        }
    }
}

/// Why a download was not delegated to a proxy. [`Display`](fmt::Display) gives a sentence for
/// logs.
///
/// ```
/// use downloadview::optimize::Reason;
/// let reason = Reason::NoRuleMatched;
/// assert_eq!(reason.to_string(), "no rule takes this file's path or URL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no proxy: [`Optimizer::none`](super::Optimizer::none).
    NoBackend,
    /// The request did not prove any [announced](super::Announced) proxy: it came directly.
    NotAnnounced,
    /// There are rules, but none takes this file's path or URL.
    #[doc(alias = "NoRedirectionMatch")]
    NoRuleMatched,
    /// The file exists only in the program.
    NoPathAndNoUrl,
    /// The view asked for it by
    /// [`DownloadOptions::without_optimization`](crate::DownloadOptions::without_optimization).
    NotOptimized,
    /// The permission has ended, and is good only to resume: see
    /// [`Grant::resuming_only`](crate::permission::Grant::resuming_only).
    ResumesOnly,
    /// The status is not 200. A proxy would change it, or show the header to the client.
    Status,
    /// A symbolic link led to a file that the rule cannot express.
    SymbolicLink,
    /// Another server has the file, and the proxy cannot fetch for a HEAD request.
    CannotFetchHead,
    /// Another server has the file, and the request is neither a GET nor a HEAD.
    OnlyGetAndHead,
    /// The backend's header cannot hold the name, or the proxy cannot send such a file; with the
    /// backend's reason.
    CannotCarry(Cow<'static, str>),
    /// No rule takes the file as it is, and there is no copy of it in the
    /// [spool](crate::spool) either, for this reason.
    #[cfg(all(feature = "fs", unix))]
    NotSpooled(crate::spool::NotSpooled),
}

impl Reason {
    /// How much the reason tells, if several rules had one each. A rule that would have taken the
    /// file tells more than one that would not, and that one more than no rule at all.
    pub(super) fn telling(&self) -> u8 {
        match self {
            Self::NoBackend => 0,
            Self::NotAnnounced => 1,
            Self::NoPathAndNoUrl | Self::NoRuleMatched => 2,
            Self::NotOptimized | Self::ResumesOnly | Self::Status => 3,
            Self::SymbolicLink
            | Self::CannotFetchHead
            | Self::OnlyGetAndHead
            | Self::CannotCarry(_) => 4,
            #[cfg(all(feature = "fs", unix))]
            Self::NotSpooled(_) => 5,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBackend => "there is no proxy",
            Self::NotAnnounced => "the request came through no announced proxy",
            Self::NoRuleMatched => "no rule takes this file's path or URL",
            Self::NoPathAndNoUrl => "the file has neither a path nor a URL",
            Self::NotOptimized => "the view asked to stream",
            Self::ResumesOnly => "the permission has ended, and is good only to resume",
            Self::Status => "the status is not 200",
            Self::SymbolicLink => "a symbolic link led to a file that the rule cannot express",
            Self::CannotFetchHead => {
                "the proxy cannot fetch the head alone of a file that another server has"
            }
            Self::OnlyGetAndHead => {
                "a file that another server has is handed over for GET and HEAD only"
            }
            Self::CannotCarry(why) => why,
            #[cfg(all(feature = "fs", unix))]
            Self::NotSpooled(why) => {
                return write!(f, "no rule takes the file as it is, and {why}");
            }
        })
    }
}
