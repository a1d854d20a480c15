//! Finds the folders that the `X-Sendfile` proxies may send files from: those that the rules name, and nothing else.

use std::path::{Path, PathBuf};

use super::ProxyConfigError;
use super::front::Front;
use crate::config::{Destination, RuleConfig};

/// A folder and the line of the first rule that names it.
pub(super) struct Docroot<'a> {
    pub(super) folder: &'a Path,
    pub(super) rule: &'a RuleConfig,
}

/// The folders of the rules, each once, in the order of the rules.
pub(super) fn docroots<'a>(front: &Front<'a>) -> Result<Vec<Docroot<'a>>, ProxyConfigError> {
    let mut found: Vec<Docroot<'a>> = Vec::new();
    for &rule in &front.rules {
        let Destination::Dir(folder) = &rule.destination else {
            let message = "the rule has a `destination_url`, which names no folder".to_owned();
            return Err(front.refuse(rule, message, "write `destination_dir`"));
        };
        if !found.iter().any(|other| other.folder == folder) {
            found.push(Docroot { folder, rule });
        }
    }
    Ok(found)
}

impl Docroot<'_> {
    /// The folder's real path, where that is another: some part of it is a symbolic link on this machine.
    pub(super) fn behind_link(&self) -> Option<PathBuf> {
        let real = self.folder.canonicalize().ok()?;
        (real != self.folder).then_some(real)
    }
}
