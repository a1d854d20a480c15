//! Programs that download, as their users run them: as the servers' user, in a folder of their own, with a deadline.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::server::unprivileged;

/// Some loop for ever over an answer that they cannot read.
const DEADLINE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// One run of a program. Nothing of the tester's environment reaches it but `PATH`: no proxies, no language.
#[derive(Debug)]
pub struct Program {
    command: Command,
    package: &'static str,
}

impl Program {
    pub(crate) fn new(name: &str, package: &'static str, folder: &Path) -> Self {
        let mut command = Command::new(name);
        command.env_clear().current_dir(folder);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("HOME", folder).env("TMPDIR", folder);
        command.env("LC_ALL", "C.UTF-8");
        Self { command, package }
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, or ends it and its children after a minute and a half.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    #[track_caller]
    pub fn run(mut self) -> Ended {
        // Files, not pipes: a child that outlives the program would hold a pipe open.
        let said = tempfile::tempfile().expect("a temporary file can be made");
        let complained = tempfile::tempfile().expect("a temporary file can be made");
        let to = |file: &File| file.try_clone().expect("a descriptor can be copied");
        self.command
            .stdin(Stdio::null())
            .stdout(to(&said))
            .stderr(to(&complained))
            .process_group(0);
        let mut child = match unprivileged(&mut self.command).spawn() {
            Ok(child) => child,
            Err(error) => panic!(
                "{:?}: {error}; it takes `apt-get install --no-install-recommends {}`, which `cargo xtask test` does",
                self.command.get_program(),
                self.package
            ),
        };
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            match child.try_wait().expect("the child can be waited for") {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    // Not yet waited for, so its id cannot be another group's.
                    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                    break child.wait().expect("it ends");
                }
                None => std::thread::sleep(POLL),
            }
        };
        Ended {
            status,
            said: whole(said),
            complained: whole(complained),
        }
    }
}

/// What became of a run.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    said: String,
    complained: String,
}

impl Ended {
    /// Whether it says of itself that all went well.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Status, output and complaints.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}", self.status, self.said, self.complained)
    }

    /// Its output, for a run that went well.
    ///
    /// # Panics
    /// When it did not; the message holds `what` and everything that was said.
    #[track_caller]
    pub fn expect(self, what: &str) -> String {
        assert!(self.succeeded(), "{what}: {}", self.text());
        self.said
    }
}

/// A folder beside that of our own profile, as `cargo xtask` makes it: `<target>/<profile>/deps/<test>`.
///
/// # Errors
/// The program of this test lies elsewhere.
pub fn installed(folder: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell which program this is")?;
    let target = test.ancestors().nth(3).context("no target folder")?;
    Ok(target.join(folder))
}

fn whole(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .expect("the output can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
