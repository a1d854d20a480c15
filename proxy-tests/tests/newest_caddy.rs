//! The suite against the newest Caddy, and what is new in it.

use std::fs;
use std::time::UNIX_EPOCH;

use proxy_tests::{Proxy, Request, Response, Site, World, configuration};

#[macro_use]
mod suite;

suite!(NewestCaddy);

/// What it makes of a hand-off with these headers.
fn answer_beside(headers: &str, request: &Request) -> (Site, Response) {
    let site = Site::new(&configuration(Proxy::NewestCaddy));
    site.write("media/plain.txt", World::PLAIN);
    let _app = site.start_scripted_app(format!(
        "HTTP/1.1 200 OK\r\n{}{headers}Content-Length: 0\r\nConnection: close\r\n\r\n",
        site.hand_off(Proxy::NewestCaddy, "plain.txt")
    ));
    let answer = site.start_proxy(Proxy::NewestCaddy).send(request);
    (site, answer)
}

fn base36(mut number: u128) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
    }
    digits.reverse();
    String::from_utf8_lossy(&digits).into_owned()
}

#[test]
fn a_tag_of_its_own_tells_nanoseconds() {
    let (site, answer) = answer_beside("", &Request::get("/x"));
    let modified = fs::metadata(site.path("media/plain.txt")).and_then(|it| it.modified());
    let since = modified.expect("a time").duration_since(UNIX_EPOCH);
    let (time, size) = (since.expect("after 1970").as_nanos(), World::PLAIN.len());
    let expected = format!("\"{}-{}\"", base36(time), base36(size as u128));
    assert_eq!(answer.header("ETag"), expected, "{}", answer.head());
}

#[test]
fn the_tag_of_the_app_wins_and_is_what_conditions_are_held_against() {
    let tag = "ETag: \"of-the-app\"\r\n";
    for (condition, status) in [
        (Request::get("/x"), 200),
        (
            Request::get("/x").header("If-None-Match", "\"of-the-app\""),
            304,
        ),
        (
            Request::get("/x").header("If-None-Match", "\"another\""),
            200,
        ),
        (Request::get("/x").header("If-Match", "\"another\""), 412),
    ] {
        let (_site, answer) = answer_beside(tag, &condition);
        assert_eq!(answer.status, status, "{condition:?}: {}", answer.head());
        if status != 412 {
            assert_eq!(answer.header("ETag"), "\"of-the-app\"");
        }
    }
}

/// For caches the two answers must vary alike (RFC 9110, 15.4.5).
#[test]
fn a_304_varies_as_the_200_does() {
    let condition = Request::get("/x").header("If-None-Match", "*");
    for (request, status) in [(Request::get("/x"), 200), (condition, 304)] {
        let (_site, answer) = answer_beside("Vary: Accept-Language\r\n", &request);
        assert_eq!(answer.status, status, "{}", answer.head());
        let expected = ["Accept-Language", "Accept-Encoding"];
        assert_eq!(answer.all("Vary"), expected, "{}", answer.head());
    }
}

/// So a client cannot tell from it of which state the range was not to be had.
#[test]
fn a_416_has_no_validators() {
    let request = Request::get("/x").header("Range", "bytes=999-");
    let (_site, answer) = answer_beside("ETag: \"of-the-app\"\r\n", &request);
    assert_eq!(answer.status, 416, "{}", answer.head());
    for name in ["ETag", "Last-Modified", "Cache-Control"] {
        assert!(!answer.has(name), "{}", answer.head());
    }
}
