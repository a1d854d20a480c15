//! What lies in the folder of a spool.

use std::fs;
use std::path::{Path, PathBuf};

/// The files below a folder and their lengths, but for those that are only there to be locked. What goes meanwhile is not
/// there.
#[must_use]
pub fn spooled(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_lock = entry.file_name().to_string_lossy().starts_with("lock-");
        match entry.metadata() {
            Ok(found) if found.is_dir() => files.extend(spooled(&entry.path())),
            Ok(found) if !is_lock => files.push((entry.path(), found.len())),
            _ => {}
        }
    }
    files
}
