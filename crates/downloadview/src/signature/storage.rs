//! A storage that knows the signed links of its files.

use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::{BuildError, Result};
use crate::storage::{LinkRequest, Places, SignedUrl, Storage, StorageName, check_prefix};

use super::{Link, Signer, target};

/// A storage whose files have signed links: of a view that asks for them, mounted at a path.
///
/// Everything else is that of the storage inside.
///
/// ```
/// use std::time::Duration;
/// use downloadview::signature::{Key, Keys, SignedStorage, Signer};
/// use downloadview::storage::{MemoryStorage, StorageName};
///
/// # fn main() -> downloadview::Result<()> {
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
/// let media = SignedStorage::new(MemoryStorage::new(), Signer::new(keys), "/media/")?;
/// let name = StorageName::parse("été/a b.txt")?;
/// let link = media.link_to(&name).expires_in(Duration::from_secs(3600)).sign()?;
/// assert!(link.starts_with("/media/%C3%A9t%C3%A9/a%20b.txt?X-Download-Key=2026a&"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "SignedFileSystemStorage")]
pub struct SignedStorage<S> {
    inner: S,
    signer: Signer,
    base: String,
}

impl<S: Storage> SignedStorage<S> {
    /// The files of `inner`, of which the view at the public path `base` has those below it.
    ///
    /// # Errors
    ///
    /// `base` is not a path that links can begin with.
    pub fn new(
        inner: S,
        signer: Signer,
        base: impl AsRef<str>,
    ) -> std::result::Result<Self, BuildError> {
        let base = base.as_ref();
        check_prefix("base", base)
            .and_then(|()| target::check(base).map_err(|why| format!("the base `{base}`: {why}")))
            .map_err(|what| BuildError::new(format!("signature: {what}")))?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self {
            inner,
            signer,
            base,
        })
    }

    /// Begins a signed link to a file. Whether there is such a file is not looked up.
    #[doc(alias = "url")]
    pub fn link_to(&self, name: &StorageName) -> Link {
        let target = format!("{}/{}", self.base, name.to_url_path());
        self.signer.link(target)
    }

    /// The storage inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for SignedStorage<S> {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        self.inner.look(name)
    }

    fn look_now(&self, name: &StorageName) -> Option<Result<Metadata>> {
        self.inner.look_now(name)
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        self.inner.open(name, want)
    }

    fn open_now(&self, name: &StorageName, want: Want<'_>) -> Option<Result<Content>> {
        self.inner.open_now(name, want)
    }

    fn places(&self, name: &StorageName) -> Places {
        self.inner.places(name)
    }

    fn link<'a>(
        &'a self,
        name: &'a StorageName,
        ask: LinkRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        self.inner.link(name, ask)
    }

    fn cache_key(&self, name: &StorageName) -> Option<CacheKey> {
        self.inner.cache_key(name)
    }
}
