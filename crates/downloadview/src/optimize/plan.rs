//! The question and the result of a decision: a download with its places, and a plan.

use std::sync::Arc;

use super::Reason;
use crate::backend::Backend;
use crate::error::Error;
use crate::file::{Places, SignedUrl};
use crate::response::Download;
use crate::rule::Target;

/// A download, and where a proxy may find its file.
pub(super) struct Candidate<'a> {
    pub(super) download: &'a Download,
    pub(super) places: Places,
    /// Whether the head is still as the options and the file's name made it.
    pub(super) untouched: bool,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(download: &'a Download) -> Self {
        Self::with_head(download, false)
    }

    /// The same with a head that, if it is `untouched`, nobody has seen since the options and the
    /// file's name made it.
    pub(super) fn with_head(download: &'a Download, untouched: bool) -> Self {
        Self {
            download,
            places: download.file().places(),
            untouched: untouched && download.leaves_to_initial(),
        }
    }

    /// Why it is not delegated if no rule takes it.
    pub(super) fn unmatched(&self) -> Reason {
        match self.places.is_empty() {
            true => Reason::NoPathAndNoUrl,
            false => Reason::NoRuleMatched,
        }
    }
}

/// What happens to a download. For a hand-off and a redirect the head is written already.
pub(super) enum Plan {
    /// This backend sends the file.
    HandOff {
        rule: Arc<str>,
        backend: Arc<dyn Backend>,
        target: Target,
    },
    /// The client goes to this URL.
    Redirect { rule: Arc<str>, url: SignedUrl },
    /// The application sends the file, for this reason.
    Stream(Reason),
    /// It is being made, and the client is to ask again after so many seconds.
    #[cfg(all(feature = "fs", unix))]
    Prepare(u64),
    /// Nobody sends it: 503.
    Refuse(Reason),
}

/// Why a rule that is for a file does not take it.
pub(super) enum NotTaken {
    /// The next rules may take it.
    For(Reason),
    /// The file does not exist, or cannot be opened now: that is the answer.
    Failed(Error),
}

impl From<Reason> for NotTaken {
    fn from(reason: Reason) -> Self {
        Self::For(reason)
    }
}

impl From<Error> for NotTaken {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
