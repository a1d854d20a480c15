//! Content that is made for each request.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use super::options::view_options;
use super::{DownloadView, ViewOptions, view_setters};
use crate::content::BoxFuture;
use crate::error::Result;
use crate::file::VirtualFile;

/// Makes the file for a request.
type Make = Arc<dyn Fn(&Parts) -> BoxFuture<'static, Result<VirtualFile>> + Send + Sync>;

/// A view for content that is made for each request: use it when there is no file, but a report, an
/// export or a stream from elsewhere. It is always streamed.
///
/// ```
/// use downloadview::{DownloadView, Result, file::VirtualFile, view::VirtualView};
/// use http::request::Parts;
///
/// let export = VirtualView::new(|_request: &Parts| async {
///     Ok(VirtualFile::from_chunks("numbers.csv", (1..=3).map(|n| format!("{n}\n"))))
/// });
/// # let _ = export.into_service();
/// ```
#[derive(Clone)]
#[doc(alias = "VirtualDownloadView")]
pub struct VirtualView {
    make: Make,
    options: ViewOptions,
}

impl VirtualView {
    /// The file that `make` returns, made anew for each request, HEAD requests included.
    pub fn new<F, Fut>(make: F) -> Self
    where
        F: Fn(&Parts) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<VirtualFile>> + Send + 'static,
    {
        Self {
            make: Arc::new(move |request| Box::pin(make(request))),
            options: ViewOptions::default(),
        }
    }

    view_setters!();
}

impl DownloadView for VirtualView {
    type File = VirtualFile;

    async fn file(&self, request: &Parts) -> Result<VirtualFile> {
        (self.make)(request).await
    }

    view_options!();
}

impl fmt::Debug for VirtualView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualView")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
