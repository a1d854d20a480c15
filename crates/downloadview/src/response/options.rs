//! How a file is presented: name, type, disposition, caching, validators, further headers.
//!
//! The setters are one macro, so that [`DownloadOptions`], `DownloadResponse`, the views and the
//! types of adapter crates have the same methods. They only record what was said; `response::head`
//! reads it when the head is made. A value that no header can hold is remembered, and becomes
//! `Error::Misconfigured` (`check`) when a download is answered.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, header};

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
    pub(super) etag: Option<ETag>,
    pub(super) modified: Option<SystemTime>,
    pub(super) media_types: Option<Arc<MediaTypes>>,
    optimize: Option<bool>,
    spooling: Option<Spooling>,
    prepare: Option<bool>,
    delete_after_send: Option<bool>,
    /// Shared by all clones: the options of a view are cloned for each request.
    headers: Option<Arc<Vec<Change>>>,
    /// The header of the first value that is not valid.
    invalid: Option<HeaderName>,
}

/// Whether a local copy of a file may be made for a proxy, where no rule takes the file as it is.
/// It counts only under an [`Optimizer`](crate::Optimizer) that has a [spool](crate::spool).
///
/// ```
/// use downloadview::response::Spooling;
/// use downloadview::{DownloadResponse, file::VirtualFile};
///
/// let once = VirtualFile::from_chunks("now.csv", ["a;b\n", "1;2\n"]);
/// let response = DownloadResponse::new(once).spooling(Spooling::Always);
/// # let _ = response;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spooling {
    /// No copy is made: the application streams the file.
    Off,
    /// A copy is made of a file that has a [key](crate::File::cache_key). The default.
    #[default]
    Keyed,
    /// Of a file without a key too. Its copy is for the one request that it was made for, and is
    /// removed when its lease ends.
    Always,
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

/// The setters that everything which holds [`DownloadOptions`] shares, adapters in other crates
/// too. They write to what `self.options_mut()` returns. Not part of the public interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __option_setters {
    () => {
        /// Whether clients save or show the file. Default: [`Disposition::Attachment`], saved.
        ///
        /// [`Disposition::Attachment`]: $crate::headers::Disposition::Attachment
        #[doc(alias = "attachment")]
        #[must_use]
        pub fn disposition(mut self, disposition: $crate::headers::Disposition) -> Self {
            self.options_mut().set_disposition(disposition);
            self
        }

        /// The browser shows the file, if it can. Default: it saves the file.
        ///
        /// For files of strangers keep the default `Content-Security-Policy`, which stops scripts
        /// in them.
        #[must_use]
        pub fn inline(self) -> Self {
            self.disposition($crate::headers::Disposition::Inline)
        }

        /// The name that the client sees. Any text is made safe, see [`ContentDisposition::new`].
        /// Default: the file's own name.
        ///
        /// The media type follows this name, if it tells one.
        ///
        /// [`ContentDisposition::new`]: $crate::headers::ContentDisposition::new
        #[doc(alias = "get_basename")]
        #[must_use]
        pub fn basename(mut self, basename: impl Into<String>) -> Self {
            self.options_mut().set_basename(basename.into());
            self
        }

        /// The media type, such as `text/csv; charset=utf-8`. Default: the file's own, or by its
        /// name with `charset=utf-8` on text.
        #[doc(alias = "mimetype")]
        #[must_use]
        pub fn content_type(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CONTENT_TYPE, value)
        }

        /// The table by which names get their media types: for extensions of your own, and for text
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

        /// The coding that the stored bytes already have, such as `gzip`. Default: the file's own,
        /// usually none. The bytes are sent as they are, and the client decodes them.
        #[doc(alias = "encoding")]
        #[must_use]
        pub fn content_encoding(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CONTENT_ENCODING, value)
        }

        /// Who may keep a copy, and for how long: the value of `Cache-Control` (RFC 9111, 5.2).
        /// Default: `private, no-cache`, so that the permission is checked for every request.
        ///
        /// State `public, max-age=…` only for files that everybody may have.
        #[must_use]
        pub fn cache_control(self, value: impl TryInto<::http::HeaderValue>) -> Self {
            self.header(::http::header::CACHE_CONTROL, value)
        }

        /// The entity tag, by which conditions and ranges are judged. Default: the file's own.
        ///
        /// A proxy that makes a tag of its own (nginx, Caddy) states its own instead. So does the
        /// application for a file that such a proxy may send.
        #[must_use]
        pub fn etag(mut self, etag: $crate::content::ETag) -> Self {
            self.options_mut().set_etag(etag);
            self
        }

        /// When the content last changed; conditions are judged by it. Default: the file's own
        /// date.
        ///
        /// A proxy states the date of the file that it sends, whatever is stated here.
        #[doc(alias = "was_modified_since")]
        #[must_use]
        pub fn last_modified(mut self, modified: ::std::time::SystemTime) -> Self {
            self.options_mut().set_last_modified(modified);
            self
        }

        /// Sets a header. It replaces what was stated for that name before, the defaults too.
        ///
        /// - `Content-Disposition` is stated in whole: it replaces the name and the disposition
        ///   that were set before, and a name or disposition that is set later replaces it.
        /// - `ETag` and `Last-Modified` are also used to judge conditions.
        /// - Length, ranges and framing follow from the file and cannot be set.
        /// - Headers that hand a file to a proxy are dropped: only a rule names the target.
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
        /// "no-transform")` the answer also states `private, no-cache`. Use
        /// [`header`](Self::header) to replace all of it. `ETag` and `Last-Modified` have only one
        /// value: the later one.
        #[must_use]
        pub fn append_header(
            mut self,
            name: ::http::HeaderName,
            value: impl TryInto<::http::HeaderValue>,
        ) -> Self {
            self.options_mut().append(name, value.try_into().ok());
            self
        }

        /// Leaves a header out, a default such as `X-Content-Type-Options` too.
        ///
        /// Be careful with [`CONTENT_SECURITY_POLICY`](::http::header::CONTENT_SECURITY_POLICY): it
        /// keeps scripts in files of strangers from running.
        #[must_use]
        pub fn without_header(mut self, name: ::http::HeaderName) -> Self {
            self.options_mut().remove(name);
            self
        }

        /// Always streams: no proxy is asked to send this file. Default: a rule may delegate it.
        ///
        /// For a file that must not be looked up by its path or URL, or whose bytes differ from
        /// those that the proxy would find there.
        #[must_use]
        pub fn without_optimization(mut self) -> Self {
            self.options_mut().set_optimize(false);
            self
        }

        /// Whether a local copy may be made for a proxy. Default: of files that have a key
        /// ([`Spooling::Keyed`]), if there is a spool.
        ///
        /// [`Spooling::Keyed`]: $crate::response::Spooling::Keyed
        #[must_use]
        pub fn spooling(mut self, spooling: $crate::response::Spooling) -> Self {
            self.options_mut().set_spooling(spooling);
            self
        }

        /// For content that takes long to make: 202 with `Retry-After` while its copy is being made,
        /// and the file once that is complete, so that a browser or a script asks one URL until it has
        /// the file. Default: the client waits.
        ///
        /// A GET begins the copy, and each GET or HEAD keeps it going for
        /// `SpoolBuilder::max_idle_fill` more; a HEAD begins none. 202 is said once the source has
        /// opened the file, or has taken ten seconds: what it refuses is answered at once. If the copy
        /// cannot be made, the next request is answered without one; so is one that finds half of
        /// `SpoolBuilder::fills` taken by copies that are prepared. Browsers ask again by themselves
        /// (`Refresh`).
        ///
        /// It counts for files with a key that no rule takes as they are, if there is a spool.
        #[must_use]
        pub fn prepare(mut self, prepare: bool) -> Self {
            self.options_mut().set_prepare(prepare);
            self
        }

        /// For one-time files: the copy of this file is for this request and those that come soon
        /// after it, such as further ranges. Default: it stays as long as there is room.
        ///
        /// It is removed when its lease (`SpoolBuilder::lease`) ends, counted from the time that it
        /// was handed to a proxy; what the proxy has open by then it sends whole. If the
        /// process ends before, another one over the folder removes it, or the next that starts. A copy
        /// that was made for a request without this option is another one. The file itself is never
        /// deleted.
        #[must_use]
        pub fn delete_after_send(mut self, delete: bool) -> Self {
            self.options_mut().set_delete_after_send(delete);
            self
        }
    };
}
pub(crate) use crate::__option_setters as option_setters;

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
                self.invalid.get_or_insert(name);
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
