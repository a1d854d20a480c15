//! What is downloaded: a file of this machine, an entry of a storage, a file of another server,
//! content made by the program.
//!
//! | file | use it when | feature |
//! |---|---|---|
//! | `PathFile` | the file is on disk and the program knows its path | `fs` |
//! | [`StorageFile`] | a [storage](crate::storage::Storage) has it under a name | |
//! | [`ObjectFile`] | the same, and a record states its name, type or tag | |
//! | `HttpFile` | another server has it | `remote` |
//! | [`VirtualFile`] | it is made for the request: bytes, text, a stream | |
//!
//! Give one to [`DownloadResponse::new`](crate::DownloadResponse::new), or return it from a
//! [view](crate::view).

#[cfg(feature = "remote")]
mod http;
mod object;
#[cfg(feature = "fs")]
mod path;
mod restated;
mod storage;
mod virt;
mod written;

use std::fmt;
use std::sync::Arc;

use ::http::HeaderValue;

#[cfg(feature = "remote")]
pub use self::http::HttpFile;
pub use self::object::ObjectFile;
#[cfg(feature = "fs")]
pub use self::path::PathFile;
pub(crate) use self::restated::Restated;
pub use self::storage::StorageFile;
pub use self::virt::VirtualFile;
use crate::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use crate::error::Result;
pub use crate::storage::{LinkRequest, Places, SignedUrl};

/// A file to download. It describes itself at any time, and is opened only when its bytes are
/// needed. It is used as `Arc<dyn File>`.
///
/// Implement it for something that none of the types here covers; `testing::conformance` checks the
/// implementation. If there are many such files under names, implement
/// [`Storage`](crate::storage::Storage) instead.
///
/// A file that a proxy could send in our place says where it is ([`places`](Self::places)); if a
/// rule takes it, it is never opened here. A file around another one must pass `places`,
/// [`link`](Self::link), [`cache_key`](Self::cache_key) and [`type_hint`](Self::type_hint) on.
///
/// ```
/// use downloadview::content::{BoxFuture, Content, Metadata, Want};
/// use downloadview::{File, Result};
///
/// /// The same line again and again.
/// #[derive(Debug)]
/// struct Lines(usize);
///
/// impl File for Lines {
///     fn name(&self) -> &str {
///         "lines.txt"
///     }
///
///     fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
///         Box::pin(async { Ok(Metadata::new().with_size(self.0 as u64 * 5).with_ranges()) })
///     }
///
///     fn open<'a>(&'a self, _want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
///         Box::pin(async { Ok(Content::from_bytes(Metadata::new(), "line\n".repeat(self.0))) })
///     }
/// }
/// # use downloadview::testing::conformance;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap()
/// #     .block_on(conformance::file(|| Lines(2), b"line\nline\n"));
/// ```
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// The name that a client sees, unless the view states another: one name, without folders.
    #[doc(alias = "basename")]
    fn name(&self) -> &str;

    /// Where the media type comes from, before anything is looked at. Default: the
    /// [name](Self::name).
    #[doc(alias = "content_type")]
    fn type_hint(&self) -> TypeHint<'_> {
        TypeHint::ByName(self.name())
    }

    /// Where a proxy finds it. This must not wait for anything, and nothing is checked. Default:
    /// nowhere.
    #[doc(alias = "path")]
    #[doc(alias = "url")]
    fn places(&self) -> Places {
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
    fn link<'a>(&'a self, _ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What names its content, so that a local copy of it can be kept and handed to a proxy
    /// ([`spool`](crate::spool)). This must not wait for anything.
    ///
    /// Default: `None`. No copy is kept then, unless the view asks for one for each request.
    fn cache_key(&self) -> Option<CacheKey> {
        None
    }

    /// Its metadata, without opening it for reading. It must agree with what [`open`](Self::open)
    /// states.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) for everything that cannot be downloaded.
    #[doc(alias = "size")]
    fn look(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// What [`look`](Self::look) finds, if that is known without waiting. Default: `None`, so that
    /// `look` is asked.
    ///
    /// It is asked first, and saves the future where the kernel knows a local file already.
    fn look_now(&self) -> Option<Result<Metadata>> {
        None
    }

    /// Opens it: a snapshot, of which nothing is read yet. `want` says what will be asked of it; it
    /// is for files where each access is a request to a server. Others ignore it.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>>;

    /// What [`open`](Self::open) gives, if nothing has to be waited for. Default: `None`, so that
    /// `open` is asked.
    ///
    /// It is asked first, and saves the future where the kernel knows a local file already. What it
    /// gives may be dropped and `open` asked after all, so it must not use anything up.
    fn open_now(&self, _want: Want<'_>) -> Option<Result<Content>> {
        None
    }
}

/// Where the media type of a file comes from. A type that the view states counts more than either.
///
/// ```
/// use downloadview::{File as _, file::{TypeHint, VirtualFile}};
/// use http::HeaderValue;
///
/// let by_name = VirtualFile::from_text("a.csv", "1;2\n");
/// assert_eq!(by_name.type_hint(), TypeHint::ByName("a.csv"));
///
/// let stated = by_name.content_type(HeaderValue::from_static("text/plain"));
/// assert!(matches!(stated.type_hint(), TypeHint::Stated(value) if value == "text/plain"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeHint<'a> {
    /// It follows from a name: the name that the client gets, else this one.
    ByName(&'a str),
    /// It is this one.
    Stated(&'a HeaderValue),
}

#[deny(clippy::missing_trait_methods)]
impl<F: File + ?Sized> File for Arc<F> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn type_hint(&self) -> TypeHint<'_> {
        (**self).type_hint()
    }

    fn places(&self) -> Places {
        (**self).places()
    }

    fn link<'a>(&'a self, ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        (**self).link(ask)
    }

    fn cache_key(&self) -> Option<CacheKey> {
        (**self).cache_key()
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        (**self).look()
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        (**self).look_now()
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        (**self).open(want)
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        (**self).open_now(want)
    }
}
