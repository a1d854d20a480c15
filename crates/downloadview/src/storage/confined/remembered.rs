//! Remembers names as hashes: `beneath` has those that the kernel had in its caches, and those that
//! were regular files a moment ago.
//!
//! A plain `stat` cannot be told not to wait for the disk, as `openat2` can. A name that was found
//! without waiting will hardly be read from disk now; if it is, one request waits for as long as
//! that takes. And a name that was a regular file within this second is opened without a look at
//! what it is.
//!
//! If two names have one place, the last one stays, and a look at the other takes the longer way.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::seeded::Seeded;

/// Places for hashes: 8 KiB.
const PLACES: usize = 1024;

/// Hashes of names, one for each place; the last one stays.
#[derive(Debug)]
pub(super) struct Remembered {
    hasher: Seeded,
    hashes: Box<[AtomicU64]>,
}

impl Remembered {
    pub(super) fn new() -> Self {
        Self {
            hasher: Seeded::default(),
            hashes: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether the name is remembered.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
        let (place, hash) = self.place(name);
        place.load(Ordering::Relaxed) == hash
    }

    /// Remembers the name.
    pub(super) fn insert(&self, name: &[u8]) {
        let (place, hash) = self.place(name);
        place.store(hash, Ordering::Relaxed);
    }

    /// Remembers nothing any more.
    pub(super) fn clear(&self) {
        for place in &self.hashes {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn place(&self, name: &[u8]) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one(name);
        let index = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        (&self.hashes[index], hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_was_inserted_and_nothing_else() {
        let names = Remembered::new();
        assert!(!names.holds(b"a"));
        names.insert(b"a");
        assert!(names.holds(b"a"));
        assert!(!names.holds(b"b"));
        names.clear();
        assert!(!names.holds(b"a"));
    }
}
