//! The bytes of a content, a frame at a time.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

#[cfg(feature = "fs")]
use super::local::LocalReader;
use crate::error::{Error, Result};

/// An asynchronous sequence of byte frames; ends early with an error rather than silently.
pub struct ByteStream(Inner);

enum Inner {
    Once(Option<Bytes>),
    #[cfg(feature = "fs")]
    Local(LocalReader),
    Boxed(Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>),
}

impl ByteStream {
    /// One frame that is already in memory.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Inner::Once((!bytes.is_empty()).then_some(bytes)))
    }

    /// The frames of `stream`. Its errors become [`Error::Other`], but for an [`Error`] of this crate,
    /// which stays as it is: [`Error::Unavailable`] makes the answer a 503 if no byte was sent yet.
    pub fn from_stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self(Inner::Boxed(Box::pin(Mapped { stream })))
    }

    #[cfg(feature = "fs")]
    pub(crate) fn from_local(reader: LocalReader) -> Self {
        Self(Inner::Local(reader))
    }

    /// Whether the stream cannot yield more than it was made for.
    pub(crate) fn ends_by_itself(&self) -> bool {
        !matches!(self.0, Inner::Boxed(_))
    }

    /// Waits for the first bytes of a stream that somebody else makes, so that an error there is known
    /// while an answer can still say so. What is read from a local file or memory is left alone.
    ///
    /// # Errors
    ///
    /// That of the stream, if it fails before its first byte.
    pub(crate) async fn begun(self) -> Result<Self> {
        let Inner::Boxed(mut stream) = self.0 else {
            return Ok(self);
        };
        loop {
            let first = poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
            match first.transpose()? {
                Some(frame) if frame.is_empty() => {}
                first => return Ok(Self::from_boxed(Box::pin(Begun { first, stream }))),
            }
        }
    }

    pub(crate) fn from_boxed(stream: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>) -> Self {
        Self(Inner::Boxed(stream))
    }
}

/// A stream of which the first frame has been taken, or which turned out to be empty.
struct Begun {
    first: Option<Bytes>,
    stream: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
}

impl Stream for Begun {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.stream.as_mut().poll_next(cx),
        }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Inner::Once(bytes) => Poll::Ready(bytes.take().map(Ok)),
            #[cfg(feature = "fs")]
            Inner::Local(reader) => reader.poll_frame(cx),
            Inner::Boxed(stream) => stream.as_mut().poll_next(cx),
        }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Inner::Once(_) => "bytes",
            #[cfg(feature = "fs")]
            Inner::Local(_) => "local file",
            Inner::Boxed(_) => "stream",
        };
        f.debug_tuple("ByteStream").field(&kind).finish()
    }
}

pin_project_lite::pin_project! {
    struct Mapped<S> {
        #[pin]
        stream: S,
    }
}

impl<S, B, E> Stream for Mapped<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project()
            .stream
            .poll_next(cx)
            .map(|item| item.map(|frame| frame.map(Into::into).map_err(Error::of_application)))
    }
}
