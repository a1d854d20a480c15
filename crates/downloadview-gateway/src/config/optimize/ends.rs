//! The two ends of a rule: which files, and what the proxy calls them.

use std::path::PathBuf;

/// Which files a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// `source_url`: files whose URL lies below this one. It ends in a slash and starts with one, or with `http(s)://`.
    Url(String),
    /// `source_dir`: local files below this folder, absolute.
    Dir(PathBuf),
    /// `storage`: the files of the storage of this name.
    Storage(String),
}

/// Where the proxy finds the files of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// `destination_url`: below this internal location; starts and ends in a slash.
    Url(String),
    /// `destination_dir`: below this folder, absolute, as the proxy sees it.
    Dir(PathBuf),
}
