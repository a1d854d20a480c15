//! From a request to a file and its presentation: the trait, and a view for each kind of file.
//!
//! | view | use it when | feature |
//! |---|---|---|
//! | `PathView` | the file is on disk: one fixed path, or a name below a folder | `fs` |
//! | [`StorageView`] | a storage has the files, and the URL names them | |
//! | [`ObjectView`] | a record (a row of a database) names the file | |
//! | `HttpView` | another server has the files | `remote` |
//! | [`VirtualView`] | the content is made for each request | |
//!
//! Each view has the methods of [`DownloadOptions`] for how the file is presented, and
//! [`options_with`](StorageView::options_with) for options that depend on the request. Each becomes
//! a tower service ([`DownloadView::into_service`]) that is complete alone: preconditions, ranges,
//! HEAD, errors.
//!
//! # Open and guarded routes side by side
//!
//! Routers compare paths as text, and a view decodes them. **If a part of what an open view serves
//! is guarded by a route of its own** (`/files/{*path}` for everybody, `/files/private/{*path}` behind
//! a layer), another spelling of the path must not lead to the open one. So these services answer 400
//! to a path that escapes a slash, a letter, a digit or one of `-._~`, or has a segment `.`. Put [`NormalizeEscapes`]
//! around the router, and such paths go where they belong; it is needed where handlers of your own
//! take names from the path, or the fixed part of a route has other characters. Better still: give
//! what is guarded a storage of its own.

#[cfg(feature = "remote")]
mod http;
mod object;
mod options;
mod parameters;
#[cfg(feature = "fs")]
mod path;
mod service;
mod spelling;
mod storage;
mod virt;

use ::http::request::Parts;

#[cfg(feature = "remote")]
pub use self::http::{HttpView, ResolveTarget};
pub use self::object::{FileRecord, FindRecord, ObjectView, Permission};
pub use self::options::ResolveName;
pub(crate) use self::options::{ViewOptions, view_setters};
pub use self::parameters::RouteParameters;
#[cfg(feature = "fs")]
pub use self::path::PathView;
pub use self::service::DownloadService;
pub use self::spelling::{NormalizeEscapes, NormalizeEscapesService, normalized};
pub use self::storage::StorageView;
pub use self::virt::VirtualView;
use crate::error::Result;
use crate::file::File;
use crate::response::DownloadOptions;

/// Finds the file that a request is for. Everything else has a default: presentation, conditions,
/// ranges, delegation.
///
/// Implement it if none of the views of this module fits. If your framework has handlers, a handler
/// that returns a [`DownloadResponse`](crate::DownloadResponse) does the same under an
/// [`OptimizeLayer`](crate::OptimizeLayer).
///
/// ```
/// use downloadview::{DownloadView, Result, file::VirtualFile};
/// use http::request::Parts;
///
/// struct Greeting;
///
/// impl DownloadView for Greeting {
///     type File = VirtualFile;
///
///     async fn file(&self, request: &Parts) -> Result<VirtualFile> {
///         let who = request.uri.path().trim_start_matches('/');
///         Ok(VirtualFile::from_text("hello.txt", format!("Hello {who}!\n")))
///     }
/// }
///
/// let service = Greeting.into_service(); // a tower service for any router
/// ```
#[doc(alias = "DownloadMixin")]
#[doc(alias = "BaseDownloadView")]
pub trait DownloadView: Send + Sync + 'static {
    /// The kind of file that this view serves.
    type File: File;

    /// The file for this request. It need not exist: that is found out later, and only if needed.
    /// Check here who asks, and whether they may have the file.
    ///
    /// # Errors
    ///
    /// The error becomes the answer: [`Error::NotFound`](crate::Error::NotFound) is 404,
    /// [`Error::Forbidden`](crate::Error::Forbidden) is 403, [`Error::Other`](crate::Error::Other)
    /// is 500.
    #[doc(alias = "get_file")]
    fn file(&self, request: &Parts) -> impl Future<Output = Result<Self::File>> + Send;

    /// The file for this request, if it is found without waiting. Default: `None`, so that
    /// [`file`](Self::file) is asked.
    ///
    /// It is asked first, and saves the future of a view that only takes a name out of the request.
    fn file_now(&self, _request: &Parts) -> Option<Result<Self::File>> {
        None
    }

    /// How the file is presented. Default: [`DownloadOptions::new`].
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file).
    #[doc(alias = "get_basename")]
    #[doc(alias = "get_mimetype")]
    fn options(&self, _request: &Parts, _file: &Self::File) -> Result<DownloadOptions> {
        Ok(DownloadOptions::new())
    }

    /// This view as a tower service: mount it in a router, or call it.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use downloadview::storage::{MemoryStorage, StorageName};
    /// use downloadview::{DownloadView as _, view::StorageView};
    /// use tower::ServiceExt as _;
    ///
    /// let storage = MemoryStorage::new();
    /// storage.insert(StorageName::parse("hello.txt").unwrap(), "Hello world!\n");
    /// let service = StorageView::new(storage).into_service();
    ///
    /// let request = http::Request::get("/hello.txt").header("range", "bytes=0-4");
    /// let request = request.body(()).unwrap();
    /// let response = service.oneshot(request).await.unwrap();
    /// assert_eq!(response.status(), 206);
    /// assert_eq!(response.headers()["content-range"], "bytes 0-4/13");
    /// # });
    /// ```
    #[doc(alias = "as_view")]
    fn into_service(self) -> DownloadService<Self>
    where
        Self: Sized,
    {
        DownloadService::new(self)
    }
}
