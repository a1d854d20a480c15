//! The right side of a rule, applied to one file: what a backend writes into its header.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{SignedUrl, StorageName};

/// What the header of a backend takes: the result of
/// [`Backend::accepts`](crate::backend::Backend::accepts).
///
/// ```
/// use downloadview::backend::{Apache, Backend as _, Nginx};
/// use downloadview::rule::TargetKind;
/// assert_eq!(Nginx::new().accepts(), TargetKind::Uri);
/// assert_eq!(Apache::new().accepts(), TargetKind::Path);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetKind {
    /// A URI of the proxy itself: nginx, Caddy.
    Uri,
    /// A path on disk: Apache, lighttpd.
    Path,
    /// A URL of another server, for a proxy that only fetches. A proxy that also fetches besides
    /// the above says so by [`Backend::fetches`](crate::backend::Backend::fetches): nginx, Caddy.
    Remote,
}

/// Where a proxy finds a file: a configured prefix and a name. They are not joined and not encoded
/// yet, because each backend encodes in its own way. For a file that another server has: its URL.
///
/// A [`Rule`](super::Rule) makes it, and a [`Backend`](crate::backend::Backend) writes it. The
/// constructors are for tests of a backend of your own.
///
/// ```
/// use downloadview::backend::{Backend as _, Nginx};
/// use downloadview::rule::Target;
/// use downloadview::storage::StorageName;
/// use http::HeaderMap;
///
/// let target = Target::uri("/_internal/media/", StorageName::parse("a b.txt").unwrap());
/// let hand_off = Nginx::new().hand_off(&target, &HeaderMap::new()).unwrap();
/// assert_eq!(hand_off.header().1, "/_internal/media/a%20b.txt");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Below a URI prefix of the proxy.
    #[non_exhaustive]
    Uri {
        /// The prefix, plain text.
        prefix: Arc<str>,
        /// The file below it.
        name: StorageName,
    },
    /// Below a folder that the proxy can read.
    #[non_exhaustive]
    Path {
        /// The folder, absolute.
        folder: Arc<Path>,
        /// The file below it.
        name: StorageName,
    },
    /// Fetched by the proxy from another server.
    #[non_exhaustive]
    Remote {
        /// The location of the proxy that fetches.
        location: Arc<str>,
        /// What it fetches.
        url: SignedUrl,
    },
    /// Fetched by the client itself, from another server.
    #[non_exhaustive]
    Redirect {
        /// Where the client is sent.
        url: SignedUrl,
    },
}

impl Target {
    /// A file below a URI prefix of the proxy; the prefix is plain text.
    #[must_use]
    pub fn uri(prefix: &str, name: StorageName) -> Self {
        Self::Uri {
            prefix: prefix.into(),
            name,
        }
    }

    /// A file below a folder that the proxy can read; the folder is absolute.
    #[must_use]
    pub fn path(folder: &Path, name: StorageName) -> Self {
        Self::Path {
            folder: folder.into(),
            name,
        }
    }

    /// A file that the proxy fetches from another server by its `location`, which is made of `A-Z
    /// a-z 0-9 - . _ ~ /`.
    #[must_use]
    pub fn remote(location: &str, url: SignedUrl) -> Self {
        Self::Remote {
            location: location.into(),
            url,
        }
    }

    /// The URL that is fetched; `None` for a file that the proxy itself has.
    #[must_use]
    pub fn to_url(&self) -> Option<&SignedUrl> {
        match self {
            Self::Remote { url, .. } | Self::Redirect { url } => Some(url),
            Self::Uri { .. } | Self::Path { .. } => None,
        }
    }

    /// The URI as bytes, prefix and name joined by one slash; `None` for every other kind.
    ///
    /// **Nothing is encoded**: it may hold spaces, `%`, `?` and line feeds. A backend writes it as
    /// its proxy reads it, most of them percent-encoded.
    #[must_use]
    pub fn to_uri(&self) -> Option<Vec<u8>> {
        let Self::Uri { prefix, name } = self else {
            return None;
        };
        let prefix = prefix.trim_end_matches('/');
        let (prefix, name) = (prefix.as_bytes(), name.as_bytes());
        let mut uri = Vec::with_capacity(prefix.len() + 1 + name.len());
        for part in [prefix, b"/", name] {
            uri.extend_from_slice(part);
        }
        Some(uri)
    }

    /// The path; `None` for every other kind.
    #[must_use]
    pub fn to_path(&self) -> Option<PathBuf> {
        let Self::Path { folder, name } = self else {
            return None;
        };
        Some(folder.join(name.to_path()))
    }

    /// The path as bytes, folder and name joined by one slash; `None` for every other kind. Nothing
    /// is encoded.
    #[must_use]
    pub fn to_path_bytes(&self) -> Option<Vec<u8>> {
        let path = self.to_path()?;
        Some(path.into_os_string().into_encoded_bytes())
    }
}
