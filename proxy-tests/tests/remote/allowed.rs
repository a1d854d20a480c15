//! Which headers reach the client where the proxy has a list of those that may: Caddy, and nginx with its script.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use proxy_tests::{Asked, Fetcher, Request, Response};

use super::headers::{EVIL, assert_told_apart};
use super::{Answer, FETCHERS, FILE, STATED, Stand, VALIDATORS, file, is_nginx};

/// Whatever a server says, nothing but these is said of a file.
const ALLOWED: [&str; 15] = [
    "accept-ranges",
    "cache-control",
    "connection",
    "content-disposition",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "server",
    "set-cookie",
    "vary",
    "x-case",
];

/// Names that no list can know, some of which mean something to a language in which proxies are scripted.
const UNHEARD_OF: &str = "x-amz-meta-owner: evil\r\nx-amz-meta-owner: evil\r\nX-Amz-Meta-Owner: evil\r\nx-ms-meta-owner: evil\r\n\
    x-goog-meta-owner: evil\r\nUnheard-Of: evil\r\nunder_score: evil\r\nWe!rd~: evil\r\n1: evil\r\n$request_uri: evil\r\n\
    constructor: evil\r\n__proto__: evil\r\nhasOwnProperty: evil\r\nlength: 0\r\ntoString: evil\r\nEmpty:\r\nX-Accel-Evil: evil\r\n\
    Upgrade: evil\r\nTrailer: evil\r\nProxy-Connection: evil\r\nSet-Cookie2: evil=1\r\nContent-Typ: evil\r\nContent-Types: evil\r\n\
    ETags: evil\r\nETa: evil\r\n";

/// What is no name of a header (RFC 9110, 5.6.2), and passes nginx all the same.
const NO_TOKENS: &str = "n\u{e9}: evil\r\n\"quoted\": evil\r\n(: evil\r\n";

/// What the server says twice counts once.
const TWICE: &str =
    "ETag: \"evil\"\r\nLast-Modified: Fri, 01 Jan 2100 00:00:00 GMT\r\nAccept-Ranges: evil\r\n";

/// More headers than some programs take.
fn many() -> String {
    (0..120)
        .map(|number| format!("Many-{number}: evil\r\n"))
        .collect()
}

/// The answer of a good server, with all of that in it, but what Caddy takes for no answer at all.
fn hostile(proxy: Fetcher) -> impl Fn(&Asked) -> Answer {
    let of_nginx = match is_nginx(proxy) {
        true => format!("{TWICE}{NO_TOKENS}"),
        false => String::new(),
    };
    let lines = format!("{of_nginx}{EVIL}{UNHEARD_OF}{}", many());
    move |asked| file(asked).and_headers(&lines)
}

fn with_lists() -> impl Iterator<Item = Fetcher> {
    FETCHERS
        .into_iter()
        .filter(|fetcher| !fetcher.passes_unknown_headers())
}

#[track_caller]
fn assert_allowed(proxy: Fetcher, answer: &Response) {
    let head = answer.head();
    let names = answer
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase());
    let names: BTreeSet<_> = names.collect();
    // The application's, and the newest Caddy's own.
    let also = ["x-content-type-options", "via"];
    let known = |name: &str| ALLOWED.contains(&name) || also.contains(&name);
    let others: Vec<_> = names.iter().filter(|name| !known(name)).collect();
    assert!(others.is_empty(), "{proxy:?}: {others:?} in {head}");
    assert!(!head.contains("evil"), "{proxy:?}: {head}");
}

#[test]
fn no_header_of_the_server_reaches_the_client_but_the_allowed_ones_each_once() {
    for proxy in with_lists() {
        let stand = Stand::new(proxy, hostile(proxy));
        let get = || Request::get("/x");
        let whole = stand.get("/a");
        assert_eq!(
            (whole.status, &*whole.text()),
            (200, FILE),
            "{proxy:?}: {}",
            whole.head()
        );
        assert_allowed(proxy, &whole);
        assert_told_apart(proxy, &whole);
        assert_eq!(whole.all("Content-Length"), ["36"], "{}", whole.head());

        let range = get()
            .header("Range", "bytes=30-")
            .header("If-Range", "\"v1\"");
        let part = stand.send("/a", &range);
        assert_eq!(
            (part.status, &*part.text()),
            (206, "uvwxyz"),
            "{proxy:?}: {}",
            part.head()
        );
        assert_allowed(proxy, &part);
        assert_told_apart(proxy, &part);
        assert_eq!(
            part.all("Content-Range"),
            ["bytes 30-35/36"],
            "{}",
            part.head()
        );

        let head = stand.send("/a", &Request::head("/x"));
        assert_eq!(
            (head.status, head.body.len()),
            (200, 0),
            "{proxy:?}: {}",
            head.head()
        );
        assert_eq!(
            head.all("Content-Length"),
            ["36"],
            "{proxy:?}: {}",
            head.head()
        );
        assert_allowed(proxy, &head);

        let same = stand.send("/a", &get().header("If-None-Match", "\"v1\""));
        assert_eq!(same.status, 304, "{proxy:?}: {}", same.head());
        assert_eq!(same.all("ETag"), ["\"v1\""], "{}", same.head());
        assert_allowed(proxy, &same);

        for (request, status) in [
            (get().header("If-Match", "\"v0\""), 412),
            (get().header("Range", "bytes=99-"), 416),
        ] {
            let answer = stand.send("/a", &request);
            assert_eq!(answer.status, status, "{proxy:?}: {}", answer.head());
            assert_allowed(proxy, &answer);
        }
    }
}

/// Two cookies of the application's, neither of which the list may cost.
#[test]
fn every_cookie_of_the_application_arrives_and_none_of_the_servers() {
    for proxy in with_lists() {
        let stand = Stand::new(proxy, hostile(proxy));
        let cookies = [
            "one=1; Path=/",
            "two=2; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        ];
        let stated = STATED.replace(
            "Set-Cookie: app=1",
            &format!("Set-Cookie: {}\r\nSet-Cookie: {}", cookies[0], cookies[1]),
        );
        stand.tell(&stand.url(), "/a", &stated);
        let answer = stand.front.get("/x");
        assert_eq!(
            answer.all("Set-Cookie"),
            cookies,
            "{proxy:?}: {}",
            answer.head()
        );
    }
}

#[test]
fn an_error_of_the_server_says_nothing_in_its_headers_either() {
    for proxy in with_lists() {
        let stand = Stand::new(proxy, |asked| {
            let status = asked.target().trim_start_matches('/');
            Answer::new(format!(
                "HTTP/1.1 {status} Status\r\n{EVIL}{UNHEARD_OF}WWW-Authenticate: evil\r\nContent-Length: 4\r\n\r\nevil"
            ))
        });
        for status in [401, 403, 404, 407, 410, 412, 416, 429, 500, 503, 504] {
            let answer = stand.get(&format!("/{status}"));
            assert!(
                answer.status >= 400,
                "{proxy:?} {status}: {}",
                answer.head()
            );
            assert!(
                !answer.text().contains("evil"),
                "{proxy:?} {status}: {}",
                answer.text()
            );
            assert_allowed(proxy, &answer);
        }
    }
}

/// A name that is no text cannot be taken away by the newest njs: then nothing is sent.
#[test]
fn a_header_whose_name_is_no_text_reaches_nobody() {
    for proxy in with_lists() {
        let stand = Stand::new(proxy, |_| {
            let head = format!("HTTP/1.1 200 OK\r\n{VALIDATORS}Content-Length: 36\r\n");
            Answer::new([head.as_bytes(), b"n\xe9: evil\r\n\r\n", FILE.as_bytes()].concat())
        });
        stand.tell(&stand.url(), "/a", STATED);
        if let Ok(answer) = Request::get("/x").send(stand.front.address()) {
            assert_allowed(proxy, &answer);
        }
    }
}

/// Without the script nginx takes an interim answer for the answer, and what follows for its body: a whole answer of the
/// server's making, for a client that reads on.
#[test]
fn nginx_with_its_script_passes_no_answer_that_is_no_file() {
    for proxy in with_lists().filter(|proxy| is_nginx(*proxy)) {
        for status in [100, 102, 103, 199, 201, 204, 226, 299, 499, 600, 799, 999] {
            let stand = Stand::new(proxy, move |_| {
                Answer::new(format!(
                    "HTTP/1.1 {status} Status\r\nLink: </evil>; rel=preload\r\n\r\n\
                     HTTP/1.1 200 OK\r\nSet-Cookie: evil=1\r\nContent-Length: 4\r\n\r\nfile"
                ))
                .and_close()
            });
            stand.tell(&stand.url(), "/a", STATED);
            match Request::get("/x").send(stand.front.address()) {
                Err(_) => {}
                // What comes after a 103 the newest nginx waits for.
                Ok(answer) => {
                    let head = answer.head();
                    assert_eq!((status, answer.status), (103, 200), "{proxy:?}: {head}");
                    assert_eq!(answer.text(), "file", "{proxy:?}: {head}");
                    assert_allowed(proxy, &answer);
                }
            }
        }
    }
}

/// `error_page` of nginx ends at 599: its script ends the connection, and Caddy says that the server failed.
#[test]
fn what_is_no_status_reaches_nobody_and_its_page_neither() {
    for proxy in with_lists() {
        let stand = Stand::new(proxy, |asked| {
            let status = asked.target().trim_start_matches('/');
            Answer::new(format!(
                "HTTP/1.1 {status} Status\r\n{EVIL}Content-Length: 4\r\n\r\nevil"
            ))
        });
        for status in [600, 601, 799, 999] {
            stand.tell(&stand.url(), &format!("/{status}"), STATED);
            match Request::get("/x").send(stand.front.address()) {
                Err(_) => assert!(is_nginx(proxy), "{proxy:?} {status}"),
                Ok(answer) => {
                    let head = answer.head();
                    assert_eq!(answer.status, 502, "{proxy:?}: {head}");
                    assert!(!answer.text().contains("evil"), "{proxy:?}: {head}");
                    assert_allowed(proxy, &answer);
                }
            }
        }
    }
}

/// nginx takes it for an answer of HTTP/0.9, which is all body, and passes it on as it is: a whole answer of the server's
/// making, for a client that skips what comes before.
#[test]
fn what_does_not_begin_as_an_answer_reaches_nobody() {
    for proxy in with_lists() {
        for begin in [
            "\r\nHTTP/1.1 200 OK",
            " HTTP/1.1 200 OK",
            "http/1.1 200 OK",
            "ICY 200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 000 OK",
        ] {
            let stand = Stand::new(proxy, move |_| {
                let head = format!("{begin}\r\n{EVIL}Content-Length: 4\r\n\r\n");
                Answer::new(format!("{head}evil")).and_close()
            });
            stand.tell(&stand.url(), "/a", STATED);
            let mut client = TcpStream::connect(stand.front.address()).expect("it listens");
            let asked =
                client.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            asked.expect("it takes a request");
            let mut came = Vec::new();
            // What was sent before a reset counts too.
            let _ = client.read_to_end(&mut came);
            let came = String::from_utf8_lossy(&came);
            let is_error = came.starts_with("HTTP/1.1 502 ");
            assert!(came.is_empty() || is_error, "{proxy:?} {begin:?}: {came}");
            assert!(!came.contains("evil"), "{proxy:?} {begin:?}: {came}");
        }
    }
}
