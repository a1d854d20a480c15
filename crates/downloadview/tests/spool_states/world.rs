//! All that there is in one run, and what must hold after each step of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use downloadview::File as _;
use downloadview::spool::{Fill, Status};
use tempfile::TempDir;

use crate::client::{Client, Handed};
use crate::process::Process;
use crate::source::{Source, Sources};
use crate::{BYTES, KEYS, LEASE, Step};

/// What is drawn before the first step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) processes: usize,
    pub(crate) fill: Fill,
}

/// Tasks of a process that go on while it settles.
const MANY: usize = 40;

#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    sources: Arc<Sources>,
    clients: Vec<Client>,
    processes: Vec<Process>,
    folder: TempDir,
    now: Duration,
    handed: Vec<(Duration, usize, Handed)>,
    killed: bool,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = |_| Process::start(folder.path(), plan.fill);
        Self {
            plan,
            sources: Arc::default(),
            clients: Vec::new(),
            processes: (0..plan.processes).map(start).collect(),
            folder,
            now: Duration::ZERO,
            handed: Vec::new(),
            killed: false,
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Arrive {
                process,
                key,
                in_part,
            } => {
                let Process { runtime, front, .. } = &self.processes[process];
                let asked = (key, in_part);
                let client = Client::arrive(runtime, process, front, &self.sources, asked);
                self.clients.push(client);
            }
            Step::Read(client, frames) => {
                if let Some(client) = self.clients.get(client) {
                    client.read(frames);
                }
            }
            Step::Leave(client) => {
                if let Some(client) = self.clients.get(client) {
                    client.leave();
                }
            }
            Step::Flow(key, frames) => self.sources.flow(key, frames),
            Step::Fail(key) => self.sources.fail(key),
            Step::Refuse(key, refuses) => self.sources.refuse(key, refuses),
            Step::Change(key) => self.sources.change(key),
            Step::Run(process, tasks) => self.processes[process].run(tasks),
            Step::Disk(process) => self.processes[process].disk(),
            Step::Moment => self.wait(Duration::from_millis(60)),
            Step::Long(whole) => {
                // What is asked of the disk takes no minute.
                (0..3).for_each(|_| self.go_on());
                self.wait(if whole { LEASE + LEASE / 3 } else { LEASE / 2 });
            }
            Step::Lose(key) => {
                self.sources.lose(key);
                for path in files_below(self.folder.path()) {
                    if !is_part(&path) && self.is_of(&path, key) {
                        std::fs::remove_file(&path).unwrap();
                        self.handed.retain(|(_, _, handed)| handed.path != path);
                    }
                }
            }
            Step::Kill(process) => self.kill(process),
        }
        self.note_handed();
    }

    /// Notes what was handed to proxies until now.
    fn note_handed(&mut self) {
        for client in &self.clients {
            if let Some(handed) = client.handed() {
                self.handed.push((self.now, client.key(), handed));
            }
        }
    }

    /// A copy of this key, by what it holds.
    fn is_of(&self, path: &Path, key: usize) -> bool {
        let bytes = std::fs::read(path).unwrap();
        let mut versions = 0..=self.sources.version(key);
        versions.any(|version| crate::source::content(key, version) == bytes)
    }

    fn wait(&mut self, time: Duration) {
        self.note_handed();
        self.now += time;
        for process in &self.processes {
            process.wait(time);
        }
    }

    fn go_on(&mut self) {
        for process in &mut self.processes {
            process.run(MANY);
            process.disk();
        }
    }

    /// Its tasks end where they are, and a part that it was filling stays, unlocked.
    fn kill(&mut self, number: usize) {
        self.killed = true;
        for client in &self.clients {
            if client.process == number {
                client.leave();
            }
        }
        let files = files_below(self.folder.path());
        let parts: Vec<_> = files.into_iter().filter(|path| is_part(path)).collect();
        let dead = self.processes.remove(number);
        drop(dead);
        for part in parts {
            if !part.exists() {
                std::fs::write(part, "half").unwrap();
            }
        }
        let anew = Process::start(self.folder.path(), self.plan.fill);
        anew.wait(Duration::ZERO);
        self.processes.insert(number, anew);
    }

    /// What must hold at every moment.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(broken) = self.sources.broken() {
            return Err(broken);
        }
        if let Some(broken) = self.clients.iter().find_map(Client::broken) {
            return Err(broken);
        }
        for (when, key, handed) in &self.handed {
            // The lease was counted from a moment before.
            let leased = *when + LEASE - Duration::from_secs(5) > self.now;
            let there = std::fs::read(&handed.path);
            if leased && there.as_ref().ok() != Some(&handed.bytes) {
                let since = self.now - *when;
                return Err(format!(
                    "a copy of key {key}, handed out {since:?} ago: {there:?}"
                ));
            }
        }
        let copies = files_below(self.folder.path());
        let held: u64 = copies
            .iter()
            .map(|path| path.metadata().map_or(0, |it| it.len()))
            .sum();
        // The bound is one of each process, and another one's copies are taken in as they are.
        let bound = BYTES * self.processes.len() as u64;
        let exact = !self.killed || self.processes.len() == 1;
        if exact && held > bound {
            return Err(format!("{held} bytes in the folder"));
        }
        Ok(())
    }

    /// All sources flow, all clients read: everybody is served, and nothing is left.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        for key in 0..KEYS {
            self.sources.refuse(key, false);
            self.sources.flow(key, 10_000);
        }
        self.clients.iter().for_each(|client| client.read(1000));
        let mut rounds = 0;
        while !self.clients.iter().all(Client::has_ended) {
            self.go_on();
            self.wait(Duration::from_millis(60));
            self.check()?;
            rounds += 1;
            if rounds > 200 {
                let waits = self.clients.iter().filter(|client| !client.has_ended());
                let keys: Vec<_> = waits.map(Client::key).collect();
                return Err(format!("clients wait for ever, for the keys {keys:?}"));
            }
        }
        for _ in 0..20 {
            self.go_on();
            self.wait(Duration::from_millis(60));
        }
        self.check()?;
        let files = files_below(self.folder.path());
        let parts = files.iter().filter(|path| is_part(path)).count();
        // A part that a dead process left goes when its key is asked for again, or at the next start.
        if parts > 0 && !self.killed {
            return Err(format!("{parts} parts are left"));
        }
        for (number, process) in self.processes.iter().enumerate() {
            for key in 0..KEYS {
                let source = Source {
                    sources: Arc::clone(&self.sources),
                    key,
                };
                let status = process.spool.status(&source.cache_key().unwrap());
                if matches!(status, Status::Filling { .. }) {
                    return Err(format!(
                        "process {number} fills key {key} for nobody: {status:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

fn is_part(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "part")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}
