//! The bytes of an answer: counted, timed, and asked for again if the connection ends too early.
//!
//! In goes the body of a checked answer and the range that it should hold; out come its bytes as a
//! `ByteStream`. If the connection ends, or pauses longer than the idle time-out, the rest is asked
//! for over another connection, up to three times without progress. That needs a known end and a
//! strong tag; without them the fault ends the stream, and the client's connection is closed. The
//! place among the requests to the origin is kept until the end.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use super::exchange::Remote;
use crate::content::{BoxFuture, ByteRange, ByteStream, Metadata};
use crate::error::{Error, Result, UpstreamFault};

/// How long to wait before each attempt to go on. So many attempts are made without a byte of
/// progress.
const BACKOFF: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// The bytes of a file, or of a part of it.
pub(super) struct Body {
    remote: Remote,
    /// What the file was like when its first byte was sent.
    state: Metadata,
    /// The place among the requests to the origin, kept until the end.
    permit: Option<OwnedSemaphorePermit>,
    source: Source,
    /// The offset of the next byte.
    position: u64,
    /// The offset after the last one, where it is known.
    end: Option<u64>,
    idle: Option<Pin<Box<Sleep>>>,
    tries: usize,
}

/// Where the next bytes come from.
enum Source {
    Reading(Incoming),
    Resuming(BoxFuture<'static, Result<(Incoming, usize)>>),
    Ended,
}

impl Body {
    /// The bytes of `extent`; of all there are, if it is not known.
    pub(super) fn new(
        remote: Remote,
        state: Metadata,
        permit: OwnedSemaphorePermit,
        incoming: Incoming,
        extent: Option<ByteRange>,
    ) -> Self {
        Self {
            remote,
            state,
            permit: Some(permit),
            source: Source::Reading(incoming),
            position: extent.map_or(0, |extent| extent.start()),
            end: extent.map(|extent| extent.end()),
            idle: None,
            tries: 0,
        }
    }

    pub(super) fn into_stream(self) -> ByteStream {
        ByteStream::from_boxed(Box::pin(self))
    }

    /// Counts the bytes that came.
    ///
    /// # Errors
    ///
    /// If there are more than were promised, or more than the settings allow.
    fn advance(&mut self, bytes: usize) -> Result<()> {
        self.position = self.position.saturating_add(bytes as u64);
        self.idle = None;
        self.tries = 0;
        let limit = self.remote.origin.shared().settings.max_size;
        match self.end {
            Some(end) if self.position > end => Err(Error::Overlong),
            None if self.position > limit => Err(self.remote.failed(UpstreamFault::TooLarge)),
            _ => Ok(()),
        }
    }

    /// Goes on from here over another connection, if this state of the file has a strong tag.
    ///
    /// # Errors
    ///
    /// The fault itself, if it has none or too many attempts were made.
    fn resume(&mut self, fault: UpstreamFault) -> Result<()> {
        // The connection goes now.
        self.source = Source::Ended;
        self.idle = None;
        let left = self.end.and_then(|end| ByteRange::new(self.position, end));
        let named = self.state.etag().is_some_and(|tag| tag.is_strong());
        let (Some(left), true) = (left, named && self.tries < BACKOFF.len()) else {
            return Err(self.remote.failed(fault));
        };
        let (remote, state, tries) = (self.remote.clone(), self.state.clone(), self.tries);
        let resuming = resume(remote, state, left, tries, fault);
        self.source = Source::Resuming(Box::pin(resuming));
        Ok(())
    }

    /// The next bytes, from the connection or after going on over another one.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            match &mut self.source {
                Source::Ended => return Poll::Ready(Ok(None)),
                Source::Resuming(resuming) => {
                    let (incoming, tries) = ready!(resuming.as_mut().poll(cx))?;
                    self.source = Source::Reading(incoming);
                    self.tries = tries;
                }
                Source::Reading(incoming) => match pin!(incoming).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        // Trailers say nothing that anybody asked for.
                        if let Ok(bytes) = frame.into_data()
                            && !bytes.is_empty()
                        {
                            self.advance(bytes.len())?;
                            return Poll::Ready(Ok(Some(bytes)));
                        }
                    }
                    Poll::Ready(Some(Err(_))) => self.resume(UpstreamFault::Cut)?,
                    Poll::Ready(None) if self.end.is_some_and(|end| self.position < end) => {
                        self.resume(UpstreamFault::Cut)?;
                    }
                    Poll::Ready(None) => self.source = Source::Ended,
                    Poll::Pending => {
                        ready!(self.poll_idle(cx));
                        self.resume(UpstreamFault::IdleTimeout)?;
                    }
                },
            }
        }
    }

    /// The idle time-out. It runs only while somebody waits for bytes: if a client does not read,
    /// that is not the origin's fault.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.remote.origin.shared().settings.idle_timeout;
        let idle = self.idle.get_or_insert_with(|| Box::pin(sleep(limit)));
        idle.as_mut().poll(cx)
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = ready!(self.poll_source(cx)).transpose();
        if !matches!(polled, Some(Ok(_))) {
            self.source = Source::Ended;
            self.permit = None;
        }
        Poll::Ready(polled)
    }
}

/// Asks for the rest. Returns the number of attempts that were used too.
async fn resume(
    remote: Remote,
    state: Metadata,
    left: ByteRange,
    tries: usize,
    fault: UpstreamFault,
) -> Result<(Incoming, usize)> {
    for (at, wait) in BACKOFF.into_iter().enumerate().skip(tries) {
        sleep(wait).await;
        match remote.part(Some(left), &state).await {
            Ok(incoming) => return Ok((incoming, at + 1)),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Err(remote.failed(fault))
}

/// Whether the next attempt may succeed.
fn is_passing(error: &Error) -> bool {
    use UpstreamFault::{Connect, ConnectTimeout, Cut, FirstByteTimeout, Status, Unresolved};

    let Error::Upstream { fault, .. } = error else {
        return matches!(error, Error::Unavailable { .. });
    };
    match fault {
        Unresolved | Connect | ConnectTimeout | FirstByteTimeout | Cut => true,
        Status(status) => status.is_server_error() || matches!(status.as_u16(), 408 | 429),
        _ => false,
    }
}
