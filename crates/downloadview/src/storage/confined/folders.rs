//! Folders below the root that are held open for a second, so that a look at a file in one of them
//! is a single `stat`.
//!
//! A folder that is moved away or replaced by a link is noticed when its second is over: until then
//! a look may tell of the file that was there. Nothing is ever opened for reading through these
//! folders, so the bytes that are sent always come from where the name leads now.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use super::seeded::Seeded;

/// How many folders are held open, at most, by one storage.
const MOST: usize = 64;

/// Open folders by their names below the root.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashMap<Box<[u8]>, Arc<OwnedFd>, Seeded>>);

impl Folders {
    /// The folder, if it was found within this second.
    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<OwnedFd>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(name).map(Arc::clone)
    }

    /// Holds a folder that was just found, unless enough are held already.
    pub(super) fn insert(&self, name: &[u8], folder: OwnedFd) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() < MOST || held.contains_key(name) {
            held.insert(name.into(), Arc::new(folder));
        }
    }

    /// Holds nothing any more.
    pub(super) fn clear(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Closed without the lock: a file system may take its time.
        let closed = std::mem::take(&mut *held);
        drop(held);
        drop(closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> OwnedFd {
        std::fs::File::open("/").unwrap().into()
    }

    #[test]
    fn folders_are_held_for_a_second_and_never_too_many_of_them() {
        let folders = Folders::default();
        for number in 0..2 * MOST {
            folders.insert(number.to_string().as_bytes(), folder());
        }
        assert_eq!(folders.0.lock().unwrap().len(), MOST);
        assert!(folders.get(b"0").is_some());
        assert!(folders.get(MOST.to_string().as_bytes()).is_none());
        folders.clear();
        assert!(folders.get(b"0").is_none());
        folders.insert(b"new", folder());
        assert!(folders.get(b"new").is_some());
    }
}
