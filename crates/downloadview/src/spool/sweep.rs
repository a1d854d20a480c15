//! What goes by itself: copies whose lease is over and that nobody is to have any more, and what
//! processes that have ended left.
//!
//! - A copy that a newer one replaced goes when its lease ends, if this process made the newer one.
//! - A one-time copy goes when its lease ends, whoever made it. Every process over the folder looks
//!   for them, at its start and time and again, and so does the one that made it, also when its
//!   spool is used no longer, as after a reload that names another folder.
//! - A part without a lock is of a process that has ended.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::index::Retired;
use super::inner::Inner;
use super::name::CopyName;

/// How often the folder is swept, at least and at most.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(60);

/// The task that sweeps. If its runtime ends before the spool is let go, another one may sweep.
struct Sweeper(Weak<Inner>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(spool) = self.0.upgrade() {
            spool.sweeps.store(false, Ordering::Relaxed);
        }
    }
}

impl Inner {
    /// Sweeps the folder from now on, for as long as the spool is used or one-time copies lie in it. It
    /// begins with the first call within a runtime.
    pub(super) fn sweep_from_now_on(self: &Arc<Self>) {
        if self.sweeps.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.sweeps.swap(true, Ordering::Relaxed) {
            return;
        }
        let spool = Arc::downgrade(self);
        let until_its_runtime_ends = Sweeper(Weak::clone(&spool));
        let pause = (self.settings.lease / 2).clamp(SOONEST, LATEST);
        runtime.spawn(async move {
            let _until = until_its_runtime_ends;
            while let Some(this) = spool.upgrade() {
                this.sweep().await;
                let is_empty = this.index().one_time().is_empty();
                let kept = (!is_empty).then_some(this);
                tokio::time::sleep(pause).await;
                drop(kept);
            }
        });
    }

    /// Takes in the one-time copies that other processes made, removes those whose lease is over, and what dead
    /// processes left.
    async fn sweep(self: &Arc<Self>) {
        let found = self.on_disk(|root| {
            let mut found = Vec::new();
            root.scan_passing(|copy| found.push(copy))?;
            Ok(found)
        });
        // Without the disk nothing can be removed; what is wrong with it is said where it matters.
        let Ok(found) = found.await else { return };
        self.take_in(&found);
        let now = Instant::now();
        let mut doomed = Vec::new();
        let names = self.index().one_time();
        for name in names {
            if let Retired::Doomed(it) = self.index().retire(name, now) {
                doomed.push(it);
            }
        }
        self.remove(doomed).await;
    }

    /// Removes a copy that is not handed out any more when its lease ends.
    pub(super) fn retire_later(self: &Arc<Self>, name: CopyName) {
        let spool = Arc::downgrade(self);
        // A one-time copy goes even if nobody uses the spool any more.
        let kept = name.id.one_time.then(|| Arc::clone(self));
        tokio::spawn(async move {
            while let Some(this) = spool.upgrade() {
                let retired = this.index().retire(name, Instant::now());
                match retired {
                    Retired::Gone => return,
                    // Another process may use it: then it is there again.
                    Retired::Doomed(doomed) => this.remove(vec![doomed]).await,
                    Retired::Leased(until) => {
                        drop(this);
                        tokio::time::sleep_until(until).await;
                    }
                }
            }
            drop(kept);
        });
    }
}
