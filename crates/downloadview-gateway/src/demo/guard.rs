//! Takes proxies and files of a demonstration away that was killed and could not do so itself.
//!
//! Nobody can catch SIGKILL, so this is a process of its own. The demonstration alone holds the writing end of a pipe, over
//! which the guard hears of every proxy that starts or ends. When the pipe ends, however that came, it kills the proxies that
//! are left, with their workers, and removes the folder.
//!
//! `PR_SET_PDEATHSIG` would have to be asked for between `fork` and `exec`, which takes unsafe code, and it would reach
//! neither workers nor files.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use super::files::PREFIX;

/// The hidden command that runs it.
const COMMAND: &str = "demo-guard";
const STARTED: &str = "started";
const ENDED: &str = "ended";

/// A killed worker may hold the folder for a moment.
const DEADLINE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// The guard as the demonstration knows it. Dropped, it ends, and takes away what is still there.
#[derive(Debug)]
pub(super) struct Guard {
    process: Child,
    /// `None` once it is to end.
    pipe: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Starts one for this folder.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let mut process = Command::new(own_program()?)
            .arg(COMMAND)
            .arg(folder)
            .stdin(Stdio::piped())
            // Whoever reads what the demonstration says shall see its end.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C on the terminal is for the demonstration.
            .process_group(0)
            .spawn()?;
        let pipe = Mutex::new(process.stdin.take());
        Ok(Self { process, pipe })
    }

    /// A proxy leads this group from now on.
    pub(super) fn started(&self, group: Pid) {
        self.tell(STARTED, group);
    }

    /// The proxy of this group has ended.
    pub(super) fn ended(&self, group: Pid) {
        self.tell(ENDED, group);
    }

    fn tell(&self, what: &str, group: Pid) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            // If somebody killed the guard, the demonstration goes on without it.
            let _ = writeln!(pipe, "{what} {}", group.as_raw_nonzero());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        drop(pipe.take());
        let _ = self.process.wait();
    }
}

/// By this path the guard has another name than we: who kills all programs of our name does not kill it too. And the file may
/// have been replaced since we were started.
fn own_program() -> io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    match own.exists() {
        true => Ok(own.to_owned()),
        false => std::env::current_exe(),
    }
}

/// Stands by until the pipe on standard input ends, then takes away what is left.
///
/// # Errors
///
/// `folder` is not one of a demonstration, or cannot be removed.
pub fn stand_by(folder: &Path) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(OsStr::to_str);
    let is_ours = name.is_some_and(|name| name.starts_with(PREFIX));
    ensure!(
        is_ours,
        "{} is not a demonstration's folder",
        folder.display()
    );
    let mut groups = BTreeSet::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        hear(&line, &mut groups);
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // The master is not waited for before the demonstration is gone, so its id is still its own.
        let _ = kill_process_group(group, Signal::KILL);
    }
    remove(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn hear(line: &str, groups: &mut BTreeSet<i32>) {
    let Some((what, Ok(group))) = line
        .split_once(' ')
        .map(|(what, group)| (what, group.parse()))
    else {
        return;
    };
    match what {
        STARTED => groups.insert(group),
        _ => groups.remove(&group),
    };
}

fn remove(folder: &Path) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                return Ok(());
            }
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(POLL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_killed() {
        let mut groups = BTreeSet::new();
        for line in [
            "started 7",
            "started 8",
            "ended 7",
            "started x",
            "",
            "ended 9",
        ] {
            hear(line, &mut groups);
        }
        assert_eq!(groups.into_iter().collect::<Vec<_>>(), [8]);
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = stand_by(folder.path()).expect_err("it is not a demonstration's");
        assert!(
            error.to_string().contains("not a demonstration's folder"),
            "{error}"
        );
        assert!(folder.path().exists());
    }
}
