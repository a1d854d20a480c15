//! The Debian packages that the tests need: finds what is missing, installs it when root, else says how.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{find_program, run};
use crate::wheels;

/// One package and what tells that it is there.
struct Package {
    debian: &'static str,
    evidence: Evidence,
}

/// What a package brings. Others may have brought it another way, which is as good.
enum Evidence {
    Program(&'static str),
    File(&'static str),
    /// A program on `PATH`, or in `FOLDER/VERSION/bin`.
    Versioned {
        program: &'static str,
        folder: &'static str,
    },
    /// A Python that can make environments, for the servers that Debian does not have.
    PythonEnvironments,
}

/// `apache2-bin` has the server and its own modules; `apache2` would add a site and a daemon.
///
/// `mariadb-server-core` has the server alone, too. PostgreSQL has no such package: `postgresql`, which names the
/// release's own version, also makes a cluster below `/var/lib/postgresql`, and starting that is what we forbid.
const PACKAGES: &[Package] = &[
    Package {
        debian: "nginx",
        evidence: Evidence::Program("nginx"),
    },
    Package {
        debian: "libnginx-mod-http-js",
        evidence: Evidence::File("/usr/lib/nginx/modules/ngx_http_js_module.so"),
    },
    Package {
        debian: "apache2-bin",
        evidence: Evidence::Program("apache2"),
    },
    Package {
        debian: "libapache2-mod-xsendfile",
        evidence: Evidence::File("/usr/lib/apache2/modules/mod_xsendfile.so"),
    },
    Package {
        debian: "lighttpd",
        evidence: Evidence::Program("lighttpd"),
    },
    Package {
        debian: "lighttpd-mod-deflate",
        evidence: Evidence::File("/usr/lib/lighttpd/mod_deflate.so"),
    },
    Package {
        debian: "caddy",
        evidence: Evidence::Program("caddy"),
    },
    Package {
        debian: "postgresql",
        evidence: Evidence::Versioned {
            program: "postgres",
            folder: "/usr/lib/postgresql",
        },
    },
    Package {
        debian: "mariadb-server-core",
        evidence: Evidence::Program("mariadbd"),
    },
    Package {
        debian: "openssl",
        evidence: Evidence::Program("openssl"),
    },
    Package {
        debian: "nodejs",
        evidence: Evidence::Program("node"),
    },
    Package {
        debian: "npm",
        evidence: Evidence::Program("npm"),
    },
    Package {
        debian: "zsync",
        evidence: Evidence::Program("zsync"),
    },
    Package {
        debian: "python3-venv",
        evidence: Evidence::PythonEnvironments,
    },
    Package {
        debian: "curl",
        evidence: Evidence::Program("curl"),
    },
    Package {
        debian: "wget",
        evidence: Evidence::Program("wget"),
    },
    Package {
        debian: "python3-pip",
        evidence: Evidence::File("/usr/bin/pip3"),
    },
    Package {
        debian: "faketime",
        evidence: Evidence::Program("faketime"),
    },
    Package {
        debian: "chromium",
        evidence: Evidence::Program("chromium"),
    },
];

/// Nothing is removed: a MySQL server, with which MariaDB cannot live, is for the machine's owner to decide on.
const INSTALL: &[&str] = &["install", "--yes", "--no-install-recommends", "--no-remove"];

impl Evidence {
    fn is_there(&self) -> bool {
        match self {
            Self::Program(name) => find_program(name).is_some(),
            Self::File(path) => Path::new(path).is_file(),
            Self::Versioned { program, folder } => {
                find_program(program).is_some()
                    || find_version(program, Path::new(folder)).is_some()
            }
            Self::PythonEnvironments => wheels::python().is_some(),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "program {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Versioned { program, folder } => write!(f, "program {folder}/*/bin/{program}"),
            Self::PythonEnvironments => write!(f, "python3 with the modules venv and ensurepip"),
        }
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that every package of the table is installed.
///
/// # Errors
/// When something is missing and cannot be installed from here; the text holds the command that would.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES
        .iter()
        .filter(|package| !package.evidence.is_there())
        .collect();
    if missing.is_empty() {
        println!("all there: {}", joined(PACKAGES.iter()));
        return Ok(());
    }
    let names = joined(missing.iter().copied());
    if find_program("apt-get").is_none() {
        bail!("missing: {names}; there is no apt-get here, so install them by hand, onto PATH");
    }
    if !is_root() {
        bail!(
            "missing: {names}; run\n  sudo apt-get update && sudo apt-get {} {names}",
            INSTALL.join(" ")
        );
    }
    install(&missing)
}

fn install(missing: &[&Package]) -> Result<()> {
    run(&mut apt_get(&["update"]))?;
    let mut arguments = INSTALL.to_vec();
    arguments.extend(missing.iter().map(|package| package.debian));
    let policy = NoDaemons::forbid(Path::new(POLICY))?;
    run(&mut apt_get(&arguments))?;
    drop(policy);
    for package in missing {
        if !package.evidence.is_there() {
            bail!(
                "package {} is installed, yet there is no {}",
                package.debian,
                package.evidence
            );
        }
    }
    Ok(())
}

fn find_version(program: &str, folder: &Path) -> Option<PathBuf> {
    let mut versions = fs::read_dir(folder).ok()?.flatten();
    versions.find_map(|version| {
        let candidate = version.path().join("bin").join(program);
        candidate.is_file().then_some(candidate)
    })
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn joined<'a>(packages: impl Iterator<Item = &'a Package>) -> String {
    packages
        .map(|package| package.debian)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The owner of our own `/proc` entry is who we are; asking the kernel otherwise needs a crate.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// While it lives, package scripts start no daemon: Debian asks `policy-rc.d`, and 101 means no.
struct NoDaemons<'a> {
    /// The policy to remove again; one that stood there before us is the machine owner's, and stays.
    ours: Option<&'a Path>,
}

impl<'a> NoDaemons<'a> {
    fn forbid(path: &'a Path) -> Result<Self> {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o755).open(path);
        let mut file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Self { ours: None });
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", path.display()));
            }
        };
        let policy = Self { ours: Some(path) };
        file.write_all(b"#!/bin/sh\nexit 101\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(policy)
    }
}

impl Drop for NoDaemons<'_> {
    fn drop(&mut self) {
        let Some(path) = self.ours else { return };
        if let Err(error) = fs::remove_file(path) {
            eprintln!("warning: remove {} by hand: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_any_version_is_evidence_and_a_version_without_it_is_none() {
        let name = format!("versions-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let missing = "no-such-program";
        assert_eq!(find_version(missing, &folder), None);

        fs::create_dir_all(folder.join("15/bin")).unwrap();
        assert_eq!(find_version(missing, &folder), None);

        let program = folder.join("15/bin").join(missing);
        fs::write(&program, "").unwrap();
        assert_eq!(find_version(missing, &folder), Some(program));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn our_policy_goes_and_the_owners_stays() {
        let path = std::env::temp_dir().join(format!("policy-rc.d-{}", std::process::id()));

        let policy = NoDaemons::forbid(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"#!/bin/sh\nexit 101\n");
        drop(policy);
        assert!(!path.exists());

        fs::write(&path, "the owner's").unwrap();
        drop(NoDaemons::forbid(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"the owner's");
        fs::remove_file(&path).unwrap();
    }
}
