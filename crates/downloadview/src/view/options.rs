//! The presentation settings of the views: each a fixed value, or a closure over the request.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;
use http::request::Parts;

use crate::content::Metadata;
use crate::error::Result;
use crate::headers::Disposition;
use crate::response::DownloadOptions;
use crate::storage::StorageName;

/// A setting of a view: a value, or a closure `|request: &Parts| -> Result<T>`.
///
/// ```
/// # use downloadview::{DownloadView, Result, view::VirtualView, file::VirtualFile};
/// # use http::request::Parts;
/// # let view = || VirtualView::new(|_: &Parts| async { Ok(VirtualFile::from_text("a.txt", "a")) });
/// view().basename("report.txt");
/// view().basename(|request: &Parts| -> Result<String> { Ok(request.uri.path().to_uppercase()) });
/// ```
pub trait Resolve<T>: Send + Sync + 'static {
    /// The value for this request.
    ///
    /// # Errors
    ///
    /// Whatever the answer to the request should be.
    fn resolve(&self, request: &Parts) -> Result<T>;

    /// The value for every request, if it is fixed.
    fn fixed(&self) -> Option<T> {
        None
    }
}

impl<T, F> Resolve<T> for F
where
    F: Fn(&Parts) -> Result<T> + Send + Sync + 'static,
{
    fn resolve(&self, request: &Parts) -> Result<T> {
        self(request)
    }
}

macro_rules! resolve_fixed {
    ($($source:ty => $target:ty),+ $(,)?) => {$(
        impl Resolve<$target> for $source {
            fn resolve(&self, _request: &Parts) -> Result<$target> {
                Ok(<$target>::from(self.clone()))
            }

            fn fixed(&self) -> Option<$target> {
                Some(<$target>::from(self.clone()))
            }
        }
    )+};
}
resolve_fixed!(
    &'static str => String,
    String => String,
    HeaderValue => HeaderValue,
    Disposition => Disposition,
    StorageName => StorageName,
);

type Adjust = Arc<dyn Fn(&Parts, &mut DownloadOptions) -> Result<()> + Send + Sync>;
type Changed = Arc<dyn Fn(&Metadata, SystemTime) -> bool + Send + Sync>;

/// What the views of this crate share: fixed options, and what to adjust for each request.
#[derive(Clone, Default)]
pub(crate) struct ViewOptions {
    fixed: DownloadOptions,
    adjust: Vec<Adjust>,
    changed: Option<Changed>,
}

impl ViewOptions {
    pub(crate) fn set<T: 'static>(
        &mut self,
        value: impl Resolve<T>,
        apply: fn(&mut DownloadOptions, T),
    ) {
        if let Some(value) = value.fixed() {
            apply(&mut self.fixed, value);
            return;
        }
        self.adjust.push(Arc::new(move |request, options| {
            apply(options, value.resolve(request)?);
            Ok(())
        }));
    }

    pub(crate) fn set_header(&mut self, name: http::HeaderName, value: impl Resolve<HeaderValue>) {
        self.adjust.push(Arc::new(move |request, options| {
            options
                .headers
                .insert(name.clone(), value.resolve(request)?);
            Ok(())
        }));
    }

    pub(crate) fn set_optimize(&mut self, optimize: bool) {
        self.fixed.optimize = optimize;
    }

    pub(crate) fn set_changed(
        &mut self,
        changed: impl Fn(&Metadata, SystemTime) -> bool + Send + Sync + 'static,
    ) {
        self.changed = Some(Arc::new(changed));
    }

    pub(crate) fn resolve(&self, request: &Parts) -> Result<DownloadOptions> {
        let mut options = self.fixed.clone();
        for adjust in &self.adjust {
            adjust(request, &mut options)?;
        }
        Ok(options)
    }

    pub(crate) fn was_modified_since(&self, metadata: &Metadata, since: SystemTime) -> bool {
        match &self.changed {
            Some(changed) => changed(metadata, since),
            None => metadata.changed_after(since),
        }
    }
}

impl fmt::Debug for ViewOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewOptions")
            .field("fixed", &self.fixed)
            .field("adjusted", &self.adjust.len())
            .finish_non_exhaustive()
    }
}

/// The setters of every view with a field `options: ViewOptions`.
macro_rules! view_setters {
    () => {
        /// Attachment or inline. Default: attachment.
        #[must_use]
        #[doc(alias = "attachment")]
        pub fn disposition(
            mut self,
            disposition: impl $crate::view::Resolve<$crate::headers::Disposition>,
        ) -> Self {
            self.options
                .set(disposition, |options, value| options.disposition = value);
            self
        }

        /// Shows the file in the browser, if that can.
        #[must_use]
        pub fn inline(self) -> Self {
            self.disposition($crate::headers::Disposition::Inline)
        }

        /// The name for the client. Any text is made safe. Default: the file's own.
        #[must_use]
        #[doc(alias = "get_basename")]
        pub fn basename(mut self, basename: impl $crate::view::Resolve<String>) -> Self {
            self.options
                .set(basename, |options, value| options.basename = Some(value));
            self
        }

        /// The media type. Default: the file's own, else by name, with `charset=utf-8` on text.
        #[must_use]
        #[doc(alias = "mimetype")]
        pub fn content_type(
            mut self,
            content_type: impl $crate::view::Resolve<::http::HeaderValue>,
        ) -> Self {
            self.options.set(content_type, |options, value| {
                options.content_type = Some(value)
            });
            self
        }

        /// The coding that the stored bytes already have, such as `gzip`. Default: none.
        #[must_use]
        #[doc(alias = "encoding")]
        pub fn content_encoding(
            mut self,
            content_encoding: impl $crate::view::Resolve<::http::HeaderValue>,
        ) -> Self {
            self.options.set(content_encoding, |options, value| {
                options.content_encoding = Some(value)
            });
            self
        }

        /// Who may keep a copy, and how long. Default: `private, no-cache`.
        #[must_use]
        pub fn cache_control(
            mut self,
            cache_control: impl $crate::view::Resolve<::http::HeaderValue>,
        ) -> Self {
            self.options.set(cache_control, |options, value| {
                options.cache_control = Some(value)
            });
            self
        }

        /// A further header; it replaces a default of that name. Hand-off headers are dropped.
        #[must_use]
        pub fn header(
            mut self,
            name: ::http::HeaderName,
            value: impl $crate::view::Resolve<::http::HeaderValue>,
        ) -> Self {
            self.options.set_header(name, value);
            self
        }

        /// Always streams: no proxy is asked to send this view's files. Default: delegated where a
        /// rule can.
        #[must_use]
        pub fn without_optimization(mut self) -> Self {
            self.options.set_optimize(false);
            self
        }

        /// Decides `If-Modified-Since`: whether the content changed after the given time. Default:
        /// compares the modification time in whole seconds.
        #[must_use]
        pub fn was_modified_since(
            mut self,
            changed: impl Fn(&$crate::content::Metadata, ::std::time::SystemTime) -> bool
            + Send
            + Sync
            + 'static,
        ) -> Self {
            self.options.set_changed(changed);
            self
        }
    };
}
pub(crate) use view_setters;

/// The hooks that a view with a field `options: ViewOptions` answers from it.
macro_rules! view_hooks {
    () => {
        fn options(
            &self,
            request: &::http::request::Parts,
            _file: &Self::File,
        ) -> $crate::error::Result<$crate::response::DownloadOptions> {
            self.options.resolve(request)
        }

        fn was_modified_since(
            &self,
            metadata: &$crate::content::Metadata,
            since: ::std::time::SystemTime,
        ) -> bool {
            self.options.was_modified_since(metadata, since)
        }
    };
}
pub(crate) use view_hooks;
