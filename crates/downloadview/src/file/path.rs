//! A file of this machine, by path.

use std::path::Path;
use std::sync::Arc;

use super::{File, Places, StorageFile};
use crate::content::{BoxFuture, Content, FixedPath, Metadata, Want};
use crate::error::Result;
use crate::storage::{LocalStorage, StorageName};

/// A regular file on disk.
///
/// [`new`](Self::new) takes a path that the program itself chose. A path with any part that came
/// from outside belongs to [`within`](Self::within), which cannot leave its folder.
#[derive(Debug, Clone)]
pub struct PathFile(Place);

#[derive(Debug, Clone)]
enum Place {
    Fixed { path: Arc<FixedPath>, name: String },
    Within(StorageFile),
}

impl PathFile {
    /// The file at `path`; a relative one is taken from the process's current folder. Symbolic
    /// links are followed: it is the program's own path.
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

    /// The file `name` below the folder of `root`, confined to it.
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

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        match &self.0 {
            Place::Fixed { path, .. } => Box::pin(path.open()),
            Place::Within(file) => file.open(want),
        }
    }
}
