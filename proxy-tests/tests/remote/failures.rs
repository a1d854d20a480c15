//! What goes wrong at the server: the client learns the status, or one that says as much, and not a word more.

use proxy_tests::{Answer, Fetcher, Request, Response};

use super::{FETCHERS, FILE, STATED, Stand, VALIDATORS, answer, is_nginx};

/// Neither body nor header of the server's, and nothing that makes a page of errors a file that is kept.
fn assert_bare(proxy: Fetcher, what: &str, answer: &Response) {
    let head = answer.head();
    assert!(
        !answer.text().contains("evil"),
        "{proxy:?} {what}: {}",
        answer.text()
    );
    assert!(!head.contains("evil"), "{proxy:?} {what}: {head}");
    for name in ["ETag", "Last-Modified", "Location", "Accept-Ranges"] {
        assert!(!answer.has(name), "{proxy:?} {what}: {head}");
    }
    // nginx cannot take the application's away.
    let of_app: &[&str] = if is_nginx(proxy) {
        &["public, max-age=60", "no-store"]
    } else {
        &[]
    };
    assert_eq!(
        answer.all("Cache-Control"),
        of_app,
        "{proxy:?} {what}: {head}"
    );
}

#[test]
fn each_status_of_the_server_has_an_answer() {
    let all = [
        300, 301, 302, 303, 305, 307, 308, 400, 402, 405, 406, 407, 409, 411, 413, 417, 418, 429,
        431, 451, 494, 495, 496, 497, 498, 500, 501, 502, 503, 505, 511, 520, 530, 561, 599,
    ];
    let failed = all.into_iter().map(|status| (status, 502));
    let named = [(401, 404), (403, 404), (404, 404), (410, 404), (412, 412)];
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, |asked| {
            let status = asked
                .target()
                .trim_start_matches('/')
                .parse()
                .expect("a status");
            let headers = format!(
                "{VALIDATORS}Location: http://evil.example/\r\nX-Powered-By: evil\r\nRetry-After: 1\r\n"
            );
            answer(status, &headers, "evil words of the server")
        });
        for (status, expected) in failed.clone().chain(named) {
            let answer = stand.get(&format!("/{status}"));
            assert_eq!(
                answer.status,
                expected,
                "{proxy:?} {status}: {}",
                answer.head()
            );
            if status != 412 || !is_nginx(proxy) {
                assert_bare(proxy, &status.to_string(), &answer);
            }
        }
        let answer = stand.get("/504");
        let expected = if is_nginx(proxy) { 504 } else { 502 };
        assert_eq!(answer.status, expected, "{proxy:?}: {}", answer.head());
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, |asked| match asked.target() {
            "/a" => answer(302, "Location: /b\r\n", ""),
            _ => answer(200, VALIDATORS, FILE),
        });
        assert_eq!(stand.get("/a").status, 502, "{proxy:?}");
        assert_eq!(stand.origin.only().target(), "/a");
    }
}

#[test]
fn a_server_that_says_nothing_is_a_504() {
    for proxy in FETCHERS {
        let shorter = |printed: String| {
            let text = printed
                .replace("proxy_read_timeout 30s", "proxy_read_timeout 1s")
                .replace("response_header_timeout 15s", "response_header_timeout 1s");
            assert_ne!(text, printed);
            text
        };
        let stand = Stand::amid(proxy, |_| Answer::silence(), shorter);
        let answer = stand.get("/a");
        assert_eq!(answer.status, 504, "{proxy:?}: {}", answer.head());
        assert_bare(proxy, "silence", &answer);
    }
}

/// Their own meaning in nginx is that there is nobody to answer.
#[test]
fn nginx_closes_the_connection_on_a_408_and_a_444_and_caddy_answers_502() {
    for proxy in FETCHERS {
        for status in [408, 444] {
            let stand = Stand::new(proxy, move |_| {
                answer(status, "", "evil words of the server")
            });
            stand.tell(&stand.url(), "/a", STATED);
            match Request::get("/x").send(stand.front.address()) {
                Ok(answer) => {
                    assert_eq!((answer.status, is_nginx(proxy)), (502, false), "{status}")
                }
                Err(error) => assert!(is_nginx(proxy), "{proxy:?} {status}: {error:#}"),
            }
        }
    }
}

#[test]
fn a_server_that_hangs_up_is_a_502() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, |_| Answer::new("").and_close());
        let answer = stand.get("/a");
        assert_eq!(answer.status, 502, "{proxy:?}: {}", answer.head());
        assert_bare(proxy, "hangs up", &answer);
    }
}

/// `finish` fails unless the body is as long as its head promised.
#[test]
fn a_file_that_breaks_off_does_so_for_the_client_too() {
    for proxy in FETCHERS {
        let head = format!("HTTP/1.1 200 OK\r\n{VALIDATORS}Content-Length: 36\r\n\r\n0123");
        let stand = Stand::new(proxy, move |_| Answer::new(head.clone()).and_close());
        stand.tell(&stand.url(), "/a", STATED);
        let exchange = Request::get("/x").start(stand.front.address());
        let whole = exchange.and_then(proxy_tests::Exchange::finish);
        assert!(whole.is_err(), "{proxy:?}: {whole:?}");
    }
}

/// With Caddy 2.6 a body in chunks that breaks off would look whole, so Caddy takes none without a length.
#[test]
fn a_body_in_chunks_that_breaks_off_never_looks_whole() {
    for proxy in FETCHERS {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{VALIDATORS}Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n"
        );
        let stand = Stand::new(proxy, move |_| Answer::new(head.clone()).and_close());
        stand.tell(&stand.url(), "/a", STATED);
        let exchange = Request::get("/x").start(stand.front.address());
        let whole = exchange.and_then(proxy_tests::Exchange::finish);
        match is_nginx(proxy) {
            true => assert!(whole.is_err(), "{proxy:?}: {whole:?}"),
            false => assert_eq!(whole.expect("an answer").status, 502, "{proxy:?}"),
        }
    }
}

#[test]
fn a_body_in_chunks_arrives_through_nginx() {
    for proxy in FETCHERS.into_iter().filter(|proxy| is_nginx(*proxy)) {
        let whole = format!(
            "HTTP/1.1 200 OK\r\n{VALIDATORS}Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n\r\n"
        );
        let stand = Stand::new(proxy, move |_| Answer::new(whole.clone()));
        assert_eq!(stand.get("/a").text(), "0123", "{proxy:?}");
    }
}
