//! Turns the paths of the file into absolute ones, and looks whether they are what they should be.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::scalar::Fault;

/// An absolute path; a relative one starts at `folder`, the folder of the configuration file.
///
/// Slashes at the end and `.` are dropped, so that paths can be compared part by part. `..` cannot be dropped as text
/// when a symbolic link stands before it: the file system resolves those paths, if they exist.
pub(crate) fn absolute(text: &str, folder: &Path) -> Result<PathBuf, Fault> {
    if text.is_empty() || text.contains('\0') {
        return Err(Fault::new(
            format!("{text:?} is not a path"),
            "write a path: \"/srv/media\"",
        ));
    }
    let joined: PathBuf = folder.join(text).components().collect();
    let climbs = joined.components().any(|part| part == Component::ParentDir);
    match climbs.then(|| fs::canonicalize(&joined)) {
        Some(Ok(resolved)) => Ok(resolved),
        _ => Ok(joined),
    }
}

/// As [`absolute`], for a folder that must be there.
pub(crate) fn folder(text: &str, base: &Path) -> Result<PathBuf, Fault> {
    let path = absolute(text, base)?;
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        Ok(_) => Err(Fault::new(
            format!("{shown} is not a folder"),
            "name the folder that holds the files",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::new(
            format!("there is no folder {shown}"),
            format!("create it (mkdir -p {shown}) or correct the path"),
        )),
        Err(error) => Err(Fault::new(
            format!("cannot look at {shown}: {error}"),
            "let the user who runs the gateway reach this folder",
        )),
    }
}

/// As [`absolute`], for the file of a database, which must be there.
pub(crate) fn database(text: &str, base: &Path) -> Result<PathBuf, Fault> {
    let path = absolute(text, base)?;
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(metadata) if !metadata.is_dir() => Ok(path),
        Ok(_) => Err(Fault::new(
            format!("{shown} is a folder"),
            "name the file in it that holds the database",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::new(
            format!("there is no file {shown}"),
            "let the application create its database first, or correct the path",
        )),
        Err(error) => Err(Fault::new(
            format!("cannot look at {shown}: {error}"),
            "let the user who runs the gateway reach this file",
        )),
    }
}

/// As [`absolute`], for a file of certificates, which must be readable.
pub(crate) fn certificates(text: &str, base: &Path) -> Result<PathBuf, Fault> {
    let path = absolute(text, base)?;
    let shown = path.display();
    let read = fs::read(&path).map_err(|error| {
        Fault::new(
            format!("cannot read {shown}: {error}"),
            "name a file in PEM that the user who runs the gateway may read",
        )
    })?;
    let start = b"-----BEGIN CERTIFICATE-----";
    match read.windows(start.len()).any(|window| window == start) {
        true => Ok(path),
        false => Err(Fault::new(
            format!("{shown} holds no certificate"),
            "name a file in PEM: it has lines that say -----BEGIN CERTIFICATE-----",
        )),
    }
}

/// As [`absolute`], for a file that may appear later but is never a folder.
pub(crate) fn file(text: &str, base: &Path) -> Result<PathBuf, Fault> {
    let path = absolute(text, base)?;
    if path.is_dir() {
        return Err(Fault::new(
            format!("{} is a folder", path.display()),
            "name one file, or use `root` with a route parameter to serve a folder",
        ));
    }
    Ok(path)
}
