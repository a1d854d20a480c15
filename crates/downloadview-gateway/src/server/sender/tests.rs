//! Files on a disk, in memory and of no kind that the kernel sends, to a client that reads when nothing else goes on.

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

/// Has the page cache hold a file.
fn read_in(file: &File) {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
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
        let sent = self.sender.poll_send(cx, &mut self.socket, &segment, false);
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
            let write =
                poll_fn(|cx| Poll::Ready(Pin::new(&mut self.socket).poll_write(cx, &[b'.'; 4096])));
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

/// The next bytes lie in the page cache by then, having been read ahead.
#[tokio::test]
async fn what_follows_bytes_from_the_disk_is_sent_on_other_threads_too() {
    let bytes = pattern(6_000_000);
    let mut line = Line::new(part(cold(&bytes), 0, 6_000_000));
    line.run_whole().await;
    assert_eq!(line.sender.file.cold, COLD - 6_000_000);
    assert!(line.came == bytes);
}

#[tokio::test]
async fn the_page_cache_is_looked_at_once_until_the_client_is_waited_for() {
    let file = cold(&pattern(3_000_000));
    read_in(&file);
    let mut line = Line::new(part(file, 0, 3_000_000));
    let segment = line.segment().unwrap();
    assert!(line.sender.begins_at_once(&segment));
    assert_eq!(line.sender.file.at_hand, 0..LOOKED_AT as u64);
    assert_eq!(line.sender.at_hand(&segment), Some(AT_ONCE));
    // Nothing is sent before the event queue has told of the room.
    while line.segment().unwrap().is_start() {
        yield_now().await;
        let step = poll_fn(|cx| Poll::Ready(line.poll_step(cx))).await;
        assert!(step.is_pending());
    }
    assert_eq!(line.sender.file.at_hand, 0..0, "it may be gone by then");
}

/// The head of an answer and the first bytes of its file are written one after the other.
#[tokio::test]
async fn what_was_found_before_the_head_is_not_looked_for_again_after_it() {
    let mut line = Line::new(part(cold(&pattern(3_000_000)), 0, 3_000_000));
    let segment = line.segment().unwrap();
    assert!(!line.sender.begins_at_once(&segment));
    // As if it had been there.
    line.sender.file.cold = 0;
    line.sender.file.at_hand = 0..100;
    // The socket is known to have room once it has taken something.
    line.fill().await;
    line.take();
    let offer = true;
    let sent = poll_fn(|cx| {
        let sent = line.sender.poll_send(cx, &mut line.socket, &segment, offer);
        Poll::Ready(sent)
    });
    assert!(matches!(sent.await, Poll::Ready(Ok(1..=100))));
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

/// From memory, from a disk, and copied.
#[tokio::test]
async fn a_full_socket_takes_what_is_offered_once_its_client_took_some() {
    let bytes = pattern(300_000);
    let mut memory = tempfile::tempfile_in("/dev/shm").unwrap();
    memory.write_all(&bytes).unwrap();
    for way in 0..3 {
        let file = match way {
            0 => memory.try_clone().unwrap(),
            _ => cold(&bytes),
        };
        let mut line = Line::new(part(file, 0, 300_000));
        let filled = line.fill().await;
        if way == 2 {
            line.sender.copied = Some((bytes.clone(), 0));
        }
        let sent = async |line: &mut Line| {
            let offered = poll_fn(|cx| {
                let segment = line.segment().unwrap();
                let sent = line.sender.poll_send(cx, &mut line.socket, &segment, true);
                match sent {
                    Poll::Pending if line.sender.waits_for_disk() => Poll::Pending,
                    sent => Poll::Ready(sent),
                }
            });
            timeout(DEADLINE, offered).await.unwrap()
        };
        assert!(sent(&mut line).await.is_pending(), "nothing was taken");
        // Far less than what a waiting task is woken for.
        let mut some = [0; 3 * 4096];
        line.peer.read_exact(&mut some).unwrap();
        let step = poll_fn(|cx| Poll::Ready(line.poll_step(cx))).await;
        assert!(step.is_pending() && line.segment().unwrap().is_start());
        let Poll::Ready(Ok(count)) = sent(&mut line).await else {
            panic!("there is room");
        };
        line.outbox.sent(count);
        let _ = line.tag.split_to(count);
        line.run_whole().await;
        assert!(line.came[filled - some.len()..] == bytes);
    }
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
            read_in(&file);
        }
        let mut line = Line::new(part(file, 0, 3_000_000));
        let fault = line.run().await;
        let missing =
            |fault: &Fault| matches!(fault, Fault::File(Error::Truncated { missing: 1_000_000 }));
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
