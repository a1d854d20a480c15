//! A connection's socket with its timeouts: slow heads, idle clients, clients that stop reading.
//!
//! | waiting for | counted from | limit |
//! |---|---|---|
//! | the first byte of a new connection | its start | `header_timeout` |
//! | the rest of a request's head | its first byte | `header_timeout` |
//! | the next request | the end of the answer before | `idle_timeout` |
//! | room to write | when the kernel had all that it takes | `write_timeout` |
//! | the end of an answer | its first byte | `download_timeout` |
//! | an answer's next byte, once the client has closed its side | then, or the last byte taken | 5 s |
//!
//! While a request is being answered nothing is asked of the client but to read. A connection that never waits never
//! touches a timer: one is made at the first wait, and moved only when it fires too early.
//!
//! The kernel announces room only when half of what it may hold is free, which a slow client takes long to take. So once
//! `write_timeout` has passed, the bytes are offered unasked: the client is cut if the kernel takes none, and else its time
//! begins anew, when the kernel has all it takes. So that this is true of the first time too, they are offered once soon
//! after a wait began: what the client's kernel takes for its own buffer does not count as progress.
//!
//! A client that takes everything at once would keep its thread, and every other connection on it waiting: after 512 KiB
//! the others have a turn, which no limit counts.

mod activity;
mod timer;

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::Instant;

use self::activity::Phase;
pub(super) use self::activity::{Activity, Limits};
use self::timer::Timer;
use super::calls;
use super::outbox;
use super::sender::{Fault, Sender};
use super::socket::Socket;
use super::unsent::Unsent;

/// A socket that fails with `TimedOut` when its client takes too long.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    limits: Arc<Limits>,
    activity: Arc<Activity>,
    /// Made for the first file that the kernel sends.
    sender: Option<Box<Sender>>,
    /// How much the kernel may hold of what is sent.
    unsent: Unsent,
    /// Since when, and in which phase, nothing came in.
    silent: Option<(Phase, Instant)>,
    /// Since when the client has taken nothing.
    stalled: Option<Instant>,
    /// While bytes are offered that no room was announced for: whether any were taken.
    offered: Option<bool>,
    /// Whether, since the client was first waited for, the kernel was offered all that it takes.
    full: bool,
    /// Since when the client has closed its side, and taken nothing.
    closed: Option<Instant>,
    /// Which answer is being written, and since when.
    answer: Option<(u64, Instant)>,
    /// The last bytes that came in. Unless they end a head, the next one has begun, though nobody asked for it yet.
    tail: [u8; 4],
    /// Bytes written since the other connections of this thread had their turn.
    written: usize,
    /// Since when, and how many bytes, what the client still sends is discarded.
    lingering: Option<(Instant, usize)>,
    read_timer: Timer,
    write_timer: Timer,
    answer_timer: Timer,
}

impl Stream {
    pub(super) fn new(socket: Socket, limits: Arc<Limits>, activity: Arc<Activity>) -> Self {
        Self {
            unsent: Unsent::of(&limits.reserve),
            socket,
            limits,
            activity,
            sender: None,
            silent: None,
            stalled: None,
            offered: None,
            full: false,
            closed: None,
            answer: None,
            tail: *b"\r\n\r\n",
            written: 0,
            lingering: None,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            answer_timer: Timer::default(),
        }
    }

    /// Bytes came in: between requests they begin a head, whose clock then runs however it drips.
    fn heard(&mut self) {
        if matches!(self.activity.phase(), Phase::New | Phase::Idle) {
            self.activity.set(Phase::Head);
            self.silent = None;
        }
    }

    /// Keeps the last four bytes, however they were cut into reads.
    fn remember(&mut self, came: &[u8]) {
        let last = &came[came.len().saturating_sub(self.tail.len())..];
        self.tail.rotate_left(last.len());
        let kept = self.tail.len() - last.len();
        self.tail[kept..].copy_from_slice(last);
    }

    /// Whether what came in last ends the head of a request: an empty line, with CR or without.
    fn ends_head(&self) -> bool {
        self.tail == *b"\r\n\r\n" || self.tail.ends_with(b"\n\n")
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = match self.activity.phase() {
            Phase::Idle if !self.ends_head() => Phase::Head,
            phase => phase,
        };
        let Some(limit) = self.limits.silence(phase) else {
            return Poll::Pending;
        };
        let since = match self.silent {
            Some((same, since)) if same == phase => since,
            _ => {
                let now = Instant::now();
                self.silent = Some((phase, now));
                now
            }
        };
        self.read_timer.poll(cx, since + limit)
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(limit) = self.limits.write else {
            return Poll::Pending;
        };
        let since = *self.stalled.get_or_insert_with(Instant::now);
        let limit = match self.full {
            true => limit,
            false => FILLED.min(limit / 4),
        };
        self.write_timer.poll(cx, since + limit)
    }

    /// Whether what waits is to be offered now; else the alarm is set that will tell.
    fn offers(&mut self, cx: &mut Context<'_>) -> bool {
        if self.offered.is_none() && self.poll_stalled(cx).is_ready() {
            self.offered = Some(false);
        }
        self.offered.is_some()
    }

    /// Writes bytes that are no file's by `write`, and offers them if that waits for too long.
    fn poll_slices(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        write: impl FnOnce(&mut Socket, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let result = match write(&mut self.socket, cx) {
            Poll::Pending if self.offers(cx) => self.socket.offer(slices),
            result => result,
        };
        self.written(cx, result)
    }

    /// An answer's time runs until its last byte is taken, which may be long after its body came to an end.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(limit) = self.limits.answer else {
            return Poll::Pending;
        };
        let number = self.activity.answers.load(Ordering::Relaxed);
        let since = match self.answer {
            Some((same, since)) if same == number => since,
            _ => {
                let now = Instant::now();
                self.answer = Some((number, now));
                now
            }
        };
        self.answer_timer.poll(cx, since + limit)
    }

    /// Judges the result of a write: progress stops the clock, to wait after an offer ends the connection or starts the
    /// clock anew, and all end with the answer's time. Whoever waits was offered, or has its alarm set.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(overdue) = self.poll_overdue(cx) {
            return Poll::Ready(Err(overdue));
        }
        let Poll::Ready(result) = result else {
            self.written = 0;
            return match self.offered.take() {
                None => Poll::Pending,
                Some(false) if self.full => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Some(_) => {
                    self.full = true;
                    self.poll_stalled(cx).map(Err)
                }
            };
        };
        let count = *result.as_ref().unwrap_or(&0);
        self.written += count;
        match &mut self.offered {
            Some(taken) => *taken |= count > 0,
            None => self.full = false,
        }
        self.stalled = None;
        self.closed = None;
        self.silent = None;
        Poll::Ready(result)
    }

    /// Pending once, and woken at once, when it is the turn of the other connections. tokio's own budget counts writes,
    /// whatever their length.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.written < TURN {
            return Poll::Ready(());
        }
        self.written = 0;
        if let Some(sender) = &mut self.sender {
            sender.forget();
        }
        // Unlike a plain wake it lets the events of the sockets through first.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    /// Has the kernel send what `tag` stands for.
    fn poll_send(&mut self, cx: &mut Context<'_>, tag: &[u8]) -> Poll<io::Result<usize>> {
        let segment = match self.activity.outbox.behind(tag) {
            Ok(segment) => segment,
            Err(mismatch) => return Poll::Ready(Err(self.breaks(mismatch.into()))),
        };
        let sender = self.sender.get_or_insert_default();
        let offer = self.offered.is_some();
        let mut result = sender.poll_send(cx, &mut self.socket, &segment, offer);
        let waits = result.is_pending() && !sender.waits_for_disk();
        if waits && !offer && self.offers(cx) {
            let sender = self.sender.get_or_insert_default();
            result = sender.poll_send(cx, &mut self.socket, &segment, true);
        }
        let sender = self.sender.get_or_insert_default();
        let result = match result {
            Poll::Pending if sender.waits_for_disk() => return self.poll_disk(cx).map(Err),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) => {
                self.activity.outbox.sent(count);
                self.unsent.took(&self.socket, count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(fault)) => {
                let error = match fault {
                    Fault::Connection(error) => error,
                    Fault::File(error) => {
                        let source = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(reason = %error, source, "download aborted");
                        io::Error::other(error)
                    }
                };
                Poll::Ready(Err(self.breaks(error)))
            }
        };
        self.written(cx, result)
    }

    /// Writes the slices before the first tag, together with the file's bytes if these need not be waited for: the kernel
    /// would hold the head for the bytes that follow.
    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        first_tag: Option<usize>,
    ) -> Poll<io::Result<usize>> {
        if let Err(mismatch) = self.activity.outbox.lets_through() {
            return Poll::Ready(Err(self.breaks(mismatch.into())));
        }
        let Some(count) = first_tag else {
            return self.poll_slices(cx, slices, |socket, cx| {
                Pin::new(socket).poll_write_vectored(cx, slices)
            });
        };
        let segment = match self.activity.outbox.behind(&slices[count]) {
            Ok(segment) => segment,
            Err(mismatch) => return Poll::Ready(Err(self.breaks(mismatch.into()))),
        };
        let slices = &slices[..count];
        let sender = self.sender.get_or_insert_default();
        let more = sender.begins_at_once(&segment);
        self.poll_slices(cx, slices, |socket, cx| match more {
            true => poll_write_more(socket, cx, slices),
            false => Pin::new(socket).poll_write_vectored(cx, slices),
        })
    }

    /// A disk is waited for, which no limit of the client counts but that of the whole answer.
    fn poll_disk(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.written = 0;
        match self.poll_overdue(cx) {
            Poll::Pending => self.poll_left(cx),
            overdue => overdue,
        }
    }

    /// Nothing more may be written: what the client has must not look whole.
    fn breaks(&self, error: io::Error) -> io::Error {
        self.activity.answer_breaks();
        self.activity.outbox.fail();
        error
    }

    /// A client that leaves is noticed while its answer has nothing to write, and what the answer waits for (a file of
    /// another server, perhaps) goes too: at once if the connection was reset; else after a while, for a client that
    /// has merely said all it wants to say closes its side too, and still wants the answer.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.activity.phase() != Phase::Answering {
            self.closed = None;
            return Poll::Pending;
        }
        match ready!(self.socket.poll_closed(cx)) {
            Err(reset) => Poll::Ready(reset),
            Ok(()) => {
                let since = *self.closed.get_or_insert_with(Instant::now);
                self.read_timer.poll(cx, since + FAREWELL)
            }
        }
    }
}

/// As `poll_write_vectored`, of an answer whose next bytes follow at once.
fn poll_write_more(
    socket: &Socket,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(cx))?;
        match socket.try_write(|fd| calls::send_more(fd, slices)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            sent => return Poll::Ready(sent),
        }
    }
}

/// How long a wait has lasted when the kernel is first offered what it has room for. It takes the kernels of both sides
/// some round trips to fill up.
const FILLED: Duration = Duration::from_secs(2);

/// How many bytes a connection may write until it is the turn of the others.
const TURN: usize = 512 << 10;

/// How long an answer may have nothing to write for a client that has closed its side.
const FAREWELL: Duration = Duration::from_secs(5);

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.socket).poll_read(cx, buffer);
        if result.is_pending() {
            this.written = 0;
            return this.poll_silence(cx).map(Err);
        }
        if buffer.filled().len() > before {
            this.remember(&buffer.filled()[before..]);
            this.heard();
        }
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        // hyper writes so what it has copied together, tags too if there are any.
        if this.activity.sends_files()
            && let Err(mismatch) = this.activity.outbox.lets_copies_through()
        {
            return Poll::Ready(Err(this.breaks(mismatch.into())));
        }
        this.poll_slices(cx, &[IoSlice::new(bytes)], |socket, cx| {
            Pin::new(socket).poll_write(cx, bytes)
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_turn(cx));
        if !this.activity.sends_files() {
            return this.poll_slices(cx, slices, |socket, cx| {
                Pin::new(socket).poll_write_vectored(cx, slices)
            });
        }
        match slices.iter().position(|slice| outbox::is_tag(slice)) {
            Some(0) => this.poll_send(cx, &slices[0]),
            first_tag => this.poll_bytes(cx, slices, first_tag),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    // Neither kind of socket has a buffer of its own, so these two never wait.

    /// hyper calls this at every turn, also when an answer has nothing to write, and reads nothing meanwhile.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.socket).poll_flush(cx))?;
        match this.poll_left(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.activity.broken.load(Ordering::Relaxed) {
            // To say that this is the end would say that the answer is whole: see `drop`.
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
        match this.activity.body_left.load(Ordering::Relaxed) {
            true => this.poll_linger(cx).map(Ok),
            false => Poll::Ready(Ok(())),
        }
    }
}

/// An answer that broke off, or is dropped in the middle because the server stops, is told by a reset. HTTP/1.0 knows no chunks, so an answer of unknown length ends with the
/// connection, and a client that sees it close in peace takes half an answer for the whole.
impl Drop for Stream {
    fn drop(&mut self) {
        let answering = self.activity.phase() == Phase::Answering;
        if answering || self.activity.broken.load(Ordering::Relaxed) {
            self.socket.reset_on_close();
        }
        // Bodies may outlive the stream for a moment.
        self.activity.outbox.fail();
        if self
            .sender
            .as_ref()
            .is_some_and(|sender| sender.has_lent_socket())
        {
            // A thread that waits for a disk keeps the socket open; the client must not wait with it.
            self.socket.shut_down();
        }
    }
}

/// How long, and how many bytes, a client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 256 << 20;

impl Stream {
    /// Discards what the client still sends, until it ends or a bound is reached. To close with bytes unread would reset
    /// the connection, and the client would lose the answer that is on its way (RFC 9112, 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 16 << 10];
        let (since, mut discarded) = *self.lingering.get_or_insert_with(|| (Instant::now(), 0));
        for _ in 0..16 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return self.read_timer.poll(cx, since + LINGER).map(drop),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    discarded += buffer.filled().len();
                    self.lingering = Some((since, discarded));
                    if discarded > LINGER_BYTES || since.elapsed() > LINGER {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
