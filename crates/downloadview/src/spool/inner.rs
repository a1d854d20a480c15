//! What all clones of a spool share, and the steps on disk and index that belong together.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::counters::{Counting, add};
use super::flight::Flights;
use super::folder::{Folder, NotOurs, Root};
use super::index::{Bounds, Doomed, Index};
use super::name::CopyName;
use super::settings::Settings;
use super::stock::{Found, Instead, Known};
use super::unprepared::Unprepared;
use super::walk::Removal;
use super::why::NotSpooled;
use crate::content::{Bulkhead, on_blocking_pool};
use crate::said::OncePerMinute;
use crate::storage::LocalStorage;

/// Inodes that stay free.
const FREE_INODES: u64 = 64;

/// What all clones of a spool share.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) folder: Folder,
    /// The same folder, for reading.
    pub(super) storage: LocalStorage,
    pub(super) flights: Flights,
    pub(super) fills: Semaphore,
    /// Those of them that may be made while nobody waits.
    pub(super) preparations: Semaphore,
    pub(super) counting: Counting,
    index: Mutex<Index>,
    bulkhead: Bulkhead,
    /// How often the folder had been another one when the index was made.
    replaced: AtomicU64,
    said: OncePerMinute<NotSpooled>,
    /// The same, of copies that should go.
    stays: OncePerMinute<NotSpooled>,
    /// The same, of copies that somebody changed.
    altered: OncePerMinute<()>,
    pub(super) unprepared: Unprepared,
    /// Whether the folder is swept.
    pub(super) sweeps: AtomicBool,
}

impl Inner {
    pub(super) fn new(settings: Settings, folder: Folder, storage: LocalStorage) -> Self {
        let bounds = Bounds {
            bytes: settings.max_bytes,
            files: settings.max_files,
        };
        Self {
            index: Mutex::new(Index::new(bounds, settings.lease, folder.known().fine)),
            fills: Semaphore::new(settings.fills),
            preparations: Semaphore::new(settings.preparations()),
            folder,
            storage,
            settings,
            flights: Flights::default(),
            counting: Counting::default(),
            bulkhead: Bulkhead::new(),
            replaced: AtomicU64::new(0),
            said: OncePerMinute::default(),
            stays: OncePerMinute::default(),
            altered: OncePerMinute::default(),
            unprepared: Unprepared::default(),
            sweeps: AtomicBool::new(false),
        }
    }

    /// The index, for as long as no other line of it is needed: never across an await.
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` with the folder where it may wait for the disk.
    pub(super) async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Root) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let this = Arc::clone(self);
        let run = move || Ok(this.current().and_then(|root| work(&root)));
        let done = match self.folder.known().is_local() {
            true => on_blocking_pool(run).await,
            false => self.bulkhead.run(run).await,
        };
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// The folder that the path leads to now. If it is another one, what was known is forgotten, and
    /// what lies in it is taken in. If others decide by now what lies in it, nothing of it is used any more.
    fn current(&self) -> io::Result<Arc<Root>> {
        let (root, replaced) = self.folder.current().inspect_err(|error| {
            if NotOurs::is(error) {
                self.replaced.store(u64::MAX, Ordering::Relaxed);
                self.index().clear();
            }
        })?;
        if self.replaced.swap(replaced, Ordering::Relaxed) != replaced {
            tracing::info!(
                "the folder of the spool is another one, or was repaired; it is used from now on"
            );
            self.index().clear();
            self.take_stock(&root)?;
        }
        Ok(root)
    }

    /// Takes in everything that lies in the folder, and removes what dead processes left.
    pub(super) fn take_stock(&self, root: &Root) -> io::Result<()> {
        let mut found = Vec::new();
        let strange = root.scan(|copy| found.push(copy))?;
        if strange > 0 {
            tracing::warn!(
                number = strange,
                "what lies in the spool's folder belongs partly to others, or may be written by them; \
                 it is not used: remove it, or chown and chmod it"
            );
        }
        let now = Instant::now();
        let mut index = self.index();
        for copy in found {
            index.insert(copy, None, now);
        }
        Ok(())
    }

    /// Takes in copies that lie in the folder and are not known yet: whether there were any.
    pub(super) fn take_in(&self, found: &[Found]) -> bool {
        let now = Instant::now();
        let mut index = self.index();
        let mut any = false;
        for copy in found {
            if !index.holds(copy.name) {
                any |= index.insert(*copy, None, now);
            }
        }
        any
    }

    /// Another file lies in the place of a copy, or somebody changed it: tells an operator, once a minute, unless another
    /// process made the copy anew.
    pub(super) async fn see_instead(self: &Arc<Self>, name: CopyName, known: Known) {
        let instead = self.on_disk(move |root| root.instead(name, known)).await;
        // What is wrong with the whole folder is said by whoever makes the copy anew.
        if !matches!(instead, Ok(Instead::Good)) && self.altered.is_due(()) {
            tracing::warn!(
                "a copy in the spool was changed, or another file was put in its place: it is not used; \
                 see who may write into the folder; said once a minute"
            );
        }
    }

    /// Removes copies, unless another process has handed one out since.
    pub(super) async fn remove(self: &Arc<Self>, doomed: Vec<Doomed>) {
        if doomed.is_empty() {
            return;
        }
        let this = Arc::clone(self);
        let names: Vec<_> = doomed.iter().map(|doomed| doomed.name).collect();
        let removed = self.on_disk(move |root| {
            for doomed in doomed {
                this.remove_one(root, doomed);
            }
            Ok(())
        });
        if let Err(error) = removed.await {
            self.say(NotSpooled::of(&error), Some(&error));
            // The disk is not there. If it comes back, they may be taken in again.
            for name in names {
                self.index().gone(name);
            }
        }
    }

    pub(super) fn remove_one(&self, root: &Root, doomed: Doomed) {
        match root.remove_if(doomed.name, doomed.inode, |seen| seen.mark == doomed.mark) {
            Ok(Removal::Kept(used)) => {
                self.index().spare(used, Instant::now());
            }
            removed => {
                match removed {
                    Ok(Removal::Removed) => add(&self.counting.evictions, 1),
                    Ok(_) => {}
                    Err(error) => self.say_stays(&error),
                }
                self.index().gone(doomed.name);
            }
        }
    }

    /// Whether the disk has room for `bytes` more, and keeps what is to stay free. Copies make room
    /// where others have filled it.
    pub(super) async fn check_space(self: &Arc<Self>, bytes: u64) -> Result<(), NotSpooled> {
        for last in [false, true] {
            let space = self.on_disk(|root| root.space()).await;
            let space = space.map_err(|error| NotSpooled::of(&error))?;
            if space.read_only {
                return Err(NotSpooled::ReadOnly);
            }
            if space.free_inodes.is_some_and(|free| free < FREE_INODES) {
                return Err(NotSpooled::DiskFull);
            }
            let wanted = bytes.saturating_add(self.settings.stays_free(space.size));
            if space.free >= wanted {
                return Ok(());
            }
            if last {
                break;
            }
            let lacking = wanted - space.free;
            let doomed = self.index().make_room(lacking, Instant::now());
            if doomed.is_empty() {
                break;
            }
            self.remove(doomed).await;
        }
        Err(NotSpooled::DiskFull)
    }

    /// Tells an operator of a copy that should go and does not, once a minute for each cause.
    fn say_stays(&self, error: &io::Error) {
        let why = NotSpooled::of(error);
        if self.stays.is_due(why) {
            let error = error.to_string();
            tracing::warn!(reason = %why, error, "a copy cannot be removed; said once a minute");
        }
    }

    /// Counts a request that is streamed, and tells an operator of what he can do something about,
    /// once a minute for each cause.
    pub(super) fn say(&self, why: NotSpooled, error: Option<&io::Error>) {
        if !why.is_trouble() || !self.said.is_due(why) {
            return;
        }
        let error = error.map(ToString::to_string);
        tracing::warn!(reason = %why, error, "streamed and not spooled; said once a minute");
    }
}
