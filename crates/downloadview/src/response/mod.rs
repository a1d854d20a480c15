//! What a view or a handler answers with: a head, and a file that is not opened yet.
//!
//! | type | what it is |
//! |---|---|
//! | [`DownloadResponse`] | a file and how to present it: what a handler returns |
//! | [`DownloadOptions`] | name, type, disposition, caching, further headers |
//! | [`Download`] | the file of a response, carried in the response's extensions |
//! | [`Spooling`] | whether a local copy may be made for a proxy |
//! | [`DownloadBody`] | the body of every response of this crate |
//! | [`DownloadFuture`] | the future of every service of this crate that only answers downloads |
//! | [`Refusal`] | marks an answer of this crate that says why there is no file |
//!
//! The way of a response: [`DownloadResponse::into_http`] makes a plain 200 with a [`Download`] in
//! its extensions and a lazy body. [`OptimizeLayer`](crate::OptimizeLayer) takes the download out
//! again and writes the final answer, delegated or streamed.

mod about;
mod body;
mod error;
mod future;
pub(crate) mod head;
#[cfg(test)]
mod head_tests;
mod options;
#[cfg(all(feature = "fs", unix))]
mod preparing;
mod setters;
mod spooling;

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Response, header, response};

pub(crate) use self::about::About;
pub use self::body::DownloadBody;
pub(crate) use self::body::carries;
pub use self::error::Refusal;
pub(crate) use self::error::refusal;
pub use self::future::DownloadFuture;
use self::head::TypeIs;
pub(crate) use self::options::Copying;
pub use self::options::DownloadOptions;
#[cfg(all(feature = "fs", unix))]
pub(crate) use self::preparing::preparing;
pub(crate) use self::setters::option_setters;
pub use self::spooling::Spooling;
use crate::error::Result;
use crate::file::{File, Restated};
use crate::headers::{ContentDisposition, Disposition, MediaTypes};

/// A file to download, and how to present it to the client.
///
/// A handler returns one after it has checked whatever must be checked: who asks, and whether they
/// may have the file. Under an [`OptimizeLayer`](crate::optimize::OptimizeLayer) the file is then
/// delegated to the proxy, or streamed with ranges and conditions. Without the layer it is a plain
/// 200 that opens the file when the first byte is asked for, so use a layer, a [view](crate::view)
/// or [`delivery::deliver`](crate::delivery::deliver).
///
/// In a framework with a response trait of its own, convert it: `downloadview-axum` does so for
/// axum, [`into_http`](Self::into_http) for everything that takes an [`http::Response`].
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
    /// The file as an attachment under its own name. The file is neither looked at nor opened.
    #[must_use]
    pub fn new(file: impl File) -> Self {
        Self {
            file: Arc::new(file),
            options: DownloadOptions::new(),
        }
    }

    /// The file with these options.
    pub(crate) fn presented(file: impl File, options: DownloadOptions) -> Self {
        let file = Arc::new(file);
        Self { file, options }
    }

    /// Adds what `options` state. Where something was stated before, `options` replace it.
    ///
    /// For options that several handlers share:
    ///
    /// ```
    /// use downloadview::{DownloadOptions, DownloadResponse, file::VirtualFile};
    ///
    /// let shared = DownloadOptions::new().cache_control("private, max-age=3600");
    /// let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "a")).options(shared);
    /// # let _ = response;
    /// ```
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

    /// The head, and the file that travels along with it.
    ///
    /// # Errors
    ///
    /// [`Error::Misconfigured`](crate::Error::Misconfigured) for a header value that is not valid.
    pub(crate) fn into_parts(self) -> Result<(response::Parts, Download)> {
        self.into_parts_in(&mut HeaderMap::new())
    }

    /// As [`into_parts`](Self::into_parts), in the memory of headers that nobody needs any more.
    pub(crate) fn into_parts_in(
        self,
        headers: &mut HeaderMap,
    ) -> Result<(response::Parts, Download)> {
        self.options.check()?;
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers = head::emptied(headers);
        let type_is = head::initial(&*self.file, &self.options, &mut head.headers);
        let download = Download(Arc::new(Riding {
            optimize: self.options.optimizes(),
            copying: self.options.copying(),
            type_is,
            leaves_to_initial: head::leaves_to_initial(&self.options),
            stated: Stated::by(&self.options, &head),
            file: Restated::around(
                self.file,
                self.options.etag.map(|etag| *etag),
                self.options.modified,
            ),
            shown: Shown {
                name: self.options.basename,
                disposition: self.options.disposition.unwrap_or_default(),
                media_types: self.options.media_types,
            },
        }));
        Ok((head, download))
    }

    /// The response in the form that every tower stack knows: a head, a [`Download`] in the
    /// extensions, and a body that opens the file when it is first polled.
    ///
    /// If an option has a header value that is not valid, the answer is 500 and an ERROR is logged.
    ///
    /// ```
    /// use downloadview::{Download, DownloadResponse, file::VirtualFile};
    /// use http::header::CONTENT_DISPOSITION;
    ///
    /// let hello = VirtualFile::from_text("hello.txt", "Hello!\n");
    /// let response = DownloadResponse::new(hello).into_http();
    /// assert_eq!(response.headers()[CONTENT_DISPOSITION], "attachment; filename=\"hello.txt\"");
    /// assert!(Download::of(response.extensions()).is_some());
    /// ```
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

/// The file of a response. It travels in the response's extensions, so it passes through any router
/// and any middleware that boxes bodies.
///
/// A middleware may read it, for instance to count downloads. It cannot be changed, and a layer
/// uses it only as long as the body that it came with is still the response's body: a middleware
/// that answers something else, perhaps a refusal, need not know that there is a download.
///
/// ```
/// use downloadview::{Download, DownloadResponse, file::VirtualFile};
///
/// let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "a")).into_http();
/// let download = Download::of(response.extensions()).expect("it is a download");
/// assert_eq!(download.file().name(), "a.txt");
/// assert!(download.optimize());
/// ```
#[derive(Clone)]
#[doc(alias = "is_download_response")]
pub struct Download(Arc<Riding>);

/// What travels with the response.
#[derive(Clone)]
struct Riding {
    file: Arc<dyn File>,
    optimize: bool,
    copying: Copying,
    type_is: TypeIs,
    /// Whether the options state no header of which `head` knows what becomes of it.
    leaves_to_initial: bool,
    stated: Stated,
    shown: Shown,
}

/// How the options present the file, for a permission that states a part of it in another way.
#[derive(Clone)]
struct Shown {
    name: Option<String>,
    disposition: Disposition,
    media_types: Option<Arc<MediaTypes>>,
}

/// Which headers the options stated, so that nothing the file says takes their place.
#[derive(Clone, Default)]
struct Stated {
    names: Vec<HeaderName>,
    content_encoding: Option<HeaderValue>,
}

impl Stated {
    /// What these options state; `head` is the head that they led to.
    fn by(options: &DownloadOptions, head: &response::Parts) -> Self {
        static OF_THE_FILE: [HeaderName; 5] = [
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::CONTENT_SECURITY_POLICY,
            header::ETAG,
            header::LAST_MODIFIED,
        ];
        // Most options state none.
        if options.stated_headers().next().is_none() {
            return Self::default();
        }
        let stated = OF_THE_FILE.iter().filter(|name| options.mentions(name));
        Self {
            names: stated.cloned().collect(),
            content_encoding: head.headers.get(header::CONTENT_ENCODING).cloned(),
        }
    }
}

impl Download {
    /// The download of a response, if the response is one.
    #[must_use]
    pub fn of(extensions: &http::Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The file. Opening it here would open it twice: the layer opens it itself, and only if
    /// needed.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.0.file
    }

    /// Whether a proxy may send it. `false` after [`DownloadOptions::without_optimization`].
    #[must_use]
    pub fn optimize(&self) -> bool {
        self.0.optimize
    }

    /// The same file, with a name, a disposition or a type that take the place of those that the
    /// options state. They are written into `headers`, which is the head so far. A type that is
    /// given counts more than that of the content.
    pub(crate) fn presented_as(
        &self,
        headers: &mut HeaderMap,
        name: Option<&str>,
        disposition: Option<Disposition>,
        content_type: Option<&HeaderValue>,
    ) -> Self {
        let Riding { file, shown, .. } = &*self.0;
        if name.is_some() || disposition.is_some() {
            let name = name.or(shown.name.as_deref()).unwrap_or(file.name());
            let disposition = disposition.unwrap_or(shown.disposition);
            let value = ContentDisposition::new(disposition, name).into_header_value();
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        let (mut type_is, mut stated) = (self.0.type_is, self.0.stated.clone());
        if let Some(stated_type) = content_type {
            headers.insert(header::CONTENT_TYPE, stated_type.clone());
            stated.names.push(header::CONTENT_TYPE);
        } else if let Some(name) = name
            && !self.states(&header::CONTENT_TYPE)
            && let Some(by_name) = head::type_of(&**file, name, shown.media_types.as_deref())
        {
            headers.insert(header::CONTENT_TYPE, by_name);
            type_is = TypeIs::Known;
        }
        Self(Arc::new(Riding {
            file: Arc::clone(file),
            optimize: self.0.optimize,
            copying: self.0.copying,
            type_is,
            leaves_to_initial: false,
            stated,
            shown: shown.clone(),
        }))
    }

    /// Whether a local copy may be made for a proxy.
    #[must_use]
    pub fn spooling(&self) -> Spooling {
        self.0.copying.spooling
    }

    /// All that was stated of copies.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn copying(&self) -> Copying {
        self.0.copying
    }

    /// The same download, whose bytes come from `file`.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn with_file(&self, file: Arc<dyn File>) -> Self {
        let mut download = self.clone();
        download.set_file(file);
        download
    }

    /// Has the bytes come from `file`.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn set_file(&mut self, file: Arc<dyn File>) {
        Arc::make_mut(&mut self.0).file = file;
    }

    /// Where it lies in memory. This tells the download from every other one that is alive.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether a head that nobody changed since it was made is as `head` makes it by itself.
    pub(crate) fn leaves_to_initial(&self) -> bool {
        self.0.leaves_to_initial
    }

    /// Whether the options stated this header.
    fn states(&self, name: &HeaderName) -> bool {
        self.0.stated.names.contains(name)
    }

    /// Whether neither the options nor the file nor its names tell the type.
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

/// Marks a request: a layer around the view will deliver what the view answers. Views then leave
/// preconditions, ranges and bytes to it, and layers further in leave it the decision.
#[derive(Debug, Clone)]
pub(crate) struct Deferred;
