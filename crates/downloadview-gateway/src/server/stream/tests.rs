//! The time-outs of a connection, on a clock that the tests move.

use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream as Peer;

use tokio::net::UnixStream;
use tokio::time::advance;

use super::*;
use crate::config::ServerSettings;
use crate::server::unsent::Reserve;

const HEAD: &str = "GET / HTTP/1.1\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

/// A stream with limits of 10 s for heads, 75 s for idling, 60 s for writes, 100 s for answers; its peer; what it is
/// doing.
fn pair() -> (Stream, Peer, Arc<Activity>) {
    let (peer, ours) = Peer::pair().unwrap();
    peer.set_nonblocking(true).unwrap();
    ours.set_nonblocking(true).unwrap();
    let socket = Socket::Unix(UnixStream::from_std(ours).unwrap());
    let limits = Limits {
        header: 10 * SECOND,
        idle: 75 * SECOND,
        write: Some(60 * SECOND),
        answer: Some(100 * SECOND),
        reserve: Arc::new(Reserve::new(&ServerSettings::default())),
    };
    let activity = Arc::new(Activity::new(&ServerSettings::default()));
    let stream = Stream::new(socket, Arc::new(limits), Arc::clone(&activity));
    (stream, peer, activity)
}

/// One try to read: how many bytes came in.
async fn poll_read(stream: &mut Stream) -> Poll<io::Result<usize>> {
    poll_fn(|cx| {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let result = Pin::new(&mut *stream).poll_read(cx, &mut buffer);
        Poll::Ready(result.map_ok(|()| buffer.filled().len()))
    })
    .await
}

async fn poll_write(stream: &mut Stream) -> Poll<io::Result<usize>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_write(cx, &[0; 4096]))).await
}

async fn poll_flush(stream: &mut Stream) -> Poll<io::Result<()>> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_flush(cx))).await
}

/// Polls until the stream has seen what its peer did.
async fn flushed_after_close(stream: &mut Stream) {
    for _ in 0..1000 {
        assert!(matches!(poll_flush(stream).await, Poll::Ready(Ok(()))));
        if stream.closed.is_some() {
            return;
        }
        yield_now().await;
    }
    panic!("nobody looks whether the client has left");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_noticed_while_its_answer_has_nothing_to_write() {
    let (mut stream, peer, activity) = pair();
    activity.answer_begins(false);
    assert!(matches!(poll_flush(&mut stream).await, Poll::Ready(Ok(()))));
    drop(peer);
    flushed_after_close(&mut stream).await;
    advance(4 * SECOND).await;
    assert!(matches!(poll_flush(&mut stream).await, Poll::Ready(Ok(()))));
    advance(2 * SECOND).await;
    assert!(timed_out(poll_flush(&mut stream).await));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closed_its_side_and_goes_on_taking_bytes_is_served() {
    let (mut stream, peer, activity) = pair();
    activity.answer_begins(false);
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..10 {
        flushed_after_close(&mut stream).await;
        advance(4 * SECOND).await;
        assert!(matches!(poll_write(&mut stream).await, Poll::Ready(Ok(_))));
    }
    // Between answers it is hyper that sees the end.
    activity.answer_ends();
    advance(20 * SECOND).await;
    assert!(matches!(poll_flush(&mut stream).await, Poll::Ready(Ok(()))));
}

fn timed_out<T>(result: Poll<io::Result<T>>) -> bool {
    matches!(result, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::TimedOut)
}

/// Sends from the peer, and waits for the bytes to be seen.
async fn say(peer: &mut Peer, stream: &mut Stream, text: &str) {
    peer.write_all(text.as_bytes()).unwrap();
    for _ in 0..1000 {
        match poll_read(stream).await {
            Poll::Ready(read) => return assert_eq!(read.unwrap(), text.len()),
            Poll::Pending => yield_now().await,
        }
    }
    panic!("the bytes do not arrive");
}

/// Writes until nothing goes in any more; whether anything went in.
async fn fill(stream: &mut Stream) -> bool {
    let mut written = false;
    for _ in 0..1000 {
        match poll_write(stream).await {
            Poll::Ready(result) => written |= result.unwrap() > 0,
            Poll::Pending => yield_now().await,
        }
    }
    written
}

#[tokio::test(start_paused = true)]
async fn progress_starts_the_clock_of_a_slow_reader_anew() {
    let (mut stream, mut peer, _) = pair();
    assert!(fill(&mut stream).await);
    advance(40 * SECOND).await;
    while peer.read(&mut [0; 4096]).is_ok() {}
    assert!(fill(&mut stream).await);
    advance(40 * SECOND).await;
    assert!(poll_write(&mut stream).await.is_pending());
    advance(21 * SECOND).await;
    assert!(timed_out(poll_write(&mut stream).await));
}

/// How the bytes of an answer may be written.
#[derive(Debug, Clone, Copy)]
enum Way {
    One,
    Several,
    File,
}

/// A stream that sends a file, or bytes that are not of a file; its peer, which has as much as it can hold; a tag of that
/// file.
async fn full(way: Way) -> (Stream, Peer, Option<bytes::Bytes>) {
    let (mut stream, peer, _) = pair();
    assert!(fill(&mut stream).await);
    let tag = matches!(way, Way::File).then(|| {
        let mut file = tempfile::tempfile_in("/dev/shm").unwrap();
        file.write_all(&vec![0; 1 << 20]).unwrap();
        let range = downloadview::content::ByteRange::new(0, 1 << 20).unwrap();
        let part = downloadview::content::FilePart::new(file, range);
        let mut body = outbox::FileBody::new(part);
        body.next(&stream.activity.outbox).unwrap().unwrap()
    });
    (stream, peer, tag)
}

async fn poll_way(
    stream: &mut Stream,
    way: Way,
    tag: &mut Option<bytes::Bytes>,
) -> Poll<io::Result<usize>> {
    let some = [b'.'; 2048];
    let written = poll_fn(|cx| {
        let stream = Pin::new(&mut *stream);
        Poll::Ready(match (way, &*tag) {
            (Way::One, _) => stream.poll_write(cx, &some),
            (_, Some(tag)) => stream.poll_write_vectored(cx, &[IoSlice::new(tag)]),
            _ => stream.poll_write_vectored(cx, &[IoSlice::new(&some), IoSlice::new(&some)]),
        })
    })
    .await;
    if let (Poll::Ready(Ok(count)), Some(tag)) = (&written, tag) {
        let _ = tag.split_to(*count);
    }
    written
}

/// The room is never announced: that would take three quarters of what the socket holds.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_within_each_limit_is_served_and_cut_when_it_stops() {
    for way in [Way::One, Way::Several, Way::File] {
        let (mut stream, mut peer, mut tag) = full(way).await;
        assert!(poll_way(&mut stream, way, &mut tag).await.is_pending());
        // A file's bytes go beyond what the socket may hold, by a pipe full of them.
        let mut some = match way {
            Way::File => vec![0; 80 << 10],
            _ => vec![0; 8 << 10],
        };
        advance(3 * SECOND).await;
        assert!(poll_way(&mut stream, way, &mut tag).await.is_pending());
        advance(56 * SECOND).await;
        assert!(poll_way(&mut stream, way, &mut tag).await.is_pending());
        for round in 0..5 {
            // A little before the end of a limit, and then at that of each.
            let left = if round == 0 { 0 } else { 59_u32 };
            peer.read_exact(&mut some).unwrap();
            advance(SECOND * left).await;
            let early = poll_way(&mut stream, way, &mut tag).await;
            assert!(early.is_pending(), "{way:?}, {round}: room was announced");
            advance(2 * SECOND).await;
            // An answer may take no longer than its own limit, which is not meant here.
            stream.activity.answer_begins(false);
            let mut taken = 0;
            while let Poll::Ready(count) = poll_way(&mut stream, way, &mut tag).await {
                taken += count.unwrap();
            }
            assert!(taken > 0, "{way:?}, {round}");
        }
        advance(59 * SECOND).await;
        assert!(poll_way(&mut stream, way, &mut tag).await.is_pending());
        advance(2 * SECOND).await;
        assert!(timed_out(poll_way(&mut stream, way, &mut tag).await));
    }
}

/// The kernels of both sides fill up for a while.
#[tokio::test(start_paused = true)]
async fn what_a_client_takes_at_once_and_no_more_gives_it_no_more_time() {
    let way = Way::Several;
    let (mut stream, mut peer, mut tag) = full(way).await;
    assert!(poll_way(&mut stream, way, &mut tag).await.is_pending());
    peer.read_exact(&mut [0; 8 << 10]).unwrap();
    advance(3 * SECOND).await;
    let mut taken = 0;
    while let Poll::Ready(count) = poll_way(&mut stream, way, &mut tag).await {
        taken += count.unwrap();
    }
    assert!(taken > 0);
    advance(61 * SECOND).await;
    assert!(timed_out(poll_way(&mut stream, way, &mut tag).await));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_everything_gives_the_others_a_turn_that_no_limit_counts() {
    let (mut stream, mut peer, _) = pair();
    let (mut taken, mut turns) = (0, 0);
    while turns < 3 {
        match poll_write(&mut stream).await {
            Poll::Ready(written) => taken += written.unwrap(),
            // The event queue has not told of the room yet.
            Poll::Pending if taken == 0 => {}
            Poll::Pending => {
                assert_eq!(taken, TURN, "a turn, not a full socket");
                (taken, turns) = (0, turns + 1);
            }
        }
        while peer.read(&mut [0; 4096]).is_ok() {}
        // A new budget: tokio's own must not be what makes it wait.
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn slow_progress_does_not_hold_a_connection_for_ever() {
    let (mut stream, mut peer, activity) = pair();
    for _ in 0..2 {
        activity.answer_begins(false);
        for _ in 0..3 {
            assert!(fill(&mut stream).await);
            advance(33 * SECOND).await;
            while peer.read(&mut [0; 4096]).is_ok() {}
        }
        activity.answer_ends();
    }
    advance(2 * SECOND).await;
    assert!(timed_out(poll_write(&mut stream).await));
}

#[tokio::test(start_paused = true)]
async fn asks_nothing_of_the_client_while_a_request_is_answered() {
    let (mut stream, mut peer, activity) = pair();
    say(&mut peer, &mut stream, HEAD).await;
    assert!(poll_read(&mut stream).await.is_pending());
    activity.answer_begins(false);
    advance(3600 * SECOND).await;
    assert!(poll_read(&mut stream).await.is_pending());
    activity.answer_ends();
    assert!(poll_read(&mut stream).await.is_pending());
    advance(74 * SECOND).await;
    assert!(poll_read(&mut stream).await.is_pending());
    advance(2 * SECOND).await;
    assert!(timed_out(poll_read(&mut stream).await));
}

#[tokio::test(start_paused = true)]
async fn gives_each_head_its_own_time() {
    let (mut stream, mut peer, activity) = pair();
    for _ in 0..2 {
        say(&mut peer, &mut stream, "GET").await;
        assert!(poll_read(&mut stream).await.is_pending());
        advance(9 * SECOND).await;
        say(&mut peer, &mut stream, " / HTTP/1.1\r\n\r").await;
        say(&mut peer, &mut stream, "\n").await;
        assert!(poll_read(&mut stream).await.is_pending());
        activity.answer_begins(false);
        activity.answer_ends();
        advance(70 * SECOND).await;
    }
    say(&mut peer, &mut stream, "GET").await;
    assert!(poll_read(&mut stream).await.is_pending());
    advance(9 * SECOND).await;
    say(&mut peer, &mut stream, " /").await;
    advance(2 * SECOND).await;
    assert!(timed_out(poll_read(&mut stream).await));
}
