//! What a view or a handler answers with: a head, and a file that nobody has opened yet.

mod body;
mod error;
mod future;
pub(crate) mod head;
mod options;

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response, header, response};

pub use self::body::DownloadBody;
pub(crate) use self::body::carries;
pub use self::error::Refusal;
pub(crate) use self::error::refusal;
pub use self::future::DownloadFuture;
use self::head::TypeIs;
pub use self::options::DownloadOptions;
pub(crate) use self::options::option_setters;
use crate::error::Result;
use crate::file::{File, Restated};

/// A file to download and how to present it.
///
/// A handler returns one after checking whatever must be checked. Under an
/// [`OptimizeLayer`](crate::optimize::OptimizeLayer) the file is delegated to the proxy or streamed
/// with ranges and conditions; without one it is a plain 200 that opens the file when the first
/// byte is asked for.
///
/// ```
/// # #[cfg(feature = "fs")] {
/// use downloadview::{DownloadResponse, file::PathFile};
/// let response = DownloadResponse::new(PathFile::new("/srv/reports/2026.pdf"))
///     .inline()
///     .basename("report.pdf");
/// # }
/// ```
pub struct DownloadResponse {
    file: Arc<dyn File>,
    options: DownloadOptions,
}

impl DownloadResponse {
    /// An attachment named as the file is.
    #[must_use]
    pub fn new(file: impl File) -> Self {
        Self {
            file: Arc::new(file),
            options: DownloadOptions::new(),
        }
    }

    /// The file with all that was said of it.
    pub(crate) fn presented(file: impl File, options: DownloadOptions) -> Self {
        let file = Arc::new(file);
        Self { file, options }
    }

    /// Adds what `options` state; where something was said before, `options` count.
    #[must_use]
    pub fn options(mut self, options: DownloadOptions) -> Self {
        self.options.extend(options);
        self
    }

    option_setters!();

    #[doc(hidden)]
    pub fn options_mut(&mut self) -> &mut DownloadOptions {
        &mut self.options
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// The head, and the file that rides along with it.
    ///
    /// # Errors
    ///
    /// [`Error::Misconfigured`](crate::Error::Misconfigured) for a header value that is not valid.
    pub(crate) fn into_parts(self) -> Result<(response::Parts, Download)> {
        self.options.check()?;
        let (mut head, ()) = Response::new(()).into_parts();
        let (headers, type_is) = head::initial(&*self.file, &self.options);
        head.headers = headers;
        let download = Download(Arc::new(Riding {
            optimize: self.options.optimizes(),
            type_is,
            stated: Stated::by(&self.options, &head),
            file: Restated::around(self.file, self.options.etag, self.options.modified),
        }));
        Ok((head, download))
    }

    /// The response as every tower stack knows it: head, [`Download`] in the extensions, and a body
    /// that opens the file when it is first polled.
    ///
    /// Options with a header value that is not valid become the answer 500, and an ERROR in the log.
    #[must_use]
    pub fn into_http(self) -> Response<DownloadBody> {
        let (mut head, download) = match self.into_parts() {
            Ok(parts) => parts,
            Err(error) => return error.into_response(),
        };
        let body = DownloadBody::lazy(download.clone());
        head.extensions.insert(download);
        Response::from_parts(head, body)
    }
}

impl fmt::Debug for DownloadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadResponse")
            .field("file", &self.file)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl From<DownloadResponse> for Response<DownloadBody> {
    fn from(response: DownloadResponse) -> Self {
        response.into_http()
    }
}

/// The file of a response. It rides in the response's extensions, so it passes through any router
/// and any middleware that boxes bodies.
///
/// A layer honours it only while the body that it came with is still the response's: a middleware
/// that answers something else, a refusal perhaps, need not know that there is a download.
#[derive(Clone)]
#[doc(alias = "is_download_response")]
pub struct Download(Arc<Riding>);

struct Riding {
    file: Arc<dyn File>,
    optimize: bool,
    type_is: TypeIs,
    stated: Stated,
}

/// The headers of which the options said something, so that nothing the file says takes their place.
#[derive(Default)]
struct Stated {
    names: Vec<HeaderName>,
    content_encoding: Option<HeaderValue>,
}

impl Stated {
    fn by(options: &DownloadOptions, head: &response::Parts) -> Self {
        static OF_THE_FILE: [HeaderName; 5] = [
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_SECURITY_POLICY,
            header::ETAG,
            header::LAST_MODIFIED,
        ];
        let stated = OF_THE_FILE.iter().filter(|name| options.mentions(name));
        Self {
            names: stated.cloned().collect(),
            content_encoding: head.headers.get(header::CONTENT_ENCODING).cloned(),
        }
    }
}

impl Download {
    /// The download of a response, if it is one.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.0.file
    }

    /// Whether a proxy may send it: not [`DownloadOptions::without_optimization`].
    #[must_use]
    pub fn optimize(&self) -> bool {
        self.0.optimize
    }

    /// Where it lies in memory: tells this download from every other that is alive.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether the options said something of this header.
    fn states(&self, name: &HeaderName) -> bool {
        self.0.stated.names.contains(name)
    }

    /// Whether nobody here knows the type.
    fn is_of_unknown_type(&self) -> bool {
        self.0.type_is == TypeIs::Unknown
    }

    /// The coding that the options state.
    fn content_encoding(&self) -> Option<&HeaderValue> {
        self.0.stated.content_encoding.as_ref()
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Download").field(&self.0.file).finish()
    }
}

/// Put into a request's extensions by a layer that will deliver what the view answers: views leave
/// preconditions, ranges and bytes to it, and layers further in the decision.
#[derive(Debug, Clone)]
pub(crate) struct Deferred;
