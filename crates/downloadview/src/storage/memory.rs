//! Files in memory: for tests, and for a few small files that are part of a program.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;

use super::{BaseUrl, Places, Storage, StorageName};
use crate::content::{BoxFuture, Content, ETag, Metadata, Want};
use crate::error::{BuildError, Error, Result};

/// A map from names to bytes. Files can be inserted and removed while others are sent.
///
/// The modification time of a file is that of its [`insert`](Self::insert), and each insertion has
/// an entity tag of its own. For many or large files use [`LocalStorage`](super::LocalStorage).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::storage::{MemoryStorage, Storage as _, StorageName};
///
/// let storage = MemoryStorage::new();
/// let name = StorageName::parse("hello.txt")?;
/// storage.insert(name.clone(), "Hello world!\n");
/// assert_eq!(storage.look(&name).await?.size(), Some(13));
///
/// assert!(storage.remove(&name));
/// assert_eq!(storage.look(&name).await.unwrap_err().status(), 404);
/// # Ok::<(), downloadview::Error>(())
/// # }).unwrap();
/// ```
#[derive(Default)]
pub struct MemoryStorage {
    files: RwLock<HashMap<StorageName, Stored>>,
    base_url: Option<BaseUrl>,
}

/// A file and what was known when it was inserted.
#[derive(Clone)]
struct Stored {
    metadata: Metadata,
    bytes: Bytes,
}

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The URL below which rules and proxies know these files, such as `/media/`, or with scheme
    /// and host. It is percent-encoded. Default: none, so that every file is streamed.
    ///
    /// # Errors
    ///
    /// If the URL is neither an absolute path nor begins with `http://` or `https://` and a host.
    /// Also if it has a query, a fragment, a `.`, `..` or empty segment, a backslash or a control
    /// character: a name appended to it would then not mean what it says.
    pub fn base_url(mut self, base_url: impl AsRef<str>) -> Result<Self, BuildError> {
        self.base_url = Some(BaseUrl::parse(base_url.as_ref())?);
        Ok(self)
    }

    /// Adds a file, or replaces the one of that name. A download under way goes on with the old
    /// bytes.
    pub fn insert(&self, name: StorageName, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let now = SystemTime::now();
        let mut metadata = Metadata::new()
            .with_size(bytes.len() as u64)
            .with_modified(now)
            .with_ranges();
        metadata.set_etag(tag_of(now));
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(name, Stored { metadata, bytes });
    }

    /// Removes a file, and returns whether it was there.
    pub fn remove(&self, name: &StorageName) -> bool {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.remove(name).is_some()
    }

    fn get(&self, name: &StorageName) -> Result<Stored> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        files.get(name).cloned().ok_or(Error::NotFound)
    }
}

/// Each insertion is a state of its own, even two within one tick of the clock.
fn tag_of(inserted: SystemTime) -> Option<ETag> {
    static INSERTED: AtomicU64 = AtomicU64::new(0);
    let number = INSERTED.fetch_add(1, Ordering::Relaxed);
    let since = inserted.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    ETag::strong(&format!("{:x}-{number:x}", since.as_nanos())).ok()
}

impl MemoryStorage {
    fn content(&self, name: &StorageName) -> Result<Content> {
        let stored = self.get(name)?;
        Ok(Content::from_bytes(stored.metadata, stored.bytes))
    }
}

impl Storage for MemoryStorage {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        let metadata = self.get(name).map(|stored| stored.metadata);
        Box::pin(std::future::ready(metadata))
    }

    fn open<'a>(&'a self, name: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(std::future::ready(self.content(name)))
    }

    fn open_now(&self, name: &StorageName, _: Want<'_>) -> Option<Result<Content>> {
        Some(self.content(name))
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::below(None, self.base_url.as_ref().map(BaseUrl::text), name)
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
