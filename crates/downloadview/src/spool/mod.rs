//! Local copies, so that every proxy can send every file.
//!
//! What exists only in the program has no path and no URL that a proxy could be told, and Apache
//! and lighttpd cannot fetch from other servers. A [`Spool`] keeps copies of such files in a folder,
//! and an [`Optimizer`](crate::Optimizer) hands those to the proxy.
//!
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let folder = dir.path();
//! use downloadview::{Optimizer, backend::Nginx, spool::Spool};
//!
//! let spool = Spool::builder(folder).max_bytes(20 << 30).open()?;
//! let optimizer = Optimizer::builder(Nginx::new())
//!     .rule(spool.rule().to_uri("/_internal/spool/"))
//!     .spool(spool)
//!     .build()?;
//! # let _ = optimizer;
//! # Ok::<(), downloadview::BuildError>(())
//! ```
//!
//! - **Which files.** Those with a [key](crate::File::cache_key) that no rule takes as they are:
//!   files of other servers, of buckets, and [virtual files](crate::file::VirtualFile::cache_key)
//!   that state one. Files without a key too, if the view asks for it
//!   ([`Spooling::Always`](crate::response::Spooling::Always)).
//! - **One fill.** However many ask for a missing copy, in however many processes that share the
//!   folder, the file is read once.
//! - **Right bytes.** A copy is handed out when it is complete. Its name says of which key, which
//!   state and which length it is. Of a file that may change, the source is asked again after
//!   [`max_age`](SpoolBuilder::max_age).
//! - **Bounds.** Bytes, files, and what stays free on the disk. The copy that was used least
//!   recently goes first, and none whose lease runs.
//! - **Nobody else decides.** What belongs to another user, or may be written by one, is never used, and
//!   who may read the copies can hold nothing up.
//! - **No request fails because of it.** If the disk is full or the folder is gone, that request is
//!   streamed, and one WARN a minute says why.
//!
//! A copy grants nothing: the application is asked on every request, as always.
//!
//! It needs a Tokio runtime with time. A program whose files may not grow beyond a limit (`ulimit -f`)
//! should catch SIGXFSZ, by which the kernel would end it.

mod copy;
mod counters;
mod fill;
mod flight;
mod folder;
mod growing;
mod index;
mod inner;
mod marks;
mod moment;
mod name;
mod part;
mod place;
mod prepare;
mod settings;
mod source;
mod stock;
mod survey;
mod sweep;
mod unprepared;
mod walk;
mod why;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use self::counters::Counters;
use self::flight::Progress;
use self::folder::{Folder, Root};
use self::inner::Inner;
use self::name::Id;
pub(crate) use self::place::{Placed, Request};
use self::settings::Settings;
pub use self::settings::{Fill, Status};
pub use self::survey::{Entry, EntryKind, Fault, Removed, Survey};
pub use self::why::NotSpooled;
use crate::content::CacheKey;
use crate::error::BuildError;
use crate::rule::{Rule, RuleFrom};
use crate::storage::LocalStorage;

/// A folder with local copies. Clones share everything.
///
/// The folder must exist, belong to the user of the program, and hold nothing but the spool; several
/// processes of one machine and user may share it. Copies are readable for the folder's group, which should be the proxy's, and for everybody
/// where the folder lets everybody in: `chgrp www-data DIR && chmod 2750 DIR`.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::spool::Spool;
/// let spool = Spool::open(folder)?;
/// assert_eq!(spool.counters().copies_held, 0);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spool(Arc<Inner>);

/// Sets up a [`Spool`]. Made by [`Spool::builder`].
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use std::time::Duration;
/// use downloadview::spool::Spool;
///
/// let spool = Spool::builder(folder)
///     .max_bytes(20 << 30)
///     .max_age(Duration::from_secs(300))
///     .lease(Duration::from_secs(120))
///     .open()?;
/// # let _ = spool;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "`open` makes the spool"]
pub struct SpoolBuilder {
    dir: std::path::PathBuf,
    settings: Settings,
}

impl Spool {
    /// The spool in the folder `dir`, with the default settings.
    ///
    /// # Errors
    ///
    /// As [`SpoolBuilder::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, BuildError> {
        Self::builder(dir).open()
    }

    /// Begins a spool in the folder `dir`.
    pub fn builder(dir: impl AsRef<Path>) -> SpoolBuilder {
        SpoolBuilder {
            dir: dir.as_ref().to_owned(),
            settings: Settings::default(),
        }
    }

    /// The folder, absolute, as it was given.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.0.folder.path()
    }

    /// Begins the rule by which a proxy finds the copies: `to_uri` for nginx and Caddy, `to_path`
    /// with [`dir`](Self::dir) for Apache and lighttpd.
    pub fn rule(&self) -> RuleFrom {
        Rule::dir(self.dir())
    }

    /// Whether there is a copy of what a key names: for a program that says how far it has come.
    #[must_use]
    pub fn status(&self, key: &CacheKey) -> Status {
        let ids = [false, true].map(|one_time| Id::of(key, one_time));
        let known = ids.iter().find_map(|id| self.0.index().peek(*id));
        if let Some((name, _)) = known {
            return Status::Ready { size: name.size };
        }
        match ids.iter().find_map(|id| self.0.flights.progress(*id)) {
            Some(Progress::Opening) => Status::Filling {
                written: 0,
                size: None,
            },
            Some(Progress::Growing(growing, written)) => Status::Filling {
                written,
                size: growing.metadata.size(),
            },
            Some(Progress::Filled(_) | Progress::Failed(_)) | None => Status::Missing,
        }
    }

    /// What it has done since it was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let held = self.0.index().held();
        self.0.counting.snapshot(held)
    }
}

impl SpoolBuilder {
    /// When a client whose file has no copy yet gets its answer. Default: [`Fill::Before`].
    pub fn fill(mut self, fill: Fill) -> Self {
        self.settings.fill = fill;
        self
    }

    /// How many bytes the copies may have together. Default: 10 GiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.settings.max_bytes = bytes;
        self
    }

    /// How many copies there may be. Default: 262,144.
    pub fn max_files(mut self, files: usize) -> Self {
        self.settings.max_files = files;
        self
    }

    /// How many bytes one copy may have; larger files are streamed. Default: as many as all together.
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.settings.max_file_bytes = Some(bytes);
        self
    }

    /// How many bytes of the disk stay free, whoever fills it. Default: a twentieth of the disk, at
    /// most 1 GiB.
    pub fn min_free_bytes(mut self, bytes: u64) -> Self {
        self.settings.min_free_bytes = Some(bytes);
        self
    }

    /// For how long a copy of a file that may change is used before its source is asked whether it
    /// is still good. Default: 60 s.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.settings.max_age = age;
        self
    }

    /// For how long after [`max_age`](Self::max_age) a copy may still be used if its source fails.
    /// Default: not at all.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.stale_if_error = time;
        self
    }

    /// For how long a copy stays after it was handed to a proxy, whatever has to make room: until
    /// then the proxy must have opened it. Default: 90 s.
    ///
    /// It must be longer than an answer may wait to be written to the proxy. What a proxy has open
    /// is sent whole, also if the copy goes meanwhile. All processes over a folder should have the same; one that opens the
    /// folder anew with a shorter one does not know what was handed out before for longer.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// For how long a copy of which more than half is there is finished when nobody waits for it
    /// any more. With less, and after that time, it is given up. Default: 60 s.
    pub fn max_idle_fill(mut self, time: Duration) -> Self {
        self.settings.max_idle_fill = time;
        self
    }

    /// How many copies are made at once; further files are streamed. Default: 64. Half of them may
    /// be copies that clients were told to ask for again ([`prepare`]).
    ///
    /// [`prepare`]: crate::DownloadOptions::prepare
    pub fn fills(mut self, fills: usize) -> Self {
        self.settings.fills = fills;
        self
    }

    /// Whether a copy waits for the disk before it is handed out, so that it is whole even after the
    /// machine lost its power. Default: yes.
    pub fn sync(mut self, sync: bool) -> Self {
        self.settings.sync = sync;
        self
    }

    /// Opens the folder, takes in the copies that lie there, and removes what processes that have
    /// ended left of theirs. This waits for the disk.
    ///
    /// # Errors
    ///
    /// If the folder cannot be opened or read, belongs to somebody else or lets others write, or if a
    /// setting leaves no room for any copy. The text says how to correct it.
    pub fn open(self) -> Result<Spool, BuildError> {
        let (dir, settings) = (self.dir, self.settings);
        let cannot = |error| cannot_open(&dir, &error);
        if settings.max_bytes == 0 || settings.max_files == 0 || settings.fills == 0 {
            return Err(BuildError::new(
                "a spool without room for a single copy: raise `max_bytes`, `max_files` and `fills` above 0",
            ));
        }
        let folder = Folder::open(&dir).map_err(cannot)?;
        let storage = LocalStorage::new(&dir)?;
        let inner = Inner::new(settings, folder, storage);
        let root = inner.folder.known();
        if root.is_open_to_all() {
            tracing::warn!(
                "every user of this machine may read the copies in the spool, because its folder lets everybody in: \
                 chmod o-rx it, and give it to the group of the proxy"
            );
        }
        if root.is_of_another() {
            tracing::warn!(
                "the spool's folder belongs to another user, who may change what clients get: run this program as that \
                 user, or chown the folder to root"
            );
        }
        inner.take_stock(&root).map_err(cannot)?;
        let inner = Arc::new(inner);
        inner.sweep_from_now_on();
        Ok(Spool(inner))
    }

    /// Opens the folder to look at it from outside: nothing is taken in, and nothing removed. The
    /// bounds and the [lease](Self::lease) should be those of the processes that use the spool.
    ///
    /// # Errors
    ///
    /// If the folder cannot be opened, or others may write into it. The text says how to correct it.
    pub fn survey(self) -> Result<Survey, BuildError> {
        let root = std::path::absolute(&self.dir).and_then(|dir| Root::open_own(&dir));
        let root = root.map_err(|error| cannot_open(&self.dir, &error))?;
        Ok(Survey::new(root, self.settings))
    }
}

fn cannot_open(dir: &Path, error: &std::io::Error) -> BuildError {
    let dir = dir.display();
    BuildError::new(format!(
        "the spool folder {dir} cannot be opened: {error}; make it, and give it to the user of this program \
         and the group of the proxy"
    ))
}
