//! What an origin can do wrong: each is the right status or a connection that is cut, one line in the log, and nothing
//! of it in the answer.

use std::time::Duration;

use downloadview::fetch::Origin;
use http::Method;
use http_body_util::BodyExt as _;

use super::logs::Log;
use super::origin::{
    Server, Step, answer, ask, begin, get, logged, ordinary, part, saying, server, until, whole,
};

const BODY: &[u8] = b"0123456789";

fn ok(lines: &[&str], body: &str) -> Vec<u8> {
    answer(&[&["HTTP/1.1 200 OK"], lines].concat(), body)
}

fn partial(lines: &[&str], body: &str) -> Vec<u8> {
    answer(&[&["HTTP/1.1 206 Partial Content"], lines].concat(), body)
}

fn status(line: &str) -> Vec<u8> {
    answer(
        &[
            &format!("HTTP/1.1 {line}"),
            "Content-Length: 6",
            "X-Theirs: 1",
        ],
        "theirs",
    )
}

/// What is wrong, the headers of the request, and the answer.
type Case = (&'static str, Headers, Vec<u8>);
type Headers = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn an_answer_that_does_not_fit_is_none() {
    const RANGE: Headers = &[("range", "bytes=2-4")];
    let many: String = (0..101).map(|at| format!("X-{at}: y\r\n")).collect();
    let long = format!("X-Long: {}", "y".repeat(100_000));
    let length_and_coding = ["Content-Length: 3", "Transfer-Encoding: chunked"];
    let cases: Vec<Case> = vec![
        ("500", &[], status("500 Theirs")),
        (
            "503",
            &[],
            answer(
                &["HTTP/1.1 503 Busy", "Retry-After: 7", "Content-Length: 0"],
                "",
            ),
        ),
        ("400", &[], status("400 Bad")),
        ("405", &[], status("405 No")),
        ("429", &[], status("429 Slow")),
        ("204", &[], answer(&["HTTP/1.1 204 No Content"], "")),
        (
            "302",
            &[],
            answer(
                &["HTTP/1.1 302 Found", "Location: /b", "Content-Length: 0"],
                "",
            ),
        ),
        (
            "304 that nobody asked for",
            &[],
            answer(&["HTTP/1.1 304 Not Modified"], ""),
        ),
        ("412 that nobody asked for", &[], status("412 Failed")),
        ("416 that nobody asked for", &[], status("416 No")),
        (
            "101",
            &[],
            answer(
                &[
                    "HTTP/1.1 101 Switching",
                    "Upgrade: x",
                    "Connection: upgrade",
                ],
                "",
            ),
        ),
        ("206 that nobody asked for", &[], part(BODY, 2, 4, &[])),
        ("another range", RANGE, part(BODY, 3, 5, &[])),
        ("a longer range", RANGE, part(BODY, 2, 5, &[])),
        (
            "a range without a total",
            RANGE,
            partial(&["Content-Range: bytes 2-4/*", "Content-Length: 3"], "234"),
        ),
        (
            "a total that is too small",
            RANGE,
            partial(&["Content-Range: bytes 2-4/4", "Content-Length: 3"], "234"),
        ),
        (
            "a part without its range",
            RANGE,
            partial(&["Content-Length: 3"], "234"),
        ),
        (
            "two ranges",
            RANGE,
            partial(
                &[
                    "Content-Range: bytes 2-4/10",
                    "Content-Range: bytes 2-4/11",
                    "Content-Length: 3",
                ],
                "234",
            ),
        ),
        (
            "a range and another length",
            RANGE,
            partial(
                &["Content-Range: bytes 2-4/10", "Content-Length: 4"],
                "2345",
            ),
        ),
        (
            "a range of 2^64",
            RANGE,
            partial(
                &[
                    "Content-Range: bytes 2-18446744073709551615/18446744073709551615",
                    "Content-Length: 3",
                ],
                "234",
            ),
        ),
        (
            "several parts",
            RANGE,
            partial(
                &[
                    "Content-Type: multipart/byteranges; boundary=x",
                    "Content-Length: 3",
                ],
                "234",
            ),
        ),
        (
            "a part, chunked and with a length",
            RANGE,
            partial(
                &[
                    "Content-Range: bytes 2-4/10",
                    "Content-Length: 3",
                    "Transfer-Encoding: chunked",
                ],
                "3\r\n234\r\n0\r\n\r\n",
            ),
        ),
        (
            "chunked and with a length",
            &[],
            ok(&length_and_coding, "3\r\nabc\r\n0\r\n\r\n"),
        ),
        (
            "another transfer coding",
            &[],
            ok(
                &["Transfer-Encoding: gzip, chunked"],
                "3\r\nabc\r\n0\r\n\r\n",
            ),
        ),
        (
            "gzip",
            &[],
            ok(&["Content-Encoding: gzip", "Content-Length: 3"], "abc"),
        ),
        (
            "two lengths",
            &[],
            ok(&["Content-Length: 3", "Content-Length: 4"], "abc"),
        ),
        ("a length of +3", &[], ok(&["Content-Length: +3"], "abc")),
        (
            "a length of 2^63",
            &[],
            ok(&["Content-Length: 9223372036854775808"], "abc"),
        ),
        (
            "a length of 2^64",
            &[],
            ok(&["Content-Length: 18446744073709551616"], "abc"),
        ),
        (
            "a folded header",
            &[],
            ok(&["X-A: a\r\n b", "Content-Length: 3"], "abc"),
        ),
        (
            "more than 100 headers",
            &[],
            ok(&[many.trim_end(), "Content-Length: 3"], "abc"),
        ),
        (
            "a head that is too long",
            &[],
            ok(&[&long, "Content-Length: 3"], "abc"),
        ),
        ("no HTTP", &[], b"220 smtp.example ESMTP\r\n".to_vec()),
        (
            "HTTP/2",
            &[],
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80".to_vec(),
        ),
    ];
    for (what, headers, bytes) in cases {
        let (log, _guard) = logged();
        let origin = saying(bytes).await;
        let got = get(&origin.origin(), headers).await;
        assert_eq!((got.status, got.text()), (502, "Bad Gateway\n"), "{what}");
        assert_eq!(origin.count(), 1, "{what}");
        let names: Vec<_> = got.headers.keys().map(|name| name.as_str()).collect();
        let ours = [
            "content-type",
            "x-content-type-options",
            "cache-control",
            "content-length",
        ];
        assert!(
            names.iter().all(|name| ours.contains(name)),
            "{what}: {names:?}"
        );
        is_one_line(&log, &origin.url(), what);
    }
}

/// With the origin's host and port, and neither path nor query.
fn is_one_line(log: &Log, url: &str, what: &str) {
    let lines = log.lines();
    let [line] = &lines[..] else {
        panic!("{what}: {lines:#?}");
    };
    assert!(line.starts_with("WARN"), "{what}: {line}");
    assert!(line.contains(&url.replace("http://", "")), "{what}: {line}");
    assert!(
        !line.contains("secret") && !line.contains("theirs"),
        "{what}: {line}"
    );
}

#[tokio::test]
async fn odd_answers_that_fit_are_good() {
    let odd = |lines: &[&str]| ok(&[lines, &["Content-Length: 3"]].concat(), "abc");
    let latin = [b"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"\xe9.txt\"\r\nContent-Length: 3\r\n\r\nabc".to_vec()];
    let early = b"HTTP/1.1 103 Early Hints\r\nLink: </evil.css>; rel=preload\r\n\r\n".to_vec();
    let continued = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    for (what, bytes) in [
        ("a byte 0xE9", latin[0].clone()),
        ("103 first", [early, odd(&[])].concat()),
        ("100 first", [continued, odd(&[])].concat()),
        (
            "chunked",
            ok(
                &["Transfer-Encoding: chunked"],
                "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            ),
        ),
        (
            "trailers",
            ok(
                &["Transfer-Encoding: chunked", "Trailer: X-Accel-Redirect"],
                "3\r\nabc\r\n0\r\nX-Accel-Redirect: /etc/passwd\r\n\r\n",
            ),
        ),
        ("the same length twice", odd(&["Content-Length: 3"])),
        ("identity", odd(&["Content-Encoding: identity"])),
        ("a date of 0", odd(&["Last-Modified: 0"])),
        (
            "a date in the future",
            odd(&["Last-Modified: Tue, 29 Oct 2999 00:00:00 GMT"]),
        ),
        ("no date at all", odd(&["Last-Modified: yesterday"])),
        ("a tag without quotes", odd(&["ETag: abc"])),
        ("a tag of Latin-1", odd(&["ETag: \"?\""])),
    ] {
        let (log, _guard) = logged();
        let origin = saying(bytes).await;
        let got = get(&origin.origin(), &[]).await;
        assert_eq!((got.status, got.text()), (200, "abc"), "{what}");
        assert_eq!(got.header("last-modified"), None, "{what}");
        assert!(!got.headers.contains_key("link"), "{what}");
        assert_eq!(log.lines(), [""; 0], "{what}");
    }
    for date in [
        "Tue, 29 Oct 2019 00:00:00 GMT",
        "Mon, 29 Oct 2019 00:00:00 GMT",
        "Tuesday, 29-Oct-19 00:00:00 GMT",
        "Tue Oct 29 00:00:00 2019",
    ] {
        let origin = saying(odd(&[&format!("Last-Modified: {date}")])).await;
        let got = get(&origin.origin(), &[]).await;
        let expected = Some("Tue, 29 Oct 2019 00:00:00 GMT");
        assert_eq!(got.header("last-modified"), expected, "{date}");
    }
}

#[tokio::test]
async fn what_is_missing_or_refused_is_said_as_the_settings_say() {
    for (line, forbidden_as, expected) in [
        ("404 Not Found", 404, 404),
        ("410 Gone", 404, 404),
        ("401 Unauthorized", 404, 404),
        ("403 Forbidden", 404, 404),
        ("401 Unauthorized", 403, 403),
        ("403 Forbidden", 403, 403),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let origin = server(move |_, asked| {
                let mut bytes = status(line);
                if asked.line.starts_with("HEAD") {
                    bytes.truncate(bytes.len() - 6);
                }
                vec![Step::Send(bytes)]
            })
            .await;
            let built = origin
                .builder()
                .forbidden_as(forbidden_as.try_into().unwrap());
            let got = ask(method, &built.build().unwrap(), &[]).await;
            assert_eq!(got.status, expected, "{line}");
            assert!(!got.text().contains("theirs") && !got.headers.contains_key("x-theirs"));
        }
    }
}

#[tokio::test]
async fn an_origin_that_refuses_us_is_in_the_log_once_a_minute() {
    let (log, _guard) = logged();
    let origin = saying(status("403 Forbidden")).await;
    let built = origin.origin();
    for _ in 0..3 {
        assert_eq!(get(&built, &[]).await.status, 404);
    }
    is_one_line(&log, &origin.url(), "403");
}

#[tokio::test]
async fn an_error_page_of_400_mib_is_not_read() {
    let origin = server(|_, _| {
        let head = answer(&["HTTP/1.1 404 Not Found", "Content-Length: 419430400"], "");
        vec![Step::Send(head), Step::Repeat(vec![b'x'; 64 * 1024], 6400)]
    })
    .await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!(got.status, 404);
    origin.until_gone(1).await;
    // What the kernel holds of a connection on loopback, and one buffer.
    assert!(origin.sent() < 16 * 1024 * 1024, "{} bytes", origin.sent());
}

#[tokio::test]
async fn an_origin_that_does_not_answer_is_504() {
    for method in [Method::GET, Method::HEAD] {
        let (log, _guard) = logged();
        let origin = server(|_, _| vec![Step::Stall]).await;
        let built = origin
            .builder()
            .first_byte_timeout(Duration::from_millis(100));
        let got = ask(method, &built.build().unwrap(), &[]).await;
        assert_eq!(got.status, 504);
        is_one_line(&log, &origin.url(), "a stall");
        origin.until_gone(1).await;
    }
}

#[tokio::test]
async fn an_origin_that_hangs_up_is_502() {
    let (log, _guard) = logged();
    let origin = server(|_, _| vec![Step::Close]).await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!((got.status, origin.count()), (502, 1));
    is_one_line(&log, &origin.url(), "a connection that ends");
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_502() {
    let (log, _guard) = logged();
    // Bound, so that nobody else is given the port, and not listening.
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let client = downloadview::fetch::Client::new().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let origin = client.origin(url.as_str()).allow_private().build().unwrap();
    assert_eq!(get(&origin, &[]).await.status, 502);
    is_one_line(&log, &url, "nobody there");
}

/// A server may end a connection that is kept at any time: just then nothing is lost.
#[tokio::test]
async fn a_kept_connection_that_ends_without_a_word_costs_nothing() {
    let origin = server(|number, asked| match number {
        2 => vec![Step::Close],
        _ => vec![Step::Send(ordinary(BODY, "\"v1\"", asked))],
    })
    .await;
    let built = origin.origin();
    assert_eq!(get(&built, &[]).await.text(), "0123456789");
    assert_eq!(get(&built, &[]).await.text(), "0123456789");
    assert_eq!((origin.count(), origin.connections()), (3, 2));
}

/// A server to which so many connections are kept. It closes the one on which it is asked again, for as long as it was
/// asked no more often than `lasts`.
async fn with_kept_connections(count: usize, lasts: usize) -> (Server, Origin) {
    // More than is read of it before somebody wants it: its connection is not free before that.
    let large = vec![b'x'; 4 << 20];
    let server = server(move |number, asked| match number {
        _ if number <= count => vec![Step::Send(ordinary(&large, "\"v1\"", asked))],
        _ if number <= lasts => vec![Step::Close],
        _ => vec![Step::Send(ordinary(BODY, "\"v1\"", asked))],
    })
    .await;
    let origin = server.origin();
    let mut bodies = Vec::new();
    for _ in 0..count {
        bodies.push(begin(Method::GET, &origin, &[]).await.into_body());
    }
    for body in bodies {
        body.collect().await.expect("it is whole");
    }
    assert_eq!(server.connections(), count);
    (server, origin)
}

/// As those of a server that is started anew.
#[tokio::test]
async fn several_kept_connections_that_end_at_once_cost_nothing() {
    let (server, origin) = with_kept_connections(3, 6).await;
    assert_eq!(get(&origin, &[]).await.text(), "0123456789");
    assert_eq!((server.count(), server.connections()), (7, 4));
}

/// What closes all that is kept is not asked for ever.
#[tokio::test]
async fn a_server_that_closes_every_kept_connection_is_asked_four_times() {
    let (server, origin) = with_kept_connections(8, usize::MAX).await;
    assert_eq!(get(&origin, &[]).await.status, 502);
    assert_eq!(server.count(), 8 + 4);
}

#[tokio::test]
async fn a_file_larger_than_allowed_is_502() {
    let origin = server(|_, asked| vec![Step::Send(ordinary(BODY, "\"v1\"", asked))]).await;
    let built = origin.builder().max_size(9).build().unwrap();
    assert_eq!(get(&built, &[]).await.status, 502);
    assert_eq!(get(&built, &[("range", "bytes=0-0")]).await.status, 502);
    assert_eq!(ask(Method::HEAD, &built, &[]).await.status, 502);
    let built = origin.builder().max_size(10).build().unwrap();
    assert_eq!(get(&built, &[]).await.status, 200);
}

#[tokio::test]
async fn a_file_without_end_ends_at_the_largest_that_is_allowed() {
    let (log, _guard) = logged();
    let origin = server(|_, _| {
        let head = ok(&["Transfer-Encoding: chunked"], "");
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
        vec![Step::Send(head), Step::Repeat(chunk, usize::MAX)]
    })
    .await;
    let built = origin.builder().max_size(1_000_000).build().unwrap();
    let got = get(&built, &[]).await;
    assert_eq!((got.status, got.body), (200, None));
    origin.until_gone(1).await;
    is_one_line(&log, &origin.url(), "endless");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_origins_connection_along() {
    // While the head is awaited.
    let origin = server(|_, _| vec![Step::Stall]).await;
    let built = origin.origin();
    let waiting = tokio::spawn(async move { get(&built, &[]).await });
    until("the request arrives", || origin.count() == 1).await;
    waiting.abort();
    origin.until_gone(1).await;
    // In mid-body, while the origin sends nothing.
    let origin = server(|_, _| {
        vec![
            Step::Send(ok(&["Content-Length: 10"], "01234")),
            Step::Stall,
        ]
    })
    .await;
    let mut body = begin(Method::GET, &origin.origin(), &[]).await.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "01234"
    );
    drop(body);
    origin.until_gone(1).await;
    // The same for a client that was waiting for more.
    let origin = server(|_, _| {
        vec![
            Step::Send(ok(&["Content-Length: 10"], "01234")),
            Step::Stall,
        ]
    })
    .await;
    let mut body = begin(Method::GET, &origin.origin(), &[]).await.into_body();
    let _ = body.frame().await;
    let polled = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
    assert!(polled.is_err(), "nothing more comes");
    drop(body);
    origin.until_gone(1).await;
    // While it sends without end.
    let origin = server(|_, _| {
        let head = ok(&["Content-Length: 1000000000000"], "");
        vec![
            Step::Send(head),
            Step::Repeat(vec![b'x'; 65536], usize::MAX),
        ]
    })
    .await;
    drop(begin(Method::GET, &origin.origin(), &[]).await);
    origin.until_gone(1).await;
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way() {
    let origin = server(|_, asked| {
        vec![Step::Send(ordinary(
            &vec![b'x'; 5_000_000],
            "\"v1\"",
            asked,
        ))]
    })
    .await;
    let limited = origin.builder().concurrency(1);
    let built = limited
        .first_byte_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let held = begin(Method::GET, &built, &[]).await;
    assert_eq!(held.status(), 200);
    let refused = get(&built, &[]).await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(origin.count(), 1);
    drop(held);
    let got = get(&built, &[]).await;
    assert_eq!(got.body.map(|body| body.len()), Some(5_000_000));
    // Parts come one after the other.
    let parts = get(&built, &[("range", "bytes=0-0,9-9,5-5")]).await;
    assert!(parts.status == 206 && parts.body.is_some());
    assert_eq!(origin.count(), 5);
    // What has none to give gives its place back too.
    for headers in [[("if-none-match", "\"v1\"")], [("range", "bytes=9999999-")]] {
        for _ in 0..3 {
            assert!(get(&built, &headers).await.status < 500);
        }
    }
}

#[tokio::test]
async fn a_whole_answer_that_ends_too_early_without_a_tag_ends_the_connection() {
    let (log, _guard) = logged();
    let origin = server(|_, _| {
        vec![
            Step::Send(ok(&["Content-Length: 10"], "01234")),
            Step::Close,
        ]
    })
    .await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!((got.status, got.body), (200, None));
    assert_eq!(origin.count(), 1);
    is_one_line(&log, &origin.url(), "short");
}

#[tokio::test]
async fn bytes_after_the_end_are_not_the_files() {
    let bytes = [
        whole(b"0123", &[]),
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec(),
    ]
    .concat();
    let origin = server(move |number, _| match number {
        1 => vec![Step::Send(bytes.clone())],
        _ => vec![Step::Send(whole(b"good", &[]))],
    })
    .await;
    let built = origin.origin();
    assert_eq!(get(&built, &[]).await.text(), "0123");
    assert_eq!(get(&built, &[]).await.text(), "good");
}
