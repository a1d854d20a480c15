//! Everything that lies in the spool's folder, and its removal: for those who share the folder with
//! other processes.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, statat,
};
use rustix::io::Errno;
use rustix::path::Arg;

use super::folder::{Inode, Root, inode_of, remove_very};
use super::name::{CopyName, Entry, ONCE, PRIVATE, Within, folder};
use super::stock::Found;

/// Something that was seen in the folder.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Below the folder.
    pub(super) path: String,
    pub(super) thing: Thing,
    pub(super) bytes: u64,
    pub(super) inode: Inode,
    /// The part of its time below a second.
    pub(super) below_second: u32,
    /// What changes whenever it is handed out.
    pub(super) mark: u32,
    /// When the file system last noted a change, as it does when a copy is marked.
    pub(super) changed: SystemTime,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    /// A regular file with the name of a copy, of whatever length.
    Copy(CopyName),
    /// A part, and whether a process holds the lock that says that it fills it.
    Part {
        locked: bool,
    },
    Foreign,
}

/// What became of a file that was to go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Removal {
    Removed,
    /// It is not there, or another file.
    Gone,
    /// It was not to go after all.
    Kept(Found),
    /// A process fills it.
    Filled,
}

/// A copy that was opened to be read.
#[derive(Debug)]
pub(super) struct OpenCopy {
    pub(super) file: OwnedFd,
    pub(super) mode: u32,
    /// Whether it has the group of the spool's folder.
    pub(super) of_group: bool,
}

impl Root {
    /// Everything that lies in the folder and its folders of copies.
    pub(super) fn walk(&self, mut each: impl FnMut(Seen)) -> io::Result<()> {
        for name in all_names(&self.folder)? {
            let path = shown(&name);
            let within = match path.as_str() {
                ONCE => Some(Within::Once),
                PRIVATE => Some(Within::Private),
                _ => None,
            };
            if let Some(within) = within
                && let Ok(folder) = self.open_within(within)
            {
                self.walk_in(within, &folder, &path, &mut each)?;
                continue;
            }
            let Some((first, folder)) = self.folder_of_copies(&self.folder, &name) else {
                self.seen(&self.folder, None, &name, path)?.map(&mut each);
                continue;
            };
            for name in all_names(&folder)? {
                let path = format!("{path}/{}", shown(&name));
                let Some((second, opened)) = self.folder_of_copies(&folder, &name) else {
                    self.seen(&folder, None, &name, path)?.map(&mut each);
                    continue;
                };
                let within = Within::Copies([first, second]);
                self.walk_in(within, &opened, &path, &mut each)?;
            }
        }
        Ok(())
    }

    fn walk_in(
        &self,
        within: Within,
        folder: &OwnedFd,
        path: &str,
        each: &mut impl FnMut(Seen),
    ) -> io::Result<()> {
        for name in all_names(folder)? {
            let path = format!("{path}/{}", shown(&name));
            self.seen(folder, Some(within), &name, path)?
                .map(&mut *each);
        }
        Ok(())
    }

    fn folder_of_copies(&self, parent: &OwnedFd, name: &CStr) -> Option<(u8, OwnedFd)> {
        let name = name.to_str().ok()?;
        let byte = folder(name)?;
        Some((byte, self.open_folder(parent, name).ok()?))
    }

    /// Removes a copy if it is still this file and `may` go as it is now, while nobody can mark it.
    /// One that is not what its name says goes too. Whoever has it open keeps it.
    pub(super) fn remove_if(
        &self,
        name: CopyName,
        inode: Inode,
        may: impl FnOnce(&Seen) -> bool,
    ) -> io::Result<Removal> {
        let folder = match self.open_within(name.id.within()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(Removal::Gone),
            Err(error) => return Err(error.into()),
        };
        let locked = match self.lock_alone(name.id) {
            Err(Errno::WOULDBLOCK) => None,
            locked => Some(locked?),
        };
        let file = name.file_name();
        let there = match statat(&folder, &file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => there,
            Err(Errno::NOENT) => return Ok(Removal::Gone),
            Err(error) => return Err(error.into()),
        };
        let seen = self.seen_as(String::new(), Thing::Copy(name), &there);
        match self.as_copy(name, &there) {
            _ if seen.inode != inode => Ok(Removal::Gone),
            // Without the lock: somebody marks a copy, perhaps this one.
            Some(found) if locked.is_none() || !may(&seen) => Ok(Removal::Kept(found)),
            _ => removed(&folder, &file, inode),
        }
    }

    /// Removes a part, unless a process fills it.
    pub(super) fn remove_leftover(&self, path: &str, inode: Inode) -> io::Result<Removal> {
        let Some((folders, name)) = path.rsplit_once('/') else {
            return Ok(Removal::Gone);
        };
        let mut folder = None;
        for part in folders.split('/') {
            folder = Some(self.open_folder(folder.as_ref().unwrap_or(&self.folder), part)?);
        }
        let folder = folder.ok_or(io::ErrorKind::NotFound)?;
        // Held until it is gone.
        let file = match open_part(&folder, name) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Removal::Gone),
            Err(error) => return Err(error.into()),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(Removal::Filled),
            Err(error) => Err(error.into()),
            Ok(()) => removed(&folder, name, inode),
        }
    }

    /// A copy to be read; `None` if it is not there.
    pub(super) fn open_copy(&self, name: CopyName) -> io::Result<Option<OpenCopy>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let opened = self
            .open_within(name.id.within())
            .and_then(|folder| openat(&folder, name.file_name(), flags, Mode::empty()));
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = fstat(&file)?;
        Ok(Some(OpenCopy {
            file,
            mode: found.st_mode,
            of_group: found.st_gid == self.group.as_raw(),
        }))
    }

    /// Whether the group of the spool's folder may look for a name in a folder of copies.
    pub(super) fn lets_group_into(&self, within: Within) -> io::Result<bool> {
        let mut opened = None;
        for name in within.folders() {
            let folder = self.open_folder(opened.as_ref().unwrap_or(&self.folder), &name)?;
            let found = fstat(&folder)?;
            let of_group = found.st_gid == self.group.as_raw() && found.st_mode & 0o010 != 0;
            if !of_group && found.st_mode & 0o001 == 0 {
                return Ok(false);
            }
            opened = Some(folder);
        }
        Ok(true)
    }

    /// What a name leads to; `None` if it is gone. `within` says which names it may have, if any.
    fn seen(
        &self,
        folder: &OwnedFd,
        within: Option<Within>,
        name: &CStr,
        path: String,
    ) -> io::Result<Option<Seen>> {
        let found = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let is_spools = regular && self.is_ours(&found);
        let named = name.to_str().ok().zip(within.filter(|_| is_spools));
        let thing = match named.and_then(|(name, within)| Entry::parse(within, name)) {
            Some(Entry::Copy(copy)) => Thing::Copy(copy),
            Some(Entry::Part) => Thing::Part {
                locked: is_locked(folder, name),
            },
            Some(Entry::Lock) => return Ok(None),
            None if name.to_bytes() == PRIVATE.as_bytes()
                && within.is_none()
                && self.is_closed(&found) =>
            {
                return Ok(None);
            }
            None => Thing::Foreign,
        };
        Ok(Some(self.seen_as(path, thing, &found)))
    }

    /// Whether it is the private folder, into which whoever looks is not let.
    fn is_closed(&self, found: &Stat) -> bool {
        let is_folder = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        is_folder && self.trusts(found)
    }

    #[allow(clippy::unnecessary_cast)] // These types differ from system to system.
    fn seen_as(&self, path: String, thing: Thing, found: &Stat) -> Seen {
        let seconds = u64::try_from(found.st_ctime).unwrap_or_default();
        Seen {
            path,
            thing,
            bytes: u64::try_from(found.st_size).unwrap_or_default(),
            inode: inode_of(found),
            below_second: found.st_mtime_nsec as u32,
            mark: self.mark_of(found),
            changed: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        }
    }
}

fn removed(folder: &OwnedFd, name: &str, inode: Inode) -> io::Result<Removal> {
    Ok(match remove_very(folder, name, inode)? {
        true => Removal::Removed,
        false => Removal::Gone,
    })
}

fn open_part(folder: &OwnedFd, name: impl Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    openat(folder, name, flags, Mode::empty())
}

/// Whether a process fills a part. One that cannot be told is taken to be filled.
fn is_locked(folder: &OwnedFd, name: &CStr) -> bool {
    let opened = open_part(folder, name);
    !opened.is_ok_and(|part| flock(&part, FlockOperation::NonBlockingLockShared).is_ok())
}

fn all_names(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn shown(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spool::name::{Id, State};

    fn copy_in(dir: &Path) -> (Root, Found) {
        let name = CopyName {
            id: Id::numbered(1),
            state: State::Only,
            size: 4,
        };
        let path = dir.join(name.to_string());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "text").unwrap();
        let root = Root::open_to_serve(dir).unwrap();
        let found = root.find(name.id).unwrap();
        (root, found[0])
    }

    /// Two processes are two descriptors here too.
    #[test]
    fn a_copy_is_not_removed_while_somebody_marks_one_and_not_marked_while_somebody_removes_one() {
        let dir = tempfile::tempdir().unwrap();
        let (root, found) = copy_in(dir.path());
        let lock = || {
            let lock = dir.path().join(PRIVATE).join(found.name.id.lock_name());
            std::fs::File::open(lock).unwrap()
        };
        let other = lock();
        flock(&other, FlockOperation::NonBlockingLockShared).unwrap();
        let removal = root.remove_if(found.name, found.inode, |_| true).unwrap();
        assert!(matches!(removal, Removal::Kept(_)), "{removal:?}");
        root.mark(found.name, found.modified, 7).unwrap();
        drop(other);

        let other = lock();
        flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        let marked = root.mark(found.name, found.modified, 8);
        assert_eq!(marked.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(other);

        let removal = root.remove_if(found.name, found.inode, |seen| {
            assert_eq!((seen.mark, seen.below_second), (7, 7));
            // Nobody marks it now.
            assert!(root.mark(found.name, found.modified, 9).is_err());
            true
        });
        assert!(matches!(removal.unwrap(), Removal::Removed));
        assert!(
            root.mark(found.name, found.modified, 10).is_err(),
            "it is gone"
        );
    }

    /// They may be open for everybody who may read the folder.
    #[test]
    fn who_locks_what_may_be_read_keeps_nobody_from_marking_or_removing() {
        let dir = tempfile::tempdir().unwrap();
        let (root, found) = copy_in(dir.path());
        let copy = dir.path().join(found.name.to_string());
        let held: Vec<_> = copy
            .ancestors()
            .take(4)
            .map(|path| std::fs::File::open(path).unwrap())
            .collect();
        for held in &held {
            flock(held, FlockOperation::NonBlockingLockExclusive).unwrap();
        }
        root.mark(found.name, found.modified, 7).unwrap();
        let removal = root.remove_if(found.name, found.inode, |_| true).unwrap();
        assert!(matches!(removal, Removal::Removed), "{removal:?}");
    }
}
