//! Where a proxy finds a file: the path and the URL that rules are compared with.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use super::without_query;

/// Where a proxy may find a file: its path on this machine's disk, the URL by which rules know it,
/// both of them or neither.
///
/// A [`File`](crate::File) or a [`Storage`](super::Storage) states them, and a
/// [`Rule`](crate::Rule) compares them with its prefix. Nothing is checked here. A file that has
/// only a URL is never looked at before it is delegated: whoever fetches it finds out whether it
/// exists.
///
/// [`Debug`](fmt::Debug) shows the URL without its query, which may hold a permission.
///
/// ```
/// use downloadview::file::Places;
/// let places = Places::new().with_path("/srv/media/a.txt").with_url("/media/a.txt");
/// assert_eq!(places.url(), Some("/media/a.txt"));
/// assert!(Places::new().is_empty());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Places {
    path: Option<PathBuf>,
    url: Option<Cow<'static, str>>,
}

impl Places {
    /// Nowhere: the file exists only in the program. It is streamed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// States the absolute path on this machine's disk. Rules made by
    /// [`Rule::dir`](crate::Rule::dir) go by it.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// States the URL, percent-encoded: a path of the site (`/media/a.txt`), or with scheme and
    /// host. Rules made by [`Rule::url`](crate::Rule::url) go by it.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The path on this machine's disk, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The URL, if there is one. Its query may hold a permission: log
    /// [`shown_url`](Self::shown_url) instead.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The URL in a form that may be shown: `?…` in place of its query.
    ///
    /// ```
    /// use downloadview::file::Places;
    /// let places = Places::new().with_url("https://files.example/a.txt?signature=secret");
    /// assert_eq!(places.shown_url().as_deref(), Some("https://files.example/a.txt?…"));
    /// ```
    #[must_use]
    pub fn shown_url(&self) -> Option<String> {
        self.url().map(without_query)
    }

    /// Whether no proxy can find the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_none() && self.url.is_none()
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("path", &self.path)
            .field("url", &self.shown_url())
            .finish()
    }
}
