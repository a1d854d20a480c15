//! Files that stand in for the one that a view found: its copy in the spool, and content that was
//! opened for a copy which could not be made.
//!
//! Name and type stay those of the view's file. Tag, date and coding are those that the view's file
//! would state; place and length are the copy's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::name::CopyName;
use super::stock::Known;
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::{Error, Result};
use crate::file::{File, LinkRequest, Places, SignedUrl, TypeHint};
use crate::storage::{LocalStorage, Storage as _, StorageName};

/// A copy in the spool, under the head of the file that it is a copy of.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) of: Arc<dyn File>,
    pub(super) storage: LocalStorage,
    pub(super) name: StorageName,
    known: Known,
    /// What was found when the copy was looked at.
    pub(super) metadata: Metadata,
}

impl Copied {
    /// The copy, if it is there; `None` if it is not the file that is known any more, or another length.
    ///
    /// # Errors
    ///
    /// As a look at any local file.
    pub(super) async fn look(
        of: Arc<dyn File>,
        storage: &LocalStorage,
        (copy, known): (CopyName, Known),
        said: Metadata,
    ) -> Result<Option<Self>> {
        let name = copy.in_storage()?;
        let found = storage.look(&name).await?;
        let is_it = found.size() == Some(copy.size) && known.is(&found);
        Ok(is_it.then(|| Self::found(of, storage, (name, known), &found, said)))
    }

    /// As [`look`](Self::look), if nothing has to be waited for and the copy is there.
    pub(super) fn look_now(
        of: Arc<dyn File>,
        storage: &LocalStorage,
        (copy, known): (CopyName, Known),
        said: Metadata,
    ) -> Option<Self> {
        let name = copy.in_storage().ok()?;
        let found = storage.look_now(&name)?.ok()?;
        let is_it = found.size() == Some(copy.size) && known.is(&found);
        is_it.then(|| Self::found(of, storage, (name, known), &found, said))
    }

    fn found(
        of: Arc<dyn File>,
        storage: &LocalStorage,
        (name, known): (StorageName, Known),
        found: &Metadata,
        said: Metadata,
    ) -> Self {
        Self {
            of,
            storage: storage.clone(),
            name,
            known,
            metadata: under(said, found),
        }
    }

    /// What was opened, if it is the copy that was found.
    fn described(&self, mut opened: Content) -> Result<Content> {
        let found = opened.metadata();
        if found.size() != self.metadata.size() || !self.known.is_as_good(found) {
            return Err(Error::NotFound);
        }
        *opened.metadata_mut() = self.metadata.clone();
        Ok(opened)
    }
}

/// What the file says of itself, on the copy as it was found. The time of the last change (`ctime`)
/// is left out: a copy is never changed, and each state of a key has a name and a time of its own.
fn under(said: Metadata, found: &Metadata) -> Metadata {
    let mut metadata = Metadata::new().with_ranges();
    metadata.size = found.size();
    metadata.written = found.modified();
    metadata.modified = said.modified().or(found.modified());
    metadata.set_etag(said.etag());
    metadata.typed_as(said)
}

#[deny(clippy::missing_trait_methods)]
impl File for Copied {
    fn name(&self) -> &str {
        self.of.name()
    }

    fn type_hint(&self) -> TypeHint<'_> {
        self.of.type_hint()
    }

    fn places(&self) -> Places {
        self.storage.places(&self.name)
    }

    fn link<'a>(&'a self, _: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn cache_key(&self) -> Option<CacheKey> {
        None
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(Ok(self.metadata.clone())))
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        Some(Ok(self.metadata.clone()))
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move { self.described(self.storage.open(&self.name, want).await?) })
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        let opened = self.storage.open_now(&self.name, want)?;
        Some(opened.and_then(|opened| self.described(opened)))
    }
}

/// A file whose content was opened already, and can be taken once.
pub(super) struct Opened {
    of: Arc<dyn File>,
    metadata: Metadata,
    content: Mutex<Option<Content>>,
}

impl Opened {
    /// `content`, described as `said`.
    pub(super) fn new(of: Arc<dyn File>, mut content: Content, said: Metadata) -> Self {
        let ranges = content.metadata().supports_ranges();
        *content.metadata_mut() = said.clone();
        content.metadata_mut().ranges = ranges;
        Self {
            of,
            metadata: said,
            content: Mutex::new(Some(content)),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl File for Opened {
    fn name(&self) -> &str {
        self.of.name()
    }

    fn type_hint(&self) -> TypeHint<'_> {
        self.of.type_hint()
    }

    fn places(&self) -> Places {
        Places::new()
    }

    fn link<'a>(&'a self, _: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn cache_key(&self) -> Option<CacheKey> {
        None
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(Ok(self.metadata.clone())))
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        Some(Ok(self.metadata.clone()))
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(content.take().ok_or(Error::Consumed)))
    }

    // It can be taken once, by whoever makes use of it.
    fn open_now(&self, _: Want<'_>) -> Option<Result<Content>> {
        None
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.of).finish()
    }
}
