//! A part of an open local file, for a server that sends files by a way of its own.
//!
//! [`FilePart`] says which bytes of which file. `local::LocalReader` makes one of what it has not
//! read yet, and `DownloadBody::file_part` passes it on. Whoever sends the bytes also takes over
//! what the reader would have done: [`check`](FilePart::check) before the last byte, and
//! [`run`](FilePart::run) for what may have to wait.

use std::fs::File;
use std::sync::Arc;

use super::open::on_blocking_pool;
use super::state::{Stamp, metadata_of};
use super::{BoxFuture, Bulkhead, ByteRange, Purpose};
use crate::error::{Error, Result};

/// Bytes of an open local file, which a server may send itself: by `sendfile`, say.
///
/// A response's body tells of one by
/// [`DownloadBody::file_part`](crate::DownloadBody::file_part). There is a table of what the sender
/// must do that the body would have done:
///
/// | when | what |
/// |---|---|
/// | always | send all bytes of [`range`](Self::range), or end the connection |
/// | the file turns out shorter | end the connection; never fill up with other bytes |
/// | before the last bytes | [`check`](Self::check), and end the connection if it fails |
/// | [`may_hang`](Self::may_hang) | touch the file within [`run`](Self::run) only |
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # std::fs::write(dir.path().join("a.txt"), "0123456789")?;
/// use downloadview::content::{ByteRange, FilePart};
/// use std::fs::File;
/// use std::os::unix::fs::FileExt as _;
///
/// let range = ByteRange::new(2, 5).expect("not empty");
/// let part = FilePart::new(File::open(dir.path().join("a.txt"))?, range);
/// assert!(!part.may_hang());
///
/// let mut bytes = vec![0; 3];
/// part.file().read_exact_at(&mut bytes, part.range().start())?;
/// part.check()?;
/// assert_eq!(bytes, b"234");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FilePart {
    file: Arc<File>,
    range: ByteRange,
    /// What the file was like, unless asking could hang.
    stamp: Option<Stamp>,
    bulkhead: Option<Arc<Bulkhead>>,
}

impl FilePart {
    /// The bytes `range` of a file that the caller opened, on a file system that does not hang.
    #[must_use]
    pub fn new(file: impl Into<Arc<File>>, range: ByteRange) -> Self {
        Self {
            file: file.into(),
            range,
            stamp: None,
            bulkhead: None,
        }
    }

    pub(super) fn of(
        file: &Arc<File>,
        range: ByteRange,
        stamp: Option<Stamp>,
        bulkhead: Option<&Arc<Bulkhead>>,
    ) -> Self {
        Self {
            stamp,
            bulkhead: bulkhead.map(Arc::clone),
            ..Self::new(Arc::clone(file), range)
        }
    }

    /// The open file. Its cursor means nothing, since others may share it: read at offsets.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Which bytes.
    #[must_use]
    pub fn range(&self) -> ByteRange {
        self.range
    }

    /// Whether the file lies on a file system that may hang (NFS, SMB, FUSE), so that it may be
    /// touched within [`run`](Self::run) only.
    #[must_use]
    pub fn may_hang(&self) -> bool {
        self.bulkhead.is_some()
    }

    /// Whether the file is still what it was when its metadata were read. It is one system call; of
    /// a file that may hang it asks nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Overwritten`] if the file was overwritten in place since. A file that was replaced
    /// by renaming another one over it is still the old one here.
    pub fn check(&self) -> Result<()> {
        let Some(stamp) = self.stamp else {
            return Ok(());
        };
        let now = metadata_of(&self.file, Purpose::Read);
        match now.is_ok_and(|now| stamp.was_overwritten(&now)) {
            true => Err(Error::Overwritten),
            false => Ok(()),
        }
    }

    /// Does `work` with the file on another thread, where it may wait for the disk: on tokio's
    /// blocking pool, or behind the bulkhead of the storage if the file system may hang.
    ///
    /// The returned future must be polled for the work to begin. The work goes on when the future
    /// is dropped. Outside a tokio runtime it is done in place.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the file system does not answer in time; the work may then still be
    /// done later. [`Error::Other`] if `work` panicked.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&File) -> T + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let file = Arc::clone(&self.file);
        let work = move || Ok(work(&file));
        match self.bulkhead.clone() {
            None => Box::pin(on_blocking_pool(work)),
            Some(bulkhead) => Box::pin(async move { bulkhead.run(work).await }),
        }
    }
}
