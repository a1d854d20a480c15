//! Has the kernel send a file's bytes to a connection, so that nothing on the event loop waits for a disk.
//!
//! 1. The socket has no room: its task waits, as for any write.
//! 2. The page cache holds the next bytes, as far as two probes tell: they are sent in place.
//! 3. Else they are sent on tokio's blocking pool, or behind the bulkhead of a storage whose file system may hang; the
//!    bytes follow as they come from the disk, and nothing else is written to the connection meanwhile.
//! 4. The kernel cannot send this file (its file system, a sandbox): the bytes are read on the pool, and copied.
//!
//! A file that became shorter, or that was overwritten in place, ends the connection before its last bytes, if that is seen
//! before they were handed to the kernel. Until they are on the wire they are the file's own pages.

use std::fs::File;
use std::io;
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

    /// Sends some of the bytes of `segment`: how many.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket,
        segment: &Segment,
    ) -> Poll<Result<usize, Fault>> {
        self.turn_to(segment);
        loop {
            match &mut self.job {
                Some(Job::Send(job)) => {
                    let done = ready!(job.as_mut().poll(cx));
                    self.job = None;
                    match done.map_err(Fault::File)? {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) if calls::is_unsupported(&error) => self.file.refused = true,
                        sent => return Poll::Ready(judge(sent, segment)),
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
                None if self.copied.is_some() => return self.poll_copied(cx, socket),
                None => {
                    ready!(socket.poll_write_ready(cx)).map_err(Fault::Connection)?;
                    // Else a job has begun, or the socket has no room after all and its task is woken by some.
                    if let Some(sent) = self.start(socket, segment)? {
                        return Poll::Ready(Ok(sent));
                    }
                }
            }
        }
    }

    /// Sends in place, or starts a job. `None`: look again.
    fn start(&mut self, socket: &Socket, segment: &Segment) -> Result<Option<usize>, Fault> {
        if !self.file.refused && self.is_cached(segment) {
            let count = segment.left.min(AT_ONCE);
            check(segment, count)?;
            let part = &segment.part;
            let send = |fd: BorrowedFd<'_>| calls::sendfile(fd, part.file(), segment.offset, count);
            match socket.try_write(send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if calls::is_unsupported(&error) => self.file.refused = true,
                sent => return judge(sent, segment).map(Some),
            }
            return Ok(None);
        }
        // Only a look within `try_write` lets the task be woken by room; a job's own full socket does not.
        match socket.try_write(calls::has_room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            room => room.map_err(Fault::Connection)?,
        }
        self.job = Some(self.job(socket, segment)?);
        Ok(None)
    }

    /// What is known of another file does not count for this one.
    fn turn_to(&mut self, segment: &Segment) {
        if segment.is_start() && self.job.is_none() && self.copied.is_none() {
            self.file = OfFile::default();
        }
    }

    /// Whether the first bytes of a file can be sent without waiting.
    pub(super) fn begins_at_once(&mut self, segment: &Segment) -> bool {
        self.turn_to(segment);
        self.is_cached(segment)
    }

    /// Whether the bytes of the next call can be sent without waiting.
    fn is_cached(&mut self, segment: &Segment) -> bool {
        if segment.part.may_hang() {
            return false;
        }
        let file = segment.part.file();
        match calls::cached(file, segment.offset, segment.left.min(AT_ONCE)) {
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
            false => segment.left,
        };
        check(segment, count)?;
        let large = part.range().len() >= LARGE;
        let advise = large && !std::mem::replace(&mut self.file.advised, true);
        Ok(Job::Send(part.run(move |file| {
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
    ) -> Poll<Result<usize, Fault>> {
        let Some((bytes, written)) = &mut self.copied else {
            return Poll::Ready(Ok(0));
        };
        let write = Pin::new(socket).poll_write(cx, &bytes[*written..]);
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
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream as Peer;

    use bytes::Bytes;
    use downloadview::content::{ByteRange, FilePart};
    use tokio::net::UnixStream;
    use tokio::task::yield_now;
    use tokio::time::{Duration, timeout};

    use super::*;
    use crate::server::outbox::{FileBody, Outbox};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// A socket, its client, what is sent there, and what has come.
    struct Line {
        sender: Sender,
        socket: Socket,
        peer: Peer,
        outbox: Outbox,
        body: FileBody,
        tag: Bytes,
        came: Vec<u8>,
        /// Whether a disk was waited for.
        waited: bool,
    }

    /// Bytes of which none is zero, and none is that of a near place.
    fn pattern(length: usize) -> Vec<u8> {
        (0..length)
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 13) as u8 | 1)
            .collect()
    }

    /// A file on a disk, not in the page cache.
    fn cold(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile_in("/var/tmp").unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        file
    }

    fn part(file: File, start: u64, end: u64) -> FilePart {
        FilePart::new(file, ByteRange::new(start, end).unwrap())
    }

    impl Line {
        fn new(part: FilePart) -> Self {
            let (peer, ours) = Peer::pair().unwrap();
            peer.set_nonblocking(true).unwrap();
            ours.set_nonblocking(true).unwrap();
            Self {
                sender: Sender::default(),
                socket: Socket::Unix(UnixStream::from_std(ours).unwrap()),
                peer,
                outbox: Outbox::default(),
                body: FileBody::new(part),
                tag: Bytes::new(),
                came: Vec::new(),
                waited: false,
            }
        }

        /// The segment to send next; `None` when everything was sent.
        fn segment(&mut self) -> Option<Segment> {
            if self.tag.is_empty() {
                self.tag = self.body.next(&self.outbox)?.unwrap();
            }
            Some(self.outbox.behind(&self.tag).unwrap())
        }

        /// One step, as the stream makes it.
        fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Fault>> {
            let Some(segment) = self.segment() else {
                return Poll::Ready(None);
            };
            let sent = self.sender.poll_send(cx, &mut self.socket, &segment);
            self.waited |= self.sender.waits_for_disk();
            match ready!(sent) {
                Ok(count) => {
                    self.outbox.sent(count);
                    let _ = self.tag.split_to(count);
                    self.poll_step(cx)
                }
                Err(fault) => Poll::Ready(Some(fault)),
            }
        }

        /// Reads what has come.
        fn take(&mut self) {
            let mut bytes = [0; 9000];
            while let Ok(count @ 1..) = self.peer.read(&mut bytes) {
                self.came.extend_from_slice(&bytes[..count]);
            }
        }

        /// Sends everything to a client that reads whenever nothing goes on; the fault that ended it.
        async fn run(&mut self) -> Option<Fault> {
            let run = async {
                loop {
                    let step = poll_fn(|cx| Poll::Ready(self.poll_step(cx))).await;
                    self.take();
                    if let Poll::Ready(end) = step {
                        return end;
                    }
                    yield_now().await;
                }
            };
            timeout(DEADLINE, run).await.unwrap()
        }

        async fn run_whole(&mut self) {
            let fault = self.run().await;
            assert!(fault.is_none(), "{fault:?}");
        }

        /// Fills the socket with bytes of its own, and returns their number.
        async fn fill(&mut self) -> usize {
            let mut filled = 0;
            for _ in 0..1000 {
                let write = poll_fn(|cx| {
                    Poll::Ready(Pin::new(&mut self.socket).poll_write(cx, &[b'.'; 4096]))
                });
                match write.await {
                    Poll::Ready(count) => filled += count.unwrap(),
                    Poll::Pending if filled > 0 => return filled,
                    Poll::Pending => yield_now().await,
                }
            }
            panic!("the socket is never full");
        }
    }

    #[tokio::test]
    async fn what_the_page_cache_holds_is_sent_in_place() {
        let bytes = pattern(3_000_000);
        let mut file = tempfile::tempfile_in("/dev/shm").unwrap();
        file.write_all(&bytes).unwrap();
        let mut line = Line::new(part(file, 1_000_001, 2_999_999));
        line.run_whole().await;
        assert!(!line.waited, "memory is not waited for");
        assert!(line.came == bytes[1_000_001..2_999_999]);
    }

    #[tokio::test]
    async fn what_must_come_from_the_disk_is_sent_on_another_thread() {
        let bytes = pattern(6_000_000);
        let mut line = Line::new(part(cold(&bytes), 0, 6_000_000));
        line.run_whole().await;
        assert!(line.waited, "the first bytes were not cached");
        assert!(line.came == bytes);
    }

    /// The room that a job was started for may be gone when it comes to send.
    #[tokio::test]
    async fn a_job_that_finds_the_socket_full_is_followed_by_one_that_room_wakes() {
        let bytes = pattern(3_000_000);
        let mut line = Line::new(part(cold(&bytes), 0, 3_000_000));
        let filled = line.fill().await;
        let full = Ok(Err(io::ErrorKind::WouldBlock.into()));
        line.sender.job = Some(Job::Send(Box::pin(ready(full))));
        let step = poll_fn(|cx| Poll::Ready(line.poll_step(cx))).await;
        assert!(step.is_pending());
        assert!(
            !line.sender.waits_for_disk(),
            "it is the client that is waited for"
        );
        line.take();
        assert_eq!(line.came.len(), filled);
        // No step is made but when the socket wakes its task.
        let sent = timeout(
            DEADLINE,
            poll_fn(|cx| match line.poll_step(cx) {
                Poll::Pending if line.outbox.behind(&line.tag).unwrap().is_start() => Poll::Pending,
                _ => Poll::Ready(()),
            }),
        );
        sent.await.unwrap();
        line.run_whole().await;
        assert!(line.came[filled..] == bytes);
    }

    /// The kernel sends no file that has no pages, such as this process's memory, though it can be read.
    #[tokio::test]
    async fn what_the_kernel_does_not_send_is_copied() {
        let bytes = pattern(3_000_000);
        let memory = File::open("/proc/self/mem").unwrap();
        let start = bytes.as_ptr().addr() as u64;
        let environment = File::open("/proc/self/environ").unwrap();
        let refused = calls::sendfile(Peer::pair().unwrap().0.as_fd(), &environment, 0, 10);
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let refused = calls::sendfile(Peer::pair().unwrap().0.as_fd(), &memory, start, 10);
        assert!(calls::is_unsupported(&refused.unwrap_err()));
        let mut line = Line::new(part(memory, start, start + 3_000_000));
        line.run_whole().await;
        assert!(line.sender.file.refused);
        assert!(line.came == bytes);
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_ends_with_what_it_has() {
        for warm in [true, false] {
            let bytes = pattern(3_000_000);
            let file = cold(&bytes[..2_000_000]);
            if warm {
                (&file).read_to_end(&mut Vec::new()).unwrap();
            }
            let mut line = Line::new(part(file, 0, 3_000_000));
            let fault = line.run().await;
            let missing = |fault: &Fault| {
                matches!(fault, Fault::File(Error::Truncated { missing: 1_000_000 }))
            };
            assert!(fault.as_ref().is_some_and(missing), "{fault:?}");
            assert!(line.came == bytes[..2_000_000], "no more, and no zeros");
        }
    }

    #[tokio::test]
    async fn a_client_that_has_gone_is_no_fault_of_the_file() {
        let mut line = Line::new(part(cold(&pattern(3_000_000)), 0, 3_000_000));
        let (other, _) = Peer::pair().unwrap();
        line.peer = other;
        let fault = line.run().await;
        assert!(matches!(fault, Some(Fault::Connection(_))), "{fault:?}");
    }

    #[tokio::test]
    async fn a_thread_that_waits_for_a_disk_has_the_socket_until_it_is_done() {
        let mut line = Line::new(part(cold(&pattern(100_000)), 0, 100_000));
        let lent = Arc::new(line.socket.as_fd().try_clone_to_owned().unwrap());
        line.sender.lent = Arc::downgrade(&lent);
        line.sender.job = Some(Job::Send(Box::pin(pending())));
        assert!(line.sender.waits_for_disk());
        line.sender.job = None;
        assert!(
            line.sender.has_lent_socket(),
            "nobody waits, but the thread goes on"
        );
        drop(lent);
        assert!(!line.sender.has_lent_socket());
    }
}
