//! What a view or a handler answers with: a head, and a file that nobody has opened yet.

mod body;
mod error;
mod options;
mod proxied;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Response, header, response};

pub use self::body::DownloadBody;
pub(crate) use self::body::carries;
pub(crate) use self::error::{refusal, with_headers_of};
pub use self::options::DownloadOptions;
pub(crate) use self::options::option_setters;
pub(crate) use self::proxied::ProxiedDownloadResponse;
use crate::content::Metadata;
use crate::file::File;
use crate::headers::{
    ContentDisposition, content_type_of, guess, hand_off, is_active_content, remove_all,
};

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
    modified_since: Option<Arc<dyn ModifiedSince>>,
}

impl DownloadResponse {
    /// An attachment named as the file is.
    #[must_use]
    pub fn new(file: impl File) -> Self {
        Self::with_options(file, DownloadOptions::new())
    }

    /// A file presented as `options` say.
    #[must_use]
    pub fn with_options(file: impl File, options: DownloadOptions) -> Self {
        Self {
            file: Arc::new(file),
            options,
            modified_since: None,
        }
    }

    option_setters!(options);

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    pub(crate) fn with_modified_since(mut self, hook: Arc<dyn ModifiedSince>) -> Self {
        self.modified_since = Some(hook);
        self
    }

    /// The head, with the file riding along in its extensions.
    pub(crate) fn into_parts(self) -> (response::Parts, Download) {
        let (mut head, ()) = Response::new(()).into_parts();
        head.headers = headers_of(&*self.file, &self.options);
        let download = Download(Arc::new(Riding {
            file: self.file,
            inline: self.options.is_inline(),
            type_is_stated: self.options.states(&header::CONTENT_TYPE),
            content_encoding: head.headers.get(header::CONTENT_ENCODING).cloned(),
            optimize: self.options.optimize,
            modified_since: self.modified_since,
        }));
        (head, download)
    }

    /// The response as every tower stack knows it: head, [`Download`] in the extensions, and a body
    /// that opens the file when it is first polled.
    #[must_use]
    pub fn into_http(self) -> Response<DownloadBody> {
        let (mut head, download) = self.into_parts();
        download.sandbox(&mut head.headers);
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
    inline: bool,
    type_is_stated: bool,
    content_encoding: Option<HeaderValue>,
    optimize: bool,
    modified_since: Option<Arc<dyn ModifiedSince>>,
}

/// The hook of a view that decides `If-Modified-Since`.
pub(crate) trait ModifiedSince: Send + Sync {
    fn modified_since(&self, metadata: &Metadata, since: SystemTime) -> bool;
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

    /// Takes back what middleware between view and layer said of a body that is not sent: its
    /// coding, length and framing.
    pub(crate) fn disown_body(&self, headers: &mut HeaderMap) {
        const SAID_OF_A_BODY: [HeaderName; 5] = [
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ACCEPT_RANGES,
            header::TRANSFER_ENCODING,
        ];
        remove_all(headers, &SAID_OF_A_BODY);
        if let Some(stated) = &self.0.content_encoding {
            headers.insert(header::CONTENT_ENCODING, stated.clone());
        }
    }

    /// Adds to a head what the content says of itself: type and coding, unless the view stated them.
    pub(crate) fn describe(&self, headers: &mut HeaderMap, metadata: &Metadata) {
        if let (Some(stated), false) = (metadata.content_type(), self.0.type_is_stated) {
            headers.insert(header::CONTENT_TYPE, stated.clone());
        }
        if let Some(stated) = metadata.content_encoding() {
            headers
                .entry(header::CONTENT_ENCODING)
                .or_insert_with(|| stated.clone());
        }
        self.sandbox(headers);
    }

    /// Takes scripts away from what a browser would show and run, judged by the type that is sent.
    fn sandbox(&self, headers: &mut HeaderMap) {
        let content_type = headers.get(header::CONTENT_TYPE);
        if self.0.inline && content_type.is_none_or(is_active_content) {
            headers
                .entry(header::CONTENT_SECURITY_POLICY)
                .or_insert(HeaderValue::from_static(SANDBOX));
        }
    }

    /// Whether the content changed after `since`, in whole seconds unless a view says otherwise.
    pub(crate) fn was_modified_since(&self, metadata: &Metadata, since: SystemTime) -> bool {
        match &self.0.modified_since {
            Some(hook) => hook.modified_since(metadata, since),
            None => metadata.changed_after(since),
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Download").field(&self.0.file).finish()
    }
}

/// What a document of strangers may do in a browser: show itself, with the styles, pictures and fonts
/// that it brings along. No scripts, no forms, nothing from elsewhere, and an origin of its own.
const SANDBOX: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/// Put into a request's extensions by a layer that will deliver what the view answers: views leave
/// preconditions, ranges and bytes to it, and layers further in the decision.
#[derive(Debug, Clone)]
pub(crate) struct Deferred;

/// The headers that do not depend on the state of the file.
fn headers_of(file: &dyn File, options: &DownloadOptions) -> HeaderMap {
    let name = options.basename.as_deref().unwrap_or(file.name());
    let content_type = match &options.content_type {
        Some(stated) => stated.clone(),
        None => file
            .known()
            .content_type
            .or_else(|| guess(name))
            .unwrap_or_else(|| content_type_of(file.name())),
    };
    let mut headers = HeaderMap::with_capacity(14);
    if let Some(content_encoding) = &options.content_encoding {
        headers.insert(header::CONTENT_ENCODING, content_encoding.clone());
    }
    headers.insert(
        header::CONTENT_DISPOSITION,
        ContentDisposition::new(options.disposition, name).into_header_value(),
    );
    let cache_control = options.cache_control.clone();
    headers.insert(
        header::CACHE_CONTROL,
        cache_control.unwrap_or(HeaderValue::from_static("private, no-cache")),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CONTENT_TYPE, content_type);
    for (name, value) in &options.headers {
        headers.insert(name, value.clone());
    }
    if let Some(name) = hand_off::strip(&mut headers) {
        static TOLD: std::sync::Once = std::sync::Once::new();
        TOLD.call_once(|| {
            tracing::warn!(%name, "a download's options hold a hand-off header, which is not sent: a rule names the destination; said once");
        });
    }
    headers
}
