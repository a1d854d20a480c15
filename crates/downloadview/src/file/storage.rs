//! An entry of a storage.

use std::path::PathBuf;
use std::sync::Arc;

use super::File;
use crate::content::{BoxFuture, Content, Metadata};
use crate::error::Result;
use crate::storage::{Storage, StorageName};

/// The file that a [`Storage`] keeps under a [`StorageName`].
#[derive(Debug, Clone)]
pub struct StorageFile {
    storage: Arc<dyn Storage>,
    name: StorageName,
    basename: String,
}

impl StorageFile {
    /// The entry `name` of `storage`; nothing is looked at.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, name: StorageName) -> Self {
        let basename = name.basename().into_owned();
        Self {
            storage,
            name,
            basename,
        }
    }

    /// Its name in the storage.
    #[must_use]
    pub fn storage_name(&self) -> &StorageName {
        &self.name
    }
}

impl File for StorageFile {
    fn name(&self) -> &str {
        &self.basename
    }

    fn path(&self) -> Option<PathBuf> {
        self.storage.path(&self.name)
    }

    fn has_path(&self) -> bool {
        self.storage.has_path(&self.name)
    }

    fn url(&self) -> Option<String> {
        self.storage.url(&self.name)
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        self.storage.metadata(&self.name)
    }

    fn open(&self) -> BoxFuture<'_, Result<Content>> {
        self.storage.open(&self.name)
    }
}
