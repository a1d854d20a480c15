//! Has the kernel send a file's bytes to a connection, so that nothing on the event loop waits for a disk.
//!
//! 1. The socket has no room: its task waits, as for any write, and the next two are tried all the same before the client
//!    is cut.
//! 2. The page cache holds the next bytes, as far as two probes tell: they are sent in place, until the socket is full.
//! 3. Else they are sent on tokio's blocking pool, or behind the bulkhead of a storage whose file system may hang, and so
//!    are those that follow them; the bytes come as the disk has them, and nothing else is written to the connection
//!    meanwhile.
//! 4. The kernel cannot send this file (its file system, a sandbox): the bytes are read on the pool, and copied.
//!
//! A file that became shorter, or that was overwritten in place, ends the connection before its last bytes, if that is seen
//! before they were handed to the kernel. Until they are on the wire they are the file's own pages.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use downloadview::Error;
use downloadview::content::BoxFuture;
use tokio::io::AsyncWrite;

use super::calls::{self, Cached};
use super::outbox::Segment;
use super::socket::Socket;

/// Most bytes that are sent in place at once: a turn.
const AT_ONCE: usize = 512 << 10;

/// How far the page cache is looked at.
const LOOKED_AT: usize = 2 * AT_ONCE;

/// Bytes that follow some that a disk was waited for, and are sent on other threads too, whether the page cache has them
/// or not: whoever reaches the end of what was read ahead has the kernel read ahead further, which takes its time.
const COLD: u64 = 256 << 20;

/// Most bytes that are sent on another thread at once: the kernel does not stop in the middle of a call for a thread that
/// matters more.
const AT_ONCE_COLD: usize = 1 << 20;

/// Most bytes of a file that may hang: a bulkhead has no patience for more of a slow one.
const AT_ONCE_SLOW: usize = 256 << 10;

/// Most bytes that are copied at once.
const COPIED: usize = 64 << 10;

/// Files of this size and more are read further ahead.
const LARGE: u64 = 4 << 20;

/// Sends the files of one connection, one segment after the other.
#[derive(Default)]
pub(super) struct Sender {
    job: Option<Job>,
    /// The socket as the last job has it.
    lent: Weak<OwnedFd>,
    /// Bytes that were read to be copied, and how many of them are written.
    copied: Option<(Vec<u8>, usize)>,
    file: OfFile,
}

/// What is known of the file that is being sent.
#[derive(Debug, Default)]
struct OfFile {
    /// The kernel was told that it is read to its end.
    advised: bool,
    /// The kernel cannot send it.
    refused: bool,
    /// Whether it lies in memory, once that was asked.
    in_memory: Option<bool>,
    /// What the page cache was found to hold since the task last waited.
    at_hand: Range<u64>,
    /// Bytes yet to be sent on other threads without a look.
    cold: u64,
    /// Its first bytes follow the head that is being written, and what is known is from just before.
    announced: bool,
}

/// Work on another thread.
enum Job {
    Send(BoxFuture<'static, downloadview::Result<io::Result<usize>>>),
    Read(BoxFuture<'static, downloadview::Result<io::Result<Vec<u8>>>>),
}

/// Why no more is sent.
#[derive(Debug)]
pub(super) enum Fault {
    /// The client's, or the network's.
    Connection(io::Error),
    /// The file's.
    File(Error),
}

impl Sender {
    /// Whether a disk is waited for, and not the client.
    pub(super) fn waits_for_disk(&self) -> bool {
        self.job.is_some()
    }

    /// Whether a thread still has the socket, though nobody may wait for it any more.
    pub(super) fn has_lent_socket(&self) -> bool {
        self.lent.strong_count() > 0
    }

    /// Sends some of the bytes of `segment`: how many. With `offer` also where no room is announced, as
    /// [`Socket::offer`] does.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        segment: &Segment,
        offer: bool,
    ) -> Poll<Result<usize, Fault>> {
        self.turn_to(segment);
        let sent = self.poll_some(cx, socket, segment, offer);
        if sent.is_pending() {
            self.forget();
        }
        sent
    }

    /// What was in the page cache may not be there any more: a while goes by.
    pub(super) fn forget(&mut self) {
        self.file.at_hand = 0..0;
    }

    fn poll_some(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        segment: &Segment,
        mut offer: bool,
    ) -> Poll<Result<usize, Fault>> {
        loop {
            match &mut self.job {
                Some(Job::Send(job)) => {
                    let done = ready!(job.as_mut().poll(cx));
                    self.job = None;
                    match done.map_err(Fault::File)? {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => offer = false,
                        Err(error) if calls::is_unsupported(&error) => self.file.refused = true,
                        sent => {
                            let sent = judge(sent, segment);
                            let count = *sent.as_ref().unwrap_or(&0) as u64;
                            self.file.cold = self.file.cold.saturating_sub(count);
                            return Poll::Ready(sent);
                        }
                    }
                }
                Some(Job::Read(job)) => {
                    let done = ready!(job.as_mut().poll(cx));
                    self.job = None;
                    let bytes = done.map_err(Fault::File)?;
                    let bytes = bytes.map_err(|error| Fault::File(Error::other(error)))?;
                    if bytes.is_empty() {
                        return Poll::Ready(Err(truncated(segment)));
                    }
                    self.copied = Some((bytes, 0));
                }
                None if self.copied.is_some() => return self.poll_copied(cx, socket, offer),
                None => {
                    let announced = socket.poll_write_ready(cx).map_err(Fault::Connection)?;
                    if announced.is_pending() && !offer {
                        return Poll::Pending;
                    }
                    // Else a job has begun, or the socket has no room after all and its task is woken by some.
                    if let Some(sent) = self.start(socket, segment, announced.is_pending())? {
                        return Poll::Ready(Ok(sent));
                    }
                    if announced.is_pending() {
                        // Offered once; what the kernel cannot send is yet to be read.
                        offer = self.job.is_some() || self.file.refused;
                    }
                }
            }
        }
    }

    /// Sends in place, or starts a job. `None`: look again.
    fn start(
        &mut self,
        socket: &Socket,
        segment: &Segment,
        offer: bool,
    ) -> Result<Option<usize>, Fault> {
        if !self.file.refused
            && let Some(count) = self.at_hand(segment)
        {
            check(segment, count)?;
            let part = &segment.part;
            let send = |fd: BorrowedFd<'_>| calls::sendfile(fd, part.file(), segment.offset, count);
            let sent = match offer {
                true => send(socket.as_fd()),
                false => socket.try_write(send),
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if calls::is_unsupported(&error) => self.file.refused = true,
                sent => {
                    let sent = judge(sent, segment)?;
                    if sent < count {
                        // Most likely it is full. To ask costs less than to try, and so the task is not woken before
                        // there is room for more than a little.
                        let _ = socket.try_write(calls::has_room);
                    }
                    return Ok(Some(sent));
                }
            }
            return Ok(None);
        }
        // Only a look within `try_write` lets the task be woken by room; a job's own full socket does not.
        match socket.try_write(calls::has_room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !offer {
                    return Ok(None);
                }
            }
            room => room.map_err(Fault::Connection)?,
        }
        self.job = Some(self.job(socket, segment)?);
        Ok(None)
    }

    /// What is known of another file does not count for this one.
    fn turn_to(&mut self, segment: &Segment) {
        let announced = std::mem::take(&mut self.file.announced);
        if segment.is_start() && !announced && self.job.is_none() && self.copied.is_none() {
            self.file = OfFile::default();
        }
    }

    /// Whether the first bytes of a file can be sent without waiting.
    pub(super) fn begins_at_once(&mut self, segment: &Segment) -> bool {
        self.file.announced = false;
        self.turn_to(segment);
        self.forget();
        let at_once = self.at_hand(segment).is_some();
        self.file.announced = true;
        at_once
    }

    /// How many bytes the next call can send without waiting.
    fn at_hand(&mut self, segment: &Segment) -> Option<usize> {
        if self.file.at_hand.contains(&segment.offset) {
            let known = self.file.at_hand.end - segment.offset;
            let most = segment.left.min(AT_ONCE);
            return Some(usize::try_from(known).map_or(most, |known| known.min(most)));
        }
        if self.file.cold > 0 {
            return None;
        }
        let count = segment.left.min(LOOKED_AT);
        if !self.is_cached(segment, count) {
            self.file.cold = COLD;
            return None;
        }
        self.file.at_hand = segment.offset..segment.offset + count as u64;
        Some(count.min(AT_ONCE))
    }

    fn is_cached(&mut self, segment: &Segment, count: usize) -> bool {
        if segment.part.may_hang() {
            return false;
        }
        let file = segment.part.file();
        match calls::cached(file, segment.offset, count) {
            Cached::Yes => true,
            Cached::No => false,
            Cached::Unknown => {
                let in_memory = &mut self.file.in_memory;
                *in_memory.get_or_insert_with(|| calls::is_in_memory(file))
            }
        }
    }

    fn job(&mut self, socket: &Socket, segment: &Segment) -> Result<Job, Fault> {
        let (part, offset) = (&segment.part, segment.offset);
        // Too few descriptors are no reason to end a download.
        let lent = socket.as_fd().try_clone_to_owned().ok();
        let Some(lent) = lent.filter(|_| !self.file.refused) else {
            let count = segment.left.min(COPIED);
            check(segment, count)?;
            return Ok(Job::Read(part.run(move |file| read(file, offset, count))));
        };
        let lent = Arc::new(lent);
        self.lent = Arc::downgrade(&lent);
        let count = match part.may_hang() {
            true => segment.left.min(AT_ONCE_SLOW),
            false => segment.left.min(AT_ONCE_COLD),
        };
        check(segment, count)?;
        let large = part.range().len() >= LARGE;
        let advise = large && !std::mem::replace(&mut self.file.advised, true);
        Ok(Job::Send(part.run(move |file| {
            calls::lower_priority();
            if advise {
                calls::will_read_on(file);
            }
            calls::sendfile(lent.as_fd(), file, offset, count)
        })))
    }

    fn poll_copied(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        offer: bool,
    ) -> Poll<Result<usize, Fault>> {
        let Some((bytes, written)) = &mut self.copied else {
            return Poll::Ready(Ok(0));
        };
        let rest = &bytes[*written..];
        let write = match Pin::new(&mut *socket).poll_write(cx, rest) {
            Poll::Pending if offer => socket.offer(&[IoSlice::new(rest)]),
            write => write,
        };
        let count = ready!(write).map_err(Fault::Connection)?;
        *written += count;
        if *written == bytes.len() {
            self.copied = None;
        }
        Poll::Ready(Ok(count))
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("waits_for_disk", &self.waits_for_disk())
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// What came of a call that sends.
fn judge(sent: io::Result<usize>, segment: &Segment) -> Result<usize, Fault> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut};

    match sent {
        Ok(0) => Err(truncated(segment)),
        Ok(count) => Ok(count),
        Err(error) => Err(match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | TimedOut => {
                Fault::Connection(error)
            }
            _ => Fault::File(Error::other(error)),
        }),
    }
}

fn truncated(segment: &Segment) -> Fault {
    let missing = segment.part.range().end() - segment.offset;
    Fault::File(Error::Truncated { missing })
}

/// Before the last bytes: is the file still what the head says?
fn check(segment: &Segment, count: usize) -> Result<(), Fault> {
    match segment.ends_with(count) {
        true => segment.part.check().map_err(Fault::File),
        false => Ok(()),
    }
}

/// Waits for the disk.
fn read(file: &File, offset: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    loop {
        match file.read_at(&mut bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => {
                bytes.truncate(read?);
                return Ok(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests;
