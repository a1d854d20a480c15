//! One server under measurement: its processes, started on their core, watched, and stopped.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::proc::{self, Usage};

/// How long a server may take until it listens, or until it has come to rest.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a server may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(2);
/// Debian's `nobody` and `nogroup`, who own no file.
const NOBODY: u32 = 65_534;

/// How to start one process.
#[derive(Debug)]
pub(crate) struct Launch {
    /// What tables and errors call it.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where it will listen.
    pub(crate) address: SocketAddr,
    /// The core it may run on.
    pub(crate) core: usize,
    /// Takes what it prints; its end is shown when it does not start.
    pub(crate) log: PathBuf,
}

/// What answers at one address: one process with its children, or a proxy with the application behind it.
///
/// The fields end in this order: a database waits for its clients to leave.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    processes: Vec<Process>,
    /// What the application asks, measured with it and also apart.
    databases: Vec<Process>,
    /// Where the application fetches files: kept running, and not measured.
    origins: Vec<Process>,
}

#[derive(Debug)]
struct Process(Child);

impl Server {
    /// Starts a process and waits until it listens.
    pub(crate) fn start(launch: Launch) -> Result<Self> {
        Self::start_by(privileged(), launch)
    }

    /// The same, as [`unprivileged`].
    pub(crate) fn start_unprivileged(launch: Launch) -> Result<Self> {
        Self::start_by(unprivileged(), launch)
    }

    fn start_by(mut wrapper: Command, launch: Launch) -> Result<Self> {
        let log = File::create(&launch.log)
            .with_context(|| format!("cannot create {}", launch.log.display()))?;
        let child = wrapper
            .args(["taskset", "-c"])
            .arg(launch.core.to_string())
            .arg(&launch.program)
            .args(&launch.arguments)
            // Peers on tokio's multi-thread runtime get the one worker that the others have.
            .env("TOKIO_WORKER_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run setpriv and taskset; install util-linux")?;
        let mut process = Process(child);
        process.wait_until_listening(&launch)?;
        Ok(Self {
            name: launch.name,
            address: launch.address,
            processes: vec![process],
            databases: Vec::new(),
            origins: Vec::new(),
        })
    }

    /// Both as one server: asked at the proxy's address, measured together.
    pub(crate) fn in_front_of(mut self, application: Self) -> Self {
        self.name = format!("{} + {}", self.name, application.name);
        self.processes.extend(application.processes);
        self.databases.extend(application.databases);
        self.origins.extend(application.origins);
        self
    }

    /// The server with the origin that it fetches files from, which is not measured.
    pub(crate) fn fetching_from(mut self, origin: Self) -> Self {
        self.origins.extend(origin.processes);
        self
    }

    /// The application with the database that it asks.
    pub(crate) fn backed_by(mut self, database: Self) -> Self {
        self.databases.extend(database.processes);
        self
    }

    /// CPU time used until now, read once the server has come to rest.
    pub(crate) fn usage(&self) -> Result<Usage> {
        // A running thread's time is brought up to date only when it is switched out.
        self.wait_until_quiet(Duration::from_millis(1), 1)
    }

    /// Waits until the server has used no CPU time during `times` readings in a row, `pause` apart.
    pub(crate) fn wait_until_quiet(&self, pause: Duration, times: u32) -> Result<Usage> {
        let deadline = Instant::now() + PATIENCE;
        let mut usage = self.usage_now()?;
        let mut quiet = 0;
        while quiet < times {
            if Instant::now() > deadline {
                bail!("{} does not come to rest", self.name);
            }
            sleep(pause);
            let now = self.usage_now()?;
            quiet = if now == usage { quiet + 1 } else { 0 };
            usage = now;
        }
        Ok(usage)
    }

    /// Bytes of memory that are resident now, over all processes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.family()?.into_iter().map(proc::resident).sum()
    }

    /// The most bytes that were resident at once, summed over all processes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.family()?.into_iter().map(proc::peak).sum()
    }

    /// CPU time of the databases alone; `None` if there are none. To be read while the server is at rest.
    pub(crate) fn usage_of_databases(&self) -> Result<Option<Usage>> {
        if self.databases.is_empty() {
            return Ok(None);
        }
        usage_of(self.databases.iter()).map(Some)
    }

    fn usage_now(&self) -> Result<Usage> {
        usage_of(self.all())
    }

    fn family(&self) -> Result<Vec<u32>> {
        family_of(self.all())
    }

    fn all(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().chain(&self.databases)
    }
}

fn usage_of<'a>(processes: impl Iterator<Item = &'a Process>) -> Result<Usage> {
    let mut usage = Usage::default();
    for process in family_of(processes)? {
        usage.add(process)?;
    }
    Ok(usage)
}

fn family_of<'a>(processes: impl Iterator<Item = &'a Process>) -> Result<Vec<u32>> {
    let families = processes.map(|it| proc::family(it.0.id()));
    Ok(families.collect::<Result<Vec<_>>>()?.concat())
}

impl Process {
    fn wait_until_listening(&mut self, launch: &Launch) -> Result<()> {
        let name = &launch.name;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(launch.address).is_err() {
            if let Some(status) = self.0.try_wait()? {
                let said = fs::read_to_string(&launch.log).unwrap_or_default();
                bail!(
                    "{name} ended at its start ({status}); it said:\n{}",
                    said.trim()
                );
            }
            if Instant::now() > deadline {
                bail!("{name} does not listen on {}", launch.address);
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn ended_before(&mut self, deadline: Instant) -> bool {
        loop {
            match self.0.try_wait() {
                Ok(None) if Instant::now() < deadline => sleep(Duration::from_millis(5)),
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first, because nginx's master must end its worker.
        let asked = Pid::from_raw(self.0.id().cast_signed())
            .is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        if !(asked && self.ended_before(Instant::now() + FAREWELL)) {
            // Nothing is left to report to when even that fails.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A wrapper of a program: it ends with the harness, whatever becomes of that. It execs, so the id stays the same.
fn privileged() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    command
}

/// The same for programs that refuse to run as root, as the databases do: as a user who owns no file.
pub(crate) fn unprivileged() -> Command {
    let mut command = privileged();
    // The caller's own folder may be closed to that user.
    command.current_dir("/");
    if is_root() {
        let user = NOBODY.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
    }
    command
}

/// Gives a file or folder to the user of [`unprivileged`] programs.
pub(crate) fn hand_over(path: &Path) -> io::Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A loopback address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    Ok(listener.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(script: &str, folder: &std::path::Path) -> Launch {
        Launch {
            name: "the script".to_owned(),
            program: PathBuf::from("sh"),
            arguments: vec!["-c".into(), script.into()],
            address: free_address().unwrap(),
            core: crate::lab::Cores::choose().unwrap().server,
            log: folder.join("log"),
        }
    }

    #[test]
    fn a_server_that_ends_at_its_start_is_reported_with_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let error = Server::start(launch("echo no such key >&2; exit 3", folder.path()));
        let text = error.unwrap_err().to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.contains("no such key"), "{text}");
    }

    fn busy(script: &str) -> Server {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        Server {
            name: "busy".to_owned(),
            address: free_address().unwrap(),
            processes: vec![Process(child)],
            databases: Vec::new(),
            origins: Vec::new(),
        }
    }

    #[test]
    fn the_time_of_a_database_is_counted_with_the_applications_and_apart() {
        let application = busy("exec sleep 1000");
        assert_eq!(application.usage_of_databases().unwrap(), None);
        let server = application.backed_by(busy("while :; do :; done"));
        let deadline = Instant::now() + PATIENCE;
        let before = server.usage_of_databases().unwrap().unwrap();
        let both = server.usage_now().unwrap();
        let since = |now: Usage| now.since(&before);
        while since(server.usage_of_databases().unwrap().unwrap()) < 1_000_000 {
            assert!(Instant::now() < deadline, "no CPU time seen");
            sleep(Duration::from_millis(5));
        }
        assert!(server.usage_now().unwrap().since(&both) >= 1_000_000);
    }

    #[test]
    fn the_time_of_children_is_counted_and_they_end_with_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'kill $!; exit' TERM; while :; do :; done & wait";
        let server = busy(script);
        let deadline = Instant::now() + PATIENCE;
        let before = server.usage_now().unwrap();
        while server.usage_now().unwrap().since(&before) < 1_000_000 {
            assert!(Instant::now() < deadline, "no CPU time seen");
            sleep(Duration::from_millis(5));
        }
        let child = server.family().unwrap().into_iter().nth(1).unwrap();
        drop(server);
        while fs::exists(format!("/proc/{child}")).unwrap() {
            assert!(Instant::now() < deadline, "the child still runs");
            sleep(Duration::from_millis(5));
        }
        drop(folder);
    }
}
