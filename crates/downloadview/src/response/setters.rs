//! The setters of a download, written once: `DownloadOptions`,
//! `DownloadResponse`, the views and the types of adapter crates have the same methods, with the
//! same words about each.

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
