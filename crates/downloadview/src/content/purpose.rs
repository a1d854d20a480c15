//! What a local file is opened for.

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its bytes.
    Read,
    /// Its metadata alone; no permission to read is needed where the system can tell them apart.
    Look,
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
