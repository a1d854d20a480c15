//! A storage on a mount that stops answering: a FUSE file system of the test's own, mounted for real.

use std::ffi::OsStr;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, Request,
    SessionACL,
};
use proxy_tests::{Proxy, Request as Ask, Site, configuration};

const READY: &str = "ready\n";
const READY_INODE: INodeNo = INodeNo(2);
/// Nothing is cached, so that every request reaches the file system.
const FORGOTTEN: Duration = Duration::ZERO;

/// Replies that are never given, until the test lets go.
#[derive(Default, Clone)]
struct Held {
    lookups: Arc<Mutex<Vec<ReplyEntry>>>,
    released: Arc<AtomicBool>,
}

impl Held {
    fn count(&self) -> usize {
        let lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        lookups.len()
    }

    /// Answers what hangs, and from now on everything.
    fn let_go(&self) {
        self.released.store(true, Ordering::Relaxed);
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        lookups
            .drain(..)
            .for_each(|reply| reply.error(Errno::ENOENT));
    }
}

/// `ready.txt` is read at once, what begins with `lost` is never found, until the test lets go.
struct Slow(Held);

fn attributes(inode: INodeNo) -> FileAttr {
    let folder = inode == INodeNo::ROOT;
    FileAttr {
        ino: inode,
        size: READY.len() as u64,
        blocks: 1,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH + Duration::from_secs(1_600_000_000),
        ctime: UNIX_EPOCH + Duration::from_secs(1_600_000_000),
        crtime: UNIX_EPOCH,
        kind: if folder {
            FileType::Directory
        } else {
            FileType::RegularFile
        },
        perm: if folder { 0o755 } else { 0o644 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        flags: 0,
        blksize: 512,
    }
}

impl Filesystem for Slow {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match name.to_str() {
            Some("ready.txt") => reply.entry(&FORGOTTEN, &attributes(READY_INODE), Generation(0)),
            Some(name) if name.starts_with("lost") && !self.0.released.load(Ordering::Relaxed) => {
                let mut held = self
                    .0
                    .lookups
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                held.push(reply);
            }
            _ => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FORGOTTEN, &attributes(inode));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        _: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(READY.len());
        reply.data(&READY.as_bytes()[start..]);
    }
}

/// Takes the mount away with the test, whoever still waits for it.
struct Mounted {
    path: PathBuf,
    _session: ManuallyDrop<BackgroundSession>,
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The session itself would wait until nobody uses it; its thread ends with the process.
        let detached = Command::new("umount").arg("-l").arg(&self.path).status();
        if !detached.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path.display());
        }
    }
}

/// A site with the storages `media`, on disk, and `slow`.
fn site(held: &Held) -> (Site, Mounted) {
    let more = "\n[storages.slow]\nkind = \"local\"\nroot = \"slow\"\n\n[[views]]\nroute = \"/slow/{*path}\"\n\
        kind = \"storage\"\nstorage = \"slow\"\n\n[server]\nthreads = 1\nshutdown_timeout = \"1s\"\n";
    let site = Site::new(&(configuration(Proxy::Nginx) + more));
    site.make_folder("slow");
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("slow".to_owned())];
    // The gateway is another user than root.
    config.acl = SessionACL::All;
    let mounted = fuser::spawn_mount(Slow(held.clone()), site.path("slow"), &config);
    let mounted = mounted.expect("a FUSE file system can be mounted: it takes root and /dev/fuse");
    let mounted = Mounted {
        path: site.path("slow"),
        _session: ManuallyDrop::new(mounted),
    };
    (site, mounted)
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "waited in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hung_mount_delays_no_other_storage_and_is_503() {
    let held = Held::default();
    let (site, _mounted) = site(&held);
    site.write("media/a.txt", "a");
    let gateway = site.start_gateway();
    assert_eq!(gateway.get("/slow/ready.txt").text(), READY);
    let ended = Arc::new(AtomicUsize::new(0));
    // More than there are threads for the storage.
    let hung: Vec<_> = (0..40)
        .map(|number| {
            let (ended, address) = (Arc::clone(&ended), gateway.address());
            let target = format!("/slow/lost-{number}.txt");
            std::thread::spawn(move || {
                let answer = Ask::get(&target).send(address).expect("an answer");
                ended.fetch_add(1, Ordering::Relaxed);
                answer
            })
        })
        .collect();
    wait("the first requests hang", || held.count() > 0);
    for _ in 0..50 {
        assert_eq!(gateway.get("/files/a.txt").status, 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "they hang still");
    for answer in hung {
        let answer = answer.join().expect("asked");
        assert_eq!(answer.status, 503, "{}", answer.head());
    }
    held.let_go();
    wait("it answers again", || {
        gateway.get("/slow/ready.txt").status == 200
    });
}
