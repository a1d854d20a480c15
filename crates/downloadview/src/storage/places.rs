//! Where a proxy finds a file.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use super::without_query;

/// Where a proxy may find a file: its path on this machine's disk, the URL that rules know it by, both
/// or neither. Nothing is looked at, and a file that has only a URL is never looked at before it is
/// delegated: whoever fetches it from there finds out.
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
    /// Nowhere: the file exists only in the program.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// States the absolute path on this machine's disk.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// States the URL, percent-encoded: a path of the site (`/media/a.txt`), or with scheme and host.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The path on this machine's disk.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The URL fit to be shown: `?…` in place of its query.
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
