//! The bytes of a content, one frame at a time.
//!
//! [`ByteStream`] hides where the bytes come from. There are three sources: memory (one frame), a
//! local file (`local::LocalReader`, without a box on the way), and any other stream in a box. What
//! comes out are frames or one error, after which nothing more comes. `Exact` counts the bytes, and
//! `response::body` sends them. Frames of a foreign stream may be empty;
//! [`begun`](ByteStream::begun) waits for the first that is not.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

#[cfg(feature = "fs")]
use super::{FilePart, local::LocalReader};
use crate::error::{Error, Result};

/// An asynchronous sequence of byte frames. It implements [`Stream`].
///
/// If the source fails, the stream ends with an error, never silently. The answer was already begun
/// then, so the connection is closed and the client knows that it does not have everything.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use bytes::Bytes;
/// use downloadview::content::ByteStream;
/// use futures_util::TryStreamExt as _;
///
/// let stream = ByteStream::from_bytes("Hello world!");
/// let frames: Vec<Bytes> = stream.try_collect().await?;
/// assert_eq!(frames.concat(), b"Hello world!");
/// # Ok::<(), downloadview::Error>(())
/// # }).unwrap();
/// ```
pub struct ByteStream(Inner);

/// Where the bytes come from.
enum Inner {
    Once(Option<Bytes>),
    #[cfg(feature = "fs")]
    Local(LocalReader),
    Boxed(Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>),
}

impl ByteStream {
    /// Bytes that are already in memory, as one frame; no frame if there are none.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(Inner::Once((!bytes.is_empty()).then_some(bytes)))
    }

    /// The frames of `stream`: anything that yields bytes or errors, such as the body of an HTTP
    /// client.
    ///
    /// An [`Error`] of this crate stays as it is; every other error becomes [`Error::Other`]. If it
    /// comes before the first byte, it is the status of the answer: [`Error::Unavailable`] is 503,
    /// [`Error::Other`] is 500. If it comes later, it ends the connection.
    ///
    /// ```
    /// use downloadview::content::ByteStream;
    /// use futures_util::stream;
    ///
    /// let lines = ["one\n", "two\n"].map(Ok::<_, std::io::Error>);
    /// let stream = ByteStream::from_stream(stream::iter(lines));
    /// # let _ = stream;
    /// ```
    pub fn from_stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = Some(stream);
        Self(Inner::Boxed(Box::pin(Mapped { stream })))
    }

    /// The bytes that `reader` reads from a local file.
    #[cfg(feature = "fs")]
    pub(crate) fn from_local(reader: LocalReader) -> Self {
        Self(Inner::Local(reader))
    }

    /// The bytes of a part of an open local file.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn of_part(file: &std::sync::Arc<std::fs::File>, part: super::ByteRange) -> Self {
        Self::from_local(LocalReader::new(std::sync::Arc::clone(file), part))
    }

    /// The bytes to come, if they are those of a local file.
    #[cfg(feature = "fs")]
    pub(crate) fn file_part(&self) -> Option<FilePart> {
        match &self.0 {
            Inner::Local(reader) => reader.part(),
            Inner::Once(_) | Inner::Boxed(_) => None,
        }
    }

    /// Whether the stream yields at most the bytes that it was made for. A stream from outside may
    /// yield more, so it is asked for its end.
    pub(crate) fn ends_by_itself(&self) -> bool {
        !matches!(self.0, Inner::Boxed(_))
    }

    /// Waits for the first bytes of a stream from outside, so that an error there is known while
    /// the answer can still state it. Streams of local files and of memory are returned as they
    /// are.
    ///
    /// # Errors
    ///
    /// The error of the stream, if it fails before its first byte.
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

    /// The frames of a stream that already yields errors of this crate.
    pub(crate) fn from_boxed(stream: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>) -> Self {
        Self(Inner::Boxed(stream))
    }
}

/// A stream whose first frame has been read already, or which turned out to be empty.
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
        // Gone once it has ended: many streams may not be asked again.
        #[pin]
        stream: Option<S>,
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
        let mut stream = self.project().stream;
        let Some(asked) = stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let item = ready!(asked.poll_next(cx));
        if item.is_none() {
            stream.set(None);
        }
        Poll::Ready(item.map(|frame| frame.map(Into::into).map_err(Error::of_application)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Unfold` of the futures crates panics there.
    #[test]
    fn a_stream_from_outside_is_not_asked_again_after_its_end() {
        let frames = futures_util::stream::unfold(0, |at| async move {
            (at < 2).then_some((Ok::<_, std::io::Error>("a"), at + 1))
        });
        let mut stream = ByteStream::from_stream(Box::pin(frames));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut next = || Pin::new(&mut stream).poll_next(&mut context);
        let asked = [(); 4].map(|()| match next() {
            Poll::Ready(item) => item.is_some(),
            Poll::Pending => panic!("nothing is waited for"),
        });
        assert_eq!(asked, [true, true, false, false]);
    }
}
