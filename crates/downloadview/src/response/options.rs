//! How a file is presented: name, type, disposition, caching, validators, further headers.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::content::ETag;
use crate::error::BuildError;
use crate::headers::{Disposition, MediaTypes};

/// How a file is presented to the client.
///
/// Defaults: an attachment under the file's own name, type by name, `Cache-Control: private,
/// no-cache` (a permission that was checked for one person is checked again for the next),
/// `X-Content-Type-Options: nosniff`, and on what a browser would show and run (HTML, SVG, XML inline)
/// a `Content-Security-Policy` that lets the document show itself, with styles, pictures and fonts of
/// its own, and nothing else; [`header`](Self::header) states another policy.
///
/// Of two settings of the same thing the later one counts. A header value that is not valid (a line
/// break, a control character) is [`Error::Misconfigured`](crate::Error::Misconfigured) when the download is answered.
///
/// ```
/// use downloadview::DownloadOptions;
/// use http::header::{CONTENT_SECURITY_POLICY, LINK};
///
/// let options = DownloadOptions::new()
///     .inline()
///     .basename("report.html")
///     .header(CONTENT_SECURITY_POLICY, "sandbox; default-src 'self'")
///     .append_header(LINK, "</a.css>; rel=preload")
///     .append_header(LINK, "</b.css>; rel=preload");
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DownloadOptions {
    pub(super) disposition: Option<Disposition>,
    pub(super) basename: Option<String>,
    pub(super) etag: Option<ETag>,
    pub(super) modified: Option<SystemTime>,
    pub(super) media_types: Option<Arc<MediaTypes>>,
    optimize: Option<bool>,
    headers: Vec<Change>,
    /// The header of the first value that is not valid.
    invalid: Option<HeaderName>,
}

/// What becomes of a header, in the order stated.
#[derive(Debug, Clone)]
enum Change {
    Set(HeaderName, HeaderValue),
    Append(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl Change {
    fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _) | Self::Append(name, _) | Self::Remove(name) => name,
        }
    }
}

/// The setters shared by everything that holds [`DownloadOptions`], adapters in other crates too: they
/// write to what `self.options_mut()` returns. Not part of the public interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __option_setters {
    () => {
        /// Whether browsers save or show the file. Default: [`Disposition::Attachment`], saved.
        ///
        /// [`Disposition::Attachment`]: $crate::headers::Disposition::Attachment
        #[doc(alias = "attachment")]
        #[must_use]
        pub fn disposition(mut self, disposition: $crate::headers::Disposition) -> Self {
            self.options_mut().set_disposition(disposition);
            self
        }

        /// Shows the file in the browser, if that can. Default: saved as an attachment.
        #[must_use]
        pub fn inline(self) -> Self {
            self.disposition($crate::headers::Disposition::Inline)
        }

        /// The name for the client. Any text is made safe. Default: the file's own.
        #[doc(alias = "get_basename")]
        #[must_use]
        pub fn basename(mut self, basename: impl Into<String>) -> Self {
            self.options_mut().set_basename(basename.into());
            self
        }

        /// The media type. Default: the file's own, else by name, with `charset=utf-8` on text.
        #[doc(alias = "mimetype")]
        #[must_use]
        pub fn content_type(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CONTENT_TYPE, value)
        }

        /// The table by which names get their media types, for extensions of one's own and for text
        /// in another charset than UTF-8. Default: [`MediaTypes::new`].
        ///
        /// [`MediaTypes::new`]: $crate::headers::MediaTypes::new
        #[must_use]
        pub fn media_types(
            mut self,
            table: impl Into<::std::sync::Arc<$crate::headers::MediaTypes>>,
        ) -> Self {
            self.options_mut().set_media_types(table.into());
            self
        }

        /// The coding that the stored bytes already have, such as `gzip`. Default: none.
        #[doc(alias = "encoding")]
        #[must_use]
        pub fn content_encoding(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CONTENT_ENCODING, value)
        }

        /// Who may keep a copy, and how long. Default: `private, no-cache`.
        #[must_use]
        pub fn cache_control(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CACHE_CONTROL, value)
        }

        /// The entity tag, which conditions and ranges are judged by. Default: the file's own.
        ///
        /// A proxy that makes a tag of its own (nginx, Caddy) states that one instead, and so does the
        /// application for a file that such a proxy may send.
        #[must_use]
        pub fn etag(mut self, etag: $crate::content::ETag) -> Self {
            self.options_mut().set_etag(etag);
            self
        }

        /// When the content last changed, which conditions are judged by. Default: the file's own date.
        ///
        /// A proxy states the date of the file that it sends, whatever is said here.
        #[doc(alias = "was_modified_since")]
        #[must_use]
        pub fn last_modified(mut self, modified: ::std::time::SystemTime) -> Self {
            self.options_mut().set_last_modified(modified);
            self
        }

        /// Sets a header; it replaces what was said of that name before, defaults included.
        ///
        /// `Content-Disposition` is stated in whole by it, whatever name and disposition were set
        /// before; a name or a disposition that is set later takes its place.
        ///
        /// `ETag` and `Last-Modified` are what conditions are judged by. Length, ranges and framing
        /// follow from the file and cannot be set; hand-off headers are dropped, because a rule names
        /// the destination.
        #[must_use]
        pub fn header(
            mut self,
            name: ::http::HeaderName,
            value: impl TryInto<::http::HeaderValue>,
        ) -> Self {
            self.options_mut().set_header(name, value.try_into().ok());
            self
        }

        /// Adds a further value of a header that may have several: `Link`, `Set-Cookie`, `Vary`.
        ///
        /// What the header had before stays, a default too: after `append_header(CACHE_CONTROL,
        /// "no-transform")` there is `private, no-cache` as well. [`header`](Self::header) takes the
        /// place of all of it. A validator has one value, which the later takes.
        #[must_use]
        pub fn append_header(
            mut self,
            name: ::http::HeaderName,
            value: impl TryInto<::http::HeaderValue>,
        ) -> Self {
            self.options_mut().append(name, value.try_into().ok());
            self
        }

        /// Leaves a header out, a default such as `X-Content-Type-Options` too. The policy that keeps
        /// scripts in files of strangers from running is one of them:
        /// [`CONTENT_SECURITY_POLICY`](::http::header::CONTENT_SECURITY_POLICY).
        #[must_use]
        pub fn without_header(mut self, name: ::http::HeaderName) -> Self {
            self.options_mut().remove(name);
            self
        }

        /// Always streams: no proxy is asked to send this file. Default: delegated where a rule can.
        #[must_use]
        pub fn without_optimization(mut self) -> Self {
            self.options_mut().set_optimize(false);
            self
        }
    };
}
pub(crate) use crate::__option_setters as option_setters;

impl DownloadOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    option_setters!();

    fn options_mut(&mut self) -> &mut Self {
        self
    }

    /// Adds what `later` states; where both say something, `later` counts.
    pub(crate) fn extend(&mut self, later: Self) {
        if later.disposition.is_some() || later.basename.is_some() {
            self.forget(&header::CONTENT_DISPOSITION);
        }
        self.disposition = later.disposition.or(self.disposition);
        self.basename = later.basename.or(self.basename.take());
        self.etag = later.etag.or(self.etag.take());
        self.modified = later.modified.or(self.modified);
        self.media_types = later.media_types.or(self.media_types.take());
        self.optimize = later.optimize.or(self.optimize);
        self.invalid = self.invalid.take().or(later.invalid);
        self.headers.extend(later.headers);
    }

    #[doc(hidden)]
    pub fn set_disposition(&mut self, disposition: Disposition) {
        self.forget(&header::CONTENT_DISPOSITION);
        self.disposition = Some(disposition);
    }

    #[doc(hidden)]
    pub fn set_basename(&mut self, basename: String) {
        self.forget(&header::CONTENT_DISPOSITION);
        self.basename = Some(basename);
    }

    /// Takes back what was said of this header by its name.
    fn forget(&mut self, name: &HeaderName) {
        self.headers.retain(|change| change.name() != name);
    }

    #[doc(hidden)]
    pub fn set_media_types(&mut self, table: Arc<MediaTypes>) {
        self.media_types = Some(table);
    }

    #[doc(hidden)]
    pub fn set_etag(&mut self, etag: ETag) {
        self.etag = Some(etag);
    }

    #[doc(hidden)]
    pub fn set_last_modified(&mut self, modified: SystemTime) {
        self.modified = Some(modified);
    }

    #[doc(hidden)]
    pub fn set_optimize(&mut self, optimize: bool) {
        self.optimize = Some(optimize);
    }

    #[doc(hidden)]
    pub fn set_header(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        let validator = match name {
            header::ETAG => value.as_ref().and_then(etag).map(|it| self.etag = Some(it)),
            header::LAST_MODIFIED => {
                let date = value.as_ref().and_then(date);
                date.map(|it| self.modified = Some(it))
            }
            _ => return self.change(name, value, Change::Set),
        };
        if validator.is_none() {
            self.invalid.get_or_insert(name);
        }
    }

    #[doc(hidden)]
    pub fn append(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        match name {
            header::ETAG | header::LAST_MODIFIED => self.set_header(name, value),
            _ => self.change(name, value, Change::Append),
        }
    }

    #[doc(hidden)]
    pub fn remove(&mut self, name: HeaderName) {
        self.headers.push(Change::Remove(name));
    }

    fn change(
        &mut self,
        name: HeaderName,
        value: Option<HeaderValue>,
        change: fn(HeaderName, HeaderValue) -> Change,
    ) {
        match value {
            Some(value) => self.headers.push(change(name, value)),
            None => {
                self.invalid.get_or_insert(name);
            }
        }
    }

    /// Fails where a value was given that no header can hold.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        match &self.invalid {
            None => Ok(()),
            Some(name) => Err(BuildError::new(format!(
                "download options: the value given for `{name}` is not valid in that header"
            ))),
        }
    }

    /// Whether a proxy may send the file.
    pub(super) fn optimizes(&self) -> bool {
        self.optimize.unwrap_or(true)
    }

    /// Whether something was said of this header.
    pub(super) fn mentions(&self, name: &HeaderName) -> bool {
        self.headers.iter().any(|change| change.name() == name)
    }

    /// Writes what was said of headers over `headers`.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for change in &self.headers {
            match change {
                Change::Set(name, value) => {
                    headers.insert(name, value.clone());
                }
                Change::Append(name, value) => {
                    headers.append(name, value.clone());
                }
                Change::Remove(name) => {
                    headers.remove(name);
                }
            }
        }
    }
}

fn etag(value: &HeaderValue) -> Option<ETag> {
    ETag::parse(value.to_str().ok()?).ok()
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    crate::headers::http_date(value.to_str().ok()?)
}
