//! What lies in a spool's folder, for a program beside those that use it: it lists, verifies and
//! removes while they run.
//!
//! - Nothing is taken in and nothing is promised: a [`Survey`] has no index, and hands out nothing.
//! - **Leases of other processes are respected.** A process that hands a copy out notes on the file
//!   when, under a shared lock, before it says so to the proxy. Who removes a copy takes that lock
//!   alone, reads the note, and leaves the copy if a lease that began then may still run. A lease
//!   counts a quarter longer here, because a copy that is handed out all the time is noted four times
//!   in a lease.
//! - A part is locked by the process that fills it, and left alone while it is.
//! - A file that is not the spool's is listed, and never removed.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use super::folder::{Inode, Root};
use super::index::kept;
use super::moment::Moment;
use super::name::CopyName;
use super::settings::Settings;
use super::walk::{Removal, Seen, Thing};

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// A look at the folder of a spool from outside. Made by
/// [`SpoolBuilder::survey`](super::SpoolBuilder::survey) with the settings of those who use it.
///
/// Everything here waits for the disk: in a program with a runtime it belongs on a thread that may.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let folder = dir.path();
/// use downloadview::spool::{Removed, Spool};
///
/// let survey = Spool::builder(folder).survey()?;
/// let mut entries = Vec::new();
/// survey.walk(|entry| entries.push(entry))?;
/// for entry in survey.to_prune(&entries, None) {
///     if survey.remove(entry)? == Removed::Yes {
///         println!("{} is gone", entry.name);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Survey {
    root: Root,
    settings: Settings,
}

/// Something that lies in the folder. [`Survey::walk`] gives them.
///
/// ```
/// use downloadview::spool::{Entry, EntryKind};
///
/// /// What copies that nobody needs now take up.
/// fn idle(entries: &[Entry]) -> u64 {
///     let idle = |entry: &&Entry| entry.kind == EntryKind::Copy && !entry.leased;
///     entries.iter().filter(idle).map(|entry| entry.bytes).sum()
/// }
/// assert_eq!(idle(&[]), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its path below the folder.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was made or last handed out, to a quarter of a lease, by the clock of this machine.
    pub used: SystemTime,
    /// Whether a proxy may still have to open it.
    pub leased: bool,
    /// For how long that may still be so: zero where it is not.
    pub lease_left: Duration,
    copy: Option<CopyName>,
    inode: Inode,
}

/// What something in the folder is.
///
/// ```
/// use downloadview::spool::EntryKind;
/// assert_eq!(EntryKind::Part.to_string(), "part");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A copy that all requests for its file share.
    Copy,
    /// A copy that goes when its lease ends, such as one that was made for one request.
    Once,
    /// A copy that a process is making.
    Part,
    /// What a process that has ended left of a copy.
    Leftover,
    /// A file with the name of a copy and another length than the name says.
    Damaged,
    /// Something that is not the spool's.
    Foreign,
}

/// What became of something that was to be removed: the answer of [`Survey::remove`].
///
/// ```
/// use downloadview::spool::Removed;
///
/// fn told(removed: Removed) -> Option<&'static str> {
///     match removed {
///         Removed::InUse => Some("still in use"),
///         _ => None, // gone, by us or by somebody else
///     }
/// }
/// assert_eq!(told(Removed::Gone), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removed {
    /// It is gone now.
    Yes,
    /// It was not there any more, or is another file now.
    Gone,
    /// It stays: a proxy may still have to open it, a process fills it, or it is not the spool's.
    InUse,
}

/// What is wrong with something in the folder. [`Display`](fmt::Display) gives a sentence that says
/// how to fix it.
///
/// ```
/// use downloadview::spool::Fault;
/// assert!(Fault::Leftover.to_string().contains("prune"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It is not the spool's.
    Foreign,
    /// A process that has ended left it.
    Leftover,
    /// Its length is not the one in its name.
    Length,
    /// Others than its owner may write to it.
    Writable,
    /// The group of the folder, which should be the proxy's, may not read it.
    Unreadable,
    /// The group of the folder is not let into a folder within it that the copy lies in.
    Closed,
    /// The disk does not give its bytes.
    Disk(io::Error),
}

impl Survey {
    pub(super) fn new(root: Root, settings: Settings) -> Self {
        Self { root, settings }
    }

    /// How many bytes the copies may have together.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.settings.max_bytes
    }

    /// Looks at everything that lies in the folder, in no order.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn walk(&self, mut each: impl FnMut(Entry)) -> io::Result<()> {
        self.root.walk(|seen| each(self.entry(seen)))
    }

    fn entry(&self, seen: Seen) -> Entry {
        let (kind, copy) = match seen.thing {
            Thing::Copy(copy) if seen.bytes != copy.size => (EntryKind::Damaged, Some(copy)),
            Thing::Copy(copy) if copy.id.one_time => (EntryKind::Once, Some(copy)),
            Thing::Copy(copy) => (EntryKind::Copy, Some(copy)),
            Thing::Part { locked: true } => (EntryKind::Part, None),
            Thing::Part { locked: false } => (EntryKind::Leftover, None),
            Thing::Foreign => (EntryKind::Foreign, None),
        };
        let left = self.lease_left(&seen).filter(|_| kind.is_copy());
        Entry {
            kind,
            bytes: seen.bytes,
            used: seen.changed,
            leased: left.is_some(),
            lease_left: left.unwrap_or_default(),
            name: seen.path,
            copy,
            inode: seen.inode,
        }
    }

    /// For how long a lease may still run that began when the file was marked so; `None` if it has ended.
    fn lease_left(&self, seen: &Seen) -> Option<Duration> {
        let longest = kept(self.settings.lease, false);
        let since = match Moment::of_mark(seen.below_second) {
            Some(moment) => moment.until(Moment::now()),
            // Never handed out; or the file system keeps no more of a time than its second.
            None => seen.changed.elapsed().unwrap_or_default(),
        };
        longest.checked_sub(since).filter(|left| !left.is_zero())
    }

    /// What may go: leftovers, damaged files, copies that go with their lease, copies that a newer one has
    /// replaced; then those that were not used for longer than `unused_for`, if it is stated; and
    /// those that were used least recently, until the rest keeps the bounds of the spool.
    #[must_use]
    pub fn to_prune<'e>(
        &self,
        entries: &'e [Entry],
        unused_for: Option<Duration>,
    ) -> Vec<&'e Entry> {
        let mut newest: HashMap<_, &Entry> = HashMap::new();
        let keyed = || entries.iter().filter(|it| it.kind == EntryKind::Copy);
        for entry in keyed() {
            let Some(copy) = entry.copy else { continue };
            let known = newest.entry(copy.id).or_insert(entry);
            if known.used < entry.used {
                *known = entry;
            }
        }
        let is_old = |entry: &Entry| {
            let unused = entry.used.elapsed().unwrap_or_default();
            unused_for.is_some_and(|longest| unused > longest)
        };
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for entry in entries {
            let newest = entry.copy.and_then(|copy| newest.get(&copy.id));
            let replaced = newest.is_some_and(|newest| newest.name != entry.name);
            match entry.kind {
                EntryKind::Foreign | EntryKind::Part => {}
                _ if entry.leased => stay.push(entry),
                EntryKind::Copy if !replaced && !is_old(entry) => stay.push(entry),
                _ => go.push(entry),
            }
        }
        stay.sort_by_key(|entry| entry.used);
        let mut bytes: u64 = stay.iter().map(|entry| entry.bytes).sum();
        let mut files = stay.len();
        for entry in stay {
            if bytes <= self.settings.max_bytes && files <= self.settings.max_files {
                break;
            }
            if !entry.leased {
                bytes -= entry.bytes;
                files -= 1;
                go.push(entry);
            }
        }
        go
    }

    /// What may go if the folder is to be empty: everything that is the spool's, but what a process
    /// fills and what is leased.
    #[must_use]
    pub fn to_clear<'e>(&self, entries: &'e [Entry]) -> Vec<&'e Entry> {
        let stays = |entry: &&Entry| {
            entry.leased || matches!(entry.kind, EntryKind::Foreign | EntryKind::Part)
        };
        entries.iter().filter(|entry| !stays(entry)).collect()
    }

    /// Removes one entry, if it is still the very file, and nobody uses it by now.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn remove(&self, entry: &Entry) -> io::Result<Removed> {
        let removal = match (entry.kind, entry.copy) {
            (EntryKind::Copy | EntryKind::Once, Some(copy)) => {
                let may = |seen: &Seen| self.lease_left(seen).is_none();
                self.root.remove_if(copy, entry.inode, may)?
            }
            (EntryKind::Damaged, Some(copy)) => {
                self.root.remove_if(copy, entry.inode, |_| false)?
            }
            (EntryKind::Leftover, _) => self.root.remove_leftover(&entry.name, entry.inode)?,
            _ => return Ok(Removed::InUse),
        };
        Ok(match removal {
            Removal::Removed => Removed::Yes,
            Removal::Gone => Removed::Gone,
            Removal::Kept(_) | Removal::Filled => Removed::InUse,
        })
    }

    /// Reads a copy to its end and looks at its mode: what is wrong with it. `read` is told of each
    /// piece how many bytes it had.
    ///
    /// A name says of which file, which state and which length a copy is. It holds no hash of the
    /// content, so a byte that the disk changed in silence is not found.
    #[must_use]
    pub fn verify(&self, entry: &Entry, mut read: impl FnMut(u64)) -> Vec<Fault> {
        let copy = match (entry.kind, entry.copy) {
            (EntryKind::Copy | EntryKind::Once, Some(copy)) => copy,
            (EntryKind::Part, _) => return Vec::new(),
            (EntryKind::Leftover, _) => return vec![Fault::Leftover],
            (EntryKind::Damaged, _) => return vec![Fault::Length],
            _ => return vec![Fault::Foreign],
        };
        let opened = match self.root.open_copy(copy) {
            Ok(Some(opened)) => opened,
            // It went meanwhile, as copies do.
            Ok(None) => return Vec::new(),
            Err(error) => return vec![Fault::Disk(error)],
        };
        let mut faults = Vec::new();
        if opened.mode & 0o022 != 0 {
            faults.push(Fault::Writable);
        }
        let of_group = opened.of_group && opened.mode & 0o040 != 0;
        if !of_group && opened.mode & 0o004 == 0 {
            faults.push(Fault::Unreadable);
        }
        if matches!(self.root.lets_group_into(copy.id.within()), Ok(false)) {
            faults.push(Fault::Closed);
        }
        let mut buffer = vec![0; CHUNK];
        let mut length = 0;
        loop {
            match rustix::io::read(&opened.file, &mut buffer[..]) {
                Ok(0) => break,
                Ok(bytes) => {
                    length += bytes as u64;
                    read(bytes as u64);
                }
                Err(Errno::INTR) => {}
                Err(error) => {
                    faults.push(Fault::Disk(error.into()));
                    return faults;
                }
            }
        }
        if length != copy.size {
            faults.push(Fault::Length);
        }
        faults
    }
}

impl EntryKind {
    fn is_copy(self) -> bool {
        matches!(self, Self::Copy | Self::Once)
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Copy => "copy",
            Self::Once => "once",
            Self::Part => "part",
            Self::Leftover => "leftover",
            Self::Damaged => "damaged",
            Self::Foreign => "foreign",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a file of the spool; move it elsewhere"),
            Self::Leftover => f.write_str("left by a process that has ended; prune removes it"),
            Self::Length => f.write_str("has another length than its name says; prune removes it"),
            Self::Writable => {
                f.write_str("others than its owner may write to it: chmod 0440, or remove it")
            }
            Self::Unreadable => f.write_str(
                "the group of the folder may not read it: chgrp and chmod g+r, or remove it",
            ),
            Self::Closed => f.write_str(
                "the group of the folder is not let into the folders within it: chgrp -R the whole folder to its group, \
                 and chmod g+rx those folders, but `private`",
            ),
            Self::Disk(error) => write!(f, "cannot be read: {error}; remove it"),
        }
    }
}
