//! Where a run takes place: the folder with the files, the two cores, and how long to measure.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::task::Poll;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::files::{self, MIB};
use crate::proc;

/// `f_type` of tmpfs, which answers no `RWF_NOWAIT`: reading from it would measure another path than a disk's.
const TMPFS: u64 = 0x0102_1994;

/// Taken by a signal, and not given back.
static STOPPING: Mutex<()> = Mutex::new(());

/// Bytes that a busy neighbour copies again and again: more than any cache holds.
const HOG: usize = 64 << 20;

/// How long to look at the cores' clocks, which are coarse.
const GLANCE: Duration = Duration::from_millis(100);

/// Everything that a scenario needs from outside; dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) binaries: Binaries,
    /// This program, which is most of the peers.
    pub(crate) harness: PathBuf,
    pub(crate) cores: Cores,
    pub(crate) plan: Plan,
}

/// The programs that are measured and are not this one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binaries {
    /// The one that is judged; `None` compares the peers alone.
    pub(crate) gateway: Option<PathBuf>,
    /// An earlier one, as a peer of the first.
    pub(crate) before: Option<PathBuf>,
    /// Another server of files, which is not built here.
    pub(crate) static_web_server: Option<PathBuf>,
}

/// Which core runs what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// How often a scenario starts its servers anew.
    pub(crate) sittings: usize,
    /// About how long a server's turn takes, when it answers with small files.
    slice: Duration,
    /// Bytes that each server sends of a large file in all.
    large: u64,
    /// Turns of a scenario that may be taken again because other programs disturbed them.
    pub(crate) repeats: usize,
    /// How long a sitting may wait for other programs to leave the cores alone.
    patience: Duration,
}

/// How servers take turns in one sitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    /// Turns of every server.
    pub(crate) rounds: usize,
    /// About how long one turn takes; zero for a single request on each connection.
    pub(crate) slice: Duration,
}

impl Plan {
    /// Figures to quote.
    pub(crate) const fn full() -> Self {
        Self {
            sittings: 7,
            slice: Duration::from_millis(1000),
            large: 28 * 1024 * MIB,
            repeats: 10,
            patience: Duration::from_secs(2),
        }
    }

    /// Shows that everything works.
    pub(crate) const fn quick() -> Self {
        Self {
            sittings: 2,
            slice: Duration::from_millis(100),
            large: 2 * 1024 * MIB,
            repeats: 0,
            patience: Duration::ZERO,
        }
    }

    /// The turns of one sitting, for answers of this length.
    ///
    /// What a large file costs varies twofold from one download to the next and stays high for seconds at times, whoever
    /// sends it: many turns of one download give a steadier median than a few long ones.
    pub(crate) fn turns(&self, length: u64) -> Turns {
        if length <= MIB {
            return Turns {
                rounds: 1,
                slice: self.slice,
            };
        }
        let downloads = (self.large / length) as usize / self.sittings;
        Turns {
            rounds: downloads.clamp(1, 14),
            slice: Duration::ZERO,
        }
    }
}

impl Lab {
    /// Makes the files in a new folder below `parent` and keeps this process, the client, to its core.
    ///
    /// # Errors
    /// When the gateway is missing, the folder lies on tmpfs or has a name that configurations cannot hold, or there
    /// is but one core.
    pub(crate) fn open(parent: &Path, binaries: Binaries, plan: Plan) -> Result<Self> {
        let given = binaries.gateway.iter().chain(&binaries.before);
        if let Some(path) = given.into_iter().find(|path| !path.is_file()) {
            bail!(
                "{} does not exist; run cargo build --profile dist -p downloadview-gateway, or pass --only-peers",
                path.display()
            );
        }
        if let Some(path) = binaries.static_web_server.iter().find(|it| !it.is_file()) {
            bail!(
                "{} does not exist; run cargo install static-web-server --version ^2 --no-default-features",
                path.display()
            );
        }
        check_parent(parent)?;
        let cores = Cores::choose()?;
        let folder = tempfile::Builder::new()
            .prefix("downloadview-benches-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(parent)
            .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
        remove_when_stopped(folder.path().to_owned())?;
        let lab = Self {
            folder,
            binaries,
            harness: std::env::current_exe().context("cannot find this program's own file")?,
            cores,
            plan,
        };
        fs::create_dir_all(lab.files())?;
        files::create_all(&lab.files())?;
        cores.keep_client()?;
        Ok(lab)
    }

    /// Has somebody copy memory on the client's core from now on, as on a machine that is in use: caches and memory are
    /// shared, and the client is not always there.
    pub(crate) fn keep_busy(&mut self) {
        // There will be no calm to wait for.
        self.plan.patience = Duration::ZERO;
        std::thread::spawn(|| {
            let (mut to, from) = (vec![0_u8; HOG], vec![1_u8; HOG]);
            loop {
                to.copy_from_slice(&from);
                std::hint::black_box(&mut to);
            }
        });
    }

    /// Waits, no longer than the plan allows, until nobody else is at work on the two cores.
    pub(crate) fn wait_for_calm(&self) -> Result<()> {
        let deadline = Instant::now() + self.plan.patience;
        while Instant::now() < deadline {
            let before = self.busy()?;
            sleep(GLANCE);
            if self.busy()? - before <= 2 * proc::tick() {
                break;
            }
        }
        Ok(())
    }

    fn busy(&self) -> Result<u64> {
        Ok(proc::busy(self.cores.server)? + proc::busy(self.cores.client)?)
    }

    /// The root of the servers that map the whole URL: `/files/NAME` is a file below it.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("www")
    }

    /// The folder of the test files.
    pub(crate) fn files(&self) -> PathBuf {
        self.path("www/files")
    }

    /// A place for a configuration or a log.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Cores {
    /// The first two cores that this process may use.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("cannot read the allowed cores")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (Some(server), Some(client)) = (cores.next(), cores.next()) else {
            bail!("two cores are needed, one for the servers and one for the client");
        };
        Ok(Self { server, client })
    }

    fn keep_client(self) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(self.client);
        sched_setaffinity(None, &set).context("cannot pin the client to its core")
    }
}

/// Writes a text, creating or replacing the file.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Does not return from an interrupted run: the process ends once the folder is removed, and not before.
pub(crate) fn stay_while_stopping() {
    drop(STOPPING.lock());
}

/// Lets an interrupted run leave nothing behind; its servers end with it by themselves.
fn remove_when_stopped(folder: PathBuf) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(std::future::poll_fn(|context| {
            match interrupt.poll_recv(context) {
                Poll::Pending => terminate.poll_recv(context),
                ready => ready,
            }
        }));
        let _until_the_end = STOPPING.lock();
        // Under another name first, since the run goes on meanwhile and would put new files among those removed.
        let gone = folder.with_extension("gone");
        if let Err(error) = fs::rename(&folder, &gone).and_then(|()| fs::remove_dir_all(&gone)) {
            eprintln!("error: cannot remove {}: {error}", folder.display());
        }
        std::process::exit(130);
    });
    Ok(())
}

fn check_parent(parent: &Path) -> Result<()> {
    let kind = rustix::fs::statfs(parent)
        .with_context(|| format!("cannot read the folder {}", parent.display()))?
        .f_type;
    ensure!(
        u64::try_from(kind) != Ok(TMPFS),
        "{} lies on tmpfs; pass --dir with a folder on a disk",
        parent.display()
    );
    // Configurations of three servers name the folder; no quoting of theirs is needed for these.
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let name = parent.as_os_str().as_encoded_bytes();
    ensure!(
        parent.is_absolute() && name.iter().all(plain),
        "{}: --dir must be absolute and made of letters, digits, `.`, `_` and `-`",
        parent.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_folders_that_configurations_cannot_hold() {
        let parent = tempfile::tempdir_in("/var/tmp").unwrap();
        let odd = parent.path().join("a b;");
        fs::create_dir(&odd).unwrap();
        let error = check_parent(&odd).unwrap_err().to_string();
        assert!(error.contains("--dir must be absolute"), "{error}");
        check_parent(parent.path()).unwrap();
    }

    #[test]
    fn large_files_take_many_short_turns() {
        let plan = Plan::full();
        assert_eq!(
            (plan.turns(MIB).rounds, plan.turns(MIB).slice),
            (1, plan.slice)
        );
        let hundred = plan.turns(100 * MIB);
        assert_eq!((hundred.rounds, hundred.slice), (14, Duration::ZERO));
        let thousand = plan.turns(1024 * MIB);
        assert_eq!((thousand.rounds, thousand.slice), (4, Duration::ZERO));
    }

    #[test]
    fn a_missing_gateway_is_named_with_how_to_build_it() {
        let missing = || Some(PathBuf::from("/nonexistent/downloadview"));
        let here = || std::env::current_exe().ok();
        for (gateway, before) in [(missing(), None), (here(), missing())] {
            let binaries = Binaries {
                gateway,
                before,
                ..Binaries::default()
            };
            let error = Lab::open(Path::new("/var/tmp"), binaries, Plan::quick()).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("/nonexistent/downloadview"), "{text}");
            assert!(text.contains("--only-peers"), "{text}");
        }
    }
}
