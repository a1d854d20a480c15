//! The state of an open local file: its metadata by descriptor, and whether it was overwritten since.

use std::fs::File;
#[cfg(unix)]
use std::time::Duration;
use std::time::SystemTime;

#[cfg(unix)]
use super::identity::Identity;
use super::{Metadata, Purpose};
use crate::error::{Error, Result};

/// Metadata of an open file, from its descriptor. Anything but a regular file is `NotFound`. A file
/// that is only looked at must be readable for somebody: otherwise a proxy would be sent to a file
/// that nobody may read.
#[cfg(unix)]
pub(crate) fn metadata_of(file: &File, purpose: Purpose) -> Result<Metadata> {
    let found = rustix::fs::fstat(file).map_err(|errno| Error::of_file(errno.into()))?;
    metadata_of_stat(&found, purpose)
}

/// As [`metadata_of`], from the result of `stat`.
#[cfg(unix)]
pub(crate) fn metadata_of_stat(found: &rustix::fs::Stat, purpose: Purpose) -> Result<Metadata> {
    use rustix::fs::FileType;

    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err(Error::NotFound);
    }
    if purpose == Purpose::Look && found.st_mode & 0o444 == 0 {
        return Err(Error::Forbidden);
    }
    let size = u64::try_from(found.st_size).unwrap_or_default();
    // A time before 1970 validates nothing, so it need not be kept.
    let modified = time_of(found.st_mtime, found.st_mtime_nsec);
    let mut metadata = Metadata::new();
    metadata.size = Some(size);
    metadata.modified = modified;
    metadata.written = modified;
    metadata.changed = time_of(found.st_ctime, found.st_ctime_nsec);
    metadata.ranges = true;
    metadata.identity = Some(Identity::of(found));
    Ok(metadata)
}

#[cfg(unix)]
fn time_of(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u32>) -> Option<SystemTime> {
    let since = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// As on Unix, without permissions that everybody shares.
#[cfg(not(unix))]
pub(crate) fn metadata_of(file: &File, _: Purpose) -> Result<Metadata> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(Error::NotFound);
    }
    let mut metadata = Metadata::new().with_size(found.len()).with_ranges();
    metadata.modified = found.modified().ok();
    Ok(metadata)
}

/// What tells that a file was overwritten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    size: Option<u64>,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: metadata.modified(),
        }
    }

    /// Whether the file was written to in place since; that it grew does not count.
    pub(super) fn was_overwritten(&self, now: &Metadata) -> bool {
        now.size() == self.size && now.modified() != self.modified
    }
}
