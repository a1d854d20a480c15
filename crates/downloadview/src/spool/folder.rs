//! The spool's folder on disk, by descriptor: parts are made, filled, and become copies; copies are
//! found and removed.
//!
//! - The folder is held open. Below it every step is an `openat` that follows no link.
//! - A part is made under the name `KEY.part` and locked (`flock`). The lock says that somebody
//!   fills it, and goes with the process: a part without one is a leftover.
//! - A complete part gets its mode, its group and its time, is synced if that is wished, and is
//!   renamed. So a copy is always complete.
//! - A file is removed only if it is the very one (device and inode) that was looked at.
//! - That a copy was handed out is noted on it under a shared lock of the folder that it lies in;
//!   who removes one holds that lock alone (`walk`). So no process removes what another one hands
//!   out in the same moment.
//!
//! Everything here may wait for the disk, and is called on threads that may.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, Stat, StatVfsMountFlags, Timespec,
    Timestamps, UTIME_OMIT, chownat, fchmod, flock, fstat, fstatvfs, futimens, mkdirat, openat,
    statat, unlinkat, utimensat,
};
use rustix::io::Errno;
use tokio::time::Instant;

use super::name::{CopyName, Entry, Id, folder};
use crate::content::is_local;

/// How often the path of the folder is looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Inode(u64, u64);

#[cfg(test)]
impl Inode {
    pub(super) fn numbered(number: u64) -> Self {
        Self(1, number)
    }
}

/// The folder, which is opened anew when its path leads to another one.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    state: Mutex<Opened>,
}

#[derive(Debug)]
struct Opened {
    root: Arc<Root>,
    looked: Instant,
    /// How often another folder was found in its place.
    replaced: u64,
}

/// The folder as it was opened.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) folder: OwnedFd,
    inode: Inode,
    pub(super) group: Gid,
    /// Whether the folder lets everybody in.
    open_to_all: bool,
    local: bool,
}

/// A copy that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) name: CopyName,
    pub(super) inode: Inode,
    /// Seconds since 1970 that proxies make their tags of.
    pub(super) modified: u64,
    /// The part of that time below a second, which no proxy looks at: each process that hands the
    /// copy out writes another number there.
    pub(super) mark: u32,
}

/// What is free on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub(super) free: u64,
    pub(super) size: u64,
    /// `None` where the file system does not count them.
    pub(super) free_inodes: Option<u64>,
    pub(super) read_only: bool,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let root = Arc::new(Root::open_own(&path)?);
        let state = Mutex::new(Opened {
            root,
            looked: Instant::now(),
            replaced: 0,
        });
        Ok(Self { path, state })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as it was when its path was last looked at, without waiting.
    pub(super) fn known(&self) -> Arc<Root> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.root)
    }

    /// The folder that the path leads to, looked at once a second, and how often it was another
    /// one.
    ///
    /// # Errors
    ///
    /// If the path leads nowhere.
    pub(super) fn current(&self) -> io::Result<(Arc<Root>, u64)> {
        let (root, looked, replaced) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&state.root), state.looked, state.replaced)
        };
        if looked.elapsed() < EVERY {
            return Ok((root, replaced));
        }
        let found = inode_of(&rustix::fs::stat(&self.path)?);
        let root = match found == root.inode {
            true => root,
            false => Arc::new(Root::open_own(&self.path)?),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.looked = Instant::now();
        if state.root.inode != root.inode {
            state.root = root;
            state.replaced += 1;
        }
        Ok((Arc::clone(&state.root), state.replaced))
    }
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let found = fstat(&folder)?;
        Ok(Self {
            inode: inode_of(&found),
            group: Gid::from_raw(found.st_gid),
            open_to_all: found.st_mode & 0o005 == 0o005,
            local: is_local(&folder),
            folder,
        })
    }

    /// Opens it for the copies of this process. Whoever can write there decides what clients get, so
    /// nobody else may.
    ///
    /// # Errors
    ///
    /// Also if others may write into it, or if it belongs to somebody else but root.
    pub(super) fn open_own(path: &Path) -> io::Result<Self> {
        let root = Self::open(path)?;
        let found = fstat(&root.folder)?;
        let why = match found.st_mode {
            mode if mode & 0o002 != 0 => {
                "every user of this machine may write into it: chmod o-w it"
            }
            mode if mode & 0o020 != 0 => {
                "its group may write into it, and the proxy needs to read only: chmod g-w it"
            }
            _ if found.st_uid != 0 && !root.is_ours(&found) => {
                "it belongs to another user: chown it to the user of this program"
            }
            _ => return Ok(root),
        };
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    }

    /// Whether it belongs to the user of this program, or that is root: nobody else may set a time.
    #[allow(clippy::unnecessary_cast)] // These types differ from system to system.
    fn is_ours(&self, found: &Stat) -> bool {
        let as_it_is = Timestamps {
            last_access: Timespec {
                tv_sec: found.st_atime as _,
                tv_nsec: found.st_atime_nsec as _,
            },
            last_modification: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT as _,
            },
        };
        futimens(&self.folder, &as_it_is) != Err(Errno::PERM)
    }

    /// Whether its file system is known to be one of this machine's own, which answers.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether everybody on this machine may read what lies in it.
    pub(super) fn is_open_to_all(&self) -> bool {
        self.open_to_all
    }

    /// The copies of `id` that lie there.
    pub(super) fn find(&self, id: Id) -> io::Result<Vec<Found>> {
        let [first, second] = id.folders();
        let folders = [folder(&first), folder(&second)].map(Option::unwrap_or_default);
        let opened = self
            .open_folder(&self.folder, &first)
            .and_then(|first| self.open_folder(&first, &second));
        let opened = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut found = Vec::new();
        for name in names(&opened)? {
            if let Some(Entry::Copy(name)) = Entry::parse(folders, &name)
                && name.id == id
            {
                found.extend(looked_at(&opened, name)?);
            }
        }
        Ok(found)
    }

    /// Every copy that lies there, complete. Leftovers of processes that have ended are removed:
    /// parts that nobody holds a lock on, and copies whose length is not the one in their name.
    /// Everything else is left alone.
    pub(super) fn scan(&self, mut each: impl FnMut(Found)) -> io::Result<()> {
        for (first, folder_1) in self.subfolders(&self.folder)? {
            for (second, opened) in self.subfolders(&folder_1)? {
                for name in names(&opened)? {
                    match Entry::parse([first, second], &name) {
                        Some(Entry::Copy(copy)) => match looked_at(&opened, copy)? {
                            Some(found) => each(found),
                            None => remove_odd(&opened, &name, copy.size)?,
                        },
                        Some(Entry::Part(_)) => remove_leftover(&opened, &name)?,
                        None => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes on the file that it was handed to a proxy, for other processes that share the folder.
    ///
    /// # Errors
    ///
    /// If it is not there, or somebody removes one from the same folder in this moment.
    pub(super) fn mark(&self, name: CopyName, modified: u64, mark: u32) -> io::Result<()> {
        let times = times(modified, mark);
        let folder = self.folder_of(name.id)?;
        // Without waiting: whoever holds it may have been stopped.
        lock(&folder, FlockOperation::NonBlockingLockShared)?;
        Ok(utimensat(
            &folder,
            name.file_name(),
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// What is free on the disk.
    pub(super) fn space(&self) -> io::Result<Space> {
        let found = fstatvfs(&self.folder)?;
        Ok(Space {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            size: found.f_blocks.saturating_mul(found.f_frsize),
            free_inodes: (found.f_files > 0).then_some(found.f_favail),
            read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }

    pub(super) fn folder_of(&self, id: Id) -> Result<OwnedFd, Errno> {
        let [first, second] = id.folders();
        let first = self.open_folder(&self.folder, &first)?;
        self.open_folder(&first, &second)
    }

    pub(super) fn make_folder(&self, id: Id) -> Result<OwnedFd, Errno> {
        let [first, second] = id.folders();
        let first = self.make(&self.folder, &first)?;
        self.make(&first, &second)
    }

    /// A folder, made if it is not there: for the owner to write, for the group to read.
    fn make(&self, parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
        match self.open_folder(parent, name) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        match mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        let made = self.open_folder(parent, name)?;
        // The group of the spool's folder; set-group-ID does the same, where it is set.
        let _ = chownat(
            parent,
            name,
            None,
            Some(self.group),
            AtFlags::SYMLINK_NOFOLLOW,
        );
        fchmod(&made, Mode::from_raw_mode(self.mode(0o750)))?;
        Ok(made)
    }

    pub(super) fn open_folder(&self, parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(parent, name, flags, Mode::empty())
    }

    fn subfolders(&self, parent: &OwnedFd) -> io::Result<Vec<(u8, OwnedFd)>> {
        let named = names(parent)?;
        let named = named.iter().filter_map(|name| Some((folder(name)?, name)));
        let opened = named.filter_map(|(byte, name)| {
            let opened = self.open_folder(parent, name);
            Some((byte, opened.ok()?))
        });
        Ok(opened.collect())
    }

    /// Readable for everybody too where the folder itself is.
    pub(super) fn mode(&self, mode: u32) -> u32 {
        match self.open_to_all {
            true => mode | (mode >> 3 & 0o007),
            false => mode,
        }
    }
}

/// The names in a folder that are text.
fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
    }
    Ok(names)
}

/// The file of this name, if it is a regular one of the length that the name says.
fn looked_at(folder: &OwnedFd, name: CopyName) -> io::Result<Option<Found>> {
    match statat(folder, name.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(as_copy(name, &found)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What was found under the name of a copy, if it is one.
#[allow(clippy::unnecessary_cast)] // These types differ from system to system.
pub(super) fn as_copy(name: CopyName, found: &Stat) -> Option<Found> {
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    let complete = u64::try_from(found.st_size) == Ok(name.size);
    (regular && complete).then(|| Found {
        name,
        inode: inode_of(found),
        modified: u64::try_from(found.st_mtime).unwrap_or_default(),
        mark: found.st_mtime_nsec as u32,
    })
}

/// Removes a regular file that has a copy's name and another length: a disk that lost its power
/// left it.
fn remove_odd(folder: &OwnedFd, name: &str, size: u64) -> io::Result<()> {
    let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return Ok(());
    };
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if regular && u64::try_from(found.st_size) != Ok(size) {
        remove_very(folder, name, inode_of(&found))?;
    }
    Ok(())
}

/// Removes a part that no living process holds a lock on.
fn remove_leftover(folder: &OwnedFd, name: &str) -> io::Result<()> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let Ok(file) = openat(folder, name, flags, Mode::empty()) else {
        return Ok(());
    };
    let found = fstat(&file)?;
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if regular && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        remove_very(folder, name, inode_of(&found))?;
    }
    Ok(())
}

/// Locks a folder until it is closed. Where folders cannot be locked, nobody is kept out.
pub(super) fn lock(folder: &OwnedFd, how: FlockOperation) -> Result<(), Errno> {
    match flock(folder, how) {
        Err(Errno::WOULDBLOCK) => Err(Errno::WOULDBLOCK),
        _ => Ok(()),
    }
}

/// Removes a name, if it leads to this very file. Whoever has it open keeps it.
pub(super) fn remove_very(folder: &OwnedFd, name: &str, inode: Inode) -> Result<bool, Errno> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if inode_of(&found) == inode => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error),
    }
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

// The types of these fields differ from system to system.
#[allow(clippy::unnecessary_cast)]
pub(super) fn inode_of(found: &Stat) -> Inode {
    Inode(found.st_dev as u64, found.st_ino as u64)
}

/// A time of modification; the other one stays.
pub(super) fn times(seconds: u64, mark: u32) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT as _,
        },
        last_modification: Timespec {
            tv_sec: seconds.try_into().unwrap_or_default(),
            tv_nsec: mark as _,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        for (mode, is_opened) in [
            (0o1777, false),
            (0o702, false),
            (0o2770, false),
            (0o2755, true),
            (0o700, true),
        ] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(dir.path(), mode).unwrap();
            assert_eq!(Folder::open(dir.path()).is_ok(), is_opened);
        }
    }
}
