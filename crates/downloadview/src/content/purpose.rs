//! What a local file is opened for, and with which flags. `storage::confined` and `content::open`
//! pass it down to `openat2` and `openat`.

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its bytes.
    Read,
    /// Only its metadata. On Linux this needs no permission to read the file (`O_PATH`).
    Look,
}

#[cfg(unix)]
impl Purpose {
    /// The flags of `open(2)`. `O_NONBLOCK` is among them because opening a FIFO without a writer
    /// would otherwise block the thread forever. `O_NOCTTY` keeps a terminal from becoming ours.
    pub(crate) fn flags(self) -> rustix::fs::OFlags {
        use rustix::fs::OFlags;
        match self {
            #[cfg(target_os = "linux")]
            Self::Look => OFlags::PATH | OFlags::CLOEXEC,
            _ => OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY,
        }
    }
}
