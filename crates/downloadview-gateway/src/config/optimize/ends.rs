//! The two ends of a rule: which files, and what the proxy calls them.

use std::path::PathBuf;

use crate::config::remote::RemoteUrl;
use crate::config::storage::SharedStorage;

/// Which files a rule takes.
/// A rule has exactly one of `source_url`, `source_dir` and `storage`; none and several are refused.
///
/// ```toml
/// [[optimize.rules]]
/// source_url = "/media/"                # files whose storage has a base_url below it
/// destination_url = "/_internal/media/"
///
/// [[optimize.rules]]
/// source_dir = "/srv/reports"           # it must exist, unless stat = false
/// destination_url = "/_internal/reports/"
/// ```
///
/// A `storage` of kind `memory` is refused: no proxy can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `source_url` with a path: files whose URL lies below this one. It starts and ends in a slash.
    Url(String),
    /// `source_dir`: local files below this folder, absolute.
    Dir(PathBuf),
    /// The copies below `dir` of `[spool]`, whose own rule this is: no rule of the file can say it.
    Spool(PathBuf),
    /// `storage`: the files of a local storage.
    Storage {
        /// The storage's name.
        name: String,
        /// Its folder, absolute.
        root: PathBuf,
    },
    /// `source_url` with a server, or a `storage` whose files another server has.
    Remote {
        /// Below it lie the files.
        url: RemoteUrl,
        /// The storage that the rule names, or else one whose files lie there.
        storage: Option<SharedStorage>,
    },
}

/// Where the proxy finds the files of a rule.
/// A rule has exactly one of `destination_url`, `destination_dir` and `redirect = true`. Which of them is right follows
/// from the proxy and from where the files are:
///
/// | files | nginx, Caddy | Apache, lighttpd | no proxy |
/// |---|---|---|---|
/// | on this machine | `destination_url` | `destination_dir` | |
/// | on another server | `destination_url` or `redirect` | `redirect` | `redirect` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `destination_url`: below this internal location; starts and ends in a slash. For files of another server, the
    /// location that fetches them. Refused: `/` itself, and characters other than letters, digits and `-._~`.
    Url(String),
    /// `destination_dir`: below this folder, absolute, as the proxy sees it. Refused: the root of the file system.
    Dir(PathBuf),
    /// `redirect = true`: nowhere; the client is sent to the server that has them.
    Redirect,
}
