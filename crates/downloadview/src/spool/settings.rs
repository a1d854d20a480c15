//! What can be set of a spool, with its defaults.

use std::time::Duration;

/// When a client whose file is not in the spool yet gets its answer.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::spool::{Fill, Spool};
/// let spool = Spool::builder(folder).fill(Fill::While).open()?;
/// # let _ = spool;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fill {
    /// When the copy is complete: then a proxy sends it. The default.
    #[default]
    Before,
    /// At once: the application sends the bytes while the copy is being made. Whoever asks for a
    /// part of the file waits until it is complete.
    While,
}

/// Whether there is a copy of what a key names: [`Spool::status`](super::Spool::status).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::content::CacheKey;
/// use downloadview::spool::{Spool, Status};
///
/// let spool = Spool::open(folder)?;
/// assert_eq!(spool.status(&CacheKey::of_content(["report"])), Status::Missing);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There is none, and none is being made by this process.
    Missing,
    /// It is being made.
    #[non_exhaustive]
    Filling {
        /// Bytes that are there.
        written: u64,
        /// Bytes in all, if they are known.
        size: Option<u64>,
    },
    /// It is there. The source of a file that may change may still have to be asked.
    #[non_exhaustive]
    Ready {
        /// Bytes in all.
        size: u64,
    },
}

/// What can be set.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) fill: Fill,
    pub(super) max_bytes: u64,
    pub(super) max_files: usize,
    pub(super) max_file_bytes: Option<u64>,
    pub(super) min_free_bytes: Option<u64>,
    pub(super) max_age: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) lease: Duration,
    pub(super) max_idle_fill: Duration,
    pub(super) fills: usize,
    pub(super) sync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fill: Fill::default(),
            max_bytes: 10 << 30,
            max_files: 1 << 18,
            max_file_bytes: None,
            min_free_bytes: None,
            max_age: Duration::from_secs(60),
            stale_if_error: Duration::ZERO,
            lease: Duration::from_secs(90),
            max_idle_fill: Duration::from_secs(60),
            fills: 64,
            sync: true,
        }
    }
}

impl Settings {
    /// The largest copy.
    pub(super) fn largest(&self) -> u64 {
        self.max_file_bytes
            .map_or(self.max_bytes, |most| most.min(self.max_bytes))
    }

    /// How many copies may be made at once while nobody waits for them. The rest of
    /// [`fills`](Self::fills) stays for those who do.
    pub(super) fn preparations(&self) -> usize {
        self.fills.div_ceil(2)
    }

    /// How many bytes of a disk of this size stay free.
    pub(super) fn stays_free(&self, disk: u64) -> u64 {
        self.min_free_bytes
            .unwrap_or_else(|| (disk / 20).min(1 << 30))
    }
}
