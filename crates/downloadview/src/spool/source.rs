//! What a source said of the state that was copied.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::content::Metadata;

/// What the source said of the state that was copied, and when it was asked.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) metadata: Arc<Metadata>,
    pub(super) asked: Instant,
    /// Until when it is not asked again, because it could not answer.
    pub(super) excused: Option<Instant>,
}

impl Source {
    /// What it says now.
    pub(super) fn new(metadata: Arc<Metadata>) -> Self {
        Self {
            metadata,
            asked: Instant::now(),
            excused: None,
        }
    }

    /// Whether it need not be asked.
    pub(super) fn is_fresh(&self, max_age: Duration) -> bool {
        let excused = self.excused.is_some_and(|until| until > Instant::now());
        excused || self.asked.elapsed() < max_age
    }
}
