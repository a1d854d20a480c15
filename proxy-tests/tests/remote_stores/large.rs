//! 200 MiB, through each proxy that fetches and through the gateway.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use proxy_tests::{Answer, Asked, Origin, Proxy, S3s, noise};

use crate::stand::{FETCHERS, Stand, VIEW, Way, http, s3};

const SIZE: usize = 200 * 1024 * 1024;
const HALF: usize = SIZE / 2;

static FILE: LazyLock<Arc<[u8]>> = LazyLock::new(|| mebibytes(200).into());

/// A block of noise again and again, each time with another number in it.
pub(crate) fn mebibytes(count: usize) -> Vec<u8> {
    let block = noise(1024 * 1024 - 8);
    let mut bytes = Vec::with_capacity(count * 1024 * 1024);
    for number in 0..count as u64 {
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes
}

/// A server that knows ranges.
fn file(asked: &Asked) -> Answer {
    let validators = "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n";
    let range = asked.header("Range").and_then(first);
    let (line, Range { start, end }) = match range {
        None => ("200 OK\r\n".to_owned(), 0..SIZE),
        Some(first) => {
            let last = SIZE - 1;
            let line = format!("206 Part\r\nContent-Range: bytes {first}-{last}/{SIZE}\r\n");
            (line, first..SIZE)
        }
    };
    let length = end - start;
    let head = format!("HTTP/1.1 {line}{validators}Content-Length: {length}\r\n\r\n");
    Answer::new(head).and_part(&FILE, start..end)
}

/// The first byte that is asked for.
fn first(range: &str) -> Option<usize> {
    let range = range.strip_prefix("bytes=")?;
    range.strip_suffix('-')?.parse().ok()
}

#[test]
fn two_hundred_mebibytes_arrive_whole_in_one_request_and_resume_in_one_more() {
    let origin = Origin::start(file);
    let s3s = S3s::start();
    s3s.put_tagged("large.bin", &FILE, "0123456789abcdef");
    let ways = FETCHERS.map(Way::Fetched).into_iter();
    let ways = ways.chain([Way::Streamed(None), Way::Streamed(Some(Proxy::NewestNginx))]);
    for way in ways {
        let asked = || s3s.asked();
        check(way, &s3(s3s.address()), &asked);
        check(way, &http(origin.address()), &|| origin.asked());
    }
}

#[track_caller]
fn check(way: Way, storage: &str, asked: &dyn Fn() -> Vec<Asked>) {
    let stand = Stand::new(way, storage, VIEW);
    let since = |before: usize| asked().split_off(before);
    let saved = stand.site().path("client/large.bin");
    let curl = |arguments: &[&str]| {
        let curl = stand.site().program("curl", "curl");
        let curl = curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--output",
            "large.bin",
        ]);
        // What a browser says of itself is nobody's business elsewhere.
        let curl = curl.args([
            "--cookie",
            "a=b",
            "--user",
            "me:secret",
            "--referer",
            "http://a/",
        ]);
        let curl = curl.args(arguments).args([stand.url("/files/large.bin")]);
        curl.run().expect("curl downloads");
        let came = fs::read(&saved).expect("it was saved");
        assert!(
            came == FILE[..],
            "{way:?} {arguments:?}: {} other bytes",
            came.len()
        );
    };

    let before = asked().len();
    curl(&[]);
    let heard = since(before);
    assert_eq!(heard.len(), 1, "{way:?}: {heard:#?}");
    assert!(heard[0].line.starts_with("GET "), "{heard:#?}");
    assert_eq!(heard[0].names(), ["accept-encoding", "host"], "{way:?}");

    fs::write(&saved, cut_at_half(&stand)).expect("a file can be written");
    let before = asked().len();
    curl(&["--continue-at", "-"]);
    let heard = since(before);
    assert_eq!(heard.len(), 1, "{way:?}: {heard:#?}");
    let range = heard[0].header("Range");
    assert_eq!(range, Some(&*format!("bytes={HALF}-")), "{way:?}");
    if matches!(way, Way::Fetched(_)) {
        let said = stand.said_by_gateway();
        assert!(said < 16 * 1024, "{way:?}: the gateway sent {said} bytes");
    }
}

/// The first half of the body, of a download that ends there.
fn cut_at_half(stand: &Stand) -> Vec<u8> {
    let mut stream = TcpStream::connect(stand.address()).expect("it listens");
    let request = b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(request).expect("it listens");
    let mut received = Vec::new();
    let limit = (HALF + 64 * 1024) as u64;
    let taken = stream.take(limit).read_to_end(&mut received);
    taken.expect("more than half of it comes");
    let head = received.windows(4).position(|it| it == b"\r\n\r\n");
    received.drain(..head.expect("a head") + 4);
    received.truncate(HALF);
    received
}
