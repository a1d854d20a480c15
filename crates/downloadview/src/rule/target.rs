//! The right side of a rule, applied to one file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::storage::{SignedUrl, StorageName};

/// What a backend's header takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetKind {
    /// A URI of the proxy's own: nginx, Caddy.
    Uri,
    /// A path on disk: Apache, lighttpd.
    Path,
    /// A URL of another server, for a proxy that does nothing but fetch. One that does so beside the
    /// above says so by [`Backend::fetches`](crate::backend::Backend::fetches): nginx, Caddy.
    Remote,
}

/// Where a proxy finds a file: a configured prefix and a name, not yet joined and not yet encoded,
/// because each backend encodes in its own way. Or, for a file that another server has, its URL.
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
    /// A file below a URI prefix of the proxy, plain text.
    #[must_use]
    pub fn uri(prefix: &str, name: StorageName) -> Self {
        Self::Uri {
            prefix: prefix.into(),
            name,
        }
    }

    /// A file below a folder that the proxy can read, absolute.
    #[must_use]
    pub fn path(folder: &Path, name: StorageName) -> Self {
        Self::Path {
            folder: folder.into(),
            name,
        }
    }

    /// A file that the proxy fetches from another server by its `location`, made of
    /// `A-Z a-z 0-9 - . _ ~ /`.
    #[must_use]
    pub fn remote(location: &str, url: SignedUrl) -> Self {
        Self::Remote {
            location: location.into(),
            url,
        }
    }

    /// The URL that is fetched; `None` for a file that the proxy has itself.
    #[must_use]
    pub fn to_url(&self) -> Option<&SignedUrl> {
        match self {
            Self::Remote { url, .. } | Self::Redirect { url } => Some(url),
            Self::Uri { .. } | Self::Path { .. } => None,
        }
    }

    /// The URI as bytes, prefix and name joined by one slash; `None` for all but a URI.
    ///
    /// **Nothing is encoded**: there may be spaces, `%`, `?` and line feeds in it. A backend writes it
    /// as its proxy reads it, most of them percent-encoded.
    #[must_use]
    pub fn to_uri(&self) -> Option<Vec<u8>> {
        let Self::Uri { prefix, name } = self else {
            return None;
        };
        let mut uri = Vec::with_capacity(prefix.len() + 1 + name.as_bytes().len());
        uri.extend_from_slice(prefix.trim_end_matches('/').as_bytes());
        uri.push(b'/');
        uri.extend_from_slice(name.as_bytes());
        Some(uri)
    }

    /// The path; `None` for all but a path.
    #[must_use]
    pub fn to_path(&self) -> Option<PathBuf> {
        let Self::Path { folder, name } = self else {
            return None;
        };
        Some(folder.join(name.to_path()))
    }

    /// The path as bytes, folder and name joined by one slash; `None` for all but a path. Nothing is
    /// encoded.
    #[must_use]
    pub fn to_path_bytes(&self) -> Option<Vec<u8>> {
        let path = self.to_path()?;
        Some(path.into_os_string().into_encoded_bytes())
    }
}
