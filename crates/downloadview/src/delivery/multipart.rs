//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, 14.6).
//!
//! `delivery` calls [`answer`] with at least two ranges that neither overlap nor touch. Each part
//! has a head of its own with type and range, so the length of the answer is known before anything
//! is read. The parts are opened one after the other. The first one is opened before the head is
//! sent, so that an error there is still an answer of its own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;

use super::{Answer, Delivery};
use crate::content::{self, BoxFuture, ByteRange, ByteStream, Content, Exact};
use crate::error::{Error, Result};
use crate::response::DownloadBody;
use crate::response::head::{Kind, content_range_of};

/// 206 with one part for each range. The content is returned if the answer would be longer than any
/// length that can be stated.
pub(super) async fn answer(
    content: Content,
    ranges: &[ByteRange],
    content_type: Option<&HeaderValue>,
) -> Result<Result<Answer, Content>> {
    let boundary = boundary()?;
    let parts = parts(content_type, &content, ranges, &boundary);
    let last = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let Some(length) = length(&parts, &last) else {
        return Ok(Err(content));
    };
    let mut parts = parts.into_iter();
    let current = match parts.next() {
        Some(part) => {
            let stream = content.stream(part.range).await?.begun().await?;
            Some((Some(part.head), Exact::new(stream, part.range.len())))
        }
        None => None,
    };
    let stream = Multipart {
        content,
        parts,
        state: current.map_or(State::Between, |(head, stream)| {
            State::Sending(head, stream)
        }),
        last: Some(last),
    };
    let body = DownloadBody::sized(ByteStream::from_boxed(Box::pin(stream)), length);
    let mut answer = Answer::new(Kind::Partial, Delivery::Parts, Some(length), body);
    let value = format!("multipart/byteranges; boundary={boundary}");
    answer.content_type = HeaderValue::try_from(value).ok();
    Ok(Ok(answer))
}

/// A part: its head, and which bytes follow.
struct Part {
    head: Bytes,
    range: ByteRange,
}

/// The length of the whole body; `None` if it cannot be stated.
fn length(parts: &[Part], last: &Bytes) -> Option<u64> {
    parts.iter().try_fold(last.len() as u64, |length, part| {
        length
            .checked_add(part.range.len())?
            .checked_add(part.head.len() as u64)
    })
}

/// 128 random bits, so that no content can hold the boundary on purpose.
fn boundary() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::other)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

/// The parts with their heads.
fn parts(
    content_type: Option<&HeaderValue>,
    content: &Content,
    ranges: &[ByteRange],
    boundary: &str,
) -> Vec<Part> {
    let size = content.metadata().size();
    let part = |&range: &ByteRange| {
        // A line break before the first too, as nginx and Apache write it: zsync 0.6.2 looks for one.
        let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(content_type) = content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        let range_line = format!("Content-Range: {}\r\n\r\n", content_range_of(range, size));
        head.extend_from_slice(range_line.as_bytes());
        Part {
            head: head.into(),
            range,
        }
    };
    ranges.iter().map(part).collect()
}

/// The body: heads, bytes of parts, and the last boundary.
struct Multipart {
    content: Content,
    parts: std::vec::IntoIter<Part>,
    state: State,
    last: Option<Bytes>,
}

/// Where the body is.
enum State {
    /// Before the head of a part, or before the last boundary.
    Between,
    /// The bytes of a part are on their way to us.
    Fetching(Option<Bytes>, u64, BoxFuture<'static, Result<ByteStream>>),
    /// The head of a part, and its bytes.
    Sending(Option<Bytes>, Exact),
}

impl Stream for Multipart {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            self.state = match &mut self.state {
                State::Sending(head, stream) => {
                    if let Some(head) = head.take() {
                        return Poll::Ready(Some(Ok(head)));
                    }
                    match ready!(Pin::new(stream).poll_next(cx)) {
                        Some(frame) => return Poll::Ready(Some(frame)),
                        None => State::Between,
                    }
                }
                State::Fetching(head, length, stream) => match ready!(stream.as_mut().poll(cx)) {
                    Ok(stream) => State::Sending(head.take(), Exact::new(stream, *length)),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
                State::Between => {
                    let Some(part) = self.parts.next() else {
                        return Poll::Ready(self.last.take().map(Ok));
                    };
                    let length = part.range.len();
                    match self.content.part(part.range) {
                        content::Part::Ready(Ok(stream)) => {
                            State::Sending(Some(part.head), Exact::new(stream, length))
                        }
                        content::Part::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                        content::Part::Fetched(stream) => {
                            State::Fetching(Some(part.head), length, stream)
                        }
                    }
                }
            };
        }
    }
}
