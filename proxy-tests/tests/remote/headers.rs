//! Which headers pass, in both directions.

use proxy_tests::{Fetcher, Request, Response};

use super::{Answer, FETCHERS, FILE, STATED, Stand, VALIDATORS, answer, file, is_nginx};

/// What a client may send that is nobody's business but the application's.
const OF_THE_CLIENT: [(&str, &str); 14] = [
    ("Cookie", "session=secret"),
    ("Authorization", "Basic secret"),
    ("Proxy-Authorization", "Basic secret"),
    ("Referer", "http://front/secret"),
    ("Origin", "http://front"),
    ("User-Agent", "client"),
    ("Accept-Encoding", "gzip, br"),
    ("Accept-Language", "eo"),
    ("X-Forwarded-For", "1.2.3.4"),
    ("X-Amz-Date", "20260101T000000Z"),
    ("X-Case", "of the client"),
    ("Upgrade-Insecure-Requests", "1"),
    ("If-Odd", "1"),
    ("Rare", "1"),
];

#[test]
fn nothing_of_the_client_reaches_the_server_but_range_and_conditions() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let with = |mut request: Request| {
            for (name, value) in OF_THE_CLIENT {
                request = request.header(name, value);
            }
            request
        };
        assert_eq!(stand.send("/a", &with(Request::get("/x"))).text(), FILE);
        let asked = stand.origin.only();
        assert_eq!(
            asked.names(),
            ["accept-encoding", "host"],
            "{proxy:?}: {asked:#?}"
        );
        assert_eq!(
            asked.header("Host"),
            Some(&*stand.origin.address().to_string())
        );
        assert_eq!(asked.header("Accept-Encoding"), Some("identity"));

        let conditions = [
            ("Range", "bytes=0-1"),
            ("If-Range", "\"v1\""),
            ("If-None-Match", "\"v2\""),
            ("If-Modified-Since", "Thu, 01 Jan 2026 00:00:01 GMT"),
            ("If-Unmodified-Since", "Thu, 01 Jan 2026 00:00:02 GMT"),
            ("If-Match", "\"v1\""),
        ];
        let mut request = with(Request::get("/x"));
        for (name, value) in conditions {
            request = request.header(name, value);
        }
        stand.origin.forget();
        assert_eq!(stand.send("/a", &request).status, 206, "{proxy:?}");
        let asked = stand.origin.only();
        assert_eq!(
            asked.names().len(),
            2 + conditions.len(),
            "{proxy:?}: {asked:#?}"
        );
        for (name, value) in conditions {
            assert_eq!(asked.header(name), Some(value), "{proxy:?}");
        }
    }
}

/// A header of the client's is text, not a placeholder.
#[test]
fn what_looks_like_a_variable_stays_text() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        for tag in [
            "\"{http.request.host}\"",
            "\"$host ${uri} $1\"",
            "\"{vars.downloadview_range}\"",
        ] {
            stand.origin.forget();
            let request = Request::get("/x")
                .header("If-None-Match", tag)
                .header("If-Match", "\"v1\"");
            assert_eq!(stand.send("/a", &request).status, 200);
            assert_eq!(
                stand.origin.only().header("If-None-Match"),
                Some(tag),
                "{proxy:?}"
            );
        }
    }
}

/// Of the server's answer these, of the application's those, and each once.
pub(crate) fn assert_told_apart(proxy: Fetcher, answer: &Response) {
    let head = answer.head();
    for (name, value) in [
        ("Content-Type", "application/pdf"),
        ("Content-Disposition", "attachment; filename=\"report.pdf\""),
        ("Cache-Control", "public, max-age=60"),
        ("Set-Cookie", "app=1"),
        ("Content-Security-Policy", "sandbox"),
        ("X-Content-Type-Options", "nosniff"),
        ("Vary", "Cookie"),
        ("X-Case", "of the app"),
        ("ETag", "\"v1\""),
        ("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Accept-Ranges", "bytes"),
    ] {
        assert_eq!(answer.all(name), [value], "{proxy:?}: {head}");
    }
    assert!(!head.contains("evil"), "{proxy:?}: {head}");
}

/// What a server may say that must not reach the client; it is in the hands of others.
pub(crate) const EVIL: &str = "Content-Type: text/evil\r\nContent-Disposition: inline; filename=evil\r\nCache-Control: evil\r\n\
    Expires: evil\r\nSet-Cookie: evil=1\r\nSet-Cookie: evil=2\r\nContent-Security-Policy: evil\r\nX-Content-Type-Options: evil\r\n\
    X-Frame-Options: evil\r\nVary: evil\r\nX-Case: evil\r\nServer: evil\r\nDate: evil\r\nVia: evil\r\nAge: evil\r\n\
    Link: </evil>; rel=preload\r\nLocation: /evil\r\nRefresh: 0; url=/evil\r\nContent-Location: /evil\r\nContent-Language: evil\r\n\
    Access-Control-Allow-Origin: evil\r\nStrict-Transport-Security: evil\r\nClear-Site-Data: \"evil\"\r\nAlt-Svc: evil\r\n\
    WWW-Authenticate: evil\r\nX-Accel-Redirect: /evil\r\nX-Accel-Buffering: evil\r\nX-Accel-Charset: evil\r\n\
    X-Accel-Limit-Rate: 1\r\nX-Sendfile: /evil\r\nX-Download-Origin: evil\r\nX-Download-Target: /evil\r\nX-Powered-By: evil\r\n\
    x-amz-request-id: evil\r\nx-amz-id-2: evil\r\nx-amz-version-id: evil\r\nx-goog-generation: evil\r\nx-ms-request-id: evil\r\n\
    NEL: evil\r\nReport-To: evil\r\nService-Worker-Allowed: /evil\r\nSourceMap: /evil\r\nPragma: evil\r\nRetry-After: evil\r\n\
    Speculation-Rules: \"/evil\"\r\nUse-As-Dictionary: match=\"/evil\"\r\nSec-Session-Registration: evil\r\n\
    Accept-CH: evil\r\nOrigin-Agent-Cluster: evil\r\nSet-Login: evil\r\nX-Archive-Files: evil\r\n";

#[test]
fn of_the_servers_headers_only_range_and_validators_reach_the_client() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, |asked| {
            let headers = format!("{VALIDATORS}{EVIL}");
            match asked.header("Range") {
                None => answer(200, &headers, FILE),
                Some(_) => answer(
                    206,
                    &format!("Content-Range: bytes 0-3/36\r\n{headers}"),
                    "0123",
                ),
            }
        });
        let whole = stand.get("/a");
        assert_eq!(
            (whole.status, &*whole.text()),
            (200, FILE),
            "{proxy:?}: {}",
            whole.head()
        );
        assert_told_apart(proxy, &whole);
        let part = stand.send("/a", &Request::get("/x").header("Range", "bytes=0-3"));
        assert_eq!(
            (part.status, &*part.text()),
            (206, "0123"),
            "{proxy:?}: {}",
            part.head()
        );
        assert_told_apart(proxy, &part);
    }
}

/// A 103 takes what the application says of the file along, out of Caddy, which then guesses the type, and out of an nginx
/// that knows 103. An older one takes it for the answer.
#[test]
fn early_hints_of_the_server_do_not_take_the_applications_headers_along() {
    for proxy in FETCHERS.into_iter().filter(|proxy| !is_nginx(*proxy)) {
        let stand = Stand::new(proxy, |_| {
            let hints = "HTTP/1.1 103 Early Hints\r\nLink: </evil>; rel=preload\r\nContent-Type: text/evil\r\n\
                         Content-Disposition: inline\r\nContent-Security-Policy: evil\r\n\r\n";
            let html = "<script>alert(1)</script>";
            let length = html.len();
            Answer::new(format!(
                "{hints}HTTP/1.1 200 OK\r\n{VALIDATORS}Content-Length: {length}\r\n\r\n{html}"
            ))
        });
        let answer = stand.get("/a");
        let (_, last) = answer.text().split_once("HTTP/1.1 200").map_or_else(
            || (String::new(), answer.head()),
            |(hints, last)| (hints.to_owned(), last.to_owned()),
        );
        for line in STATED
            .lines()
            .filter(|line| !line.starts_with("Set-Cookie"))
        {
            let line = line.trim().to_ascii_lowercase();
            assert!(
                last.to_ascii_lowercase().contains(&line),
                "{proxy:?}: {line}: {last}"
            );
        }
    }
}

#[test]
fn only_an_nginx_without_the_script_passes_headers_that_nobody_named() {
    for proxy in FETCHERS {
        let headers = format!("{VALIDATORS}x-amz-meta-owner: me\r\nUnheard-Of: 1\r\n");
        let stand = Stand::new(proxy, move |_| answer(200, &headers, FILE));
        let answer = stand.get("/a");
        for name in ["x-amz-meta-owner", "Unheard-Of"] {
            assert_eq!(
                answer.has(name),
                proxy.passes_unknown_headers(),
                "{proxy:?}: {}",
                answer.head()
            );
        }
    }
}

/// An object that was stored compressed is what it is; the application's word counts where it states one.
#[test]
fn the_coding_is_that_of_the_application_or_else_of_the_object() {
    for proxy in FETCHERS {
        let headers = format!("{VALIDATORS}Content-Encoding: gzip\r\n");
        let stand = Stand::new(proxy, move |_| answer(200, &headers, FILE));
        let packed = Request::get("/x").header("Accept-Encoding", "gzip, br");
        let answer = stand.send("/a", &packed);
        assert_eq!(
            answer.all("Content-Encoding"),
            ["gzip"],
            "{proxy:?}: {}",
            answer.head()
        );
        assert_eq!(answer.text(), FILE);
        stand.tell(
            &stand.url(),
            "/a",
            &format!("{STATED}Content-Encoding: br\r\n"),
        );
        let answer = stand.front.send(&packed);
        assert_eq!(
            answer.all("Content-Encoding"),
            ["br"],
            "{proxy:?}: {}",
            answer.head()
        );
    }
}

#[test]
fn a_post_becomes_a_get_without_a_body() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let request = Request::new("POST", "/x")
            .header("Content-Length", "0")
            .header("Content-Type", "text/x");
        let answer = stand.send("/a", &request);
        assert_eq!(answer.text(), FILE, "{proxy:?}: {}", answer.head());
        let asked = stand.origin.only();
        assert_eq!(asked.line, "GET /a HTTP/1.1");
        assert_eq!(asked.names(), ["accept-encoding", "host"], "{proxy:?}");
    }
}
