//! What is decided on, and what it comes to.

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
}

impl<'a> Candidate<'a> {
    pub(super) fn new(download: &'a Download) -> Self {
        let places = download.file().places();
        Self { download, places }
    }

    /// Why it is not delegated when no rule takes it.
    pub(super) fn unmatched(&self) -> Reason {
        match self.places.is_empty() {
            true => Reason::NoPathAndNoUrl,
            false => Reason::NoRuleMatched,
        }
    }
}

/// What is to become of a download.
pub(super) enum Plan {
    /// The head is that of a hand-off to this backend.
    HandOff {
        rule: Arc<str>,
        backend: Arc<dyn Backend>,
        target: Target,
    },
    /// The head is that of a redirect to this URL.
    Redirect {
        rule: Arc<str>,
        url: SignedUrl,
    },
    Stream(Reason),
    Refuse(Reason),
}

/// Why a rule that is for a file does not have it.
pub(super) enum NotTaken {
    /// The rules that follow may.
    For(Reason),
    /// There is no such file, or it cannot be had now: that is the answer.
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
