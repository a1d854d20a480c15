//! The left side of a rule: which files it takes, and what is left of their name below the prefix.
//!
//! A file is compared by its URL or by its path; the name that is left becomes a `StorageName`, so
//! it cannot leave the prefix. If a symbolic link led to the file, only its real path counts, and
//! it must lie below the rule's folder too: proxies may refuse to follow links.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::remote::Remote;
use crate::file::{Places, SignedUrl};
pub(super) use crate::storage::check_prefix;
use crate::storage::{StorageName, check_url_prefix};

/// Why a rule does not take a file: the error of [`Rule::resolve`](super::Rule::resolve), and what
/// a [`Trace`](crate::optimize::Trace) tells.
///
/// ```
/// use downloadview::file::Places;
/// use downloadview::rule::{Mismatch, Rule};
///
/// let rule = Rule::url("/media/").to_uri("/_internal/");
/// let elsewhere = Places::new().with_url("/mediator/a.txt");
/// assert_eq!(rule.resolve(&elsewhere, None), Err(Mismatch::OtherUrl));
/// assert_eq!(rule.resolve(&Places::new(), None), Err(Mismatch::NoUrl));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The rule is for URLs, and the file has none.
    #[error("the file has no URL")]
    NoUrl,
    /// The file's URL does not lie below the rule's. Or it has a query, and the rule's target is
    /// made of the path alone.
    #[error("the file's URL does not lie below the rule's")]
    OtherUrl,
    /// The rule is for a folder, and the file does not lie on this machine's disk.
    #[error("the file has no path")]
    NoPath,
    /// The file's path does not lie below the rule's folder.
    #[error("the file's path does not lie below the rule's folder")]
    OtherPath,
    /// A symbolic link led to a place that the rule cannot express.
    #[error("a symbolic link leads out of the rule")]
    LinkLedElsewhere,
}

/// A prefix of the file's URL or path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Url(Arc<str>),
    Dir(Arc<Path>),
    /// A URL with scheme and host, as written and as read.
    Remote(Arc<str>, Remote),
}

impl Source {
    /// A prefix of URLs: of this site, or of another server.
    pub(super) fn url(prefix: &str) -> Self {
        match Remote::parse(prefix) {
            Ok(remote) => Self::Remote(prefix.into(), remote),
            Err(_) => Self::Url(prefix.into()),
        }
    }

    /// The file's URL as it is, if another server has the file and the URL lies below the prefix.
    pub(super) fn url_of(&self, places: &Places) -> Result<SignedUrl, Mismatch> {
        let url = places.url().ok_or(Mismatch::NoUrl)?;
        let url = SignedUrl::parse(url).map_err(|_| Mismatch::OtherUrl)?;
        match self.takes(&url) {
            true => Ok(url),
            false => Err(Mismatch::OtherUrl),
        }
    }

    /// Whether a URL of another server lies below the prefix.
    pub(super) fn takes(&self, url: &SignedUrl) -> bool {
        matches!(self, Self::Remote(_, prefix) if prefix.takes(url))
    }

    /// Checks a source of a rule that leads to another server.
    pub(super) fn check_remote(&self) -> Result<(), String> {
        match self {
            Self::Remote(..) => Ok(()),
            Self::Url(prefix) => Remote::parse(prefix).map(drop).map_err(|what| {
                format!(
                    "the source must be a URL with scheme and host, such as \
                     `https://files.example/media/`: {what}"
                )
            }),
            Self::Dir(_) => {
                Err("a folder is not fetched from another server: use `Rule::url`".to_owned())
            }
        }
    }

    /// The file's name below the prefix.
    ///
    /// If a symbolic link led to the file, its real path is `location`: that one is compared with a
    /// folder. A rule for URLs cannot take such a file, because a proxy that refuses links could
    /// not serve it.
    pub(super) fn name_of(
        &self,
        places: &Places,
        location: Option<&Path>,
    ) -> Result<StorageName, Mismatch> {
        match (self, location) {
            (Self::Url(prefix) | Self::Remote(prefix, _), None) => {
                // What a storage appended to its base URL need not be taken off again.
                if let Some(name) = places.name_below_url(prefix.trim_end_matches('/')) {
                    return Ok(name.clone());
                }
                let url = places.url().ok_or(Mismatch::NoUrl)?;
                below_url(prefix, url).ok_or(Mismatch::OtherUrl)
            }
            (Self::Dir(folder), None) => {
                if let Some(name) = places.name_below_folder(folder) {
                    return Ok(name.clone());
                }
                let path = places.path().ok_or(Mismatch::NoPath)?;
                below_folder(folder, path).ok_or(Mismatch::OtherPath)
            }
            (Self::Url(_) | Self::Remote(..), Some(_)) => Err(Mismatch::LinkLedElsewhere),
            (Self::Dir(folder), Some(location)) => below_folder(folder, location)
                .or_else(|| below_real_folder(folder, location))
                .ok_or(Mismatch::LinkLedElsewhere),
        }
    }

    /// Checks a source of a rule for files of this machine.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Url(prefix) | Self::Remote(prefix, _) => check_url_prefix("source", prefix),
            Self::Dir(folder) if folder.is_absolute() => Ok(()),
            Self::Dir(folder) => Err(format!(
                "the source folder {} is not absolute",
                folder.display()
            )),
        }
    }
}

/// What is left of a URL below a prefix.
fn below_url(prefix: &str, url: &str) -> Option<StorageName> {
    let rest = url.strip_prefix(prefix.trim_end_matches('/'))?;
    let name = rest.strip_prefix('/')?;
    // A query is part of what the URL names; a target made of the path alone would be another file.
    if name.starts_with('/') || name.contains(['?', '#']) {
        return None;
    }
    StorageName::from_url_path(name).ok()
}

/// As [`below_folder`], for a folder whose own path has a link in it (`/srv` may be one): the proxy
/// follows that one. The folder is resolved each time, but only for files that a link led to.
fn below_real_folder(folder: &Path, location: &Path) -> Option<StorageName> {
    below_folder(&std::fs::canonicalize(folder).ok()?, location)
}

#[cfg(feature = "fs")]
fn below_folder(folder: &Path, path: &Path) -> Option<StorageName> {
    StorageName::from_path(path.strip_prefix(folder).ok()?)
}

#[cfg(not(feature = "fs"))]
fn below_folder(folder: &Path, path: &Path) -> Option<StorageName> {
    StorageName::parse(path.strip_prefix(folder).ok()?.to_str()?).ok()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(prefix) | Self::Remote(prefix, _) => f.write_str(prefix),
            Self::Dir(folder) => write!(f, "{}", folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(prefix: &str, url: &str) -> Option<String> {
        below_url(prefix, url).map(|name| name.to_string())
    }

    #[test]
    fn takes_whole_segments_only() {
        for prefix in ["/media", "/media/"] {
            assert_eq!(url(prefix, "/media/a"), Some("a".into()));
            assert_eq!(url(prefix, "/mediator/a"), None);
            assert_eq!(url(prefix, "/media"), None);
            assert_eq!(url(prefix, "/media/"), None);
            assert_eq!(url(prefix, "/media//a"), None);
        }
        let folder = Path::new("/srv/media");
        assert_eq!(below_folder(folder, Path::new("/srv/mediator/a")), None);
        assert_eq!(below_folder(folder, Path::new("/srv/media")), None);
        assert!(below_folder(folder, Path::new("/srv/media/a/b")).is_some());
    }

    #[test]
    fn a_target_never_climbs() {
        assert_eq!(url("/media/", "/media/../secret"), None);
        assert_eq!(url("/media/", "/media/%2e%2e/secret"), None);
        assert_eq!(
            below_folder(Path::new("/srv/media"), Path::new("/srv/media/../secret")),
            None
        );
    }

    #[test]
    fn a_url_is_decoded_into_a_name() {
        assert_eq!(
            url("/media/", "/media/a%20b%2520.txt"),
            Some("a b%20.txt".into())
        );
        assert_eq!(url("/media/", "/media/a?signature=x"), None);
    }

    #[test]
    fn an_origin_is_part_of_the_prefix() {
        let prefix = "https://cdn.example/media/";
        assert_eq!(url(prefix, "https://cdn.example/media/a"), Some("a".into()));
        assert_eq!(url(prefix, "https://cdn.example.evil/media/a"), None);
        assert!(Source::Url(prefix.into()).check().is_ok());
    }

    #[test]
    fn a_prefix_that_could_change_its_meaning_is_refused() {
        for prefix in [
            "media/", "/a/../b", "/a/./b", "/a//b", "/a?b", "/a#b", "/a\nb", "", "@named",
        ] {
            assert!(check_prefix("source", prefix).is_err(), "{prefix:?}");
        }
        assert!(check_prefix("source", "/").is_ok());
    }
}
