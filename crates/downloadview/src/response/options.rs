//! How a file is presented: name, type, disposition, caching, further headers.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::headers::Disposition;

/// How a file is presented to the client.
///
/// Defaults: an attachment under the file's own name, type by name, `Cache-Control: private,
/// no-cache` (a permission that was checked for one person is checked again for the next),
/// `X-Content-Type-Options: nosniff`, and on what a browser would show and run (HTML, SVG, XML inline)
/// a `Content-Security-Policy` that lets the document show itself, with styles, pictures and fonts of
/// its own, and nothing else; [`header`](Self::header) states another policy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DownloadOptions {
    pub(crate) disposition: Disposition,
    pub(crate) basename: Option<String>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) content_encoding: Option<HeaderValue>,
    pub(crate) cache_control: Option<HeaderValue>,
    pub(crate) headers: HeaderMap,
    pub(crate) optimize: bool,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            disposition: Disposition::Attachment,
            basename: None,
            content_type: None,
            content_encoding: None,
            cache_control: None,
            headers: HeaderMap::new(),
            optimize: true,
        }
    }
}

/// The setters shared by everything that holds [`DownloadOptions`].
macro_rules! option_setters {
    ($($field:ident)*) => {
        /// Shows the file in the browser, if that can. Default: saved as an attachment.
        #[must_use]
        #[doc(alias = "attachment")]
        pub fn inline(mut self) -> Self {
            self.$($field.)*disposition = $crate::headers::Disposition::Inline;
            self
        }

        /// The name for the client. Any text is made safe. Default: the file's own.
        #[must_use]
        pub fn basename(mut self, basename: impl Into<String>) -> Self {
            self.$($field.)*basename = Some(basename.into());
            self
        }

        /// The media type. Default: the file's own, else by name, with `charset=utf-8` on text.
        #[must_use]
        #[doc(alias = "mimetype")]
        pub fn content_type(mut self, content_type: ::http::HeaderValue) -> Self {
            self.$($field.)*content_type = Some(content_type);
            self
        }

        /// The coding that the stored bytes already have, such as `gzip`. Default: none.
        #[must_use]
        #[doc(alias = "encoding")]
        pub fn content_encoding(mut self, content_encoding: ::http::HeaderValue) -> Self {
            self.$($field.)*content_encoding = Some(content_encoding);
            self
        }

        /// Who may keep a copy, and how long. Default: `private, no-cache`.
        #[must_use]
        pub fn cache_control(mut self, cache_control: ::http::HeaderValue) -> Self {
            self.$($field.)*cache_control = Some(cache_control);
            self
        }

        /// A further header; it replaces a default of that name. Hand-off headers are dropped.
        #[must_use]
        pub fn header(mut self, name: ::http::HeaderName, value: ::http::HeaderValue) -> Self {
            self.$($field.)*headers.insert(name, value);
            self
        }

        /// Always streams: no proxy is asked to send this file.
        #[must_use]
        pub fn without_optimization(mut self) -> Self {
            self.$($field.)*optimize = false;
            self
        }
    };
}
pub(crate) use option_setters;

impl DownloadOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Attachment or inline.
    #[must_use]
    pub fn disposition(mut self, disposition: Disposition) -> Self {
        self.disposition = disposition;
        self
    }

    option_setters!();

    /// Whether the view gave a value for this header, by its setter or as a further header.
    pub(crate) fn states(&self, name: &HeaderName) -> bool {
        (*name == header::CONTENT_TYPE && self.content_type.is_some())
            || self.headers.contains_key(name)
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.disposition == Disposition::Inline
    }
}
