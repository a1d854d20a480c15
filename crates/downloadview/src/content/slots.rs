//! A bounded number of places, and a bounded queue in front of them.
//!
//! Whoever wants a place waits in the queue; if the queue is full, the answer is 503 at once. The
//! caller sets the deadline. `bulkhead` counts the threads of a storage with it, and `fetch` the
//! requests to one server. Places and turns are given back when they are dropped, so also when a
//! client goes away.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// How many callers may wait for a place.
const QUEUE: usize = 256;

/// Places that are taken and given back.
#[derive(Debug)]
pub(crate) struct Slots {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Slots {
    /// This many places, all of them free.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for a place. It is given back when the permit is dropped. The caller sets the
    /// deadline.
    ///
    /// # Errors
    ///
    /// 503 at once if [`QUEUE`] callers are waiting already.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit> {
        let _turn = Turn::take(&self.waiting).ok_or_else(|| unavailable("the queue is full"))?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.map_err(Error::other)
    }
}

/// 503, with `why` for the log.
pub(crate) fn unavailable(why: &'static str) -> Error {
    Error::unavailable(io::Error::new(io::ErrorKind::TimedOut, why))
}

/// A turn in the queue. It is given back when dropped.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    /// A turn, if the queue is not full.
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let turn = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < QUEUE).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_is_503_at_once() {
        let full = Slots::new(1);
        full.waiting.store(QUEUE, Ordering::Relaxed);
        let taken = full.take().await;
        assert!(matches!(taken, Err(Error::Unavailable { .. })));
        assert_eq!(full.waiting.load(Ordering::Relaxed), QUEUE);
        full.waiting.store(0, Ordering::Relaxed);
        assert!(full.take().await.is_ok());
    }
}
