//! What a download costs: requests, connections, memory and disk.

use std::fs;
use std::path::Path;

use proxy_tests::{Answer, Asked, Request};

use super::{FETCHERS, FILE, STATED, Stand, VALIDATORS, file, is_nginx};

const LARGE: u64 = 100 * 1024 * 1024;

fn large(_: &Asked) -> Answer {
    Answer::new(format!(
        "HTTP/1.1 200 OK\r\n{VALIDATORS}Content-Length: {LARGE}\r\n\r\n"
    ))
    .and_bytes(LARGE)
}

#[test]
fn each_download_is_one_request_and_all_go_over_one_connection() {
    for proxy in FETCHERS {
        // Each worker process keeps connections of its own.
        let stand = Stand::amid(proxy, file, |printed| {
            printed.replace("worker_processes auto", "worker_processes 1")
        });
        for _ in 0..6 {
            assert_eq!(stand.get("/a").text(), FILE);
        }
        assert_eq!(stand.origin.asked().len(), 6, "{proxy:?}");
        assert_eq!(stand.origin.connections(), 1, "{proxy:?}");
        let said = stand.front.output();
        assert!(!said.contains("[warn]"), "{said}");
    }
}

/// Signatures are for one method.
#[test]
fn nginx_asks_with_get_for_a_head_and_lets_go_at_once() {
    for proxy in FETCHERS.into_iter().filter(|proxy| is_nginx(*proxy)) {
        let stand = Stand::new(proxy, large);
        let request = Request::head("/x").header("Range", "bytes=0-4");
        let answer = stand.send("/a", &request);
        let head = answer.head();
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, 0),
            "{proxy:?}: {head}"
        );
        assert_eq!(answer.header("Content-Length"), LARGE.to_string(), "{head}");
        assert_eq!(answer.header("Content-Type"), "application/pdf", "{head}");
        let asked = stand.origin.only();
        assert_eq!(asked.line, "GET /a HTTP/1.1");
        assert_eq!(asked.header("Range"), None, "ranges are for GET alone");
        stand.origin.await_abandoned();
        let taken = stand.origin.taken();
        assert!(taken < LARGE / 4, "{proxy:?}: {taken}");
    }
}

#[test]
fn a_client_that_leaves_ends_the_fetch_and_nothing_was_kept_on_disk() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, large);
        stand.tell(&stand.url(), "/a", STATED);
        let mut exchange = Request::get("/x")
            .start(stand.front.address())
            .expect("started");
        exchange.receive(1024 * 1024).expect("a part");
        let kept = size_of(&stand.site.path(proxy.proxy.name()));
        assert!(kept < 64 * 1024, "{proxy:?}: {kept} bytes below its folder");
        drop(exchange);
        stand.origin.await_abandoned();
        let taken = stand.origin.taken();
        assert!(taken < LARGE / 2, "{proxy:?}: {taken}");
    }
}

#[test]
fn a_large_file_arrives_whole() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, large);
        let answer = stand.get("/a");
        assert_eq!(
            answer.body.len() as u64,
            LARGE,
            "{proxy:?}: {}",
            answer.head()
        );
        let kept = size_of(&stand.site.path(proxy.proxy.name()));
        assert!(kept < 64 * 1024, "{proxy:?}: {kept} bytes below its folder");
    }
}

/// The bytes of all files below a folder.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            _ => entry.metadata().map_or(0, |metadata| metadata.len()),
        })
        .sum()
}
