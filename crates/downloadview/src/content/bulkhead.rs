//! Keeps one slow or hung mount from taking the threads that everything else needs.
//!
//! A system call on a hung NFS mount cannot be cancelled: its thread waits until the mount answers.
//! So work on a storage whose file system may hang runs on at most 16 threads of tokio's blocking
//! pool, behind a bounded queue and with a deadline. `LocalStorage` opens and looks behind it, and
//! `local::LocalReader` reads behind it. The result is that of the work, or 503.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::slots::{Slots, unavailable};
use crate::error::{Error, Result};

/// How many threads may wait for one storage. tokio's blocking pool has 512 in all.
const AT_ONCE: usize = 16;
/// How long a request waits in all: for a free thread, and for the work on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The threads of one storage that may hang: a few, a bounded queue before them, and a deadline.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    slots: Slots,
    patience: Duration,
}

impl Bulkhead {
    pub(crate) fn new() -> Self {
        Self {
            slots: Slots::new(AT_ONCE),
            patience: PATIENCE,
        }
    }

    /// Runs `work` on one of the threads.
    ///
    /// # Errors
    ///
    /// The error of `work`, and 503 if no thread is free in time or the work does not end in time.
    /// In the second case the thread goes on waiting, and is counted until the file system answers.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = timeout(self.patience, async {
            on_thread(self.slots.take().await?, work).await
        });
        done.await
            .unwrap_or_else(|_| Err(unavailable("the file system does not answer")))
    }
}

/// Runs `work` on the blocking pool. The permit goes with it, so that the thread is counted as long
/// as it really runs.
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
            slots: hung.slots,
            ..Bulkhead::new()
        };
        assert_eq!(patient.run(|| Ok(8)).await.unwrap(), 8);
    }
}
