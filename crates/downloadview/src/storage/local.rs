//! A folder of this machine as a storage, confined by descriptor.
//!
//! [`LocalStorage`] puts three things together: `confined` resolves a name below the open folder,
//! `content` reads the file, and `Bulkhead` keeps a hung mount from taking all threads. A look or
//! an opening is answered in place if the kernel has everything in its caches (`Wait::Never`). If
//! it would have to wait for the disk it fails with `WouldBlock`, and is repeated on a thread.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use super::confined::{Current, Symlinks, Wait};
use super::{BaseUrl, Places, Storage, StorageName};
use crate::content::{BoxFuture, Bulkhead, Content, Metadata, Want, on_blocking_pool};
use crate::error::{BuildError, Error, Result};

/// How a file looks to clients that exists but that the process may not read. See
/// [`LocalStorage::unreadable`].
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::storage::{LocalStorage, Unreadable};
/// let storage = LocalStorage::new(folder)?.unreadable(Unreadable::Forbidden);
/// # let _ = storage;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// As if it did not exist: 404. Clients learn nothing about it. The default.
    #[default]
    NotFound,
    /// 403: clients learn that it exists.
    Forbidden,
}

/// The regular files below one folder, and nothing outside of it.
///
/// **Confinement.** The folder is held open, and names are resolved below that very folder
/// (`openat2` with `RESOLVE_BENEATH` on Linux), whatever is renamed or linked meanwhile. Metadata
/// and bytes come from the same opened descriptor.
///
/// **A folder that is replaced.** The path of the folder is looked at once a second. If it leads to
/// another folder, that one is used from then on, and the change is logged: a link to the current
/// release was switched, or a file system was mounted.
///
/// A folder further down that is moved away, or replaced by a link, is likewise noticed within a
/// second by whoever only looks at a file in it: a proxy may be told of that file once more. What
/// is opened here is always what the name leads to now. A FIFO is not opened, unless it took the
/// place of a file that was opened within that second; it is refused then, and nobody waits for it.
///
/// **Waiting.** On file systems that are known to be this machine's own, what the kernel has in its
/// caches is answered in place. On all others (NFS, SMB, FUSE …) everything waits on threads, of
/// which each storage has 16, so that one that hangs delays nobody else. A request that finds no
/// free thread within 10 s, or gets no answer in that time, is 503.
///
/// **Replacing a file.** Write a new file and rename it over the old one: downloads under way then
/// finish with the old bytes. If a file becomes shorter while it is sent, the connection is closed.
///
/// ```
/// # fn main() -> downloadview::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let root = dir.path();
/// use downloadview::storage::{LocalStorage, Symlinks};
/// let storage = LocalStorage::new(root)?
///     .base_url("/media/")?
///     .symlinks(Symlinks::Within);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "FileSystemStorage")]
pub struct LocalStorage {
    root: Arc<Current>,
    bulkhead: Arc<Bulkhead>,
    base_url: Option<BaseUrl>,
    symlinks: Symlinks,
    unreadable: Unreadable,
}

impl LocalStorage {
    /// The files below the folder `root`, which must exist. Symbolic links are refused, files that
    /// the process may not read are 404, and there is no base URL, until set otherwise.
    ///
    /// # Errors
    ///
    /// If `root` cannot be opened as a folder. The text names it.
    pub fn new(root: impl AsRef<Path>) -> Result<Self, BuildError> {
        let root = root.as_ref();
        let opened = Current::open(root).map_err(|error| {
            BuildError::new(format!(
                "the storage folder {} cannot be opened: {error}",
                root.display()
            ))
        })?;
        Ok(Self {
            root: Arc::new(opened),
            bulkhead: Arc::new(Bulkhead::new()),
            base_url: None,
            symlinks: Symlinks::default(),
            unreadable: Unreadable::default(),
        })
    }

    /// The URL below which rules and proxies know these files, such as `/media/`, or with scheme
    /// and host. It is percent-encoded. Default: none, so that rules can only go by the
    /// [path](super::Places::path).
    ///
    /// # Errors
    ///
    /// If the URL is neither an absolute path nor begins with `http://` or `https://` and a host.
    /// Also if it has a query, a fragment, a `.`, `..` or empty segment, a backslash or a control
    /// character: a name appended to it would then not mean what it says.
    pub fn base_url(mut self, base_url: impl AsRef<str>) -> Result<Self, BuildError> {
        self.base_url = Some(BaseUrl::parse(base_url.as_ref())?);
        Ok(self)
    }

    /// Which symbolic links are followed. Default: none ([`Symlinks::Refuse`]).
    #[must_use]
    pub fn symlinks(mut self, symlinks: Symlinks) -> Self {
        self.symlinks = symlinks;
        self
    }

    /// How files look that the process may not read. Default: [`Unreadable::NotFound`].
    #[must_use]
    pub fn unreadable(mut self, unreadable: Unreadable) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// The absolute path of the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The error that clients may see.
    fn veil(&self, error: Error) -> Error {
        match (error, self.unreadable) {
            (Error::Forbidden, Unreadable::NotFound) => Error::NotFound,
            (error, _) => error,
        }
    }

    /// A look that has to wait for the disk: on a thread.
    async fn look_waiting(&self, name: &StorageName) -> Result<Metadata> {
        let (root, name, symlinks) = (Arc::clone(&self.root), name.clone(), self.symlinks);
        let look = move || root.get_waiting().look(&name, symlinks, Wait::ForDisk);
        let looked = match self.root.get().is_local() {
            true => on_blocking_pool(look).await,
            false => self.bulkhead.run(look).await,
        };
        looked.map_err(|error| self.veil(error))
    }

    /// An opening that has to wait for the disk: on a thread.
    async fn read_waiting(&self, name: &StorageName) -> Result<Content> {
        let (root, name, symlinks) = (Arc::clone(&self.root), name.clone(), self.symlinks);
        let local = self.root.get().is_local();
        let bulkhead = (!local).then(|| Arc::clone(&self.bulkhead));
        let open = move || {
            let file = root.get_waiting().read(&name, symlinks, Wait::ForDisk);
            let file = file.map_err(Error::of_file)?;
            Content::of_file(file, bulkhead)
        };
        let opened = match local {
            true => on_blocking_pool(open).await,
            false => self.bulkhead.run(open).await,
        };
        opened.map_err(|error| self.veil(error))
    }
}

impl Storage for LocalStorage {
    // What the kernel has at hand is answered without a future that could wait.
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        match self.look_now(name) {
            None => Box::pin(self.look_waiting(name)),
            Some(looked) => Box::pin(ready(looked)),
        }
    }

    fn look_now(&self, name: &StorageName) -> Option<Result<Metadata>> {
        match self.root.get().look(name, self.symlinks, Wait::Never) {
            Err(error) if would_block(&error) => None,
            Err(error) => Some(Err(self.veil(error))),
            found => Some(found),
        }
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        match self.open_now(name, want) {
            None => Box::pin(self.read_waiting(name)),
            Some(opened) => Box::pin(ready(opened)),
        }
    }

    fn open_now(&self, name: &StorageName, _: Want<'_>) -> Option<Result<Content>> {
        let opened = self.root.get().read(name, self.symlinks, Wait::Never);
        match opened.map_err(Error::of_file).and_then(Content::from_file) {
            Err(error) if would_block(&error) => None,
            Err(error) => Some(Err(self.veil(error))),
            opened => Some(opened),
        }
    }

    fn places(&self, name: &StorageName) -> Places {
        let base = self.base_url.as_ref().map(BaseUrl::text);
        Places::below(Some(self.root.shared_path()), base, name)
    }
}

/// Whether the kernel did not have everything in its caches.
fn would_block(error: &Error) -> bool {
    matches!(error, Error::Unavailable { source, .. } if source.kind() == std::io::ErrorKind::WouldBlock)
}
