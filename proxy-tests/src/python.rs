//! Programs in Python: with its standard library alone, or with what `cargo xtask test` installed for it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::program::installed;
use crate::server::{Server, readable};

/// Starts a script that listens on the address and the port that are its arguments. `package` is what it imports from an
/// environment of the same name.
pub(crate) fn start(
    script: &Path,
    package: Option<&str>,
    address: SocketAddr,
    folder: &Path,
) -> Result<Server> {
    let mut command = Command::new("/usr/bin/python3");
    command
        .env_clear()
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1")
        .env("HOME", "/");
    if let Some(package) = package {
        let environment = installed(package)?;
        command.env("PYTHONPATH", packages(&environment, package, folder)?);
    }
    command
        .arg(script)
        .args([address.ip().to_string(), address.port().to_string()]);
    Server::start("python", &mut command, address, folder)
}

/// The folder of an environment that holds `package`, where the servers' user may read it: in place, or else copied.
pub(crate) fn packages(environment: &Path, package: &str, folder: &Path) -> Result<PathBuf> {
    let absent = || format!("{package} is not installed");
    let versions = fs::read_dir(environment.join("lib")).with_context(absent)?;
    let mut found = versions
        .flatten()
        .map(|version| version.path().join("site-packages"));
    let packages = found.find(|packages| packages.join(package).is_dir());
    let packages = packages.with_context(absent)?;
    readable(packages, &folder.join("packages"))
}
