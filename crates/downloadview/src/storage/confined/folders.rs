//! Folders below the root that are held open for a moment, so that a look at a file in one of them
//! is a single `stat`.
//!
//! A folder that is moved away or replaced by a link is noticed when its second is over: until then
//! a look may tell of the file that was there. Nothing is ever opened for reading through these
//! folders, so the bytes that are sent always come from where the name leads now.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::seeded::Seeded;

/// How long a folder is taken to be where it was found.
const LIFE: Duration = Duration::from_secs(1);

/// How many folders are held open, at most, by one storage.
const MOST: usize = 64;

/// Open folders by their names below the root.
#[derive(Debug, Default)]
pub(super) struct Folders(Mutex<HashMap<Box<[u8]>, Held, Seeded>>);

#[derive(Debug)]
struct Held {
    folder: Arc<OwnedFd>,
    found: Instant,
}

impl Held {
    fn is_fresh(&self) -> bool {
        self.found.elapsed() < LIFE
    }
}

impl Folders {
    /// The folder, if it was found within the last second.
    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<OwnedFd>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(name).filter(|held| held.is_fresh())?;
        Some(Arc::clone(&held.folder))
    }

    /// Holds a folder that was just found, unless enough are held already.
    pub(super) fn insert(&self, name: &[u8], folder: OwnedFd) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.retain(|_, held| held.is_fresh());
        }
        if held.len() < MOST || held.contains_key(name) {
            let folder = Arc::new(folder);
            let found = Instant::now();
            held.insert(name.into(), Held { folder, found });
        }
    }
}

#[cfg(test)]
impl Folders {
    /// Lets a second pass.
    pub(super) fn age(&self) {
        let mut held = self.0.lock().unwrap();
        for held in held.values_mut() {
            held.found -= LIFE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> OwnedFd {
        std::fs::File::open("/").unwrap().into()
    }

    #[test]
    fn a_folder_is_held_for_a_second_and_never_too_many_of_them() {
        let folders = Folders::default();
        for number in 0..2 * MOST {
            folders.insert(number.to_string().as_bytes(), folder());
        }
        assert_eq!(folders.0.lock().unwrap().len(), MOST);
        assert!(folders.get(b"0").is_some());
        assert!(folders.get(MOST.to_string().as_bytes()).is_none());
        folders.age();
        assert!(folders.get(b"0").is_none());
        folders.insert(b"new", folder());
        assert!(folders.get(b"new").is_some());
        assert_eq!(folders.0.lock().unwrap().len(), 1);
    }
}
