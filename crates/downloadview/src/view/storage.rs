//! Files of a storage, by the name in the URL.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::options::view_options;
use super::{DownloadView, ResolveName, ViewOptions, view_setters};
use crate::error::Result;
use crate::file::StorageFile;
use crate::storage::{Storage, StorageName};

/// A view for files of a [`Storage`]: use it when the URL names the file.
///
/// By default the whole path of the request is the name, percent-decoded once. If the view is
/// nested under a prefix, that is the rest of the path. Everybody may have every file: put it
/// behind your own check of permissions, or use [`ObjectView`](super::ObjectView).
///
/// ```
/// # fn main() -> downloadview::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let root = dir.path();
/// use downloadview::{DownloadView, storage::LocalStorage, view::StorageView};
///
/// let media = StorageView::new(LocalStorage::new(root)?.base_url("/media/")?);
/// let service = media.into_service(); // Router::new().nest_service("/media", service)
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "StorageDownloadView")]
pub struct StorageView {
    storage: Arc<dyn Storage>,
    name: Arc<dyn ResolveName>,
    options: ViewOptions,
}

impl StorageView {
    /// The files of `storage`, named by the path of the request.
    pub fn new(storage: impl Storage) -> Self {
        Self {
            storage: Arc::new(storage),
            name: Arc::new(|request: &Parts| StorageName::from_url_path(request.uri.path())),
            options: ViewOptions::default(),
        }
    }

    /// Which file: one name for all requests, or a closure that finds it. Default: the path of the
    /// request.
    ///
    /// ```
    /// use downloadview::storage::{MemoryStorage, StorageName};
    /// use downloadview::view::StorageView;
    ///
    /// let terms = StorageView::new(MemoryStorage::new()).name(StorageName::parse("terms.pdf")?);
    /// # let _ = terms;
    /// # Ok::<(), downloadview::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "get_path")]
    pub fn name(mut self, name: impl ResolveName) -> Self {
        self.name = Arc::new(name);
        self
    }

    view_setters!();
}

impl DownloadView for StorageView {
    type File = StorageFile;

    async fn file(&self, request: &Parts) -> Result<StorageFile> {
        let name = self.name.resolve(request)?;
        Ok(StorageFile::of(Arc::clone(&self.storage), name))
    }

    fn file_now(&self, request: &Parts) -> Option<Result<StorageFile>> {
        let name = self.name.resolve(request);
        Some(name.map(|name| StorageFile::of(Arc::clone(&self.storage), name)))
    }

    view_options!();
}

impl fmt::Debug for StorageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageView")
            .field("storage", &self.storage)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
