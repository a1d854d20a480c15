//! nginx, as Debian packages it, on a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::server::Server;

/// Starts nginx with `file` as its configuration and `prefix` as the folder for what it writes.
pub(crate) fn start(
    prefix: &Path,
    file: &Path,
    address: SocketAddr,
    folder: &Path,
) -> Result<Server> {
    let program = find().context(
        "nginx is missing: install the Debian package `nginx`, or run `cargo xtask test`, which does",
    )?;
    let mut command = Command::new(program);
    // `-e` keeps it from complaining, before it reads any file, that /var/log/nginx is not ours.
    command
        .arg("-p")
        .arg(prefix)
        .arg("-c")
        .arg(file)
        .args(["-e", "stderr"]);
    Server::start("nginx", &mut command, address, folder)
}

/// Daemons live in folders that a user's `PATH` often lacks.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("nginx"))
        .find(|candidate| candidate.is_file())
}
