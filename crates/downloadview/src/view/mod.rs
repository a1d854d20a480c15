//! From a request to a file and its presentation: the trait, and a view for each kind of file.

#[cfg(feature = "remote")]
mod http;
mod object;
mod options;
mod parameters;
#[cfg(feature = "fs")]
mod path;
mod service;
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
pub use self::storage::StorageView;
pub use self::virt::VirtualView;
use crate::error::Result;
use crate::file::File;
use crate::response::DownloadOptions;

/// Finds the file that a request is for. Everything else, presentation, conditions, ranges,
/// delegation, has a default.
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
    /// What this view serves.
    type File: File;

    /// The file for this request. It need not exist: that is found out later, and only if needed.
    ///
    /// # Errors
    ///
    /// Whatever the answer should be: [`Error::NotFound`](crate::Error::NotFound) is 404,
    /// [`Error::Forbidden`](crate::Error::Forbidden) 403, [`Error::Other`](crate::Error::Other)
    /// 500.
    #[doc(alias = "get_file")]
    fn file(&self, request: &Parts) -> impl Future<Output = Result<Self::File>> + Send;

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
    #[doc(alias = "as_view")]
    fn into_service(self) -> DownloadService<Self>
    where
        Self: Sized,
    {
        DownloadService::new(self)
    }
}
