//! `openat2(2)` with `RESOLVE_BENEATH`: the kernel resolves and confines in one call.
//!
//! Links are refused (`RESOLVE_NO_SYMLINKS`) or followed within the folder; magic links never are.
//! The file is first found with `O_PATH`, or by one `stat` if it was so a moment ago, so that a
//! FIFO is not opened, and then opened for reading. A name that was a regular file within this
//! second is opened at once: a FIFO that has just taken its place is then opened too, which waits
//! for nobody, and refused by whoever asks the descriptor what it is.
//!
//! The errors are those of the kernel; `EAGAIN` means that the caches did not have everything
//! (`Wait::Never`) or that a rename disturbed the search too often.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, statat};
use rustix::io::Errno;

use super::folders::Folders;
use super::remembered::Remembered;
use super::{Symlinks, Wait};
use crate::content::{Metadata, Purpose};
use crate::error::{Error, Result};
use crate::storage::StorageName;

/// How often an opening is repeated. A rename anywhere in the tree makes the kernel give up, and it
/// is right to try again.
const RETRIES: usize = 16;

/// A folder that is held open, and what is known of names below it.
#[derive(Debug)]
pub(super) struct Beneath {
    root: OwnedFd,
    /// Names that the kernel has in its caches.
    warm: Remembered,
    /// Names that were regular files within this second.
    files: Remembered,
    folders: Folders,
}

impl Beneath {
    /// Opens the folder; `None` if the kernel or a sandbox refuses the call itself.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        match openat2(
            &root,
            ".",
            Purpose::Look.flags(),
            Mode::empty(),
            ResolveFlags::BENEATH,
        ) {
            Err(Errno::NOSYS | Errno::PERM) => Ok(None),
            _ => Ok(Some(Self {
                root,
                warm: Remembered::new(),
                files: Remembered::new(),
                folders: Folders::default(),
            })),
        }
    }

    /// Opens a regular file for reading.
    pub(super) fn read(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
        wait: Wait,
    ) -> io::Result<File> {
        let policy = match symlinks {
            Symlinks::Refuse => ResolveFlags::NO_SYMLINKS,
            Symlinks::Within => ResolveFlags::empty(),
        };
        if wait == Wait::Never && self.files.holds(name.as_bytes()) {
            return Ok(self.open_at(name, Purpose::Read, policy, wait)?.into());
        }
        // Whoever writes into a FIFO waits for a reader, so not even the attempt may open it.
        let found = match self.glimpse(name) {
            Some(stat) if is_file(&stat) => None,
            _ => Some(self.find(name, policy, wait)?),
        };
        self.files.insert(name.as_bytes());
        match self.open_at(name, Purpose::Read, policy, wait) {
            Err(Errno::AGAIN) if wait == Wait::ForDisk => match found {
                Some(found) => read_leased(&found),
                None => read_leased(&self.find(name, policy, wait)?),
            },
            opened => Ok(opened?.into()),
        }
    }

    /// A second is over: what was only known for as long is forgotten.
    pub(super) fn second_ends(&self) {
        self.files.clear();
        self.folders.clear();
    }

    /// Finds a regular file, without opening it for reading.
    fn find(&self, name: &StorageName, policy: ResolveFlags, wait: Wait) -> io::Result<OwnedFd> {
        let found = self.open_at(name, Purpose::Look, policy, wait)?;
        match is_file(&rustix::fs::fstat(&found)?) {
            true => {
                if policy.contains(ResolveFlags::NO_SYMLINKS) {
                    self.warm.insert(name.as_bytes());
                }
                Ok(found)
            }
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Metadata of a regular file that is not opened for reading. If a link led to it, its real
    /// location is stated.
    pub(super) fn look(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
        wait: Wait,
        root: &Path,
    ) -> Result<Metadata> {
        if let Some(found) = self.glimpse(name) {
            return crate::content::metadata_of_stat(&found, Purpose::Look);
        }
        let found = self.open_at(name, Purpose::Look, ResolveFlags::NO_SYMLINKS, wait);
        if found.is_ok() {
            self.warm.insert(name.as_bytes());
        }
        match (found, symlinks) {
            (Err(Errno::LOOP), Symlinks::Within) => {
                let found = self.open_at(name, Purpose::Look, ResolveFlags::empty(), wait);
                let found = found.map_err(of_errno)?;
                let location = self.location(&found, root)?;
                let mut metadata = metadata_of(found)?;
                metadata.set_location(Some(location));
                Ok(metadata)
            }
            (found, _) => metadata_of(found.map_err(of_errno)?),
        }
    }

    /// One `stat` in place of open, stat and close, for a name that is [warm](Warm), in the root or
    /// in a [folder that is held](Folders): a single segment cannot leave the folder, and a link at
    /// its end is not followed. `None` means that the longer way must be used.
    fn glimpse(&self, name: &StorageName) -> Option<Stat> {
        if !self.warm.holds(name.as_bytes()) {
            return None;
        }
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let stat = match name.split_last() {
            (None, last) => statat(&self.root, last, flags),
            (Some(folder), last) => statat(&*self.folder(folder)?, last, flags),
        };
        let is_link = |found: &Stat| FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
        stat.ok().filter(|found| !is_link(found))
    }

    /// A folder below the root, reached without a link, without another file system in between, and
    /// without waiting. It may be where it was up to a second ago.
    fn folder(&self, name: &[u8]) -> Option<Arc<OwnedFd>> {
        if let Some(held) = self.folders.get(name) {
            return Some(held);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV
            | ResolveFlags::CACHED;
        let found = openat2(&self.root, name, flags, Mode::empty(), resolve).ok()?;
        self.folders.insert(name, found);
        self.folders.get(name)
    }

    /// One confined opening. With `Wait::Never` it fails with `EAGAIN` if the disk must be asked.
    fn open_at(
        &self,
        name: &StorageName,
        purpose: Purpose,
        policy: ResolveFlags,
        wait: Wait,
    ) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | policy;
        let open = |resolve| {
            openat2(
                &self.root,
                name.to_path(),
                purpose.flags(),
                Mode::empty(),
                resolve,
            )
        };
        if wait == Wait::Never {
            // Another file system below this one may hang, though this one does not.
            return match open(resolve | ResolveFlags::CACHED | ResolveFlags::NO_XDEV) {
                // INVAL: a kernel before 5.12 does not know the flag.
                Err(Errno::INVAL | Errno::INTR | Errno::STALE | Errno::XDEV) => Err(Errno::AGAIN),
                opened => opened,
            };
        }
        let mut stale = false;
        for _ in 0..RETRIES {
            match open(resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // A network file system knew the name by a handle that the server has dropped; asked
                // again, it looks the name up anew.
                Err(Errno::STALE) if !stale => stale = true,
                opened => return opened,
            }
        }
        Err(Errno::AGAIN)
    }

    /// Where an open file lies, as a path below `root`.
    fn location(&self, found: &OwnedFd, root: &Path) -> Result<PathBuf> {
        let real_root = path_of(&self.root).map_err(Error::of_file)?;
        let real = path_of(found).map_err(Error::of_file)?;
        let below = real.strip_prefix(&real_root).map_err(|_| Error::NotFound)?;
        Ok(root.join(below))
    }
}

/// Opens a file whose writer holds a lease on it (Samba, NFS servers). This very opening asks the
/// writer to give the lease back, and waits until it does, or until the system takes the lease
/// away. A regular file blocks nobody for longer.
fn read_leased(found: &OwnedFd) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn path_of(fd: &OwnedFd) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()))
}

fn of_errno(errno: Errno) -> Error {
    Error::of_file(errno.into())
}

fn is_file(found: &Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
}

fn metadata_of(found: OwnedFd) -> Result<Metadata> {
    crate::content::metadata_of(&found.into(), Purpose::Look)
}
