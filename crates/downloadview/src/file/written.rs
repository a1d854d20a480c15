//! Bytes that somebody writes: a pipe, and whoever fills it, in one stream.
//!
//! 1. The first poll makes the pipe and begins the writer: nothing runs before bytes are wanted.
//! 2. Each poll lets the writer go on as far as the pipe has room, and takes what is in it. It
//!    has no task of its own, so the writer ends with the stream, and waits where a client is slow.
//! 3. The stream ends when the writer has. A pipe that was closed says nothing: a writer that then
//!    fails has not written all, and its error must be the end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tokio::io::DuplexStream;
use tokio_util::io::ReaderStream;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The stream of what a writer writes.
pub(super) struct Written<W, F> {
    /// How many bytes the pipe holds, and a frame at most.
    room: usize,
    begin: Option<W>,
    writer: Option<Pin<Box<F>>>,
    pipe: Option<ReaderStream<DuplexStream>>,
}

impl<W, F> Written<W, F> {
    pub(super) fn new(room: usize, begin: W) -> Self {
        Self {
            room,
            begin: Some(begin),
            writer: None,
            pipe: None,
        }
    }

    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.writer = None;
        self.pipe = None;
        Poll::Ready(Some(Err(error)))
    }
}

// What begins is moved, never pinned.
impl<W, F> Unpin for Written<W, F> {}

impl<W, F, E> Stream for Written<W, F>
where
    W: FnOnce(DuplexStream) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(begin) = self.begin.take() {
            let (reader, writer) = tokio::io::duplex(self.room);
            self.pipe = Some(ReaderStream::with_capacity(reader, self.room));
            self.writer = Some(Box::pin(begin(writer)));
        }
        if let Some(writer) = &mut self.writer {
            match writer.as_mut().poll(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.writer = None,
                Poll::Ready(Err(error)) => return self.fail(error.into()),
            }
        }
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(None);
        };
        match ready!(Pin::new(pipe).poll_next(cx)) {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => self.fail(error.into()),
            // It wakes us when it is done with what it does behind its last byte.
            None if self.writer.is_some() => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use futures_util::StreamExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn all<W, F>(write: W) -> Result<Vec<u8>, String>
    where
        W: FnOnce(DuplexStream) -> F,
        F: Future<Output = io::Result<()>>,
    {
        let mut stream = Written::new(8, write);
        let mut bytes = Vec::new();
        while let Some(frame) = stream.next().await {
            bytes.extend_from_slice(&frame.map_err(|error| error.to_string())?);
        }
        assert!(stream.next().await.is_none(), "nothing follows the end");
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_is_written_arrives_however_much_it_is() {
        let written = all(|mut writer| async move {
            for _ in 0..100 {
                writer.write_all(b"0123456789").await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        });
        assert_eq!(written.await, Ok(b"0123456789".repeat(100)));
        assert_eq!(all(|_| async { Ok(()) }).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_writer_that_fails_is_never_the_end_of_a_whole_file() {
        let in_the_middle = all(|mut writer| async move {
            writer.write_all(b"0123456789").await?;
            Err(io::Error::other("the row is gone"))
        });
        assert_eq!(in_the_middle.await, Err("the row is gone".to_owned()));
        let behind_the_last_byte = all(|mut writer| async move {
            writer.write_all(b"0123").await?;
            drop(writer);
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Err(io::Error::other("it was not the last"))
        });
        let error = Err("it was not the last".to_owned());
        assert_eq!(behind_the_last_byte.await, error);
    }

    #[tokio::test]
    async fn nothing_is_written_before_it_is_read_nor_after_the_reader_has_gone() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let mut stream = Written::new(8, move |mut writer: DuplexStream| async move {
            let _held = held;
            loop {
                writer.write_all(b"for ever").await?;
            }
            #[allow(unreachable_code)]
            io::Result::Ok(())
        });
        assert!(stream.writer.is_none(), "not begun");
        assert!(stream.next().await.is_some());
        assert_eq!(Arc::strong_count(&alive), 2, "it waits for room");
        drop(stream);
        assert_eq!(Arc::strong_count(&alive), 1, "it ended with its reader");
    }
}
