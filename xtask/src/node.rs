//! Packages of Node.js below `target`, pinned by their hashes in a `package-lock.json` each: Azurite, the server that stands
//! for Azure's Blob Storage, and axe-core, which finds what keeps people from using a page.
//!
//! What Azurite needs for telemetry and for keeping its data in SQL servers is replaced by a small package that it has anyway:
//! 59 MB are left of 186.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{find_program, run};
use crate::wheels;

/// What is installed into one folder.
struct Modules {
    /// The name of the folder, and of what is in it.
    name: &'static str,
    package: &'static str,
    lock: &'static str,
}

const AZURITE: Modules = Modules {
    name: "azurite",
    package: include_str!("../azurite/package.json"),
    lock: include_str!("../azurite/package-lock.json"),
};
const AXE: Modules = Modules {
    name: "axe",
    package: include_str!("../axe/package.json"),
    lock: include_str!("../axe/package-lock.json"),
};

/// What was installed: the lock again, written when all was well.
const STAMP: &str = "installed.json";

/// Makes sure that Azurite is there.
///
/// # Errors
/// When it is not and cannot be installed; the text says how it can.
pub(crate) fn ensure_azurite() -> Result<()> {
    AZURITE.ensure()
}

/// Makes sure that axe-core is there.
///
/// # Errors
/// When it is not and cannot be installed; the text says how it can.
pub(crate) fn ensure_axe() -> Result<()> {
    AXE.ensure()
}

impl Modules {
    fn ensure(&self) -> Result<()> {
        let Self { name, lock, .. } = self;
        let folder = wheels::target()?.join(name);
        if self.is_in(&folder) {
            println!("all there: {name}");
            return Ok(());
        }
        self.install(&folder).with_context(|| {
            format!(
                "{name} cannot be installed from npm. Run it again when the network is there, or set npm_config_registry to \
                 a mirror"
            )
        })?;
        let stamp = folder.join(STAMP);
        fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
    }

    fn is_in(&self, folder: &Path) -> bool {
        let installed = fs::read_to_string(folder.join(STAMP));
        installed.is_ok_and(|installed| installed == self.lock)
    }

    fn install(&self, folder: &Path) -> Result<()> {
        let npm = find_program("npm").context("no npm: it comes with Node.js 18 or newer")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(folder.join("package.json"), self.package)?;
        fs::write(folder.join("package-lock.json"), self.lock)?;
        let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new(npm)
            .current_dir(folder)
            .args(["ci", "--omit=optional", "--ignore-scripts"])
            .args(quiet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_a_version_and_a_hash() {
        for (modules, least) in [(AZURITE, 100), (AXE, 1)] {
            let (name, lock) = (modules.name, modules.lock);
            let packages = lock.matches("\"node_modules/").count();
            assert!(packages >= least, "{name}: {packages}");
            let hashes = lock.matches("\"integrity\": \"sha512-").count();
            assert_eq!(hashes, packages, "{name}");
            assert!(!lock.contains("\"link\": true") && !lock.contains("git+"));
        }
    }
}
