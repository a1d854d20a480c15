//! The bytes of a source, as many as come at once, for as long as somebody wants them.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream as _;
use tokio::time::Instant;

use super::failure::Failure;
use crate::content::ByteStream;
use crate::error::Error;
use crate::spool::flight::{Flight, Flights};
use crate::spool::growing::next;
use crate::spool::why::NotSpooled;

/// Bytes that are written at once.
const BATCH: usize = 512 * 1024;

/// A frame, an error, or the end.
type Framed = Option<Result<Bytes, Error>>;

/// The bytes of the source.
pub(super) struct Frames {
    pub(super) stream: ByteStream,
    ended: bool,
    /// Since when nobody wants them.
    idle: Option<Instant>,
}

/// Who wants them, and for how long they are worth reading for nobody.
pub(super) struct Wanted<'a> {
    pub(super) flights: &'a Flights,
    pub(super) flight: &'a Arc<Flight>,
    pub(super) max_idle: Duration,
}

impl Frames {
    pub(super) fn of(stream: ByteStream) -> Self {
        Self {
            stream,
            ended: false,
            idle: None,
        }
    }

    /// The next frames, as many as come at once; none at the end. It fails if nobody wants them any
    /// more.
    pub(super) async fn next(
        &mut self,
        wanted: &Wanted<'_>,
        half: bool,
    ) -> Result<Option<Vec<Bytes>>, Failure> {
        let mut batch = Vec::new();
        let mut gathered = 0;
        while !self.ended && gathered < BATCH {
            let frame = match batch.is_empty() {
                true => self.first(wanted, half).await?,
                false => match self.at_once().await {
                    Some(frame) => frame,
                    None => break,
                },
            };
            match frame.transpose().map_err(Failure::of_source)? {
                None => self.ended = true,
                Some(frame) if frame.is_empty() => {}
                Some(frame) => {
                    gathered += frame.len();
                    batch.push(frame);
                }
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// The next frame, waited for as long as somebody wants it, or it is worth it.
    async fn first(&mut self, wanted: &Wanted<'_>, half: bool) -> Result<Framed, Failure> {
        loop {
            if wanted.flight.is_wanted() {
                self.idle = None;
                let mut frame = pin!(next(&mut self.stream));
                let mut alone = pin!(wanted.flight.left_alone());
                let first = poll_fn(|cx| match frame.as_mut().poll(cx) {
                    Poll::Ready(frame) => Poll::Ready(Some(frame)),
                    Poll::Pending => alone.as_mut().poll(cx).map(|()| None),
                });
                match first.await {
                    Some(frame) => return Ok(frame),
                    None => continue,
                }
            }
            let since = *self.idle.get_or_insert_with(Instant::now);
            let left = wanted
                .max_idle
                .checked_sub(since.elapsed())
                .filter(|_| half);
            if let Some(left) = left
                && let Ok(frame) = tokio::time::timeout(left, next(&mut self.stream)).await
            {
                return Ok(frame);
            }
            if wanted.flights.end_unless_wanted(wanted.flight) {
                return Err(NotSpooled::Source.into());
            }
        }
    }

    /// A frame that is there already; `None` if it would have to be waited for.
    async fn at_once(&mut self) -> Option<Framed> {
        poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(frame) => Some(frame),
                Poll::Pending => None,
            })
        })
        .await
    }
}
