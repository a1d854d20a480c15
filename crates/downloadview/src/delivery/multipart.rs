//! Several ranges in one answer: `multipart/byteranges` (RFC 9110, 14.6).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Response, StatusCode, header, response};

use super::{content_range, set};
use crate::content::{ByteRange, ByteStream, Content, Exact};
use crate::error::{Error, Result};
use crate::response::DownloadBody;

/// 206 with one part a range.
pub(super) fn response(
    mut head: response::Parts,
    content: Content,
    ranges: &[ByteRange],
) -> Result<Response<DownloadBody>> {
    let boundary = boundary()?;
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let parts = parts(content_type, &content, ranges, &boundary);
    let last = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let length = parts.iter().map(Part::length).sum::<u64>() + last.len() as u64;
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

impl Part {
    fn length(&self) -> u64 {
        self.head.len() as u64 + self.range.len()
    }
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
    let part = |(at, &range): (usize, &ByteRange)| {
        let mut head = Vec::new();
        if at > 0 {
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
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
    ranges.iter().enumerate().map(part).collect()
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
