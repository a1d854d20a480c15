//! Places that hold files under names: folders, memory, and whatever implements [`Storage`].

#[cfg(feature = "fs")]
mod confined;
#[cfg(feature = "fs")]
mod local;
mod memory;
mod name;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "fs")]
pub use self::confined::Symlinks;
#[cfg(feature = "fs")]
pub use self::local::{LocalStorage, Unreadable};
pub use self::memory::MemoryStorage;
pub use self::name::StorageName;
pub(crate) use self::name::strict;
use crate::content::{BoxFuture, Content, Metadata};
use crate::error::Result;

/// Gives files by name. Held as `Arc<dyn Storage>`.
///
/// A storage that a proxy can reach states where: a path on disk, a URL, or both. One that answers
/// neither is streamed.
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// What is known of the file, without opening it for reading.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) for anything that cannot be downloaded.
    fn metadata<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>>;

    /// Opens the file: a snapshot, of which nothing is read yet.
    ///
    /// # Errors
    ///
    /// As [`metadata`](Self::metadata).
    fn open<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Content>>;

    /// Where the file lies on this machine's disk, if it does. Nothing is checked.
    fn path(&self, _name: &StorageName) -> Option<PathBuf> {
        None
    }

    /// Whether [`path`](Self::path) answers, for a storage that knows without making one.
    fn has_path(&self, name: &StorageName) -> bool {
        self.path(name).is_some()
    }

    /// The URL that rules are matched against, if the storage has one: percent-encoded.
    fn url(&self, _name: &StorageName) -> Option<String> {
        None
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn metadata<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        (**self).metadata(name)
    }

    fn open<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Content>> {
        (**self).open(name)
    }

    fn path(&self, name: &StorageName) -> Option<PathBuf> {
        (**self).path(name)
    }

    fn has_path(&self, name: &StorageName) -> bool {
        (**self).has_path(name)
    }

    fn url(&self, name: &StorageName) -> Option<String> {
        (**self).url(name)
    }
}

/// `base` with exactly one slash before the encoded name.
fn url_below(base: &str, name: &StorageName) -> String {
    let mut url = String::with_capacity(base.len() + name.as_bytes().len() + 8);
    url.push_str(base.trim_end_matches('/'));
    url.push('/');
    url.push_str(&name.to_url_path());
    url
}
