//! Opens local files by path without blocking the caller's thread and without hanging on a FIFO.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Metadata, metadata_of};
use crate::error::{Error, Result};

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its bytes.
    Read,
    /// Its metadata alone; no permission to read is needed where the system can tell them apart.
    Look,
}

/// Opens the program's own `path`; links in it are followed.
pub(crate) async fn open_path(path: &Arc<Path>, purpose: Purpose) -> Result<File> {
    match open_cached(path, purpose) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        opened => return Ok(opened?),
    }
    let path = Arc::clone(path);
    on_blocking_pool(move || Ok(open_waiting(&path, purpose)?)).await
}

/// Looks at the program's own `path`. Where links lead elsewhere, [`Metadata::location`] says where: a
/// proxy may refuse to follow them.
pub(crate) async fn look_at_path(path: &Arc<Path>) -> Result<Metadata> {
    let found = open_path(path, Purpose::Look).await?;
    let mut metadata = metadata_of(&found, Purpose::Look)?;
    if let Some(real) = location_of(&found, path).await? {
        metadata.location = (real != **path).then_some(real);
    }
    Ok(metadata)
}

/// Where an open file lies, without links; `None` where the system does not tell.
#[cfg(target_os = "linux")]
async fn location_of(found: &File, _: &Arc<Path>) -> Result<Option<PathBuf>> {
    use std::os::fd::AsRawFd as _;

    // Answered from memory.
    Ok(std::fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok())
}

#[cfg(not(target_os = "linux"))]
async fn location_of(_: &File, path: &Arc<Path>) -> Result<Option<PathBuf>> {
    let path = Arc::clone(path);
    on_blocking_pool(move || Ok(std::fs::canonicalize(path).ok())).await
}

/// Runs `work` where it may wait for the disk; in place where there is no runtime.
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

#[cfg(unix)]
impl Purpose {
    /// `O_NONBLOCK`, or a FIFO without a writer would hang the thread that opens it.
    pub(crate) fn flags(self) -> rustix::fs::OFlags {
        use rustix::fs::OFlags;
        match self {
            #[cfg(target_os = "linux")]
            Self::Look => OFlags::PATH | OFlags::CLOEXEC,
            _ => OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        }
    }
}

#[cfg(target_os = "linux")]
fn open_cached(path: &Path, purpose: Purpose) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, ResolveFlags, openat2};
    use rustix::io::Errno;

    match openat2(
        CWD,
        path,
        purpose.flags(),
        Mode::empty(),
        ResolveFlags::CACHED,
    ) {
        Ok(file) => Ok(file.into()),
        // Not in the kernel's caches; or a kernel or sandbox that does not know the call or flag.
        Err(Errno::AGAIN | Errno::INTR | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_cached(_: &Path, _: Purpose) -> io::Result<File> {
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(unix)]
fn open_waiting(path: &Path, purpose: Purpose) -> io::Result<File> {
    Ok(rustix::fs::open(path, purpose.flags(), rustix::fs::Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_waiting(path: &Path, _: Purpose) -> io::Result<File> {
    File::open(path)
}
