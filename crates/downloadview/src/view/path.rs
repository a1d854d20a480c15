//! Files of this machine, by path: one fixed file, or names below a folder.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::request::Parts;

use super::options::view_options;
use super::{DownloadView, ResolveName, ViewOptions, view_setters};
use crate::error::Result;
use crate::file::PathFile;
use crate::storage::LocalStorage;

/// A view for files on this machine's disk: one fixed file, or, below a folder that cannot be left,
/// the file that the request names.
///
/// If rules should go by a URL, or the storage is used elsewhere too, take a
/// [`StorageView`](super::StorageView) of a [`LocalStorage`].
///
/// ```
/// # fn main() -> downloadview::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// use downloadview::{DownloadView, storage::{LocalStorage, StorageName}, view::PathView};
/// use http::request::Parts;
///
/// let manual = PathView::new("/usr/share/doc/manual.pdf").inline();
///
/// let reports = PathView::within(LocalStorage::new(dir.path())?, |request: &Parts| {
///     StorageName::from_url_path(request.uri.path())
/// });
/// # let _ = (manual.into_service(), reports.into_service());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[doc(alias = "PathDownloadView")]
pub struct PathView {
    place: Place,
    options: ViewOptions,
}

#[derive(Clone)]
enum Place {
    Fixed(PathFile),
    Within {
        root: LocalStorage,
        name: Arc<dyn ResolveName>,
    },
}

impl PathView {
    /// The one file at `path`, for every request. Symbolic links are followed, and it need not
    /// exist yet.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self::at(Place::Fixed(PathFile::new(path)))
    }

    /// The file that `name` finds for a request, below the folder of `root` and never outside it.
    #[must_use]
    #[doc(alias = "path_url_kwarg")]
    pub fn within(root: LocalStorage, name: impl ResolveName) -> Self {
        Self::at(Place::Within {
            root,
            name: Arc::new(name),
        })
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            options: ViewOptions::default(),
        }
    }

    view_setters!();
}

impl DownloadView for PathView {
    type File = PathFile;

    async fn file(&self, request: &Parts) -> Result<PathFile> {
        match &self.place {
            Place::Fixed(file) => Ok(file.clone()),
            Place::Within { root, name } => Ok(PathFile::within(root, name.resolve(request)?)),
        }
    }

    view_options!();
}

impl fmt::Debug for PathView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place: &dyn fmt::Debug = match &self.place {
            Place::Fixed(file) => file,
            Place::Within { root, .. } => root,
        };
        f.debug_struct("PathView")
            .field("place", place)
            .field("options", &self.options)
            .finish()
    }
}
