//! A file of this machine, by path: one fixed path of the program, or a name below a folder.

use std::path::Path;
use std::sync::Arc;

use super::{File, Places, StorageFile};
use crate::content::{BoxFuture, Content, FixedPath, Metadata, Want};
use crate::error::Result;
use crate::storage::{LocalStorage, StorageName};

/// A regular file on this machine's disk.
///
/// [`new`](Self::new) is for a path that the program itself chose. If any part of the path came
/// from outside, use [`within`](Self::within), which cannot leave its folder.
///
/// ```
/// use downloadview::storage::{LocalStorage, StorageName};
/// use downloadview::{File as _, file::PathFile};
///
/// let manual = PathFile::new("/usr/share/doc/manual.pdf");
/// assert_eq!(manual.name(), "manual.pdf");
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// let reports = LocalStorage::new(folder)?;
/// let asked = StorageName::from_url_path("/2026/q1.pdf")?; // from the request
/// let report = PathFile::within(&reports, asked);
/// assert_eq!(report.name(), "q1.pdf");
/// # Ok::<(), downloadview::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PathFile(Place);

/// Where the file is.
#[derive(Debug, Clone)]
enum Place {
    Fixed { path: Arc<FixedPath>, name: String },
    Within(StorageFile),
}

impl PathFile {
    /// The file at `path`. A relative path starts at the current folder of the process. Symbolic
    /// links are followed, because the path is the program's own. The file need not exist yet.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self(Place::Fixed {
            path: Arc::new(FixedPath::new(&path)),
            name,
        })
    }

    /// The file `name` below the folder of `root`, and never outside it. It is opened by the rules
    /// of that storage.
    #[must_use]
    pub fn within(root: &LocalStorage, name: StorageName) -> Self {
        Self(Place::Within(StorageFile::new(root.clone(), name)))
    }
}

impl File for PathFile {
    fn name(&self) -> &str {
        match &self.0 {
            Place::Fixed { name, .. } => name,
            Place::Within(file) => file.name(),
        }
    }

    fn places(&self) -> Places {
        match &self.0 {
            Place::Fixed { path, .. } => Places::new().with_path(path.path()),
            Place::Within(file) => file.places(),
        }
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        match &self.0 {
            Place::Fixed { path, .. } => Box::pin(path.look()),
            Place::Within(file) => file.look(),
        }
    }

    fn look_now(&self) -> Option<Result<Metadata>> {
        match &self.0 {
            Place::Fixed { .. } => None,
            Place::Within(file) => file.look_now(),
        }
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        match &self.0 {
            Place::Fixed { path, .. } => Box::pin(path.open()),
            Place::Within(file) => file.open(want),
        }
    }

    fn open_now(&self, want: Want<'_>) -> Option<Result<Content>> {
        match &self.0 {
            Place::Fixed { path, .. } => path.open_now(),
            Place::Within(file) => file.open_now(want),
        }
    }
}
