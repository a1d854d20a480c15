//! What the views of this crate share: options that are fixed, options that depend on the request,
//! and names that depend on it. The setters and the method `options` are macros, so that each view
//! has them.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use crate::error::Result;
use crate::response::DownloadOptions;
use crate::storage::StorageName;

/// Finds the name of the file for a request. It is implemented for closures `|request: &Parts| ->
/// Result<StorageName>`, and for a [`StorageName`], which is then the file for every request.
///
/// ```
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::view::{RouteParameters, StorageView};
/// use downloadview::{Error, Result};
/// use http::request::Parts;
///
/// let by_year = |request: &Parts| -> Result<StorageName> {
///     let parameters = RouteParameters::of(request).ok_or(Error::NotFound)?;
///     let year = parameters.get("year").ok_or(Error::NotFound)?;
///     StorageName::parse(format!("reports/{year}.pdf"))
/// };
/// let view = StorageView::new(MemoryStorage::new()).name(by_year);
/// # let _ = view;
/// ```
pub trait ResolveName: Send + Sync + 'static {
    /// The name for this request.
    ///
    /// # Errors
    ///
    /// The error becomes the answer.
    fn resolve(&self, request: &Parts) -> Result<StorageName>;
}

impl<F> ResolveName for F
where
    F: Fn(&Parts) -> Result<StorageName> + Send + Sync + 'static,
{
    fn resolve(&self, request: &Parts) -> Result<StorageName> {
        self(request)
    }
}

impl ResolveName for StorageName {
    fn resolve(&self, _request: &Parts) -> Result<StorageName> {
        Ok(self.clone())
    }
}

/// A closure that adds to the options what depends on the request.
type With = Arc<dyn Fn(&Parts, DownloadOptions) -> Result<DownloadOptions> + Send + Sync>;

/// Options in the order in which they were stated: fixed ones, and closures for those that depend
/// on the request.
#[derive(Clone, Default)]
pub(crate) struct ViewOptions {
    first: DownloadOptions,
    later: Vec<(With, DownloadOptions)>,
}

impl ViewOptions {
    /// Where further fixed options go: behind everything that was stated before.
    pub(crate) fn last_mut(&mut self) -> &mut DownloadOptions {
        match self.later.last_mut() {
            Some((_, fixed)) => fixed,
            None => &mut self.first,
        }
    }

    /// Adds options that depend on the request.
    pub(crate) fn push(
        &mut self,
        with: impl Fn(&Parts, DownloadOptions) -> Result<DownloadOptions> + Send + Sync + 'static,
    ) {
        self.later.push((Arc::new(with), DownloadOptions::new()));
    }

    /// The options for this request.
    pub(crate) fn resolve(&self, request: &Parts) -> Result<DownloadOptions> {
        let mut options = self.first.clone();
        for (with, fixed) in &self.later {
            options = with(request, options)?;
            options.extend(fixed.clone());
        }
        Ok(options)
    }
}

impl fmt::Debug for ViewOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixed = self.later.iter().map(|(_, fixed)| fixed);
        f.debug_list().entry(&self.first).entries(fixed).finish()
    }
}

/// The setters of every view with a field `options: ViewOptions`.
macro_rules! view_setters {
    () => {
        $crate::response::option_setters!();

        /// Adds what `options` state. Where something was stated before, `options` replace it.
        #[must_use]
        pub fn options(mut self, options: $crate::response::DownloadOptions) -> Self {
            self.options.last_mut().extend(options);
            self
        }

        /// Adds options that depend on the request: `with` gets what was stated before, and what is
        /// stated after it counts more.
        ///
        /// ```
        /// # use downloadview::{Result, view::VirtualView, file::VirtualFile};
        /// # use http::request::Parts;
        /// # let view = VirtualView::new(|_: &Parts| async { Ok(VirtualFile::from_text("a", "a")) });
        /// let view = view.options_with(|request, options| match request.uri.query() {
        ///     Some("inline") => Ok(options.inline()),
        ///     _ => Ok(options),
        /// });
        /// ```
        #[must_use]
        #[doc(alias = "get_basename")]
        pub fn options_with(
            mut self,
            with: impl Fn(
                &::http::request::Parts,
                $crate::response::DownloadOptions,
            ) -> $crate::error::Result<$crate::response::DownloadOptions>
            + Send
            + Sync
            + 'static,
        ) -> Self {
            self.options.push(with);
            self
        }

        fn options_mut(&mut self) -> &mut $crate::response::DownloadOptions {
            self.options.last_mut()
        }
    };
}
pub(crate) use view_setters;

/// The options of a view with a field `options: ViewOptions`.
macro_rules! view_options {
    () => {
        fn options(
            &self,
            request: &::http::request::Parts,
            _file: &Self::File,
        ) -> $crate::error::Result<$crate::response::DownloadOptions> {
            self.options.resolve(request)
        }
    };
}
pub(crate) use view_options;
