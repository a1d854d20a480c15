//! What became of a download, as data: for tests, for logs, for whoever wonders.

use std::fmt;
use std::sync::Arc;

use crate::backend::Backend;
use crate::rule::Target;

/// What an optimizer did; in the response's extensions after [`OptimizeLayer`](super::OptimizeLayer).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// A proxy sends the file.
    #[non_exhaustive]
    Delegated {
        /// The rule's name.
        rule: Arc<str>,
        /// The rule's backend.
        backend: Arc<dyn Backend>,
        /// What the proxy was told.
        target: Target,
    },
    /// The application sends the file.
    Streamed {
        /// Why no proxy does.
        reason: Reason,
    },
    /// Nobody sends the file: [`Unmatched::Refuse`](super::Unmatched::Refuse).
    Refused {
        /// Why no proxy does.
        reason: Reason,
    },
}

/// Why a download was not delegated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no proxy: [`Optimizer::none`](super::Optimizer::none).
    NoBackend,
    /// The request proved no [announced](super::Announced) proxy: it came directly.
    NotAnnounced,
    /// Rules there are, and none takes this file's path or URL.
    #[doc(alias = "NoRedirectionMatch")]
    NoRuleMatched,
    /// The file exists only in the program.
    NoPathAndNoUrl,
    /// The view asked for it: [`DownloadOptions::without_optimization`](crate::DownloadOptions::without_optimization).
    NotOptimized,
    /// The status is not 200, and a proxy would change or leak it.
    Status,
    /// A symbolic link led to a file that the rule cannot express.
    SymbolicLink,
    /// The backend's header cannot hold the name.
    CannotCarry(&'static str),
}

impl Reason {
    /// How much it tells, where several rules had a reason each: a rule that would have taken the
    /// file says more than one that did not, and that more than no rule at all.
    pub(super) fn telling(self) -> u8 {
        match self {
            Self::NoBackend => 0,
            Self::NotAnnounced => 1,
            Self::NoPathAndNoUrl | Self::NoRuleMatched => 2,
            Self::NotOptimized | Self::Status => 3,
            Self::SymbolicLink | Self::CannotCarry(_) => 4,
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
            Self::Status => "the status is not 200",
            Self::SymbolicLink => "a symbolic link led to a file that the rule cannot express",
            Self::CannotCarry(why) => why,
        })
    }
}
