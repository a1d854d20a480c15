//! What lies in the folder: the copies, and what goes because nobody can use it.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, statat,
};
use rustix::io::Errno;

use super::folder::{Inode, Root, inode_of, remove_very};
use super::name::{CopyName, Entry, Id, Within, folder};
use crate::content::{Metadata, whole_seconds};

/// A copy that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) name: CopyName,
    pub(super) inode: Inode,
    /// The number of the user whom it belongs to.
    pub(super) owner: u32,
    /// Seconds since 1970 that proxies make their tags of.
    pub(super) modified: u64,
    /// What changes whenever a process hands the copy out ([`Root::mark_of`]).
    pub(super) mark: u32,
}

/// Which file a copy is, as it was made or taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) inode: Inode,
    owner: u32,
    /// Seconds since 1970. Marks leave them as they are; whoever writes to the file does not.
    pub(super) modified: u64,
}

impl Found {
    pub(super) fn known(&self) -> Known {
        Known {
            inode: self.inode,
            owner: self.owner,
            modified: self.modified,
        }
    }
}

impl Known {
    /// Whether this very file was found, and nobody but its owner wrote to it or may.
    pub(super) fn is(&self, found: &Metadata) -> bool {
        self.has_inode_of(found) && self.is_as_good(found)
    }

    /// As [`is`](Self::is); another process may have made the copy anew meanwhile.
    pub(super) fn is_as_good(&self, found: &Metadata) -> bool {
        let Some(identity) = found.identity else {
            return false;
        };
        let modified = found.written.map_or(0, whole_seconds);
        identity.owner == self.owner
            && identity.mode & 0o022 == 0
            && (!self.has_inode_of(found) || modified == self.modified)
    }

    fn has_inode_of(&self, found: &Metadata) -> bool {
        found.identity.map(Inode::from) == Some(self.inode)
    }
}

impl Root {
    /// The copies of `id` that lie there.
    pub(super) fn find(&self, id: Id) -> io::Result<Vec<Found>> {
        let within = id.within();
        let Some(opened) = if_there(self.open_within(within))? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for name in names(&opened)? {
            if let Some(Entry::Copy(name)) = Entry::parse(within, &name)
                && name.id == id
            {
                found.extend(self.looked_at(&opened, name)?);
            }
        }
        Ok(found)
    }

    /// Every copy that lies there, complete. Leftovers of processes that have ended are removed:
    /// parts that nobody holds a lock on, and copies whose length is not the one in their name.
    /// Everything else is left alone: how many things are not the spool's, though they have its names.
    pub(super) fn scan(&self, mut each: impl FnMut(Found)) -> io::Result<usize> {
        let mut strange = 0;
        for (first, folder_1) in self.subfolders(&self.folder, &mut strange)? {
            for (second, opened) in self.subfolders(&folder_1, &mut strange)? {
                strange += self.scan_copies(Within::Copies([first, second]), &opened, &mut each)?;
            }
        }
        Ok(strange + self.scan_passing(each)?)
    }

    /// Of that, what never stays for long: copies that go when their lease ends, and parts.
    pub(super) fn scan_passing(&self, mut each: impl FnMut(Found)) -> io::Result<usize> {
        if let Some(private) = if_there(self.open_within(Within::Private))? {
            for name in names(&private)? {
                if Entry::parse(Within::Private, &name) == Some(Entry::Part) {
                    remove_leftover(&private, &name)?;
                }
            }
        }
        match self.open_within(Within::Once) {
            Ok(once) => self.scan_copies(Within::Once, &once, &mut each),
            Err(Errno::NOENT) => Ok(0),
            Err(Errno::PERM | Errno::LOOP | Errno::NOTDIR) => Ok(1),
            Err(error) => Err(error.into()),
        }
    }

    fn scan_copies(
        &self,
        within: Within,
        opened: &OwnedFd,
        each: &mut impl FnMut(Found),
    ) -> io::Result<usize> {
        let mut strange = 0;
        for name in names(opened)? {
            if let Some(Entry::Copy(copy)) = Entry::parse(within, &name) {
                match self.looked_at(opened, copy)? {
                    Some(found) => each(found),
                    None => strange += usize::from(!remove_odd(opened, &name, copy.size)?),
                }
            }
        }
        Ok(strange)
    }

    fn subfolders(&self, parent: &OwnedFd, strange: &mut usize) -> io::Result<Vec<(u8, OwnedFd)>> {
        let mut folders = Vec::new();
        for name in names(parent)? {
            let Some(byte) = folder(&name) else { continue };
            match self.open_folder(parent, &name) {
                Ok(opened) => folders.push((byte, opened)),
                Err(_) => *strange += 1,
            }
        }
        Ok(folders)
    }

    /// The file of this name, if it is a copy.
    fn looked_at(&self, folder: &OwnedFd, name: CopyName) -> io::Result<Option<Found>> {
        match statat(folder, name.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(self.as_copy(name, &found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What was found under the name of a copy, if it is one: a regular file of the length that the name says, which
    /// nobody else made or may write.
    pub(super) fn as_copy(&self, name: CopyName, found: &Stat) -> Option<Found> {
        let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        let complete = u64::try_from(found.st_size) == Ok(name.size);
        (regular && complete && self.trusts(found)).then(|| Found {
            name,
            inode: inode_of(found),
            owner: found.st_uid,
            modified: u64::try_from(found.st_mtime).unwrap_or_default(),
            mark: self.mark_of(found),
        })
    }
}

/// What was found in the place of a copy that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// A copy that another process made, or nothing.
    Good,
    /// What somebody else made or wrote to, or may.
    Altered,
}

impl Root {
    /// What lies in the place of a copy that was seen not to be the file that is known. It goes if it is that file all the
    /// same, and would be taken for a copy.
    pub(super) fn instead(&self, name: CopyName, known: Known) -> io::Result<Instead> {
        let Some(folder) = if_there(self.open_within(name.id.within()))? else {
            return Ok(Instead::Good);
        };
        let file = name.file_name();
        let found = match statat(&folder, &file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Instead::Good),
            Err(error) => return Err(error.into()),
        };
        match self.as_copy(name, &found) {
            // The look came by a path that led elsewhere.
            Some(copy) if copy.known() == known => Ok(Instead::Good),
            Some(copy) if copy.inode != known.inode => Ok(Instead::Good),
            // Somebody wrote to it, and may do so no longer: it looks as good as before.
            Some(_) => remove_if_writable(&folder, &file, known.inode).map(|_| Instead::Altered),
            None => Ok(Instead::Altered),
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

/// What was opened, if there is such a folder.
fn if_there(opened: Result<OwnedFd, Errno>) -> io::Result<Option<OwnedFd>> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a regular file that has a copy's name and another length: a disk that lost its power
/// left it. Whether it is gone.
fn remove_odd(folder: &OwnedFd, name: &str, size: u64) -> io::Result<bool> {
    let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return Ok(true);
    };
    let regular = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if !regular || u64::try_from(found.st_size) == Ok(size) {
        return Ok(false);
    }
    remove_if_writable(folder, name, inode_of(&found))
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
        remove_if_writable(folder, name, inode_of(&found))?;
    }
    Ok(())
}

/// As [`remove_very`]; what lies on a disk that is read-only stays.
fn remove_if_writable(folder: &OwnedFd, name: &str, inode: Inode) -> io::Result<bool> {
    match remove_very(folder, name, inode) {
        Err(Errno::ROFS) => Ok(true),
        removed => Ok(removed.map(|_| true)?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;
    use crate::spool::name::State;

    /// As after the folder let others in for a while. It takes root to make them.
    #[test]
    fn what_others_made_or_may_write_is_not_taken_for_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (stranger, everybody) = (Some(12_345), Permissions::from_mode(0o666));
        let names = [1, 2, 3, 4].map(|number| CopyName {
            id: Id::numbered(number << 56 | number),
            state: State::Only,
            size: 4,
        });
        let [ours, theirs, writable, within] = names.map(|name| {
            let path = dir.path().join(name.to_string());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "text").unwrap();
            path
        });
        chown(&theirs, stranger, None).unwrap();
        set_permissions(&writable, everybody).unwrap();
        chown(within.parent().unwrap(), stranger, None).unwrap();
        let root = Root::open_to_serve(dir.path()).unwrap();
        let mut found = Vec::new();
        let strange = root.scan(|copy| found.push(copy.name)).unwrap();
        assert_eq!((found, strange), (vec![names[0]], 3));
        assert_eq!(root.find(names[0].id).unwrap().len(), 1);
        for name in &names[1..3] {
            assert!(root.find(name.id).unwrap().is_empty());
        }
        assert_eq!(
            root.find(names[3].id).unwrap_err().raw_os_error(),
            Some(Errno::PERM.raw_os_error())
        );
        assert!(ours.exists() && theirs.exists() && writable.exists());
    }
}
