//! Remembers which names the kernel was lately seen to hold in its caches, as hashes.
//!
//! A plain `stat` cannot be told not to wait for the disk, where `openat2` can. A name that was found
//! without waiting a moment ago will hardly be read from disk now; should it be, one request waits as
//! long as that takes. Nothing else depends on what is remembered here.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places for hashes: 8 KiB for each storage. A collision costs a look by the longer way.
const PLACES: usize = 1024;

#[derive(Debug)]
pub(super) struct Warm {
    hasher: RandomState,
    hashes: Box<[AtomicU64]>,
}

impl Warm {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            hashes: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn holds(&self, name: &[u8]) -> bool {
        let (place, hash) = self.place(name);
        place.load(Ordering::Relaxed) == hash
    }

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
