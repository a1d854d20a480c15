//! The portable way: segment by segment with `cap-std`, which never leaves the folder that it
//! holds.
//!
//! It is used where `openat2` is missing or forbidden, and never with `Wait::Never`. A way out of
//! the folder is `NotFound`, as if there were no such file. The file is opened with `O_NONBLOCK`,
//! so that a FIFO does not block the thread.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::Symlinks;
use crate::content::{Metadata, is_local};
use crate::error::{Error, Result};
use crate::storage::StorageName;

/// A folder that is held open.
#[derive(Debug)]
pub(super) struct Walk {
    root: Dir,
}

impl Walk {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { root })
    }

    /// Device and inode of the folder.
    #[cfg(unix)]
    pub(super) fn identity(&self) -> io::Result<super::Identity> {
        let found = rustix::fs::fstat(&self.root)?;
        // The types differ from system to system.
        Ok(Some((found.st_dev as u64, found.st_ino as u64)))
    }

    #[cfg(not(unix))]
    pub(super) fn identity(&self) -> io::Result<super::Identity> {
        Ok(None)
    }

    /// Whether the folder lies on a file system that is known to be this machine's own.
    pub(super) fn is_local(&self) -> bool {
        is_local(&self.root)
    }

    /// Opens for reading, with or without following links.
    pub(super) fn read(&self, name: &StorageName, symlinks: Symlinks) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt as _;
            // A FIFO without a writer would hang the thread that opens it.
            let nonblock = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
            options.custom_flags(nonblock.bits().cast_signed());
        }
        let opened = match symlinks {
            Symlinks::Within => self
                .root
                .open_with(name.to_path(), &options)
                .map_err(outside)?,
            Symlinks::Refuse => {
                let (parent, last) = self.parent_of(name)?;
                options.follow(FollowSymlinks::No);
                parent.open_with(last, &options)?
            }
        };
        Ok(opened.into_std())
    }

    /// Metadata of a regular file. If a link led to it, its real location is stated.
    pub(super) fn look(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
        root: &Path,
    ) -> Result<Metadata> {
        let found = self.metadata(name, symlinks).map_err(Error::of_file)?;
        if !found.is_file() {
            return Err(Error::NotFound);
        }
        #[cfg(unix)]
        if cap_std::fs::PermissionsExt::mode(&found.permissions()) & 0o444 == 0 {
            return Err(Error::Forbidden);
        }
        let mut metadata = Metadata::new().with_size(found.len()).with_ranges();
        metadata.modified = found
            .modified()
            .ok()
            .map(cap_std::time::SystemTime::into_std);
        if symlinks == Symlinks::Within {
            let real = self.root.canonicalize(name.to_path());
            let real = real.map_err(Error::of_file)?;
            metadata.set_location((real != name.to_path()).then(|| root.join(real)));
        }
        Ok(metadata)
    }

    /// Metadata with or without following links.
    fn metadata(
        &self,
        name: &StorageName,
        symlinks: Symlinks,
    ) -> io::Result<cap_std::fs::Metadata> {
        match symlinks {
            Symlinks::Within => self.root.metadata(name.to_path()).map_err(outside),
            Symlinks::Refuse => {
                let (parent, last) = self.parent_of(name)?;
                parent.symlink_metadata(last)
            }
        }
    }

    /// The folder of the last segment, reached without following a link.
    fn parent_of<'a>(&self, name: &'a StorageName) -> io::Result<(Dir, &'a Path)> {
        let path = name.to_path();
        let mut parent = self.root.try_clone()?;
        if let Some(folders) = path.parent() {
            for folder in folders.components() {
                parent = parent.open_dir_nofollow(folder.as_os_str())?;
            }
        }
        let last = path.file_name().ok_or(io::ErrorKind::NotFound)?;
        Ok((parent, Path::new(last)))
    }
}

/// `cap-std` calls a way out of the folder a lack of permission. For a client there is no such
/// file.
fn outside(error: io::Error) -> io::Error {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, None) => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}
