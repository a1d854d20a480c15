//! hyper alone, answering one fixed head: the least that any application on hyper can cost.
//!
//! The head is a copy of the gateway's own, so that both send the same bytes and differ only in how they come to them.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;

use super::http1;
use crate::files::TestFile;

pub(super) fn run(listen: SocketAddr, head: &Path) -> Result<()> {
    let bytes = fs::read(head).with_context(|| format!("cannot read {}", head.display()))?;
    let headers = replayed(&bytes).with_context(|| format!("{}: no head", head.display()))?;
    http1::serve(
        listen,
        service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            response.headers_mut().clone_from(&headers);
            std::future::ready(Ok::<_, Infallible>(response))
        }),
    )
}

/// A hand-off such as the gateway's, for runs without it.
pub(crate) fn sample_head(file: TestFile) -> Vec<u8> {
    let name = file.name;
    let base = name.rsplit('/').next().unwrap_or(name);
    format!(
        "HTTP/1.1 200 OK\r\n\
         content-type: application/octet-stream\r\n\
         content-disposition: attachment; filename=\"{base}\"\r\n\
         last-modified: Sun, 13 Sep 2020 12:26:40 GMT\r\n\
         etag: \"5f5e1000-{:x}\"\r\n\
         x-accel-redirect: /_internal/media/{name}\r\n\
         content-length: 0\r\n\
         date: Sun, 13 Sep 2020 12:26:40 GMT\r\n\r\n",
        file.size
    )
    .into_bytes()
}

/// Refuses two heads that differ in more than the time of day and the order of their headers.
pub(crate) fn same_head(one: &[u8], other: &[u8]) -> Result<()> {
    ensure!(
        comparable(one) == comparable(other),
        "the peer's head is not the gateway's:\n{}\n{}",
        String::from_utf8_lossy(one),
        String::from_utf8_lossy(other)
    );
    Ok(())
}

/// The headers to replay: all but the date, which hyper writes itself.
fn replayed(head: &[u8]) -> Result<HeaderMap> {
    let mut parsed = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut parsed);
    ensure!(
        response.parse(head)?.is_complete(),
        "the head is incomplete"
    );
    let mut headers = HeaderMap::new();
    for line in response.headers.iter() {
        headers.append(
            HeaderName::try_from(line.name)?,
            HeaderValue::from_bytes(line.value)?,
        );
    }
    headers.remove(header::DATE);
    Ok(headers)
}

fn comparable(head: &[u8]) -> Vec<&[u8]> {
    let is_date = |line: &[u8]| {
        line.get(..5)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"date:"))
    };
    let mut lines: Vec<&[u8]> = head
        .split(|byte| *byte == b'\n')
        .filter(|line| !is_date(line))
        .collect();
    lines.sort_unstable();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FILE_1_KIB;

    #[test]
    fn everything_but_the_date_is_replayed() {
        let headers = replayed(&sample_head(FILE_1_KIB)).unwrap();
        assert_eq!(headers.len(), 6);
        assert!(!headers.contains_key(header::DATE));
        assert_eq!(headers["x-accel-redirect"], "/_internal/media/1KiB.bin");
    }

    #[test]
    fn heads_are_the_same_at_another_time_and_in_another_order() {
        let one = b"HTTP/1.1 200 OK\r\ndate: now\r\na: 1\r\nb: 2\r\n\r\n";
        same_head(
            one,
            b"HTTP/1.1 200 OK\r\nb: 2\r\na: 1\r\nDate: later\r\n\r\n",
        )
        .unwrap();
        same_head(one, b"HTTP/1.1 200 OK\r\ndate: now\r\na: 1\r\nb: 3\r\n\r\n").unwrap_err();
    }
}
