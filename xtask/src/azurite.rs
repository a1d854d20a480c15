//! Azurite, the server that stands for Azure's Blob Storage: packages of Node.js below `target`, pinned by their hashes in
//! `azurite/package-lock.json`.
//!
//! What it needs for telemetry and for keeping its data in SQL servers is replaced by a small package that it has anyway:
//! 59 MB are left of 186.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{find_program, run};
use crate::wheels;

const PACKAGE: &str = include_str!("../azurite/package.json");
const LOCK: &str = include_str!("../azurite/package-lock.json");
/// What was installed: the lock again, written when all was well.
const STAMP: &str = "installed.json";

/// Makes sure that it is there.
///
/// # Errors
/// When it is not and cannot be installed; the text says how it can.
pub(crate) fn ensure() -> Result<()> {
    let folder = wheels::target()?.join("azurite");
    if is_in(&folder) {
        println!("all there: azurite");
        return Ok(());
    }
    install(&folder).context(
        "azurite cannot be installed from npm. Run it again when the network is there, or set npm_config_registry to a \
         mirror",
    )?;
    let stamp = folder.join(STAMP);
    fs::write(&stamp, LOCK).with_context(|| format!("cannot write {}", stamp.display()))
}

fn is_in(folder: &Path) -> bool {
    let installed = fs::read_to_string(folder.join(STAMP));
    installed.is_ok_and(|installed| installed == LOCK)
}

fn install(folder: &Path) -> Result<()> {
    let npm = find_program("npm").context("no npm: it comes with Node.js 18 or newer")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(folder.join("package.json"), PACKAGE)?;
    fs::write(folder.join("package-lock.json"), LOCK)?;
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    run(Command::new(npm)
        .current_dir(folder)
        .args(["ci", "--omit=optional", "--ignore-scripts"])
        .args(quiet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_a_hash() {
        let packages = LOCK.matches("\"node_modules/").count();
        assert!(packages > 100, "{packages}");
        assert_eq!(LOCK.matches("\"integrity\": \"sha512-").count(), packages);
        assert!(!LOCK.contains("\"link\": true") && !LOCK.contains("git+"));
    }
}
