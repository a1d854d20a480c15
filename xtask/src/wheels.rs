//! Environments of Python below `target`, for programs that Debian does not have.
//!
//! Wheels, because they are pinned by their hashes and come through any mirror that a machine has for Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::{find_program, run, succeeds};

/// The interpreter that can make environments: the system's before another that stands first on `PATH`, which may be one
/// of a version manager and gone tomorrow.
pub(crate) fn python() -> Option<PathBuf> {
    let of_system = Path::new("/usr/bin/python3").to_owned();
    let able = |python: &PathBuf| {
        let modules = ["-c", "import venv, ensurepip"];
        succeeds(Command::new(python).args(modules))
    };
    [Some(of_system), find_program("python3")]
        .into_iter()
        .flatten()
        .find(able)
}

/// The folder that holds that of our own profile: `<target>/<profile>/xtask`.
pub(crate) fn target() -> Result<PathBuf> {
    let xtask = std::env::current_exe().context("cannot tell which program this is")?;
    let target = xtask.ancestors().nth(2).context("no target folder")?;
    Ok(target.to_owned())
}

/// Makes the environment anew, with exactly the wheels of a file of requirements beside our `Cargo.toml`.
///
/// # Errors
/// When there is no Python for it, or a wheel cannot be had.
pub(crate) fn install(folder: &Path, requirements: &str) -> Result<()> {
    let python = python().context("no python3 with the modules venv and ensurepip")?;
    run(Command::new(python)
        .args(["-m", "venv", "--clear"])
        .arg(folder))?;
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(requirements);
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--disable-pip-version-check"])
        .args(["--require-hashes", "--no-deps", "--only-binary", ":all:"])
        .arg("--requirement")
        .arg(requirements))
}
