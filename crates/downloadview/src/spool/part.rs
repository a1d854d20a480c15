//! A copy that is being filled: a file in the folder `private`, locked as long as the process lives.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, OFlags, fallocate, fchmod, fchown, fdatasync,
    flock, fstat, fsync, futimens, openat, renameat, statat,
};
use rustix::io::Errno;

use super::folder::{Inode, Root, inode_of, remove_very, times};
use super::name::{CopyName, Id};
use super::stock::Found;
use crate::content::whole_seconds;

/// Room for this many bytes is set aside at once at most, where the length is known.
const MOST_SET_ASIDE: u64 = 1 << 40;

/// What became of the wish to fill.
pub(super) enum Begun {
    Part(Part),
    /// Another process fills it, and has written so many bytes.
    Busy(u64),
}

impl Root {
    /// A part for `id`, unless another process fills one.
    pub(super) fn begin(&self, id: Id) -> io::Result<Begun> {
        // Its folder is made for a copy that is complete: clients ask for much that no source has. One that is not ours
        // is known before.
        match self.open_within(id.within()) {
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = self.private()?;
        let name = id.part_name();
        // Each turn takes a leftover away, or meets another process that does.
        for _ in 0..8 {
            let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let made = openat(
                &folder,
                &name,
                flags | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
                Mode::from_raw_mode(0o600),
            );
            let (file, is_new) = match made {
                Ok(file) => (file, true),
                // Only to lock it: one that is about to get its name may be written by nobody.
                Err(Errno::EXIST) => match openat(&folder, &name, flags, Mode::empty()) {
                    Ok(file) => (file, false),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    let written = u64::try_from(fstat(&file)?.st_size);
                    return Ok(Begun::Busy(written.unwrap_or_default()));
                }
                Err(error) => return Err(error.into()),
            }
            // Between opening and locking somebody else may have taken it away.
            let inode = inode_of(&fstat(&file)?);
            let there = statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW);
            if !there.is_ok_and(|there| inode_of(&there) == inode) {
                continue;
            }
            let part = Part::made(folder, name, inode, file);
            if is_new {
                return Ok(Begun::Part(part));
            }
            // Whoever began it is dead. It goes as it is dropped.
            part.discard();
            return self.begin(id);
        }
        Ok(Begun::Busy(0))
    }
}

/// A copy that is being filled. Unless it is complete in the end, it goes as it is dropped.
#[derive(Debug)]
pub(super) struct Part {
    /// `None` once it is complete, or gone.
    place: Option<Place>,
    file: Arc<File>,
    written: u64,
}

/// Where a part lies.
#[derive(Debug)]
struct Place {
    folder: OwnedFd,
    name: String,
    inode: Inode,
}

impl Place {
    fn clear(&self) {
        let _ = remove_very(&self.folder, &self.name, self.inode);
    }
}

impl Part {
    /// A part that was made in `folder` and is locked.
    fn made(folder: OwnedFd, name: String, inode: Inode, file: OwnedFd) -> Self {
        let place = Place {
            folder,
            name,
            inode,
        };
        Self {
            place: Some(place),
            file: Arc::new(file.into()),
            written: 0,
        }
    }

    /// Sets room aside, so that a full disk is known before the first byte.
    pub(super) fn set_aside(&self, size: u64) -> io::Result<()> {
        if size == 0 || size > MOST_SET_ASIDE {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, size) {
            // Not every file system can.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Its bytes, for those who follow as it grows.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes further bytes.
    pub(super) fn write(&mut self, frames: &[Bytes]) -> io::Result<()> {
        for some in frames.chunks(64) {
            let mut slices: Vec<_> = some.iter().map(|frame| IoSlice::new(frame)).collect();
            write_all(&self.file, &mut slices)?;
            self.written += some.iter().map(|frame| frame.len() as u64).sum::<u64>();
        }
        Ok(())
    }

    /// Makes it the copy of this name, with this time of modification.
    pub(super) fn commit(
        mut self,
        root: &Root,
        name: CopyName,
        modified: SystemTime,
        sync: bool,
    ) -> io::Result<Found> {
        let length = self.file.metadata()?.len();
        if length != name.size || self.written != name.size {
            return Err(io::Error::other(
                "a copy has another length than was written",
            ));
        }
        let becomes = root.make_folder(name.id)?;
        let _ = fchown(&self.file, None, Some(root.group));
        fchmod(&self.file, Mode::from_raw_mode(root.mode(0o440)))?;
        let seconds = whole_seconds(modified);
        futimens(&self.file, &times(seconds, 0))?;
        if sync {
            fdatasync(&self.file)?;
        }
        let place = self.place.take().ok_or(io::ErrorKind::NotFound)?;
        let renamed = renameat(&place.folder, &place.name, &becomes, name.file_name());
        if let Err(error) = renamed {
            place.clear();
            return Err(error.into());
        }
        if sync {
            fsync(&becomes)?;
        }
        let found = fstat(&self.file)?;
        Ok(Found {
            name,
            inode: place.inode,
            owner: found.st_uid,
            modified: u64::try_from(found.st_mtime).unwrap_or_default(),
            mark: root.mark_of(&found),
        })
    }

    /// Removes it here and now.
    fn discard(mut self) {
        if let Some(place) = self.place.take() {
            place.clear();
        }
    }
}

/// Where there is a runtime, its threads wait for the disk. The file stays open and locked until its
/// name is gone: the next one might get the same inode, and be taken for it.
impl Drop for Part {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                let file = Arc::clone(&self.file);
                drop(runtime.spawn_blocking(move || {
                    place.clear();
                    drop(file);
                }));
            }
            Err(_) => place.clear(),
        }
    }
}

fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) if slices.iter().all(|slice| slice.is_empty()) => return Ok(()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
