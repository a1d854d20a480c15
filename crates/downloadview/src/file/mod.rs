//! What is downloaded: a path, an entry of a storage, something made up on the spot.

mod object;
#[cfg(feature = "fs")]
mod path;
mod storage;
mod virt;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::object::ObjectFile;
#[cfg(feature = "fs")]
pub use self::path::PathFile;
pub use self::storage::StorageFile;
pub use self::virt::VirtualFile;
use crate::content::{BoxFuture, Content, Metadata};
use crate::error::Result;

/// A file to download: it describes itself always and opens only when its bytes are wanted. Held
/// as `Arc<dyn File>`.
///
/// One that a proxy could send in our place says where it is ([`path`](Self::path),
/// [`url`](Self::url)); then it is never opened here.
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// What a client calls it, unless the view says otherwise: one name, no folders.
    #[doc(alias = "basename")]
    fn name(&self) -> &str;

    /// Where it lies on this machine's disk, absolute; `None` if it does not.
    fn path(&self) -> Option<PathBuf> {
        None
    }

    /// Whether [`path`](Self::path) answers, for a file that knows without making one.
    fn has_path(&self) -> bool {
        self.path().is_some()
    }

    /// The URL that rules know it by, percent-encoded; `None` if it has none.
    fn url(&self) -> Option<String> {
        None
    }

    /// What is known without asking anyone: of a row in a database, of generated content.
    /// Nothing, by default.
    fn known(&self) -> Metadata {
        Metadata::new()
    }

    /// What a look tells, without opening it for reading.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) for anything that cannot be downloaded.
    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// Opens it: a snapshot, of which nothing is read yet.
    ///
    /// # Errors
    ///
    /// As [`metadata`](Self::metadata).
    fn open(&self) -> BoxFuture<'_, Result<Content>>;
}

#[deny(clippy::missing_trait_methods)]
impl<F: File + ?Sized> File for Arc<F> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn path(&self) -> Option<PathBuf> {
        (**self).path()
    }

    fn has_path(&self) -> bool {
        (**self).has_path()
    }

    fn url(&self) -> Option<String> {
        (**self).url()
    }

    fn known(&self) -> Metadata {
        (**self).known()
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        (**self).metadata()
    }

    fn open(&self) -> BoxFuture<'_, Result<Content>> {
        (**self).open()
    }
}
