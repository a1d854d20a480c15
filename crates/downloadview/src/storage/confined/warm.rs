//! Remembers as hashes which names the kernel had in its caches a short while ago.
//!
//! A plain `stat` cannot be told not to wait for the disk, as `openat2` can. A name that was found
//! without waiting a moment ago will hardly be read from disk now; if it is, one request waits for
//! as long as that takes. Nothing else depends on what is remembered here, so two names with one
//! place only cost a longer look.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::seeded::Seeded;

/// Places for hashes: 8 KiB for each storage. If two names have one place, a look takes the longer
/// way.
const PLACES: usize = 1024;

/// Hashes of names, one for each place; the last one stays.
#[derive(Debug)]
pub(super) struct Warm {
    hasher: Seeded,
    hashes: Box<[AtomicU64]>,
}

impl Warm {
    pub(super) fn new() -> Self {
        Self {
            hasher: Seeded::default(),
            hashes: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether the name was found without waiting.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
        let (place, hash) = self.place(name);
        place.load(Ordering::Relaxed) == hash
    }

    /// Remembers that the name was found without waiting.
    pub(super) fn insert(&self, name: &[u8]) {
        let (place, hash) = self.place(name);
        place.store(hash, Ordering::Relaxed);
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
        let warm = Warm::new();
        assert!(!warm.holds(b"a"));
        warm.insert(b"a");
        assert!(warm.holds(b"a"));
        assert!(!warm.holds(b"b"));
    }
}
