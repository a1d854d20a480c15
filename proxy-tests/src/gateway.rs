//! The gateway as its real binary: built once a test process, found beside the test, run unprivileged.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::proxy::{Backend, Proxy};
use crate::server::{Server, User, unprivileged, within_reach};

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

/// Starts `downloadview demo` through lines of sh that end in `exec "$@"`, with `folder` for all its files.
pub(crate) fn demo(
    shell: &str,
    address: SocketAddr,
    proxies: &str,
    folder: &Path,
) -> Result<Server> {
    let mut command = Command::new("sh");
    command
        .args(["-c", shell, "sh"])
        .arg(binary(folder)?)
        .args(["demo", "--proxies", proxies, "--listen"])
        .arg(address.to_string())
        .env("TMPDIR", folder)
        .env_remove("RUST_LOG");
    Server::start("demo", &mut command, address, folder)
}

/// A whole server of its own, to be printed by `downloadview proxy-config`.
pub(crate) struct ProxyConfig<'a> {
    pub(crate) proxy: Proxy,
    /// Whether it announces itself.
    pub(crate) announced: bool,
    pub(crate) config: &'a Path,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What else is asked for.
    pub(crate) arguments: &'a [&'a str],
}

/// What `downloadview proxy-config` prints of it.
pub(crate) fn proxy_config(asked: &ProxyConfig<'_>, folder: &Path) -> Result<String> {
    let proxy = asked.proxy;
    let mut command = Command::new(binary(folder)?);
    command
        .args(["proxy-config", proxy.backend().name(), "--standalone"])
        .args(["--listen", &asked.address.to_string()])
        .args(asked.arguments)
        .arg("--config")
        .arg(asked.config);
    if asked.announced {
        command.args(["--proxy", proxy.name()]);
    }
    if matches!(proxy.backend(), Backend::Nginx | Backend::Caddy) {
        command.arg("--program").arg(proxy.program(folder)?);
    }
    printed(&mut command)
}

/// The script that `downloadview proxy-config` prints for nginx.
pub(crate) fn proxy_script(config: &Path, folder: &Path) -> Result<String> {
    let mut command = Command::new(binary(folder)?);
    command.args(["proxy-config", "nginx", "--print-script", "--config"]);
    printed(command.arg(config))
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

/// What `downloadview spool` prints.
pub(crate) fn spool(config: &Path, arguments: &[&str], folder: &Path) -> Result<String> {
    let mut command = Command::new(binary(folder)?);
    command.arg("spool").args(arguments).arg("--config");
    printed(command.arg(config))
}

/// What `downloadview check` prints of a set-up as JSON, and the code that it ends with.
pub(crate) fn check(
    config: &Path,
    arguments: &[String],
    user: User,
    folder: &Path,
) -> Result<(i32, String)> {
    let mut command = Command::new(binary(folder)?);
    command
        .args(["check", "--format", "json", "--config"])
        .arg(config)
        .args(arguments);
    if user == User::OfServers {
        unprivileged(&mut command);
    }
    let output = command
        .output()
        .context("cannot start the gateway's binary")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    let code = code.with_context(|| format!("{command:?} was killed:\n{complaint}"))?;
    let said = String::from_utf8(output.stdout).context("what was printed is not valid UTF-8")?;
    ensure!(!said.is_empty(), "{command:?} said nothing:\n{complaint}");
    Ok((code, said))
}

/// Starts `downloadview check`, whose output is JSON, beside a gateway that answers at `address`.
pub(crate) fn start_check(
    config: &Path,
    arguments: &[String],
    address: SocketAddr,
    folder: &Path,
) -> Result<Server> {
    let mut command = Command::new(binary(folder)?);
    command
        .args(["check", "--format", "json", "--config"])
        .arg(config)
        .args(arguments);
    Server::start("check", &mut command, address, folder)
}

fn printed(command: &mut Command) -> Result<String> {
    let output = unprivileged(command)
        .output()
        .context("cannot start the gateway's binary")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{complaint}");
    String::from_utf8(output.stdout).context("what was printed is not valid UTF-8")
}

/// The binary, in a place from which the servers' user may start it.
fn binary(folder: &Path) -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    let path = built.as_ref().map_err(|message| anyhow!("{message}"))?;
    within_reach(path, &folder.join(BINARY))
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
    // What cargo says to this test about its package. `ring` would be built anew for it, and all that uses it, and then
    // once more for the next cargo that is not started by a test.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
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
