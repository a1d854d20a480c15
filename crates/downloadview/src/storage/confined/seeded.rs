//! Hashes of names for `folders` and `remembered`, at less than half the cost of the standard ones.
//!
//! Each storage has a seed of its own, so nobody knows which names share a place. Whoever found out
//! could make looks take the longer way, and nothing else.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use twox_hash::XxHash3_64;

/// Makes hashers of one seed.
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for Seeded {
    type Hasher = Hash;

    fn build_hasher(&self) -> Hash {
        Hash(self.0)
    }
}

/// What was written so far, which is the seed of what comes next.
#[derive(Debug)]
pub(super) struct Hash(u64);

impl Hasher for Hash {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot_with_seed(self.0, bytes);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
