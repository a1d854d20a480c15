//! A proxy as a child of the demonstration: configured from its rules, unprivileged, and gone when it is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::elsewhere::Elsewhere;
use super::files::{Files, NOBODY, is_root, new_for_proxy, text_of_proxy, write_for_proxy};
use super::grid::{Grid, Hop};
use super::guard::Guard;
use super::ports::Reserved;
use super::programs::Program;
use super::secrets::Secrets;
use super::views::VIEWS;
use crate::config::Proxy;
use crate::config::{Config, Listen};
use crate::proxy_config::{self, Form};

const START_DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// What all proxies are told of the application.
pub(super) struct Surroundings<'a> {
    /// Where the application listens.
    pub(super) app: SocketAddr,
    pub(super) files: &'a Files,
    pub(super) secrets: &'a Secrets,
    pub(super) elsewhere: Elsewhere,
    pub(super) grid: &'a Grid,
    pub(super) guard: &'a Arc<Guard>,
}

/// A running proxy. One that was not [stopped](Self::stop) is killed when dropped, with its workers.
#[derive(Debug)]
pub(super) struct Running {
    name: &'static str,
    child: Child,
    folder: PathBuf,
    _port: Reserved,
    /// Hears of its start and its end.
    guard: Arc<Guard>,
}

impl Running {
    /// Starts `program` on `port`; it is there when a download through it arrived as it should.
    ///
    /// # Errors
    ///
    /// The proxy does not start, or no download comes through; with the end of its log.
    pub(super) async fn start(
        program: &Program,
        port: Reserved,
        surroundings: &Surroundings<'_>,
    ) -> anyhow::Result<Self> {
        let (proxy, listen) = (program.proxy.name(), port.address);
        let hop = Hop { proxy, listen };
        let mut running = Self::spawn(program, port, surroundings)
            .with_context(|| format!("cannot start {proxy} ({})", program.path.display()))?;
        let ready = running.wait_until_ready(hop, surroundings.grid).await;
        if let Err(error) = ready {
            running.terminate().await;
            return Err(error.context(running.last_words()));
        }
        Ok(running)
    }

    /// Asks it to stop and waits until it has; kills it if it does not.
    pub(super) async fn stop(mut self) {
        self.terminate().await;
    }

    fn spawn(
        program: &Program,
        port: Reserved,
        surroundings: &Surroundings<'_>,
    ) -> anyhow::Result<Self> {
        let name = program.proxy.name();
        let folder = surroundings.files.path(name);
        let configuration = folder.join("front.conf");
        let text = configuration_for(program, port.address, surroundings)?;
        write_for_proxy(&configuration, &text)?;
        // It is theirs: some open /dev/stderr anew, as the user who they are.
        let output = new_for_proxy(&folder.join("output.log"))?;
        let mut command = program.command(&configuration, &folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // Ctrl-C on the terminal is for us; we stop the proxy once the downloads through it are done.
            .process_group(0);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let running = Self {
            name,
            child: command.spawn()?,
            folder,
            _port: port,
            guard: Arc::clone(surroundings.guard),
        };
        if let Some(group) = running.pid() {
            running.guard.started(group);
        }
        Ok(running)
    }

    async fn wait_until_ready(&mut self, hop: Hop, grid: &Grid) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}", self.name);
            }
            let cell = grid.cell("localhost", &VIEWS[0], &hop).await;
            if cell.verified {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("no download comes through {}: {}", self.name, cell.reason);
            }
            sleep(POLL).await;
        }
    }

    async fn terminate(&mut self) {
        // Without an id it has ended and been waited for.
        let Some(pid) = self.pid() else { return };
        // It is ours and not waited for, so nobody else has its id; if it ended just now, all the better.
        let _ = kill_process(pid, Signal::TERM);
        if timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait().await;
        }
        self.guard.ended(pid);
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }

    /// Apache has a log of its own once it has read its configuration.
    fn last_words(&self) -> String {
        let logs = ["output.log", "error.log"].map(|name| self.folder.join(name));
        let text: String = logs.iter().filter_map(|log| text_of_proxy(log)).collect();
        let lines: Vec<_> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(5)..];
        format!("{} says: {}", self.name, last.join("\n"))
    }
}

impl Drop for Running {
    /// The group, because a killed master leaves its workers behind.
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The rules of [`app`](super::app::app), as this proxy needs them, and the secret that proves it.
fn configuration_for(
    program: &Program,
    address: SocketAddr,
    surroundings: &Surroundings<'_>,
) -> anyhow::Result<String> {
    let backend = program.proxy;
    let Elsewhere { origin, store } = surroundings.elsewhere;
    let mut text = include_str!("proxy.toml")
        .replace("ORIGIN", &origin.to_string())
        .replace("STORE", &store.to_string());
    // All of them, since each rule needs the proxy that it is for.
    for announced in Proxy::ALL {
        let (name, secret) = (announced.name(), surroundings.secrets.of(announced));
        text.push_str(&format!(
            "\n[optimize.proxies.{name}]\nbackend = \"{name}\"\nsecret = \"{secret}\"\n"
        ));
    }
    let config = Config::parse(&text, &surroundings.files.path("proxy.toml"))?;
    let options = proxy_config::Options {
        app: Some(Listen::Tcp(surroundings.app)),
        form: Form::Standalone(Listen::Tcp(address)),
        proxy: None,
        // The very program that will read it. One that says nothing of itself may yet start.
        installed: proxy_config::look(backend, Some(&program.path)).unwrap_or_default(),
        ca_file: None,
        script: None,
    };
    Ok(proxy_config::print(backend, &config, &options)?)
}
