//! Keeps what waits for one slow or hung mount from taking the threads of everything else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// How many threads may wait for one storage; tokio has 512 in all.
const AT_ONCE: usize = 16;
/// How many requests may wait for one of these threads.
const QUEUE: usize = 256;
/// How long a request waits, for a thread and for what it does there.
const PATIENCE: Duration = Duration::from_secs(10);

/// The threads of one storage that may hang: a few, a bounded queue before them, and a deadline.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    patience: Duration,
}

impl Bulkhead {
    pub(crate) fn new() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            patience: PATIENCE,
        }
    }

    /// Runs `work` on one of the threads. 503 when none is free in time, and when it does not come
    /// back in time: the thread then goes on waiting, and is counted until it does.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = Place::take(&self.waiting).ok_or_else(|| unavailable("the queue is full"))?;
        let done = timeout(self.patience, async {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            drop(place);
            on_thread(permit.map_err(Error::other)?, work).await
        });
        done.await
            .unwrap_or_else(|_| Err(unavailable("the file system does not answer")))
    }
}

async fn on_thread<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let job = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    job.await
        .unwrap_or_else(|stopped| Err(Error::other(stopped)))
}

fn unavailable(why: &'static str) -> Error {
    Error::unavailable(io::Error::new(io::ErrorKind::TimedOut, why))
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < QUEUE).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn impatient() -> Bulkhead {
        Bulkhead {
            patience: Duration::from_millis(50),
            ..Bulkhead::new()
        }
    }

    fn is_unavailable<T>(result: &Result<T>) -> bool {
        matches!(result, Err(Error::Unavailable { .. }))
    }

    #[tokio::test]
    async fn what_hangs_is_503_and_keeps_no_other_storage_waiting() {
        let hung = impatient();
        let mut release = Vec::new();
        // More than there are threads: the last ones wait in the queue.
        for _ in 0..AT_ONCE + 2 {
            let (keep, wait) = mpsc::channel::<()>();
            release.push(keep);
            let hang = move || {
                let _ = wait.recv();
                Ok(())
            };
            let done = hung.run(hang).await;
            assert!(is_unavailable(&done), "{done:?}");
        }
        let other = Bulkhead::new().run(|| Ok(7)).await;
        assert_eq!(other.unwrap(), 7);
        // Once it answers again, so do we.
        release.clear();
        let patient = Bulkhead {
            permits: Arc::clone(&hung.permits),
            ..Bulkhead::new()
        };
        assert_eq!(patient.run(|| Ok(8)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_full_queue_is_503_at_once() {
        let full = Bulkhead::new();
        full.waiting.store(QUEUE, Ordering::Relaxed);
        assert!(is_unavailable(&full.run(|| Ok(())).await));
        assert_eq!(full.waiting.load(Ordering::Relaxed), QUEUE);
        full.waiting.store(0, Ordering::Relaxed);
        assert!(full.run(|| Ok(())).await.is_ok());
    }
}
