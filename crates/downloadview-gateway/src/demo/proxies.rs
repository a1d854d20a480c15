//! nginx as a child of the demonstration: configured from its rules, unprivileged, and gone when it is.

use std::env;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::files::{Files, NOBODY, is_root, write_readable};
use super::grid::{Grid, Hop, VIEWS};
use crate::config::{Config, Listen};
use crate::proxy_config::{self, Form};

/// How to get nginx, said wherever it is missing.
pub(super) const INSTALL_NGINX: &str = "sudo apt-get install nginx";

const START_DEADLINE: Duration = Duration::from_secs(10);
const STOP_DEADLINE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(20);

/// Where nginx is installed; the folders of daemons are not on every user's PATH.
pub(super) fn find_nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("nginx"))
        .find(|candidate| candidate.is_file())
}

/// A running nginx. One that was not [stopped](Self::stop) is killed when dropped, with its workers.
#[derive(Debug)]
pub(super) struct Nginx {
    child: Child,
    log: PathBuf,
}

impl Nginx {
    /// Starts `program` at the address of `hop`; it is there when a download through it arrived as it should.
    ///
    /// # Errors
    ///
    /// The address is taken, or nginx does not start, or no download comes through; with the end of its log.
    pub(super) async fn start(
        program: PathBuf,
        hop: Hop,
        files: &Files,
        grid: &Grid,
    ) -> anyhow::Result<Self> {
        let address = hop.listen;
        // nginx would try for seconds, and somebody else answer meanwhile.
        TcpListener::bind(address).with_context(|| {
            format!("cannot start nginx on {address}: choose another port with --listen, nginx takes the next one")
        })?;
        let mut nginx = Self::spawn(program, address, files).context("cannot start nginx")?;
        let ready = nginx.wait_until_ready(hop, grid).await;
        if let Err(error) = ready {
            nginx.terminate().await;
            return Err(error.context(nginx.last_words()));
        }
        Ok(nginx)
    }

    /// Asks it to stop and waits until it has; kills it if it does not.
    pub(super) async fn stop(mut self) {
        self.terminate().await;
    }

    fn spawn(program: PathBuf, address: SocketAddr, files: &Files) -> anyhow::Result<Self> {
        let folder = files.path("nginx");
        let configuration = files.path("nginx/nginx.conf");
        write_readable(&configuration, &configuration_for(address, files)?)?;
        let log = files.path("nginx/error.log");
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(configuration)
            // Or it complains, before it reads its configuration, that the system's log is not ours.
            .args(["-e", "stderr"])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            // Ctrl-C on the terminal is for us; we stop nginx once the downloads through it are done.
            .process_group(0);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let child = command.spawn()?;
        Ok(Self { child, log })
    }

    async fn wait_until_ready(&mut self, hop: Hop, grid: &Grid) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("nginx ended with {status}");
            }
            let cell = grid.cell("localhost", &VIEWS[0], &hop).await;
            if cell.verified {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("no download comes through nginx: {}", cell.reason);
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
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id()?.try_into().ok()?)
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(5)..];
        format!("nginx says: {}", last.join("\n"))
    }
}

impl Drop for Nginx {
    /// The group, because a killed nginx leaves its workers behind.
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// The rules of [`app::behind_nginx`](super::app::behind_nginx) and of the fixed routes, as nginx needs them.
fn configuration_for(address: SocketAddr, files: &Files) -> anyhow::Result<String> {
    let config = Config::parse(include_str!("proxy.toml"), &files.path("proxy.toml"))?;
    let options = proxy_config::Options {
        app: None,
        form: Form::Standalone(Listen::Tcp(address)),
        proxy: None,
    };
    let backend = crate::config::BackendKind::Nginx;
    Ok(proxy_config::print(backend, &config, &options)?)
}

/// Where nginx listens: on the port after the application's.
///
/// # Errors
///
/// There is no port after it.
pub(super) fn next_port(address: SocketAddr) -> io::Result<SocketAddr> {
    match address.port().checked_add(1) {
        Some(port) => Ok(SocketAddr::new(address.ip(), port)),
        None => Err(io::Error::other(
            "no port is left for nginx after 65535; choose another with --listen",
        )),
    }
}
