//! Opens local files by a path of the program's own, without blocking the caller's thread and
//! without hanging on a FIFO.
//!
//! 1. If the file is known to lie on this machine's own disk, it is opened in place, as long as the
//!    kernel has everything in its caches (`RESOLVE_CACHED`).
//! 2. Else it is opened on a thread, behind the bulkhead of this path.
//! 3. It is first found without opening it for reading (`O_PATH`), must be a regular file, and is
//!    then opened through that descriptor.
//!
//! `PathFile` calls it. Errors are those of `Error::of_file`, and 503 if the file system does not
//! answer.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::state::metadata_of;
use super::{Bulkhead, Content, Metadata, Purpose};
use crate::error::{Error, Result};

/// A path that the program itself chose. Links in it are followed.
///
/// Everything waits behind a bulkhead until it is known that the file lies on this machine's own
/// disk, which is asked once a second. So a mount that hangs delays nobody else.
#[derive(Debug)]
pub(crate) struct FixedPath {
    path: Box<Path>,
    bulkhead: Arc<Bulkhead>,
    /// When the file was last seen on a local file system.
    local: Mutex<Option<Instant>>,
}

/// How long a file is taken to lie on a local file system.
const SURE_FOR: Duration = Duration::from_secs(1);

impl FixedPath {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            bulkhead: Arc::new(Bulkhead::new()),
            local: Mutex::new(None),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file. If links lead elsewhere, [`Metadata::location`] says where, because a
    /// proxy may refuse to follow them.
    pub(crate) async fn look(self: &Arc<Self>) -> Result<Metadata> {
        if self.is_known_to_be_local() {
            match find(&self.path, Wait::Never) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                found => return self.metadata(&found.map_err(Error::of_file)?),
            }
        }
        let this = Arc::clone(self);
        let look = move || {
            let (found, _) = this.find_waiting().map_err(Error::of_file)?;
            this.metadata(&found)
        };
        self.bulkhead.run(look).await
    }

    /// Opens the file, if nothing has to be waited for.
    pub(crate) fn open_now(&self) -> Option<Result<Content>> {
        if !self.is_known_to_be_local() {
            return None;
        }
        match find(&self.path, Wait::Never).and_then(|found| read(&found, Wait::Never)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            opened => Some(opened.map_err(Error::of_file).and_then(Content::from_file)),
        }
    }

    /// Opens the file.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<Content> {
        if let Some(opened) = self.open_now() {
            return opened;
        }
        let this = Arc::clone(self);
        let open = move || {
            let (found, local) = this.find_waiting().map_err(Error::of_file)?;
            let bulkhead = (!local).then(|| Arc::clone(&this.bulkhead));
            let file = read(&found, Wait::ForDisk).map_err(Error::of_file)?;
            Content::of_file(file, bulkhead)
        };
        self.bulkhead.run(open).await
    }

    /// Whether the file was seen on a local file system a moment ago.
    fn is_known_to_be_local(&self) -> bool {
        let seen = *self.local.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|seen| seen.elapsed() < SURE_FOR)
    }

    /// The file, and whether it lies on a local file system.
    fn find_waiting(&self) -> io::Result<(File, bool)> {
        let found = find(&self.path, Wait::ForDisk)?;
        let local = is_local(&found);
        let seen = local.then(Instant::now);
        *self.local.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok((found, local))
    }

    /// The metadata of the file that was found, with its real location if a link led to it.
    fn metadata(&self, found: &File) -> Result<Metadata> {
        let mut metadata = metadata_of(found, Purpose::Look)?;
        let real = location_of(found, &self.path);
        metadata.set_location(real.filter(|real| **real != *self.path));
        Ok(metadata)
    }
}

/// Whether an answer of the disk, or of another machine, may be waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Never,
    ForDisk,
}

/// Whether a file lies on a file system that is known to be this machine's own. Any other (FUSE,
/// NFS, SMB, Ceph …) may wait for another machine or program, for as long as that takes; so may
/// this very question.
#[cfg(target_os = "linux")]
pub(crate) fn is_local(file: impl std::os::fd::AsFd) -> bool {
    /// `statfs(2)`: ext, XFS, Btrfs, tmpfs, ramfs, overlay, F2FS, ZFS, SquashFS, EROFS, ISO 9660,
    /// FAT, exFAT, NTFS3, JFS, bcachefs, UBIFS, UDF.
    const LOCAL: [u32; 18] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0x0102_1994,
        0x8584_58f6,
        0x794c_7630,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0x7371_7368,
        0xe0f5_e1e2,
        0x9660,
        0x4d44,
        0x2011_bab0,
        0x7366_746e,
        0x3153_464a,
        0xca45_1a4e,
        0x2405_1905,
        0x1501_3346,
    ];
    let found = rustix::fs::fstatfs(file);
    found.is_ok_and(|found| LOCAL.contains(&(found.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_local<F>(_file: F) -> bool {
    true
}

/// Where an open file lies, without links; `None` where the system does not tell.
#[cfg(target_os = "linux")]
fn location_of(found: &File, _: &Path) -> Option<PathBuf> {
    // Answered from memory.
    std::fs::read_link(by_descriptor(found)).ok()
}

#[cfg(not(target_os = "linux"))]
fn location_of(_: &File, path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// Runs `work` on the blocking pool, where it may wait for the disk; in place if there is no
/// runtime.
pub(crate) async fn on_blocking_pool<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime
            .spawn_blocking(work)
            .await
            .unwrap_or_else(|stopped| Err(Error::other(stopped))),
        Err(_) => work(),
    }
}

/// Finds the file without opening it for reading.
#[cfg(target_os = "linux")]
fn find(path: &Path, wait: Wait) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, ResolveFlags, openat2};
    use rustix::io::Errno;

    let flags = Purpose::Look.flags();
    if wait == Wait::ForDisk {
        let open = || rustix::fs::open(path, flags, Mode::empty());
        return match open() {
            // A network file system knew the path by a handle that the server has dropped.
            Err(Errno::STALE) => Ok(open()?.into()),
            found => Ok(found?.into()),
        };
    }
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
        Ok(file) => Ok(file.into()),
        // Not in the kernel's caches; or a kernel or sandbox that does not know the call or flag.
        Err(Errno::AGAIN | Errno::INTR | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a file that was found, for reading; never the read end of a FIFO, for which its writer
/// waits.
#[cfg(target_os = "linux")]
fn read(found: &File, wait: Wait) -> io::Result<File> {
    use rustix::fs::{FileType, Mode, OFlags};
    use rustix::io::Errno;

    if FileType::from_raw_mode(rustix::fs::fstat(found)?.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::NotFound.into());
    }
    let open = |flags| rustix::fs::open(by_descriptor(found), flags, Mode::empty());
    let flags = Purpose::Read.flags();
    match open(flags) {
        // Somebody holds a lease on it, and is asked by this very opening to give it back.
        Err(Errno::AGAIN) if wait == Wait::ForDisk => Ok(open(flags - OFlags::NONBLOCK)?.into()),
        opened => Ok(opened?.into()),
    }
}

#[cfg(target_os = "linux")]
fn by_descriptor(found: &File) -> String {
    use std::os::fd::AsRawFd as _;

    format!("/proc/self/fd/{}", found.as_raw_fd())
}

#[cfg(not(target_os = "linux"))]
fn find(path: &Path, wait: Wait) -> io::Result<File> {
    if wait == Wait::Never {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    #[cfg(unix)]
    return Ok(rustix::fs::open(path, Purpose::Read.flags(), rustix::fs::Mode::empty())?.into());
    #[cfg(not(unix))]
    return File::open(path);
}

#[cfg(not(target_os = "linux"))]
fn read(found: &File, _: Wait) -> io::Result<File> {
    found.try_clone()
}
