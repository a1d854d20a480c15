//! That a copy was handed out is marked on its file, so that no other process removes it: under a
//! shared lock, by which who removes a copy keeps everybody from marking it meanwhile.
//!
//! What is locked are files in the folder `private`, which nobody but the owner is let into: whoever
//! may read the copies could hold a lock on them for ever.
//!
//! A mark stands in the part of the file's time below a second, which no proxy looks at. Where the
//! file system keeps none (ext4 with inodes of 128 bytes), the time at which it notes the change of
//! the file is the mark.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, Stat, fchown, flock, openat, statat, utimensat,
};
use rustix::io::Errno;

use super::folder::{Root, times};
use super::name::{CopyName, Id, LOCKS, PRIVATE, lock_name};

/// How often a lock is tried that somebody else holds, and how long after each time.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(5);

impl Root {
    /// Notes on the file that it was handed to a proxy, for other processes that share the folder:
    /// what its mark is from now on.
    ///
    /// # Errors
    ///
    /// If it is not there, or somebody removes one in this moment.
    pub(super) fn mark(&self, name: CopyName, modified: u64, mark: u32) -> io::Result<u32> {
        let held = self.open_lock(&name.id.lock_name())?;
        // Without waiting: whoever holds it may have been stopped.
        lock(&held, FlockOperation::NonBlockingLockShared)?;
        let (path, flags) = (name.path(), AtFlags::SYMLINK_NOFOLLOW);
        utimensat(&self.folder, &path, &times(modified, mark), flags)?;
        match self.fine {
            true => Ok(mark),
            false => Ok(self.mark_of(&statat(&self.folder, &path, flags)?)),
        }
    }

    /// What was marked last.
    #[allow(clippy::unnecessary_cast)] // These types differ from system to system.
    pub(super) fn mark_of(&self, found: &Stat) -> u32 {
        match self.fine {
            true => found.st_mtime_nsec as u32,
            false => found.st_ctime as u32,
        }
    }

    /// Keeps everybody from marking the copies of `id` until it is dropped. This may wait for a moment.
    ///
    /// # Errors
    ///
    /// [`Errno::WOULDBLOCK`] if somebody else does so for long.
    pub(super) fn lock_alone(&self, id: Id) -> Result<OwnedFd, Errno> {
        let held = self.open_lock(&id.lock_name())?;
        for _ in 0..TRIES {
            match lock(&held, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN),
                done => return done.map(|()| held),
            }
        }
        Err(Errno::WOULDBLOCK)
    }

    /// Makes all that will be locked, while there is room.
    pub(super) fn make_locks(&self) {
        for number in 0..LOCKS {
            if self.open_lock(&lock_name(number)).is_err() {
                return;
            }
        }
    }

    fn open_lock(&self, name: &str) -> Result<OwnedFd, Errno> {
        let path = format!("{PRIVATE}/{name}");
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match openat(&self.folder, &path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        let private = self.private()?;
        let mode = Mode::RUSR | Mode::WUSR;
        let made = openat(&private, name, flags | OFlags::CREATE, mode)?;
        if self.us != self.owner && self.us.is_root() {
            // Made for those who serve.
            let _ = fchown(&made, Some(self.owner), None);
        }
        Ok(made)
    }
}

/// Locks a file until it is closed. Where files cannot be locked, nobody is kept out.
fn lock(file: &OwnedFd, how: FlockOperation) -> Result<(), Errno> {
    match flock(file, how) {
        Err(Errno::WOULDBLOCK) => Err(Errno::WOULDBLOCK),
        _ => Ok(()),
    }
}
