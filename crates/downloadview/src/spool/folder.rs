//! The spool's folder on disk, by descriptor: parts are made, filled, and become copies; copies are
//! found and removed.
//!
//! - The folder is held open. Below it every step is an `openat` that follows no link.
//! - Nothing is used that belongs to somebody else, or that others may write: it may lie there from a
//!   time when the folder let them in.
//! - A part is made in the folder `private`, which lets nobody in but the owner, and locked (`flock`).
//!   The lock says that somebody fills it, and goes with the process: a part without one is a leftover.
//! - A complete part gets its mode, its group and its time, is synced if that is wished, and is
//!   renamed. So a copy is always complete.
//! - A file is removed only if it is the very one (device and inode) that was looked at.
//! - That a copy was handed out is noted on it under a shared lock (`marks`); who removes one holds
//!   that lock alone (`walk`). So no process removes what another one hands out in the same moment.
//!
//! Everything here may wait for the disk, and is called on threads that may.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Stat, StatVfsMountFlags, Timespec, Timestamps, UTIME_OMIT, Uid,
    chownat, fchmod, fstat, fstatvfs, futimens, mkdirat, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use tokio::time::Instant;

use super::name::{Id, PRIVATE, Within};
use crate::content::{Identity, is_local};

/// How often the path of the folder is looked at, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Inode(u64, u64);

impl From<Identity> for Inode {
    fn from(found: Identity) -> Self {
        Self(found.device, found.inode)
    }
}

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
    /// Whose it was at the start.
    owner: Uid,
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
    pub(super) owner: Uid,
    pub(super) group: Gid,
    /// The user of this program.
    pub(super) us: Uid,
    /// Whether the folder lets everybody in.
    open_to_all: bool,
    local: bool,
    /// Whether its file system keeps the part of a time below a second.
    pub(super) fine: bool,
}

/// Others decide what lies in the folder. It says why, and how to fix it.
#[derive(Debug)]
pub(super) struct NotOurs(&'static str);

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotOurs {}

impl NotOurs {
    /// Whether that is what an error says.
    pub(super) fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

impl From<NotOurs> for io::Error {
    fn from(why: NotOurs) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, why)
    }
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
        let root = Arc::new(Root::open_to_serve(&path)?);
        let owner = root.owner;
        let state = Mutex::new(Opened {
            root,
            looked: Instant::now(),
            replaced: 0,
        });
        Ok(Self { path, owner, state })
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
    /// If the path leads nowhere, or to a folder that others decide about, as whoever it did not belong to at the start does.
    pub(super) fn current(&self) -> io::Result<(Arc<Root>, u64)> {
        let (root, looked, replaced) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&state.root), state.looked, state.replaced)
        };
        if looked.elapsed() < EVERY {
            return Ok((root, replaced));
        }
        let found = rustix::fs::stat(&self.path)?;
        let is_as_it_was = root.is_as_it_was(&found);
        let root = match is_as_it_was {
            true => {
                root.serves(&found)?;
                root
            }
            // New copies get its new group, and its new word on everybody.
            false => {
                let root = Root::open_own(&self.path)?;
                if root.owner != self.owner {
                    return Err(NotOurs(
                        "another user's folder is in its place: chown it to the owner that it had, or start anew",
                    )
                    .into());
                }
                Arc::new(root.prepared()?)
            }
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.looked = Instant::now();
        if !is_as_it_was {
            if state.root.inode != root.inode {
                state.replaced += 1;
            }
            state.root = root;
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
            owner: Uid::from_raw(found.st_uid),
            group: Gid::from_raw(found.st_gid),
            us: geteuid(),
            open_to_all: lets_all_in(&found),
            local: is_local(&folder),
            fine: true,
            folder,
        })
    }

    /// Whether it is the same folder, with the same owner, the same group and the same word on everybody.
    fn is_as_it_was(&self, found: &Stat) -> bool {
        inode_of(found) == self.inode
            && found.st_uid == self.owner.as_raw()
            && found.st_gid == self.group.as_raw()
            && lets_all_in(found) == self.open_to_all
    }

    /// Opens it to look at it, and to remove copies.
    ///
    /// # Errors
    ///
    /// As [`serves`](Self::serves).
    pub(super) fn open_own(path: &Path) -> io::Result<Self> {
        let root = Self::open(path)?;
        root.serves(&fstat(&root.folder)?)?;
        Ok(root)
    }

    /// Opens it for the copies of this process.
    ///
    /// # Errors
    ///
    /// As [`serves`](Self::serves); also if somebody else made the folder `private` in it.
    pub(super) fn open_to_serve(path: &Path) -> io::Result<Self> {
        Self::open_own(path)?.prepared()
    }

    fn prepared(mut self) -> io::Result<Self> {
        self.fine = self.prepare_private()?;
        Ok(self)
    }

    /// Whoever can write there decides what clients get, so nobody else may: neither may others write into it, nor may it
    /// belong to somebody else but root. For root, it may belong to anybody.
    fn serves(&self, found: &Stat) -> Result<(), NotOurs> {
        only_owner_writes(found)?;
        match self.us.is_root() || found.st_uid == 0 || found.st_uid == self.us.as_raw() {
            true => Ok(()),
            false => Err(NotOurs(
                "it belongs to another user: chown it to the user of this program",
            )),
        }
    }

    /// Whether nobody else made a thing in it, or may write to it.
    pub(super) fn trusts(&self, found: &Stat) -> bool {
        self.is_ours(found) && found.st_mode & 0o022 == 0
    }

    /// Whether nobody else made a thing in it.
    pub(super) fn is_ours(&self, found: &Stat) -> bool {
        [0, self.us.as_raw(), self.owner.as_raw()].contains(&found.st_uid)
    }

    /// The folder that only its owner is let into, made if it is not there.
    pub(super) fn private(&self) -> Result<OwnedFd, Errno> {
        match self.open_folder(&self.folder, PRIVATE) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        match mkdirat(&self.folder, PRIVATE, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        if self.us != self.owner && self.us.is_root() {
            // Made for those who serve.
            let _ = chownat(
                &self.folder,
                PRIVATE,
                Some(self.owner),
                None,
                AtFlags::SYMLINK_NOFOLLOW,
            );
        }
        self.open_folder(&self.folder, PRIVATE)
    }

    /// Makes the private folder, and sees whether the file system keeps marks. Where nothing can be made, nothing is
    /// filled or removed either.
    fn prepare_private(&self) -> io::Result<bool> {
        let private = match self.private() {
            Ok(private) => private,
            Err(Errno::PERM | Errno::LOOP | Errno::NOTDIR) => {
                let why = "the folder `private` in it was not made by this program, or others may write into it: remove it";
                return Err(NotOurs(why).into());
            }
            Err(_) => return Ok(true),
        };
        if fstat(&private)?.st_mode & 0o077 != 0 {
            fchmod(&private, Mode::RWXU)?;
        }
        self.make_locks();
        Ok(keeps_marks(&private))
    }

    /// Whether it belongs to somebody else, which only root is not refused for.
    pub(super) fn is_of_another(&self) -> bool {
        self.us.is_root() && !self.owner.is_root()
    }

    /// Whether its file system is known to be one of this machine's own, which answers.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether everybody on this machine may read what lies in it.
    pub(super) fn is_open_to_all(&self) -> bool {
        self.open_to_all
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

    pub(super) fn open_within(&self, within: Within) -> Result<OwnedFd, Errno> {
        let mut opened = None;
        for name in within.folders() {
            let parent = opened.as_ref().unwrap_or(&self.folder);
            opened = Some(self.open_folder(parent, &name)?);
        }
        opened.ok_or(Errno::NOENT)
    }

    /// The folder of a copy that is to be made.
    pub(super) fn make_folder(&self, id: Id) -> Result<OwnedFd, Errno> {
        let mut made = None;
        for name in id.within().folders() {
            let parent = made.as_ref().unwrap_or(&self.folder);
            made = Some(self.make(parent, &name)?);
        }
        made.ok_or(Errno::NOENT)
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

    /// A folder in a folder.
    ///
    /// # Errors
    ///
    /// [`Errno::PERM`] if it is not ours alone.
    pub(super) fn open_folder(&self, parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let opened = openat(parent, name, flags, Mode::empty())?;
        match self.trusts(&fstat(&opened)?) {
            true => Ok(opened),
            false => Err(Errno::PERM),
        }
    }

    /// Readable for everybody too where the folder itself is.
    pub(super) fn mode(&self, mode: u32) -> u32 {
        match self.open_to_all {
            true => mode | (mode >> 3 & 0o007),
            false => mode,
        }
    }
}

/// Whether the file system keeps marks, tried on a folder of ours.
#[allow(clippy::unnecessary_cast)] // These types differ from system to system.
fn keeps_marks(folder: &OwnedFd) -> bool {
    const MARK: u32 = 123_456_789;
    let Ok(found) = fstat(folder) else {
        return true;
    };
    let seconds = u64::try_from(found.st_mtime).unwrap_or_default();
    if futimens(folder, &times(seconds, MARK)).is_err() {
        // Nothing can be marked.
        return true;
    }
    fstat(folder).is_ok_and(|found| found.st_mtime_nsec as u64 == u64::from(MARK))
}

fn lets_all_in(found: &Stat) -> bool {
    found.st_mode & 0o005 == 0o005
}

/// Whether nobody but its owner may write into a folder.
fn only_owner_writes(found: &Stat) -> Result<(), NotOurs> {
    match found.st_mode {
        mode if mode & 0o002 != 0 => Err(NotOurs(
            "every user of this machine may write into it: chmod o-w it",
        )),
        mode if mode & 0o020 != 0 => Err(NotOurs(
            "its group may write into it, and the proxy needs to read only: chmod g-w it",
        )),
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
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, is_opened) in [
            (0o1777, false),
            (0o702, false),
            (0o2770, false),
            (0o2755, true),
            (0o700, true),
        ] {
            set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(Folder::open(dir.path()).is_ok(), is_opened);
        }
    }

    #[test]
    fn a_private_folder_that_somebody_else_made_is_refused() {
        for made in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let private = dir.path().join(PRIVATE);
            match made {
                0 => std::os::unix::fs::symlink("/tmp", &private).unwrap(),
                _ => std::fs::create_dir(&private).unwrap(),
            }
            match made {
                1 => chown(&private, Some(12_345), None).unwrap(),
                2 => set_permissions(&private, Permissions::from_mode(0o777)).unwrap(),
                _ => {}
            }
            let error = Root::open_to_serve(dir.path()).unwrap_err();
            assert!(NotOurs::is(&error), "{made}: {error}");
        }
        let dir = tempfile::tempdir().unwrap();
        Root::open_to_serve(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join(PRIVATE))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o700);
    }
}
