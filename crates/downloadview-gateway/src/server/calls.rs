//! The system calls behind files that the kernel sends itself. What another system than Linux does not have is refused
//! with `Unsupported`, and the bytes are copied.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

/// Whether the page cache holds some bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cached {
    Yes,
    No,
    /// The file system does not tell.
    Unknown,
}

/// Whether `error` says that the kernel cannot send this file itself: not of this file system, not in this sandbox.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let errno = Errno::from_io_error(error);
    // The last one: offsets that the file's or the socket's file system cannot hold.
    let refused = [
        Errno::INVAL,
        Errno::NOSYS,
        Errno::OPNOTSUPP,
        Errno::PERM,
        Errno::OVERFLOW,
    ];
    error.kind() == io::ErrorKind::Unsupported
        || errno.is_some_and(|errno| refused.contains(&errno))
}

/// Sends bytes of `file` from `offset` on. Fewer do not mean that the socket is full, and 0 is the end of the file.
#[cfg(target_os = "linux")]
pub(super) fn sendfile(
    socket: BorrowedFd<'_>,
    file: &File,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    loop {
        let mut offset = offset;
        match rustix::fs::sendfile(socket, file, Some(&mut offset), count) {
            Err(rustix::io::Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

/// Sends `slices`, of an answer whose next bytes follow at once.
#[cfg(target_os = "linux")]
pub(super) fn send_more(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    send_with(socket, slices, rustix::net::SendFlags::MORE)
}

/// Sends `slices`.
#[cfg(target_os = "linux")]
pub(super) fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    send_with(socket, slices, rustix::net::SendFlags::empty())
}

#[cfg(target_os = "linux")]
fn send_with(
    socket: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    flags: rustix::net::SendFlags,
) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

    let flags = flags | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let sent = sendmsg(socket, slices, &mut SendAncillaryBuffer::default(), flags);
    Ok(sent?)
}

/// Whether the page cache holds the first and the last of these bytes, and so most likely all of them.
#[cfg(target_os = "linux")]
pub(super) fn cached(file: &File, offset: u64, count: usize) -> Cached {
    let last = offset + (count as u64).saturating_sub(1);
    match is_cached(file, offset) {
        Cached::Yes => is_cached(file, last),
        other => other,
    }
}

#[cfg(target_os = "linux")]
fn is_cached(file: &File, offset: u64) -> Cached {
    use rustix::io::{Errno, ReadWriteFlags};

    let mut byte = [0];
    let mut room = [io::IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(file, &mut room, offset, ReadWriteFlags::NOWAIT) {
        Ok(1) => Cached::Yes,
        // Not the end of the file, for Linux 5.9 and 5.10: preadv2(2), BUGS.
        Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Cached::No,
        Err(_) => Cached::Unknown,
    }
}

/// Whether the file lies in memory, where nothing waits for a disk.
#[cfg(target_os = "linux")]
pub(super) fn is_in_memory(file: &File) -> bool {
    /// `statfs(2)`: tmpfs, ramfs.
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];
    let found = rustix::fs::fstatfs(file);
    found.is_ok_and(|found| IN_MEMORY.contains(&(found.f_type as u32)))
}

/// Has the kernel read further ahead, unless it reads far ahead anyway: the more of it is beyond the end of what was asked
/// for, the more is for nobody.
#[cfg(target_os = "linux")]
pub(super) fn will_read_on(file: &File) {
    if read_ahead(file).is_none_or(|bytes| bytes < FAR_AHEAD) {
        // Advice; what refuses it works all the same.
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    }
}

/// What needs no advice. The kernel's default for most disks is 128 KiB.
#[cfg(target_os = "linux")]
const FAR_AHEAD: u64 = 4 << 20;

/// How many bytes the kernel reads ahead on the file system of `file`, if that is told.
#[cfg(target_os = "linux")]
fn read_ahead(file: &File) -> Option<u64> {
    let device = rustix::fs::fstat(file).ok()?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let told = std::fs::read_to_string(format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb"));
    bytes_of(&told.ok()?)
}

/// The bytes of a number that means KiB.
#[cfg(target_os = "linux")]
fn bytes_of(told: &str) -> Option<u64> {
    let kibibytes: u64 = told.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Lets the event loop have a core before this thread, which is one of those that wait for disks, from now on. In between
/// it sends megabytes in one call, and where there are more of its kind than cores, everybody else's answers wait for them.
#[cfg(target_os = "linux")]
pub(super) fn lower_priority() {
    thread_local! {
        static LOWERED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if LOWERED.replace(true) {
        return;
    }
    // On Linux that is of this thread alone (nice(2), "C library/kernel differences"). It is about time, not bytes, so a
    // sandbox that refuses it is obeyed.
    let _ = rustix::process::nice(NICER);
}

/// A tenth of the event loop's share where both want the core (`sched(7)`, "The nice value").
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

/// Succeeds if the socket takes more bytes, or fails at once with all it is given.
pub(super) fn has_room(socket: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut asked = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut asked, Some(&at_once))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    pub(in super::super) fn sendfile(
        _: BorrowedFd<'_>,
        _: &File,
        _: u64,
        _: usize,
    ) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn send_more(_: BorrowedFd<'_>, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn send(_: BorrowedFd<'_>, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn cached(_: &File, _: u64, _: usize) -> Cached {
        Cached::No
    }

    pub(in super::super) fn is_in_memory(_: &File) -> bool {
        false
    }

    pub(in super::super) fn will_read_on(_: &File) {}

    pub(in super::super) fn lower_priority() {}
}
#[cfg(not(target_os = "linux"))]
pub(super) use self::elsewhere::*;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_for_disks_has_a_lower_priority_and_no_other_has() {
        // Of the thread that asks.
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let lowered = std::thread::spawn(move || {
            lower_priority();
            lower_priority();
            nice()
        });
        assert_eq!(lowered.join().unwrap(), (before + NICER).min(19));
        assert_eq!(nice(), before);
    }

    #[test]
    fn how_far_is_read_ahead_is_told_in_kibibytes_or_not_at_all() {
        assert_eq!(bytes_of("128\n"), Some(128 << 10));
        assert_eq!(bytes_of(""), None);
        // No disk is behind these.
        assert_eq!(read_ahead(&File::open("/proc/self/stat").unwrap()), None);
    }
}
