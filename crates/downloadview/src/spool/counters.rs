//! What a spool has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::why::NotSpooled;

/// The numbers behind [`Counters`].
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) fills: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) joined: AtomicU64,
    pub(super) validated: AtomicU64,
    pub(super) stale: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) evictions: AtomicU64,
    streamed: [AtomicU64; NotSpooled::ALL.len()],
}

/// What a spool has done since it was opened: [`Spool::counters`](super::Spool::counters).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// let spool = downloadview::spool::Spool::open(folder)?;
/// assert_eq!(spool.counters().hits, 0);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests for which a copy was there.
    pub hits: u64,
    /// Requests for which none was there, those that joined a fill included.
    pub misses: u64,
    /// Copies that were made.
    pub fills: u64,
    /// Copies that were begun and not finished.
    pub failed: u64,
    /// Requests that waited for a copy, or followed one, which another request had begun.
    pub joined: u64,
    /// Copies that their source was asked about, and that were still good.
    pub validated: u64,
    /// Copies that were handed out although their source could not be asked.
    pub stale: u64,
    /// Bytes written.
    pub bytes_in: u64,
    /// Bytes of the copies that were handed to proxies, each counted whole.
    pub bytes_out: u64,
    /// Copies that had to make room.
    pub evictions: u64,
    /// Requests that were streamed instead, by reason; those without any are left out.
    pub streamed: Vec<(NotSpooled, u64)>,
    /// Bytes that lie in the folder now, with those that are being written.
    pub bytes_held: u64,
    /// Copies that lie in the folder now.
    pub copies_held: u64,
}

impl Counting {
    pub(super) fn streamed(&self, why: NotSpooled) {
        add(&self.streamed[why as usize], 1);
    }

    pub(super) fn snapshot(&self, (bytes_held, copies_held): (u64, usize)) -> Counters {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let streamed = NotSpooled::ALL.into_iter();
        let streamed = streamed.map(|why| (why, of(&self.streamed[why as usize])));
        Counters {
            hits: of(&self.hits),
            misses: of(&self.misses),
            fills: of(&self.fills),
            failed: of(&self.failed),
            joined: of(&self.joined),
            validated: of(&self.validated),
            stale: of(&self.stale),
            bytes_in: of(&self.bytes_in),
            bytes_out: of(&self.bytes_out),
            evictions: of(&self.evictions),
            streamed: streamed.filter(|(_, count)| *count > 0).collect(),
            bytes_held,
            copies_held: copies_held as u64,
        }
    }
}

pub(super) fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}
