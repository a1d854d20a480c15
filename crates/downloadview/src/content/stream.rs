//! The bytes of a content, a frame at a time.

use std::fmt;
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

    /// The frames of `stream`; its errors become [`Error::Other`].
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

    pub(crate) fn from_boxed(stream: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>) -> Self {
        Self(Inner::Boxed(stream))
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
            .map(|item| item.map(|frame| frame.map(Into::into).map_err(Error::other)))
    }
}
