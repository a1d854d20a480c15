//! A file of a storage, as a download: every question is passed on to the storage, with the name.

use std::sync::Arc;

use super::{File, LinkRequest, Places, SignedUrl, TypeHint};
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::Result;
use crate::storage::{Storage, StorageName};

/// The file that a [`Storage`] has under a [`StorageName`].
///
/// Use it in a handler; [`StorageView`](crate::view::StorageView) makes one for each request.
///
/// ```
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::{DownloadResponse, File as _, file::StorageFile};
///
/// # let storage = MemoryStorage::new();
/// let file = StorageFile::new(storage, StorageName::parse("reports/2026.pdf")?);
/// assert_eq!(file.name(), "2026.pdf");
/// let response = DownloadResponse::new(file).inline();
/// # let _ = response;
/// # Ok::<(), downloadview::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StorageFile {
    storage: Arc<dyn Storage>,
    name: StorageName,
    /// What clients see in place of a name that is not valid UTF-8.
    replacement: Option<String>,
}

impl StorageFile {
    /// The file `name` of `storage`. Nothing is looked at yet. For a storage that several files
    /// share pass an `Arc`.
    #[must_use]
    pub fn new(storage: impl Storage, name: StorageName) -> Self {
        Self::of(Arc::new(storage), name)
    }

    pub(crate) fn of(storage: Arc<dyn Storage>, name: StorageName) -> Self {
        let is_text = name.as_str().is_some() || name.basename_str().is_some();
        let replacement = (!is_text).then(|| name.basename().into_owned());
        Self {
            storage,
            name,
            replacement,
        }
    }

    /// The name in the storage.
    #[must_use]
    pub fn storage_name(&self) -> &StorageName {
        &self.name
    }
}

#[deny(clippy::missing_trait_methods)]
impl File for StorageFile {
    fn name(&self) -> &str {
        match &self.replacement {
            None => self.name.basename_str().unwrap_or_default(),
            Some(replacement) => replacement,
        }
    }

    fn type_hint(&self) -> TypeHint<'_> {
        TypeHint::ByName(self.name())
    }

    fn places(&self) -> Places {
        self.storage.places(&self.name)
    }

    fn link<'a>(&'a self, ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        self.storage.link(&self.name, ask)
    }

    fn cache_key(&self) -> Option<CacheKey> {
        self.storage.cache_key(&self.name)
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.storage.look(&self.name)
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        self.storage.look_now(&self.name)
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        self.storage.open(&self.name, want)
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        self.storage.open_now(&self.name, want)
    }
}
