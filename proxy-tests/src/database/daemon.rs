//! A database server with its folder and its port, and the child process that comes and goes.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::database::Engine;
use crate::database::image::Image;
use crate::port;
use crate::server::{Server, hand_over, unprivileged};

/// What one kind of server is: where its program stands, and how it is used.
pub(super) trait Kind: fmt::Debug + Send + Sync + Sized {
    const NAME: &'static str;
    /// The Debian package that brings it.
    const PACKAGE: &'static str;
    /// What ends it in good order without waiting for its clients.
    const END: Signal;

    fn find() -> Result<Self>;
    /// Makes the data of a new server, in `data` below a folder that belongs to the servers' user.
    fn prepare(&self, folder: &Path, data: &Path) -> Result<()>;
    /// Where the data is kept once it was made, or why it was not.
    fn kept() -> &'static OnceLock<Result<Image, String>>;
    /// Stays in the foreground, and writes every statement to the log.
    fn command(&self, folder: &Path, data: &Path, address: SocketAddr) -> Command;
    fn url(address: SocketAddr) -> String;
    /// The file with the statements, relative to the folder.
    fn log() -> String;
    fn statements(log: &str) -> Vec<String>;
}

/// The fields end in this order: no server is left without its folder.
#[derive(Debug)]
pub(super) struct Daemon<K> {
    server: Option<Server>,
    kind: K,
    address: SocketAddr,
    folder: TempDir,
}

impl<K: Kind> Daemon<K> {
    /// Makes its data and starts it.
    ///
    /// # Errors
    /// When it is not installed or does not start; the text names the package and holds its output.
    pub(super) fn start() -> Result<Self> {
        Self::try_start().with_context(|| {
            format!(
                "{} does not run; it takes `apt-get install --no-install-recommends {}`, which `cargo xtask test` does",
                K::NAME,
                K::PACKAGE
            )
        })
    }

    fn try_start() -> Result<Self> {
        let mut daemon = Self {
            server: None,
            kind: K::find()?,
            address: port::free(),
            folder: new_folder()?,
        };
        image(&daemon.kind)?.write(&data(daemon.folder.path()))?;
        daemon.start_again()?;
        Ok(daemon)
    }

    fn running(&mut self) -> Result<&mut Server> {
        self.server
            .as_mut()
            .with_context(|| format!("{} was stopped: start it again first", K::NAME))
    }
}

impl<K: Kind> Engine for Daemon<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn url(&self) -> String {
        K::url(self.address)
    }

    fn stop(&mut self) -> Result<()> {
        self.running()?.terminate();
        self.server = None;
        Ok(())
    }

    fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "{} runs: stop it first", K::NAME);
        let folder = self.folder.path();
        let mut command = self.kind.command(folder, &data(folder), self.address);
        let server = Server::start(K::NAME, &mut command, self.address, folder)?;
        self.server = Some(server.ended_by(K::END));
        Ok(())
    }

    fn pause(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    fn resume(&mut self) -> Result<()> {
        self.running()?.resume();
        Ok(())
    }

    fn statements(&self) -> Result<Option<Vec<String>>> {
        let path = self.folder.path().join(K::log());
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(K::statements(&String::from_utf8_lossy(&bytes))))
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn image<K: Kind>(kind: &K) -> Result<&'static Image> {
    let make = || {
        let folder = new_folder()?;
        let data = data(folder.path());
        kind.prepare(folder.path(), &data)?;
        Image::of(&data)
    };
    let kept = K::kept().get_or_init(|| make().map_err(|error| format!("{error:#}")));
    kept.as_ref().map_err(|message| anyhow!("{message}"))
}

/// A temporary folder that belongs to the servers' user.
pub(super) fn new_folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("downloadview-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    hand_over(folder.path()).context("cannot give the folder to the servers' user")?;
    Ok(folder)
}

/// Where a program stands: `PATH` first, then the given folders.
pub(super) fn find(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf> {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("there is no program {program}"))
}

/// Runs a program to its end, unprivileged, with `input` on its standard input.
///
/// # Errors
/// When it fails; the text holds its output.
pub(super) fn complete(command: &mut Command, input: &[u8]) -> Result<()> {
    let mut child = unprivileged(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut pipe = child.stdin.take().context("the child has no input")?;
    // On a thread of its own, for a child that writes much before it has read everything. One that
    // ends early breaks the pipe, and its status says so better.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = pipe.write_all(input);
        });
        child.wait_with_output()
    })?;
    ensure!(
        output.status.success(),
        "{command:?} failed with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
