//! Why a fill failed, and what is left of the source for the one who began it.

use std::io;

use crate::content::Content;
use crate::error::Error;
use crate::spool::growing::Left;
use crate::spool::why::NotSpooled;

/// Why there is no copy, and what is left of the source.
pub(super) struct Failure {
    pub(super) why: NotSpooled,
    pub(super) left: Option<Left>,
}

impl From<NotSpooled> for Failure {
    fn from(why: NotSpooled) -> Self {
        Self { why, left: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        NotSpooled::of(&error).into()
    }
}

impl Failure {
    pub(super) fn of_source(error: Error) -> Self {
        Self {
            why: NotSpooled::Source,
            left: Some(Left::Error(error)),
        }
    }

    pub(super) fn with(why: NotSpooled, content: Content) -> Self {
        Self {
            why,
            left: Some(Left::Content(Box::new(content))),
        }
    }
}
