//! The two ends of a rule: which files, and what the proxy calls them.

use std::path::PathBuf;

use crate::config::remote::RemoteUrl;
use crate::config::storage::SharedStorage;

/// Which files a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `source_url` with a path: files whose URL lies below this one. It starts and ends in a slash.
    Url(String),
    /// `source_dir`: local files below this folder, absolute.
    Dir(PathBuf),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// `destination_url`: below this internal location; starts and ends in a slash. For files of another server, the
    /// location that fetches them.
    Url(String),
    /// `destination_dir`: below this folder, absolute, as the proxy sees it.
    Dir(PathBuf),
    /// `redirect = true`: nowhere; the client is sent to the server that has them.
    Redirect,
}
