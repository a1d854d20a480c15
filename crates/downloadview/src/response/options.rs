//! How a file is presented: name, type, disposition, caching, validators, further headers.
//!
//! What the `setters` were told is recorded here; `response::head` reads it when the head is made. A
//! value that no header can hold is remembered, and becomes `Error::Misconfigured` (`check`) when a
//! download is answered.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::setters::option_setters;
use super::spooling::Spooling;
use crate::content::ETag;
use crate::error::BuildError;
use crate::headers::{Disposition, MediaTypes};

/// How a file is presented to the client. Views, [`DownloadResponse`](crate::DownloadResponse) and
/// the types of adapter crates have the same methods.
///
/// | what | default |
/// |---|---|
/// | `Content-Disposition` | attachment, under the file's own name |
/// | `Content-Type` | the file's own, or by its name; text with `charset=utf-8` |
/// | `Cache-Control` | `private, no-cache`: what one person may have is checked again for the next |
/// | `X-Content-Type-Options` | `nosniff` |
/// | `Content-Security-Policy` | only if a browser would show and run the file (HTML, SVG, XML inline) |
/// | `ETag`, `Last-Modified` | the file's own |
///
/// The default policy lets a document show itself with the styles, pictures and fonts that it
/// holds, and nothing else; [`header`](Self::header) states another one.
///
/// If the same thing is set twice, the later setting counts. A header value that is not valid (with
/// a line break or a control character) becomes
/// [`Error::Misconfigured`](crate::Error::Misconfigured) when the download is answered: 500, and an
/// ERROR in the log.
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
    /// Boxed like `invalid`: few options have them, and they are moved for each request.
    pub(super) etag: Option<Box<ETag>>,
    pub(super) modified: Option<SystemTime>,
    pub(super) media_types: Option<Arc<MediaTypes>>,
    optimize: Option<bool>,
    spooling: Option<Spooling>,
    prepare: Option<bool>,
    delete_after_send: Option<bool>,
    /// Shared by all clones: the options of a view are cloned for each request.
    headers: Option<Arc<Vec<Change>>>,
    /// The header of the first value that is not valid.
    invalid: Option<Box<HeaderName>>,
}

/// All that the options say of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copying {
    pub(crate) spooling: Spooling,
    /// Whether the client is told to ask again while a copy is being made.
    pub(crate) prepares: bool,
    /// Whether the copy goes when its lease ends.
    pub(crate) deletes: bool,
}

/// What is to happen with a header, in the order in which it was stated.
#[derive(Debug, Clone)]
enum Change {
    Set(HeaderName, HeaderValue),
    Append(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl Change {
    /// The header that it is about.
    fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _) | Self::Append(name, _) | Self::Remove(name) => name,
        }
    }
}

impl DownloadOptions {
    /// The defaults: nothing stated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    option_setters!();

    fn options_mut(&mut self) -> &mut Self {
        self
    }

    /// Adds what `later` states. Where both state something, `later` counts.
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
        self.spooling = later.spooling.or(self.spooling);
        self.prepare = later.prepare.or(self.prepare);
        self.delete_after_send = later.delete_after_send.or(self.delete_after_send);
        self.invalid = self.invalid.take().or(later.invalid);
        match (&self.headers, later.headers) {
            (_, None) => {}
            (None, later) => self.headers = later,
            (Some(_), Some(later)) => self.changes_mut().extend_from_slice(&later),
        }
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

    /// Removes what was stated for this header by name.
    fn forget(&mut self, name: &HeaderName) {
        if self.mentions(name) {
            self.changes_mut().retain(|change| change.name() != name);
        }
    }

    #[doc(hidden)]
    pub fn set_media_types(&mut self, table: Arc<MediaTypes>) {
        self.media_types = Some(table);
    }

    #[doc(hidden)]
    pub fn set_etag(&mut self, etag: ETag) {
        self.etag = Some(Box::new(etag));
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
    pub fn set_spooling(&mut self, spooling: Spooling) {
        self.spooling = Some(spooling);
    }

    #[doc(hidden)]
    pub fn set_prepare(&mut self, prepare: bool) {
        self.prepare = Some(prepare);
    }

    #[doc(hidden)]
    pub fn set_delete_after_send(&mut self, delete: bool) {
        self.delete_after_send = Some(delete);
    }

    #[doc(hidden)]
    pub fn set_header(&mut self, name: HeaderName, value: Option<HeaderValue>) {
        let validator = match name {
            header::ETAG => value.as_ref().and_then(etag).map(|it| self.set_etag(it)),
            header::LAST_MODIFIED => {
                let date = value.as_ref().and_then(date);
                date.map(|it| self.modified = Some(it))
            }
            _ => return self.change(name, value, Change::Set),
        };
        if validator.is_none() {
            self.invalid.get_or_insert_with(|| Box::new(name));
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
        self.changes_mut().push(Change::Remove(name));
    }

    fn changes(&self) -> &[Change] {
        self.headers.as_deref().map_or(&[], Vec::as_slice)
    }

    fn changes_mut(&mut self) -> &mut Vec<Change> {
        Arc::make_mut(self.headers.get_or_insert_default())
    }

    /// Records a change, or that the value given for it is not valid.
    fn change(
        &mut self,
        name: HeaderName,
        value: Option<HeaderValue>,
        change: fn(HeaderName, HeaderValue) -> Change,
    ) {
        match value {
            Some(value) => self.changes_mut().push(change(name, value)),
            None => {
                self.invalid.get_or_insert_with(|| Box::new(name));
            }
        }
    }

    /// Fails if a value was given that is not valid in a header.
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

    pub(super) fn copying(&self) -> Copying {
        Copying {
            spooling: self.spooling.unwrap_or_default(),
            prepares: self.prepare.unwrap_or_default(),
            deletes: self.delete_after_send.unwrap_or_default(),
        }
    }

    /// The headers for which something was stated by name.
    pub(super) fn stated_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.changes().iter().map(Change::name)
    }

    /// Whether something was stated for this header.
    pub(super) fn mentions(&self, name: &HeaderName) -> bool {
        self.changes().iter().any(|change| change.name() == name)
    }

    /// Writes what was stated for headers over `headers`.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for change in self.changes() {
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
