//! Downloads that the gateway sends itself, from stores that break off, change and fall silent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use proxy_tests::{Answer, Origin, Relay, Request, S3s, until};

use crate::large::mebibytes;
use crate::stand::{Bucket, Stand, VIEW, Way, http, s3};

const MIB: usize = 1024 * 1024;

/// Paced by the client's reading: so much is in flight at most that each cut hits the download.
#[test]
fn a_slow_download_whose_store_is_cut_off_again_and_again_arrives_whole() {
    const SIZE: usize = 64 * MIB;
    let s3s = S3s::start();
    let file = mebibytes(64);
    s3s.put_tagged("a.bin", &file, "0123456789abcdef");
    let relay = Relay::start(s3s.address());
    let stand = Stand::new(Way::Streamed(None), &s3(relay.address()), VIEW);
    let mut stream = TcpStream::connect(stand.address()).expect("it listens");
    let request = b"GET /files/a.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("it listens");
    let mut received = Vec::new();
    loop {
        let mut part = (&stream).take(8 * MIB as u64);
        let count = part.read_to_end(&mut received).expect("it goes on");
        if count == 0 {
            break;
        }
        relay.cut_connections();
    }
    let end = received.windows(4).position(|it| it == b"\r\n\r\n");
    received.drain(..end.expect("a head") + 4);
    assert!(received == file, "{} bytes", received.len());
    let asked = s3s.asked();
    assert!(asked.len() >= 4, "{} requests", asked.len());
    for again in &asked[1..] {
        let range = again.header("Range").unwrap_or_default();
        assert!(range.ends_with(&format!("-{}", SIZE - 1)), "{again:#?}");
        let tag = again.header("If-Match");
        assert_eq!(tag, Some("\"0123456789abcdef\""), "{again:#?}");
    }
}

#[test]
fn a_download_that_goes_on_after_the_object_changed_is_the_whole_new_one() {
    let bucket = Bucket::moto();
    bucket.put("a.bin", b"the old content");
    let stand = Stand::new(Way::Streamed(None), &bucket.storage(), VIEW);
    let old = stand.get("/files/a.bin");
    bucket.put("a.bin", b"The New Content, and more");
    let request = Request::get("/files/a.bin").header("Range", "bytes=8-");
    let new = stand.send(&request.header("If-Range", old.header("ETag")));
    assert_eq!(new.status, 200, "{}", new.head());
    assert_eq!(new.text(), "The New Content, and more");
    assert_ne!(new.header("ETag"), old.header("ETag"));
}

#[test]
fn a_body_that_changes_where_it_was_cut_ends_in_the_middle() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 100\r\n\r\n0123456789";
    const OTHER: &str = "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 100\r\n\r\n";
    let origin = Origin::start(|asked| match asked.header("Range") {
        None => Answer::new(HEAD).and_close(),
        Some(_) => Answer::new(OTHER).and_bytes(100),
    });
    let stand = Stand::new(Way::Streamed(None), &http(origin.address()), VIEW);
    let ended = Request::get("/files/a.bin").send(stand.address());
    let error = ended.expect_err("not the whole").to_string();
    assert!(
        error.contains("of 100 promised") || error.contains("no whole answer"),
        "{error}"
    );
}

/// Nothing is sent that would show that the client has left, and no time-out for the server is near.
#[test]
fn a_client_that_leaves_while_the_server_is_silent_takes_its_connection_along() {
    for head in [
        "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 100\r\n\r\n0123456789",
        "",
    ] {
        let origin = Origin::start(move |_| Answer::new(head).and_silence());
        let patient = "idle_timeout = \"10m\"\nfirst_byte_timeout = \"10m\"\n";
        let storage = http(origin.address()) + patient;
        let stand = Stand::new(Way::Streamed(None), &storage, VIEW);
        let request = Request::get("/files/a.bin");
        let exchange = request.start(stand.address()).expect("it listens");
        until("it is asked", || !origin.asked().is_empty());
        drop(exchange);
        origin.await_abandoned();
    }
}
