//! What is downloaded: a path, an entry of a storage, something made up on the spot.

#[cfg(feature = "remote")]
mod http;
mod object;
#[cfg(feature = "fs")]
mod path;
mod restated;
mod storage;
mod virt;

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
use crate::content::{BoxFuture, Content, Metadata, Want};
use crate::error::Result;
pub use crate::storage::{LinkRequest, Places, SignedUrl};

/// A file to download: it describes itself always and opens only when its bytes are wanted. Held
/// as `Arc<dyn File>`.
///
/// One that a proxy could send in our place says where it is ([`places`](Self::places)); then it is
/// never opened here.
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
    /// What a client calls it, unless the view says otherwise: one name, no folders.
    #[doc(alias = "basename")]
    fn name(&self) -> &str;

    /// Where the media type comes from, before anything is looked at. Default: the
    /// [name](Self::name).
    #[doc(alias = "content_type")]
    fn type_hint(&self) -> TypeHint<'_> {
        TypeHint::ByName(self.name())
    }

    /// Where a proxy finds it. Available without I/O; nothing is checked. Default: nowhere.
    #[doc(alias = "path")]
    #[doc(alias = "url")]
    fn places(&self) -> Places {
        Places::new()
    }

    /// The URL of [`places`](Self::places), signed: by it a proxy or a client may fetch the file, with
    /// the method that is asked for and for a while. Asked after a rule took the file, once for each
    /// answer.
    ///
    /// Default: `None`: the URL is good as it is, and its answer states its own headers, whatever
    /// [`LinkRequest::headers`] asks for.
    ///
    /// # Errors
    ///
    /// Where there can be no such URL now: the error is the answer.
    fn link<'a>(&'a self, _ask: LinkRequest<'a>) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What a look tells, without opening it for reading.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) for anything that cannot be downloaded.
    #[doc(alias = "size")]
    fn look(&self) -> BoxFuture<'_, Result<Metadata>>;

    /// Opens it: a snapshot, of which nothing is read yet. `want` says what will be asked of it, for
    /// files that cost a request to a server; others ignore it.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>>;
}

/// Where the media type of a file comes from. A view's own word counts more than either.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeHint<'a> {
    /// From the name that the client gets, else from this one.
    ByName(&'a str),
    /// It is this.
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

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        (**self).look()
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        (**self).open(want)
    }
}
