//! A file that a record names, with what the record says of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{File, StorageFile};
use crate::content::{BoxFuture, Content, Metadata};
use crate::error::Result;
use crate::headers::guess;
use crate::storage::{Storage, StorageName};

/// An entry of a storage, described by a row of a database or another record.
///
/// What the record states is trusted. If it states size and modification time, a proxied file is not
/// even looked at; when the application streams, the size is the opened file's all the same.
#[derive(Debug, Clone)]
pub struct ObjectFile {
    file: StorageFile,
    stated: Metadata,
    basename: Option<String>,
}

impl ObjectFile {
    /// The entry `name` of `storage`, of which a record states `stated`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, name: StorageName, stated: Metadata) -> Self {
        let file = StorageFile::new(storage, name);
        Self {
            file,
            stated,
            basename: None,
        }
    }

    /// The name for the client. Default: the last part of its name in the storage.
    #[must_use]
    pub fn basename(mut self, basename: impl Into<String>) -> Self {
        self.basename = Some(basename.into());
        self
    }

    /// Its name in the storage.
    #[must_use]
    pub fn storage_name(&self) -> &StorageName {
        self.file.storage_name()
    }

    /// Whether the record states all that a proxy's answer is made of.
    fn is_described(&self) -> bool {
        self.stated.size().is_some() && self.stated.modified().is_some()
    }
}

impl File for ObjectFile {
    fn name(&self) -> &str {
        self.basename.as_deref().unwrap_or(self.file.name())
    }

    fn path(&self) -> Option<PathBuf> {
        self.file.path()
    }

    fn has_path(&self) -> bool {
        self.file.has_path()
    }

    fn url(&self) -> Option<String> {
        self.file.url()
    }

    fn known(&self) -> Metadata {
        let mut known = self.stated.clone();
        // A title as the client's name says nothing of the type; the stored name does.
        if known.content_type.is_none() && guess(self.name()).is_none() {
            known.content_type = guess(self.file.name());
        }
        known
    }

    fn metadata(&self) -> BoxFuture<'_, Result<Metadata>> {
        if self.is_described() {
            return Box::pin(std::future::ready(Ok(self.stated.clone().with_ranges())));
        }
        Box::pin(async move { Ok(self.file.metadata().await?.overridden_by(&self.stated)) })
    }

    fn open(&self) -> BoxFuture<'_, Result<Content>> {
        Box::pin(async move {
            let mut content = self.file.open().await?;
            let opened = content.metadata_mut();
            let size = opened.size();
            *opened = std::mem::take(opened).overridden_by(&self.stated);
            // A row may be out of date; the length of an answer may not.
            opened.size = size;
            Ok(content)
        })
    }
}
