//! Places that hold files under names: a folder, memory, another server, a bucket, and whatever
//! implements [`Storage`].
//!
//! | storage | files | feature |
//! |---|---|---|
//! | `LocalStorage` | below one folder of this machine, and never outside it | `fs` |
//! | [`MemoryStorage`] | in memory, for tests and small fixed files | |
//! | `HttpStorage` | below a path of another server | `remote` |
//! | `S3Storage` | in a bucket of Amazon S3, or of a store that speaks like it | `s3` |
//! | `GcsStorage` | in a bucket of Google Cloud Storage | `gcs` |
//! | `AzureStorage` | in a container of Azure's Blob Storage | `azure` |
//!
//! A [`StorageName`] is the name of a file in a storage; untrusted text becomes one by parsing,
//! which no `..` survives. [`Places`] says where a proxy finds a file, and a [`SignedUrl`] by which
//! URL somebody else may fetch it.

mod base_url;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod cloud;
#[cfg(feature = "fs")]
mod confined;
#[cfg(feature = "remote")]
mod http;
#[cfg(feature = "fs")]
mod local;
mod memory;
mod name;
mod places;
mod signed_url;

use std::fmt;
use std::sync::Arc;

use self::base_url::BaseUrl;
pub(crate) use self::base_url::{check_prefix, check_url_prefix};
#[cfg(feature = "azure")]
pub use self::cloud::{AzureAccount, AzureBuilder, AzureStorage};
#[cfg(feature = "gcs")]
pub use self::cloud::{GcsBuilder, GcsStorage};
#[cfg(feature = "s3")]
pub use self::cloud::{S3Builder, S3Storage};
#[cfg(feature = "fs")]
pub use self::confined::Symlinks;
#[cfg(feature = "remote")]
pub use self::http::HttpStorage;
#[cfg(feature = "fs")]
pub use self::local::{LocalStorage, Unreadable};
pub use self::memory::MemoryStorage;
pub use self::name::StorageName;
pub(crate) use self::name::{is_strict, strict};
pub use self::places::Places;
pub(crate) use self::signed_url::without_query;
pub use self::signed_url::{LinkRequest, SignedUrl};
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::Result;

/// Gives files by name. It is used as `Arc<dyn Storage>`.
///
/// Implement it for whatever holds files: an object store, a database of large objects, an archive.
/// A [`StorageView`](crate::view::StorageView) then serves them, and `testing::conformance` checks
/// the implementation. For a single file that is not in any storage implement [`File`](crate::File)
/// instead.
///
/// A storage that a proxy can reach states where ([`places`](Self::places)): a path on disk, a URL,
/// or both. The files of one that states neither are streamed.
///
/// A storage around another one (files by another name, with a better tag, counted) must pass
/// [`places`](Self::places), [`link`](Self::link) and [`cache_key`](Self::cache_key) on as well:
/// with their defaults its files would be streamed. [`Content::map_metadata`] changes what is stated
/// of an opened file. `examples/own-parts` in the repository has such a storage, with tests.
///
/// ```
/// use downloadview::content::{BoxFuture, Content, Metadata, Want};
/// use downloadview::storage::{Storage, StorageName};
/// use downloadview::{Error, Result};
///
/// /// What was compiled into the program.
/// #[derive(Debug)]
/// struct Embedded(&'static [(&'static str, &'static [u8])]);
///
/// impl Embedded {
///     fn get(&self, name: &StorageName) -> Result<Content> {
///         let found = self.0.iter().find(|(it, _)| it.as_bytes() == name.as_bytes());
///         let (_, bytes) = found.ok_or(Error::NotFound)?;
///         Ok(Content::from_bytes(Metadata::new(), *bytes))
///     }
/// }
///
/// impl Storage for Embedded {
///     fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
///         Box::pin(async { Ok(self.get(name)?.metadata().clone()) })
///     }
///
///     fn open<'a>(
///         &'a self,
///         name: &'a StorageName,
///         _want: Want<'a>,
///     ) -> BoxFuture<'a, Result<Content>> {
///         Box::pin(async { self.get(name) })
///     }
/// }
/// # use downloadview::testing::conformance;
/// # let name = |text| StorageName::parse(text).unwrap();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(
/// #     conformance::storage(Embedded(&[("a", b"bytes")]), &name("a"), b"bytes", &name("b")));
/// ```
pub trait Storage: fmt::Debug + Send + Sync + 'static {
    /// What is known of the file, without opening it for reading. It is asked before a local file
    /// is delegated to a proxy. It must agree with what [`open`](Self::open) states.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) for everything that cannot be downloaded,
    /// folders included; [`Error::Unavailable`](crate::Error::Unavailable) if the storage is out of
    /// order for now.
    #[doc(alias = "size")]
    #[doc(alias = "get_modified_time")]
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>>;

    /// What [`look`](Self::look) finds, if that is known without waiting. Default: `None`, so that
    /// `look` is asked.
    fn look_now(&self, _name: &StorageName) -> Option<Result<Metadata>> {
        None
    }

    /// Opens the file: a snapshot, of which nothing is read yet. `want` says what will be asked of
    /// it; it is for storages where each access is a request to a server. Others ignore it.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>>;

    /// What [`open`](Self::open) gives, if nothing has to be waited for. Default: `None`, so that
    /// `open` is asked. What it gives may be dropped and `open` asked after all, so it must not use
    /// anything up.
    fn open_now(&self, _name: &StorageName, _want: Want<'_>) -> Option<Result<Content>> {
        None
    }

    /// Where a proxy finds the file. This must not wait for anything, and nothing is checked. If a
    /// storage states only a URL, its files are never [looked](Self::look) at before they are
    /// delegated. Default: nowhere.
    #[doc(alias = "path")]
    #[doc(alias = "url")]
    fn places(&self, _name: &StorageName) -> Places {
        Places::new()
    }

    /// The URL of [`places`](Self::places) with a signature: by it a proxy or a client may fetch
    /// the file for a while, with the method that is asked for. It is asked for after a rule took
    /// the file, once for each answer.
    ///
    /// Default: `None`. Then the plain URL is used, and its answer states its own headers, whatever
    /// [`LinkRequest::headers`] asks for.
    ///
    /// # Errors
    ///
    /// If there can be no such URL now; the error becomes the answer.
    fn link<'a>(
        &'a self,
        _name: &'a StorageName,
        _ask: LinkRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What names the content of the file, so that a local copy of it can be kept and handed to a
    /// proxy. This must not wait for anything. Default: `None`, so no copy is kept.
    ///
    /// For a storage whose files can be replaced it is a [place](CacheKey::of_place), which tells
    /// the storage from every other one.
    fn cache_key(&self, _name: &StorageName) -> Option<CacheKey> {
        None
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Storage + ?Sized> Storage for Arc<S> {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        (**self).look(name)
    }

    fn look_now(&self, name: &StorageName) -> Option<Result<Metadata>> {
        (**self).look_now(name)
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        (**self).open(name, want)
    }

    fn open_now(&self, name: &StorageName, want: Want<'_>) -> Option<Result<Content>> {
        (**self).open_now(name, want)
    }

    fn places(&self, name: &StorageName) -> Places {
        (**self).places(name)
    }

    fn link<'a>(
        &'a self,
        name: &'a StorageName,
        ask: LinkRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        (**self).link(name, ask)
    }

    fn cache_key(&self, name: &StorageName) -> Option<CacheKey> {
        (**self).cache_key(name)
    }
}
