//! The bytes of a copy that is still being made, in the order in which they come.
//!
//! 1. What is in the file already is read from the file.
//! 2. Then the fill is waited for: more bytes, or the end.
//! 3. If the copy cannot be finished because of the disk, the one who began it goes on with what
//!    the source still has. The others open their own source, pass over what they have sent, and go
//!    on, if it is in the same state.
//!
//! The fill never waits for any of them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use tokio::sync::{oneshot, watch};

use super::flight::{Growing, Progress};
use super::name::Validator;
use super::why::NotSpooled;
use crate::content::{BoxFuture, ByteRange, ByteStream, CacheKey, Want};
use crate::error::{Error, Result};
use crate::file::File;

/// What a fill that failed leaves to the one who began it.
#[derive(Debug)]
pub(super) enum Left {
    /// The content, of which nothing was read.
    Content(Box<crate::content::Content>),
    /// The bytes before those are in the file; these follow, and then the rest of the source.
    Rest {
        growing: Growing,
        written: u64,
        rest: Box<ByteStream>,
    },
    /// The source failed with this error.
    Error(Error),
}

/// Somebody who follows a copy as it grows.
pub(super) struct Follower {
    pub(super) growing: Growing,
    pub(super) progress: watch::Receiver<Progress>,
    /// For the one who began the fill.
    pub(super) left: Option<oneshot::Receiver<Left>>,
    /// The file that this client asked for, not opened yet.
    pub(super) file: Arc<dyn File>,
    pub(super) key: Option<CacheKey>,
    position: u64,
    reading: Option<ByteStream>,
    /// Nothing comes after `reading`.
    last: bool,
}

impl Follower {
    pub(super) fn new(
        growing: Growing,
        progress: watch::Receiver<Progress>,
        left: Option<oneshot::Receiver<Left>>,
        file: Arc<dyn File>,
        key: Option<CacheKey>,
    ) -> Self {
        Self {
            growing,
            progress,
            left,
            file,
            key,
            position: 0,
            reading: None,
            last: false,
        }
    }

    pub(super) fn into_stream(self) -> ByteStream {
        ByteStream::from_boxed(Box::pin(Steps {
            idle: Some(self),
            step: None,
        }))
    }

    /// The next bytes.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(reading) = &mut self.reading {
                match next(reading).await {
                    Some(frame) => {
                        let frame = frame?;
                        self.position += frame.len() as u64;
                        return Ok(Some(frame));
                    }
                    None if self.last => return Ok(None),
                    None => self.reading = None,
                }
            }
            let progress = self.progress.borrow_and_update().clone();
            match progress {
                Progress::Growing(_, written) if written > self.position => self.read_to(written),
                Progress::Filled(size) if size > self.position => {
                    self.read_to(size);
                    self.last = true;
                }
                Progress::Filled(_) => return Ok(None),
                Progress::Failed(why) => self.go_on(why).await?,
                Progress::Opening | Progress::Growing(..) => {
                    let changed = self.progress.changed().await;
                    changed.map_err(|_| Error::other("a copy was given up while it was sent"))?;
                }
            }
        }
    }

    fn read_to(&mut self, end: u64) {
        let part = ByteRange::new(self.position, end);
        self.reading = part.map(|part| ByteStream::of_part(&self.growing.file, part));
    }

    /// The fill has failed: goes on without it, if that is possible.
    async fn go_on(&mut self, why: NotSpooled) -> Result<()> {
        if let Some(left) = self.left.take()
            && let Ok(left) = left.await
        {
            match left {
                Left::Rest { written, rest, .. } => {
                    let begun = ByteRange::new(self.position, written);
                    let begun = begun.map(|part| ByteStream::of_part(&self.growing.file, part));
                    self.reading = Some(Chain::of(begun, *rest));
                    self.last = true;
                    return Ok(());
                }
                Left::Error(error) => return Err(error),
                Left::Content(_) => {}
            }
        }
        if why == NotSpooled::Source {
            return Err(Error::other("the source of the file failed"));
        }
        let content = self.file.open(Want::whole().as_source()).await?;
        let changes = self.key.as_ref().is_none_or(CacheKey::changes);
        let state = Validator::of(content.metadata());
        if changes && (state.is_none() || state != Validator::of(&self.growing.metadata)) {
            return Err(Error::Overwritten);
        }
        let mut own = content.into_stream().await?;
        self.reading = Some(match skip(&mut own, self.position).await? {
            first if first.is_empty() => own,
            first => Chain::of(Some(ByteStream::from_bytes(first)), own),
        });
        self.last = true;
        Ok(())
    }
}

/// Passes over so many bytes; what is left of the last frame comes back.
async fn skip(stream: &mut ByteStream, mut bytes: u64) -> Result<Bytes> {
    while bytes > 0 {
        let Some(frame) = next(stream).await else {
            return Err(Error::Truncated { missing: bytes });
        };
        let mut frame = frame?;
        let passed = usize::try_from(bytes).map_or(frame.len(), |bytes| bytes.min(frame.len()));
        frame.advance(passed);
        bytes -= passed as u64;
        if !frame.is_empty() {
            return Ok(frame);
        }
    }
    Ok(Bytes::new())
}

pub(super) async fn next(stream: &mut ByteStream) -> Option<Result<Bytes>> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// One stream after the other.
pub(super) struct Chain {
    first: Option<ByteStream>,
    second: ByteStream,
}

impl Chain {
    pub(super) fn of(first: Option<ByteStream>, second: ByteStream) -> ByteStream {
        ByteStream::from_boxed(Box::pin(Self { first, second }))
    }
}

impl Stream for Chain {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if let Some(first) = &mut self.first {
            match ready!(Pin::new(first).poll_next(cx)) {
                Some(frame) => return Poll::Ready(Some(frame)),
                None => self.first = None,
            }
        }
        Pin::new(&mut self.second).poll_next(cx)
    }
}

/// The follower as a stream: one future for each frame.
struct Steps {
    idle: Option<Follower>,
    step: Option<BoxFuture<'static, (Follower, Result<Option<Bytes>>)>>,
}

impl Stream for Steps {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if let Some(mut follower) = self.idle.take() {
            self.step = Some(Box::pin(async move {
                let frame = follower.next().await;
                (follower, frame)
            }));
        }
        let Some(step) = &mut self.step else {
            return Poll::Ready(None);
        };
        let (follower, frame) = ready!(step.as_mut().poll(cx));
        self.step = None;
        let frame = frame.transpose();
        // After an error, and after the end, there is nothing more.
        if let Some(Ok(_)) = frame {
            self.idle = Some(follower);
        }
        Poll::Ready(frame)
    }
}
