//! Holds a content to its word: exactly the promised bytes, or an error.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::ByteStream;
use crate::error::{Error, Result};

/// A stream that must yield a known number of bytes.
#[derive(Debug)]
pub(crate) struct Exact {
    stream: ByteStream,
    left: u64,
}

impl Exact {
    pub(crate) fn new(stream: ByteStream, length: u64) -> Self {
        Self {
            stream,
            left: length,
        }
    }

    /// Bytes still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }
}

impl Stream for Exact {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = ready!(Pin::new(&mut self.stream).poll_next(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => match self.left.checked_sub(frame.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(frame))
                }
                None => Some(Err(Error::Overlong)),
            },
            None if self.left > 0 => Some(Err(Error::Truncated { missing: self.left })),
            ended => ended,
        })
    }
}
