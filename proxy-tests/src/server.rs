//! One server as a child process: started unprivileged, awaited, its output kept, ended with its value.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::{Request, Response};

/// Debian's `nobody` and `nogroup`, which own no file.
pub(crate) const NOBODY: u32 = 65_534;

const START_DEADLINE: Duration = Duration::from_secs(30);
const END_DEADLINE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(10);

/// A running server, ended when dropped; while the test panics, its output is printed first.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    output: PathBuf,
    end: Signal,
}

impl Server {
    /// Starts `command` and waits until `address` takes connections. Output goes to a file in `folder`.
    ///
    /// # Errors
    /// When the program ends early or does not listen in time; the text holds its output.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        address: SocketAddr,
        folder: &Path,
    ) -> Result<Self> {
        let output = folder.join(format!("{name}.output"));
        let file = File::create(&output).context("cannot create the file for the output")?;
        // Some servers open /dev/stderr anew, as the user who they are.
        hand_over(&output)?;
        let child = unprivileged(command)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        let mut server = Self {
            name,
            child,
            address,
            output,
            end: Signal::TERM,
        };
        server.await_listening()?;
        Ok(server)
    }

    /// Ends it by another signal than SIGTERM.
    #[must_use]
    pub(crate) fn ended_by(mut self, end: Signal) -> Self {
        self.end = end;
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to read its configuration anew (SIGHUP).
    ///
    /// # Panics
    /// When it is not there any more.
    #[track_caller]
    pub fn hang_up(&self) {
        let asked = kill_process(Pid::from_child(&self.child), Signal::HUP);
        asked.expect("the server is there");
    }

    /// Downloads `target`, percent-encoded as it shall cross the wire.
    ///
    /// # Panics
    /// When the answer does not come, or is not whole HTTP/1.1.
    #[must_use]
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// Sends a request and takes its whole answer.
    ///
    /// # Panics
    /// When the answer does not come, or is not whole HTTP/1.1.
    #[must_use]
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        match request.send(self.address) {
            Ok(response) => response,
            Err(error) => panic!("{} did not answer {request:?}: {error:#}", self.name),
        }
    }

    /// Bytes that its `read` and `sendfile` calls have moved so far, from files and pipes alike.
    ///
    /// A file that the process sends shows here with its size, whether it reads the file or the kernel sends it.
    /// What comes from a socket (`recv`) is not counted: a file of another server does not show.
    ///
    /// # Panics
    /// When the kernel does not tell.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        let path = format!("/proc/{}/io", self.child.id());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let count = text.lines().find_map(|line| line.strip_prefix("rchar: "));
        count
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("no rchar in {path}:\n{text}"))
    }

    /// Bytes of memory that it has (`VmRSS`).
    ///
    /// # Panics
    /// When the kernel does not tell.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        1024 * number.unwrap_or_else(|| panic!("no VmRSS in {path}:\n{text}"))
    }

    /// Everything that it has printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks it to end (SIGTERM, for a database the signal that does not wait for clients) and waits until it has.
    ///
    /// # Panics
    /// When it is still there after 30 seconds.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        match self.await_end(START_DEADLINE) {
            Some(status) => status,
            None => panic!("{} ignores {:?}\n{}", self.name, self.end, self.output()),
        }
    }

    /// Asks it to end, and tells whether it has within `patience`, as far as it can: threads that the kernel holds in
    /// a file system that does not answer do not count.
    pub fn ends_within(&self, patience: Duration) -> bool {
        self.ask_to_end();
        let deadline = Instant::now() + patience;
        while !self.has_exited() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
        true
    }

    /// The state after the name in parentheses (proc(5)) is that of the first thread, which ends with the process.
    fn has_exited(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let state = stat.rsplit_once(") ").map(|(_, state)| state);
        state.is_none_or(|state| state.starts_with('Z'))
    }

    /// Stops it and its children where they stand (SIGSTOP), and waits until every thread of theirs has.
    ///
    /// # Errors
    /// When one still runs after 30 seconds, or the kernel does not tell.
    pub(crate) fn pause(&self) -> Result<()> {
        // The master first: once it stands, it makes no more children.
        let master = Pid::from_child(&self.child);
        kill_process(master, Signal::STOP)?;
        await_standstill(master)?;
        for child in self.children() {
            kill_process(child, Signal::STOP)?;
            await_standstill(child)?;
        }
        Ok(())
    }

    /// Lets it and its children go on.
    pub(crate) fn resume(&self) {
        for process in self
            .children()
            .into_iter()
            .chain([Pid::from_child(&self.child)])
        {
            // One that runs does not mind, and one that has ended shows in the wait that follows.
            let _ = kill_process(process, Signal::CONT);
        }
    }

    /// A connection alone may be another process's on the same port, hence the look at the child after it.
    fn await_listening(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            let listening = TcpStream::connect(self.address).is_ok();
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}\n{}", self.name, self.output());
            }
            if listening {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} does not listen on {}\n{}",
                    self.name,
                    self.address,
                    self.output()
                );
            }
            std::thread::sleep(POLL);
        }
    }

    fn await_end(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL);
        }
        None
    }

    /// The child is ours and not yet waited for, so its id cannot be another process's.
    fn ask_to_end(&self) {
        // A child that has ended already is what we want; any other error shows in the wait that follows.
        let _ = kill_process(Pid::from_child(&self.child), self.end);
        // One that stands still would never hear it.
        self.resume();
    }

    /// A killed master leaves its workers behind, so they go first.
    fn kill(&mut self) {
        for worker in self.children() {
            let _ = kill_process(worker, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn children(&self) -> Vec<Pid> {
        let id = self.child.id();
        let children =
            fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
        ids.filter_map(Pid::from_raw).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- output of {}:\n{}", self.name, self.output());
        }
        self.ask_to_end();
        if self.await_end(END_DEADLINE).is_none() {
            self.kill();
        }
    }
}

/// A signal stops a process thread by thread, some time after it was sent.
fn await_standstill(process: Pid) -> Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    while !stands_still(process)? {
        if Instant::now() > deadline {
            bail!("process {} ignores SIGSTOP", process.as_raw_nonzero());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Whether every thread is stopped, or has ended and only waits for its parent: the states `T` and `Z`, in
/// the field after the name in parentheses (proc(5)).
fn stands_still(process: Pid) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()))? {
        // A thread may end while we look at the others.
        let Ok(stat) = fs::read_to_string(thread?.path().join("stat")) else {
            continue;
        };
        let state = stat.rsplit_once(") ").map(|(_, state)| state);
        if !state.is_some_and(|state| state.starts_with(['T', 'Z'])) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// As whom a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// As the servers do: never as root.
    OfServers,
    /// As the test itself.
    OfTest,
}

/// Servers never run as root: a mode of 000 would not stop them, and the tests could not tell.
pub(crate) fn unprivileged(command: &mut Command) -> &mut Command {
    if command.get_current_dir().is_none() {
        command.current_dir("/");
    }
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A program where the servers' user may start it: where it stands, or else a copy.
pub(crate) fn within_reach(program: &Path, copy: &Path) -> Result<PathBuf> {
    if !is_root() || open_to_all(program) {
        return Ok(program.to_owned());
    }
    // A checkout below root's home: the servers' user cannot get there.
    if !copy.is_file() {
        install(program, copy)?;
    }
    Ok(copy.to_owned())
}

/// A folder where the servers' user may read it: in place, or else a copy.
pub(crate) fn readable(folder: PathBuf, copy: &Path) -> Result<PathBuf> {
    if open_to_all(&folder) {
        return Ok(folder);
    }
    let mut command = Command::new("cp");
    command.arg("-r").arg(&folder).arg(copy);
    let status = command.status().context("cannot start `cp`")?;
    ensure!(
        status.success(),
        "cannot copy {}: {status}",
        folder.display()
    );
    Ok(copy.to_owned())
}

fn open_to_all(path: &Path) -> bool {
    path.ancestors().all(|part| {
        fs::metadata(part).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    })
}

/// By another process: a file that this one had open for writing could not be started ("text file busy")
/// while another thread's new child still holds the descriptor.
pub(crate) fn install(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("install");
    command.args(["-m", "755"]).arg(from).arg(to);
    let status = command.status().context("cannot start `install`")?;
    ensure!(status.success(), "cannot copy {}: {status}", from.display());
    Ok(())
}

pub(crate) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Gives a file or folder to the user as whom the servers run.
pub(crate) fn hand_over(path: &Path) -> io::Result<()> {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
}
