//! Holds a content to its stated length: exactly that many bytes, or an error.
//!
//! In goes a `ByteStream` and the length that the head will state; out come the same frames. Too
//! few bytes are `Error::Truncated`, too many are `Error::Overlong`; `response::body` then closes
//! the connection. `delivery` uses it for whole contents and single ranges, `multipart` for each
//! part.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::ByteStream;
use crate::error::{Error, Result};

/// A stream that must yield a known number of bytes.
///
/// A server stops reading a body once it has sent the length that was promised. So a stream that
/// might go on is asked for its end *before* its last promised frame is handed out: a content that
/// is too long is noticed while the connection can still be closed early.
#[derive(Debug)]
pub(crate) struct Exact {
    stream: ByteStream,
    /// Promised bytes that the stream has not yielded yet.
    left: u64,
    /// The last promised frame, held back until the stream has ended.
    last: Option<Bytes>,
}

impl Exact {
    /// `stream`, which must yield `length` bytes.
    pub(crate) fn new(stream: ByteStream, length: u64) -> Self {
        Self {
            stream,
            left: length,
            last: None,
        }
    }

    /// How many bytes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left + self.last.as_ref().map_or(0, Bytes::len) as u64
    }

    /// The bytes to come, if they are those of a local file and as many as were promised.
    #[cfg(feature = "fs")]
    pub(crate) fn file_part(&self) -> Option<super::FilePart> {
        let part = self.stream.file_part()?;
        (part.range().len() == self.left()).then_some(part)
    }

    /// Reads to the end of a stream that should be empty.
    ///
    /// # Errors
    ///
    /// The error of the stream, and [`Error::Overlong`] if there is a byte.
    pub(crate) async fn expect_end(mut self) -> Result<()> {
        match poll_fn(|cx| Pin::new(&mut self).poll_next(cx)).await {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl Stream for Exact {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = match ready!(self.poll_stream(cx)) {
                Some(Ok(frame)) => frame,
                None if self.left > 0 => {
                    let missing = self.left;
                    return Poll::Ready(Some(Err(Error::Truncated { missing })));
                }
                None => return Poll::Ready(self.last.take().map(Ok)),
                failed => return Poll::Ready(failed),
            };
            let Some(left) = self.left.checked_sub(frame.len() as u64) else {
                return Poll::Ready(Some(Err(Error::Overlong)));
            };
            self.left = left;
            if left > 0 || self.stream.ends_by_itself() {
                return Poll::Ready(Some(Ok(frame)));
            }
            // An empty frame after the last one says nothing.
            if !frame.is_empty() {
                self.last = Some(frame);
            }
        }
    }
}
