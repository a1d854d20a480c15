//! A file that a record names, with what the record states about it. Made by `ObjectView`, and by
//! handlers that read the record themselves.

use std::sync::{Arc, LazyLock};

use super::{File, LinkRequest, Places, SignedUrl, StorageFile, TypeHint};
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::Result;
use crate::said::OncePerMinute;
use crate::storage::{Storage, StorageName};

/// A file of a storage that a row of a database, or another record, names and describes.
///
/// What the record states of type, coding, tag and date counts more than what the storage knows.
/// Whether the file exists, where it lies and how long it is, only the storage knows: a row may be
/// out of date, and the name in it may have become a symbolic link. A size in the record is never
/// the length of an answer; one that is not the file's is logged at WARN, once a minute.
///
/// Use it in a handler that reads the record itself; [`ObjectView`](crate::view::ObjectView) does
/// both.
///
/// ```
/// use downloadview::content::{ETag, Metadata};
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::{DownloadResponse, file::ObjectFile};
///
/// # let storage = MemoryStorage::new();
/// // SELECT file, title, version FROM document WHERE id = ?
/// let (file, title, version) = ("5/9f2c.bin", "Annual report.pdf", "v7");
///
/// let stated = Metadata::new().with_etag(ETag::strong(version)?);
/// let file = ObjectFile::new(storage, StorageName::parse(file)?, stated).basename(title);
/// let response = DownloadResponse::new(file);
/// # let _ = response;
/// # Ok::<(), downloadview::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ObjectFile {
    file: StorageFile,
    stated: Metadata,
    basename: Option<String>,
}

impl ObjectFile {
    /// The file `name` of `storage`, about which a record states `stated`. Nothing is looked at
    /// yet.
    #[must_use]
    pub fn new(storage: impl Storage, name: StorageName, stated: Metadata) -> Self {
        Self::of(Arc::new(storage), name, stated)
    }

    pub(crate) fn of(storage: Arc<dyn Storage>, name: StorageName, stated: Metadata) -> Self {
        Self {
            file: StorageFile::of(storage, name),
            stated,
            basename: None,
        }
    }

    /// The name that the client sees. Default: the last part of the name in the storage.
    #[must_use]
    pub fn basename(mut self, basename: impl Into<String>) -> Self {
        self.basename = Some(basename.into());
        self
    }

    /// The name in the storage.
    #[must_use]
    pub fn storage_name(&self) -> &StorageName {
        self.file.storage_name()
    }

    /// What is asked of the storage: by its own tag and date the conditions are not meant, where
    /// the record states others.
    fn meant<'a>(&self, want: Want<'a>) -> Want<'a> {
        match (self.stated.stated_etag(), self.stated.modified) {
            _ if want.is_as_source() => want,
            (None, None) => want,
            _ => want.without_conditions(),
        }
    }

    /// What was opened, as this file describes it.
    fn described(&self, opened: Content, want: Want<'_>) -> Content {
        match want.is_as_source() {
            true => opened,
            false => opened.map_metadata(|found| self.restated(found)),
        }
    }

    /// What the storage found, with what the record states put in its place, but for the size.
    fn restated(&self, found: Metadata) -> Metadata {
        static SAID: LazyLock<OncePerMinute<()>> = LazyLock::new(OncePerMinute::default);

        if let (Some(stated), Some(size)) = (self.stated.size(), found.size())
            && stated != size
            && SAID.is_due(())
        {
            tracing::warn!(
                stated,
                size,
                "a record states another size than its file has, which was perhaps replaced or \
                 cut; the file's own counts; said once a minute"
            );
        }
        found.restated_by(&self.stated)
    }
}

#[deny(clippy::missing_trait_methods)]
impl File for ObjectFile {
    fn name(&self) -> &str {
        self.basename.as_deref().unwrap_or(self.file.name())
    }

    /// By the stored name: the client's name may be a title that does not tell the type.
    fn type_hint(&self) -> TypeHint<'_> {
        match self.stated.content_type() {
            Some(stated) => TypeHint::Stated(stated),
            None => TypeHint::ByName(self.file.name()),
        }
    }

    fn places(&self) -> Places {
        self.file.places()
    }

    fn link<'a>(&'a self, ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        self.file.link(ask)
    }

    fn cache_key(&self) -> Option<CacheKey> {
        Some(self.file.cache_key()?.stating(self.stated.clone()))
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async move { Ok(self.restated(self.file.look().await?)) })
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        let found = self.file.look_now()?;
        Some(found.map(|found| self.restated(found)))
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            let opened = self.file.open(self.meant(want)).await?;
            Ok(self.described(opened, want))
        })
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        let opened = self.file.open_now(self.meant(want))?;
        Some(opened.map(|opened| self.described(opened, want)))
    }
}
