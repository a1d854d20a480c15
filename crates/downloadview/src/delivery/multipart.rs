//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, 14.6).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Response, StatusCode, header, response};

use super::{Source, content_range, set, whole};
use crate::content::{ByteRange, ByteStream, Content, Exact};
use crate::error::{Error, Result};
use crate::response::DownloadBody;

/// 206 with one part a range.
pub(super) async fn response(
    mut head: response::Parts,
    content: Content,
    ranges: &[ByteRange],
) -> Result<Response<DownloadBody>> {
    let boundary = boundary()?;
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let parts = parts(content_type, &content, ranges, &boundary);
    let last = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let Some(length) = length(&parts, &last) else {
        // Longer than any length that can be stated.
        return whole(head, Source::Opened(content)).await;
    };
    head.status = StatusCode::PARTIAL_CONTENT;
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let value = format!("multipart/byteranges; boundary={boundary}");
    set(&mut head.headers, header::CONTENT_TYPE, value);
    let stream = Multipart {
        content,
        parts: parts.into_iter(),
        current: None,
        last: Some(last),
    };
    let body = DownloadBody::sized(ByteStream::from_boxed(Box::pin(stream)), length);
    Ok(Response::from_parts(head, body))
}

struct Part {
    head: Bytes,
    range: ByteRange,
}

fn length(parts: &[Part], last: &Bytes) -> Option<u64> {
    parts.iter().try_fold(last.len() as u64, |length, part| {
        length
            .checked_add(part.range.len())?
            .checked_add(part.head.len() as u64)
    })
}

/// 128 random bits: no content can hold the boundary on purpose.
fn boundary() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::other)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(random)))
}

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
        let range_line = format!("Content-Range: {}\r\n\r\n", content_range(range, size));
        head.extend_from_slice(range_line.as_bytes());
        Part {
            head: head.into(),
            range,
        }
    };
    ranges.iter().map(part).collect()
}

struct Multipart {
    content: Content,
    parts: std::vec::IntoIter<Part>,
    current: Option<Exact>,
    last: Option<Bytes>,
}

impl Stream for Multipart {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(current) = &mut self.current {
            if let Some(frame) = ready!(Pin::new(current).poll_next(cx)) {
                return Poll::Ready(Some(frame));
            }
            self.current = None;
        }
        let Some(part) = self.parts.next() else {
            return Poll::Ready(self.last.take().map(Ok));
        };
        match self.content.stream(part.range) {
            Ok(stream) => self.current = Some(Exact::new(stream, part.range.len())),
            Err(error) => return Poll::Ready(Some(Err(error))),
        }
        Poll::Ready(Some(Ok(part.head)))
    }
}
