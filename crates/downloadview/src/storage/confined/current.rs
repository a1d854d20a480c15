//! The folder that a path leads to now. A link may be switched to a new release, and a file system
//! may be mounted or unmounted, while the folder that was opened first still exists for whoever
//! holds it.
//!
//! `LocalStorage` asks for the current root before each look and each opening. The path itself is
//! looked at once a second, by one caller. If it leads to another folder, that one is opened, used
//! from then on, and logged. If it leads nowhere, the old folder stays in use, with one warning.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use super::Root;

/// How often the path is looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Device and inode of a folder; `None` if the system has none.
pub(in crate::storage) type Identity = Option<(u64, u64)>;

/// A root that is opened anew when its path leads to another folder.
#[derive(Debug)]
pub(in crate::storage) struct Current {
    path: Arc<Path>,
    /// Every request asks for it: without a lock, whose counter all threads would write to.
    opened: ArcSwap<Root>,
    started: Instant,
    /// Milliseconds from then to the next look at the path.
    next: AtomicU64,
    /// Whether it was said that the path leads nowhere.
    missing: AtomicBool,
}

impl Current {
    /// Opens the folder at `path`.
    pub(in crate::storage) fn open(path: &Path) -> io::Result<Self> {
        let root = Root::open(path)?;
        Ok(Self {
            path: root.path().into(),
            opened: ArcSwap::from_pointee(root),
            started: Instant::now(),
            next: AtomicU64::new(millis(EVERY)),
            missing: AtomicBool::new(false),
        })
    }

    /// The folder, absolute, as it was given.
    pub(in crate::storage) fn path(&self) -> &Path {
        &self.path
    }

    /// The same, for whoever keeps it.
    pub(in crate::storage) fn shared_path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The folder as it was when its path was last looked at. If its file system is known not to
    /// hang, the path is looked at here, once a second.
    pub(in crate::storage) fn get(&self) -> Guard<Arc<Root>> {
        let root = self.opened.load();
        match root.is_local() && self.is_due() {
            true => self.look(root),
            false => root,
        }
    }

    /// As [`get`](Self::get), for a caller that may wait.
    pub(in crate::storage) fn get_waiting(&self) -> Guard<Arc<Root>> {
        let root = self.opened.load();
        match self.is_due() {
            true => self.look(root),
            false => root,
        }
    }

    /// Whether it is time to look at the path. Only one caller gets `true`.
    fn is_due(&self) -> bool {
        let now = millis(self.started.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        let (relaxed, then) = (Ordering::Relaxed, now + millis(EVERY));
        now >= next
            && self
                .next
                .compare_exchange(next, then, relaxed, relaxed)
                .is_ok()
    }

    /// Another second begins: looks at the path, and opens the folder anew if it is another one.
    fn look(&self, root: Guard<Arc<Root>>) -> Guard<Arc<Root>> {
        root.second_ends();
        let found = match identity_of(&self.path) {
            Ok(found) => found,
            Err(error) => {
                if !self.missing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the folder of a storage is not there any more: what it held stays what it is until there is another");
                }
                return root;
            }
        };
        self.missing.store(false, Ordering::Relaxed);
        if found == root.identity() {
            return root;
        }
        match Root::open(&self.path) {
            Ok(new) => {
                tracing::info!(
                    "the path of a storage leads to another folder, which is used from now on"
                );
                self.opened.store(Arc::new(new));
                self.opened.load()
            }
            Err(error) => {
                tracing::warn!(%error, "the path of a storage leads to another folder, which cannot be opened");
                root
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn identity_of(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt as _;

    let found = std::fs::metadata(path)?;
    Ok(Some((found.dev(), found.ino())))
}

#[cfg(not(unix))]
fn identity_of(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageName;
    use crate::storage::confined::{Symlinks, Wait};

    fn text(current: &Current) -> Option<String> {
        current.next.store(0, Ordering::Relaxed);
        let name = StorageName::parse("a.txt").unwrap();
        let file = current.get().read(&name, Symlinks::Refuse, Wait::ForDisk);
        Some(std::io::read_to_string(file.ok()?).unwrap())
    }

    /// `current` is flipped from one release to the next, as deployments do.
    #[test]
    fn a_link_that_is_flipped_leads_to_the_new_release() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("current");
        for release in ["one", "two"] {
            std::fs::create_dir(dir.path().join(release)).unwrap();
            std::fs::write(dir.path().join(release).join("a.txt"), release).unwrap();
        }
        std::os::unix::fs::symlink("one", &link).unwrap();
        let current = Current::open(&link).unwrap();
        assert_eq!(text(&current).as_deref(), Some("one"));
        let flipped = dir.path().join("flipped");
        std::os::unix::fs::symlink("two", &flipped).unwrap();
        std::fs::rename(&flipped, &link).unwrap();
        assert_eq!(text(&current).as_deref(), Some("two"));
        std::fs::remove_dir_all(dir.path().join("one")).unwrap();
        assert_eq!(text(&current).as_deref(), Some("two"));
        // Nothing there for a while, as between two mounts.
        std::fs::remove_file(&link).unwrap();
        assert_eq!(text(&current).as_deref(), Some("two"));
        std::os::unix::fs::symlink("two", &link).unwrap();
        std::fs::write(dir.path().join("two/a.txt"), "again").unwrap();
        assert_eq!(text(&current).as_deref(), Some("again"));
    }

    /// Which names were files is known until the path is looked at again.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_a_file_is_forgotten_when_a_second_is_over() {
        use rustix::fs::{CWD, FileType, mknodat};

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        std::fs::write(&path, "a").unwrap();
        let current = Current::open(dir.path()).unwrap();
        let name = StorageName::parse("a.txt").unwrap();
        let read = || current.get().read(&name, Symlinks::Refuse, Wait::Never);
        read().unwrap();
        std::fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, 0o600.into(), 0).unwrap();
        current.next.store(0, Ordering::Relaxed);
        assert!(read().is_err(), "a FIFO was opened");
    }

    #[test]
    fn a_path_is_looked_at_once_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let current = Current::open(dir.path()).unwrap();
        assert!(!current.is_due());
        current.next.store(0, Ordering::Relaxed);
        assert!(current.is_due());
        assert!(!current.is_due());
    }
}
