//! A storage of your own.

use downloadview::content::{BoxFuture, CacheKey, Content, ETag, Metadata, Want};
use downloadview::storage::{LinkRequest, Places, SignedUrl, Storage, StorageName};
use downloadview::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Packages whose newest version is found by name.
///
/// Each version lies under its digest, as on a package index: `tool.tar` is
/// `9f86d0…/tool.tar` in the storage below. A version is never changed, so downloads under way
/// finish with what they began with, and the digest is the best entity tag there is: the same on
/// every machine, whatever the dates of the files are.
#[derive(Debug)]
pub struct Packages<S> {
    files: S,
    /// In an application, a table of its database.
    newest: RwLock<BTreeMap<StorageName, Version>>,
}

/// One version of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The digest of its bytes, in hexadecimal.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
}

impl<S: Storage> Packages<S> {
    /// No packages yet. `files` has, or will have, their bytes.
    pub fn new(files: S) -> Self {
        Self {
            files,
            newest: RwLock::default(),
        }
    }

    /// Makes `version` the newest one of `name`. Write its file first.
    pub fn publish(&self, name: StorageName, version: Version) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        newest.insert(name, version);
    }

    /// The newest version of every package, by name.
    pub fn newest(&self) -> BTreeMap<StorageName, Version> {
        self.newest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Where the newest version of `name` lies in the storage below, and its tag.
    fn find(&self, name: &StorageName) -> Result<(StorageName, ETag)> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        // What is not published does not exist, whatever lies in the folder.
        let digest = &newest.get(name).ok_or(Error::NotFound)?.digest;
        let place = [digest.as_bytes(), b"/", name.as_bytes()].concat();
        Ok((
            StorageName::parse(place)?,
            ETag::strong(digest).map_err(Error::other)?,
        ))
    }
}

impl<S: Storage> Storage for Packages<S> {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(async {
            let (place, tag) = self.find(name)?;
            Ok(self.files.look(&place).await?.with_etag(tag))
        })
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            let (place, tag) = self.find(name)?;
            // The storage below knows another tag and would judge the conditions by that one.
            let content = self.files.open(&place, want.without_conditions()).await?;
            Ok(content.map_metadata(|found| found.with_etag(tag)))
        })
    }

    /// As the storage below says: where that is a folder, a proxy can send its files.
    fn places(&self, name: &StorageName) -> Places {
        match self.find(name) {
            Ok((place, _)) => self.files.places(&place),
            Err(_) => Places::new(),
        }
    }

    fn link<'a>(
        &'a self,
        name: &'a StorageName,
        ask: LinkRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(async move {
            let (place, _) = self.find(name)?;
            self.files.link(&place, ask).await
        })
    }

    /// The digest: copies of the same bytes are one copy, under whatever name.
    fn cache_key(&self, name: &StorageName) -> Option<CacheKey> {
        let (_, tag) = self.find(name).ok()?;
        Some(CacheKey::of_content([tag.as_str()]))
    }
}
