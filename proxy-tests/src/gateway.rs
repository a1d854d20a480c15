//! The gateway as its real binary: built once a test process, found beside the test, run unprivileged.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::server::{Server, is_root, unprivileged};

const PACKAGE: &str = "downloadview-gateway";
const BINARY: &str = "downloadview";

/// Starts `downloadview serve` on a configuration that says `listen = address`.
pub(crate) fn serve(config: &Path, address: SocketAddr, folder: &Path) -> Result<Server> {
    let mut command = Command::new(binary(folder)?);
    command.arg("serve").arg("--config").arg(config);
    Server::start("gateway", &mut command, address, folder)
}

/// As [`serve`], through lines of sh that end in `exec "$@"` and say in which surroundings.
pub(crate) fn serve_through(
    shell: &str,
    config: &Path,
    address: SocketAddr,
    folder: &Path,
) -> Result<Server> {
    let mut command = Command::new("sh");
    command
        .args(["-c", shell, "sh"])
        .arg(binary(folder)?)
        .arg("serve")
        .arg("--config")
        .arg(config);
    Server::start("gateway", &mut command, address, folder)
}

/// What `downloadview proxy-config` prints for a whole server of its own on `address`.
pub(crate) fn proxy_config(
    backend: &str,
    config: &Path,
    address: SocketAddr,
    folder: &Path,
) -> Result<String> {
    let mut command = Command::new(binary(folder)?);
    command
        .args(["proxy-config", backend, "--standalone"])
        .args(["--listen", &address.to_string()])
        .arg("--config")
        .arg(config);
    printed(&mut command)
}

/// What `downloadview proxy-config` prints for a server that is there already.
pub(crate) fn proxy_snippet(backend: &str, config: &Path, folder: &Path) -> Result<String> {
    let mut command = Command::new(binary(folder)?);
    command.args(["proxy-config", backend, "--config"]);
    printed(command.arg(config))
}

/// What `downloadview explain` says of a GET of `target`.
pub(crate) fn explain(config: &Path, target: &str, folder: &Path) -> Result<String> {
    let mut command = Command::new(binary(folder)?);
    command.arg("explain").arg("--config").arg(config);
    printed(command.arg(target))
}

fn printed(command: &mut Command) -> Result<String> {
    let output = unprivileged(command)
        .output()
        .context("cannot start the gateway's binary")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{complaint}");
    String::from_utf8(output.stdout).context("what was printed is no UTF-8")
}

/// The binary, in a place from which the servers' user may start it.
fn binary(folder: &Path) -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    let path = built.as_ref().map_err(|message| anyhow!("{message}"))?;
    if !is_root() || open_to_all(path) {
        return Ok(path.clone());
    }
    // A checkout below root's home: the servers' user cannot get there.
    let copy = folder.join(BINARY);
    if !copy.is_file() {
        install(path, &copy)?;
    }
    Ok(copy)
}

/// By another process: a file that this one had open for writing could not be started ("text file busy")
/// while another thread's new child still holds the descriptor.
fn install(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("install");
    command.args(["-m", "755"]).arg(from).arg(to);
    let status = command.status().context("cannot start `install`")?;
    ensure!(
        status.success(),
        "cannot copy the gateway's binary: {status}"
    );
    Ok(())
}

/// Other packages' binaries are not built for a test, so a plain `cargo test` must do it here.
fn build() -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell which program this is")?;
    // <target>/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).context("no profile folder")?;
    let target = profile.parent().context("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--package", PACKAGE, "--bin", BINARY])
        .args(["--profile", cargo_profile(profile)?])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("the gateway does not build:\n{complaint}");
    }
    Ok(profile.join(BINARY))
}

/// The folder of the profile `dev` is called `debug`, for reasons of history; all others have their name.
fn cargo_profile(folder: &Path) -> Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str());
    match name.context("the profile's folder has no name")? {
        "debug" => Ok("dev"),
        name => Ok(name),
    }
}

fn open_to_all(path: &Path) -> bool {
    path.ancestors().all(|part| {
        fs::metadata(part).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}
