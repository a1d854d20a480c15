//! What the server is asked for is what the application said, byte for byte.

use proxy_tests::{Fetcher, Proxy, Request};

use super::{FETCHERS, FILE, Stand, file, is_nginx};

/// Targets that a proxy may be tempted to decode, to encode or to shorten.
const TARGETS: [&str; 25] = [
    "/",
    "/plain.txt",
    "/a%20b.txt",
    "/a%2Fb%2fc",
    "/a%2Bb+c",
    "/a%23b%3Fc%25d",
    "/%E9%C3%A9",
    "/%0d%0aX-Evil:%201",
    "/a=b&c;d:e@f,g",
    "/a~b-c_d.e",
    "//a//b",
    "/a%2e%2e/b/%2e",
    "/a?b",
    "/a?b=c&d=%2F%2f+%20",
    "/a?b?c?/d/../e",
    "/a?&=&",
    "/a?b=@!$'()*,;[]{}|^`<>\"",
    "/a?{env.HOME}",
    "/a?%00%0d%0a",
    "/a?b=//dv",
    "/%7Benv.HOME%7D?{http.request.host}",
    "/$1$0%24?$1$uri${1}",
    "/a?//downloadview-path",
    "/a?//<downloadview-query>",
    "/a%3C%3E?b=c",
];

/// RFC 3986 lets them stand in a path as they are. Caddy 2.6 writes them as `%XX`, which means the same.
const BARE: [&str; 2] = ["/a!b'c(d)e*f", "/a[b]c"];

#[test]
fn targets_arrive_byte_for_byte() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let bare = BARE.into_iter().filter(|_| proxy.proxy != Proxy::Caddy);
        for target in TARGETS.into_iter().chain(bare) {
            stand.origin.forget();
            // A query of the client's is not for the server.
            let answer = stand.send(target, &Request::get("/x?of=the%20client"));
            assert_eq!(answer.text(), FILE, "{proxy:?} {target}: {}", answer.head());
            let line = stand.origin.only().line;
            assert_eq!(line, format!("GET {target} HTTP/1.1"), "{proxy:?}");
        }
    }
}

#[test]
fn a_signed_query_of_two_kibibytes_arrives_byte_for_byte() {
    let token = "IQoJb3JpZ2luX2VjE%2F%2Bw%3D%3D".repeat(75);
    let target = format!(
        "/bucket/r%C3%A9sum%C3%A9%20%28final%29.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261126%2Feu%2Fs3\
         %2Faws4_request&X-Amz-Security-Token={token}&X-Amz-SignedHeaders=host&X-Amz-Signature=0a1b"
    );
    assert!(target.len() > 2048);
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        assert_eq!(stand.get(&target).text(), FILE);
        assert_eq!(stand.origin.only().target(), target, "{proxy:?}");
    }
}

#[test]
fn bare_characters_that_caddy_2_6_encodes_still_mean_the_same() {
    let stand = Stand::new(Fetcher::CADDY, file);
    for (target, expected) in BARE
        .into_iter()
        .zip(["/a%21b%27c%28d%29e%2Af", "/a%5Bb%5Dc"])
    {
        stand.origin.forget();
        assert_eq!(stand.get(target).text(), FILE);
        assert_eq!(stand.origin.only().target(), expected);
    }
}

/// These are what the library never hands to Caddy.
#[test]
fn caddy_changes_dots_braces_and_an_empty_query() {
    for proxy in FETCHERS.into_iter().filter(|proxy| !is_nginx(*proxy)) {
        let stand = Stand::new(proxy, file);
        for (target, expected) in [("/a/../b", "/b"), ("/a?", "/a"), ("/a{b}c", "/a%7Bb%7Dc")] {
            stand.origin.forget();
            assert_eq!(stand.get(target).text(), FILE, "{proxy:?} {target}");
            assert_eq!(stand.origin.only().target(), expected, "{proxy:?}");
        }
    }
}

#[test]
fn another_server_is_not_asked() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let url = stand.url();
        for origin in [
            "http://127.0.0.1:1",
            "https://127.0.0.1",
            &url.replace("http:", "https:"),
            &format!("{url}/"),
            &format!("{url}.evil.example"),
            &format!("{url}@evil.example"),
            "",
        ] {
            stand.tell(origin, "/a", super::STATED);
            let answer = stand.front.get("/x");
            assert_eq!(answer.status, 404, "{proxy:?} {origin}: {}", answer.head());
        }
        assert!(stand.origin.asked().is_empty());
    }
}

#[test]
fn a_target_that_would_name_another_server_or_request_is_a_502_and_not_asked_for() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        for target in [
            "@evil.example/",
            "a",
            "http://evil.example/",
            "/a b",
            "/a\tb",
            "/é",
            ".evil.example/",
            "",
        ] {
            let answer = stand.get(target);
            assert_eq!(answer.status, 502, "{proxy:?} {target}: {}", answer.head());
            assert!(!answer.has("ETag"));
        }
        assert!(
            stand.origin.asked().is_empty(),
            "{:?}",
            stand.origin.asked()
        );
    }
}

#[test]
fn no_client_reaches_the_location_whatever_it_says() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        *stand.wire.lock().expect("the wire") = "X-App: yes\r\n".to_owned();
        for target in [
            "/_internal/remote/",
            "/_internal/remote",
            "/_internal/remote/a",
            "//_internal/remote/",
        ] {
            let request = Request::get(target)
                .header("X-Accel-Redirect", "/_internal/remote/")
                .header("X-Download-Origin", &stand.url())
                .header("X-Download-Target", "/a");
            let answer = stand.front.send(&request);
            // Caddy has no such route: the application answers.
            let expected = if is_app(&answer) { 200 } else { 404 };
            assert_eq!(
                answer.status,
                expected,
                "{proxy:?} {target}: {}",
                answer.head()
            );
            assert!(!answer.has("ETag"), "{}", answer.head());
        }
        assert!(stand.origin.asked().is_empty());
    }
}

fn is_app(answer: &proxy_tests::Response) -> bool {
    answer.has("X-App")
}

/// A snippet that lacks the location of a rule must not tell clients where the files are.
#[test]
fn the_headers_of_a_hand_off_never_reach_a_client() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let secret = format!(
            "X-Download-Origin: {}\r\nX-Download-Target: /a?signature\r\n",
            stand.url()
        );
        *stand.wire.lock().expect("the wire") = secret;
        let answer = stand.front.get("/x");
        assert_eq!(answer.status, 200, "{proxy:?}: {}", answer.head());
        assert!(
            !answer.head().to_lowercase().contains("x-download"),
            "{}",
            answer.head()
        );
    }
}
