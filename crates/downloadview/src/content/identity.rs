//! Which local file was looked at or opened.

/// Which file it is, and who may write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// The number of the user whom it belongs to.
    pub(crate) owner: u32,
    /// The bits of its mode.
    pub(crate) mode: u32,
}

impl Identity {
    // The types of these fields differ from system to system.
    #[allow(clippy::unnecessary_cast)]
    pub(crate) fn of(found: &rustix::fs::Stat) -> Self {
        Self {
            device: found.st_dev as u64,
            inode: found.st_ino as u64,
            owner: found.st_uid,
            mode: found.st_mode as u32,
        }
    }
}
