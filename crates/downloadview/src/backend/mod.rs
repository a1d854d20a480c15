//! The proxies, one room each: which header they read, how its value is written, which headers of
//! ours reach the client, which validators they state.

mod nginx;

use std::fmt;
use std::sync::Arc;

use http::response;

pub use self::nginx::{Buffering, Expires, Nginx};
use crate::content::{ETag, Metadata};
use crate::rule::{Target, TargetKind};

/// A reverse proxy that sends files on the application's word. Held as `Arc<dyn Backend>`.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The name in logs, configuration and errors: `nginx`.
    fn name(&self) -> &'static str;

    /// What its header takes; every rule is checked against it when an optimizer is built.
    fn accepts(&self) -> TargetKind;

    /// The entity tag that the client will see for a file with this metadata. The application
    /// states the same, so that a download begun through one can be resumed from the other.
    fn etag(&self, metadata: &Metadata) -> Option<ETag>;

    /// Writes the hand-off headers into a head that is otherwise ready.
    ///
    /// # Errors
    ///
    /// [`CannotCarry`] if the header cannot hold this target; the head is unchanged then, and the
    /// file is streamed.
    fn delegate(&self, target: &Target, head: &mut response::Parts) -> Result<(), CannotCarry>;
}

/// Why a proxy's header cannot hold a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CannotCarry {
    /// The reason, for logs.
    pub why: &'static str,
}

#[deny(clippy::missing_trait_methods)]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn accepts(&self) -> TargetKind {
        (**self).accepts()
    }

    fn etag(&self, metadata: &Metadata) -> Option<ETag> {
        (**self).etag(metadata)
    }

    fn delegate(&self, target: &Target, head: &mut response::Parts) -> Result<(), CannotCarry> {
        (**self).delegate(target, head)
    }
}
