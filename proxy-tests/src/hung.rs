//! A mount that stops answering: a FUSE file system of our own, mounted for real. It takes root and `/dev/fuse`.

use std::ffi::OsStr;
use std::fmt;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, Request,
    SessionACL,
};

const READY_INODE: INodeNo = INodeNo(2);
const STUCK_INODE: INodeNo = INodeNo(3);
/// Of `stuck.bin`: up to here it is read at once.
const STUCK_FROM: u64 = 256 << 10;
/// Nothing is cached, so that every request reaches the file system.
const FORGOTTEN: Duration = Duration::ZERO;

/// A mounted folder. In it `ready.txt` is read at once, what begins with `lost` hangs until it is let go, and `stuck.bin`
/// is found but its second part not read until then; what hangs wholly does not even tell what its root is.
///
/// It lets go and is unmounted when dropped. Drop it before a server that waits for it: the kernel lets nobody end
/// whose request a file system has taken and not answered.
pub struct HungMount {
    path: PathBuf,
    state: Arc<Mutex<State>>,
    _session: ManuallyDrop<BackgroundSession>,
}

/// What hangs, and the replies that are not given until then.
#[derive(Default)]
struct State {
    released: bool,
    wholly: bool,
    lookups: Vec<ReplyEntry>,
    reads: Vec<(u32, ReplyData)>,
    looks: Vec<(INodeNo, ReplyAttr)>,
}

impl HungMount {
    /// The content of `ready.txt`.
    pub const READY: &str = "ready\n";
    /// How many bytes `stuck.bin` has, all of them `x`.
    pub const STUCK: u64 = 1 << 20;

    /// Mounts it over a folder.
    ///
    /// # Panics
    /// Without root or `/dev/fuse`.
    #[must_use]
    #[track_caller]
    pub fn over(folder: &Path) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("slow".to_owned())];
        // The gateway is another user than root.
        config.acl = SessionACL::All;
        let session = fuser::spawn_mount(Slow(Arc::clone(&state)), folder, &config);
        let session =
            session.expect("a FUSE file system can be mounted: it takes root and /dev/fuse");
        Self {
            path: folder.to_owned(),
            state,
            _session: ManuallyDrop::new(session),
        }
    }

    /// How many look-ups, looks and reads hang.
    #[must_use]
    pub fn held(&self) -> usize {
        let state = lock(&self.state);
        state.lookups.len() + state.looks.len() + state.reads.len()
    }

    /// Lets everything hang from now on, looks at the root too.
    pub fn hang_wholly(&self) {
        lock(&self.state).wholly = true;
    }

    /// Answers what hangs wholly, and lets only what begins with `lost` hang.
    pub fn answer_looks(&self) {
        let mut state = lock(&self.state);
        state.wholly = false;
        for (inode, reply) in state.looks.drain(..) {
            reply.attr(&FORGOTTEN, &attributes(inode));
        }
    }

    /// Answers what hangs, and from now on everything.
    pub fn let_go(&self) {
        self.answer_looks();
        let mut state = lock(&self.state);
        state.released = true;
        for reply in state.lookups.drain(..) {
            reply.error(Errno::ENOENT);
        }
        for (size, reply) in state.reads.drain(..) {
            reply.data(&vec![b'x'; size as usize]);
        }
    }
}

impl fmt::Debug for HungMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HungMount").field(&self.path).finish()
    }
}

impl Drop for HungMount {
    fn drop(&mut self) {
        self.let_go();
        // The session itself would wait until nobody uses it; its thread ends with the process.
        let detached = Command::new("umount").arg("-l").arg(&self.path).status();
        if !detached.is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.path.display());
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Slow(Arc<Mutex<State>>);

fn attributes(inode: INodeNo) -> FileAttr {
    let folder = inode == INodeNo::ROOT;
    FileAttr {
        ino: inode,
        size: match inode {
            STUCK_INODE => HungMount::STUCK,
            _ => HungMount::READY.len() as u64,
        },
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
        let mut state = lock(&self.0);
        let lost = name.to_str().is_some_and(|name| name.starts_with("lost"));
        if state.wholly || (lost && !state.released) {
            state.lookups.push(reply);
        } else if name == "ready.txt" {
            reply.entry(&FORGOTTEN, &attributes(READY_INODE), Generation(0));
        } else if name == "stuck.bin" {
            reply.entry(&FORGOTTEN, &attributes(STUCK_INODE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let mut state = lock(&self.0);
        if state.wholly {
            state.looks.push((inode, reply));
        } else {
            reply.attr(&FORGOTTEN, &attributes(inode));
        }
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if inode == STUCK_INODE {
            let left = HungMount::STUCK.saturating_sub(offset);
            let size = size.min(u32::try_from(left).unwrap_or(u32::MAX));
            let mut state = lock(&self.0);
            if offset + u64::from(size) > STUCK_FROM && !state.released {
                state.reads.push((size, reply));
            } else {
                reply.data(&vec![b'x'; size as usize]);
            }
            return;
        }
        let content = HungMount::READY.as_bytes();
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(content.len());
        reply.data(&content[start..]);
    }
}
