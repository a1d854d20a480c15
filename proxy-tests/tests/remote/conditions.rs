//! Ranges and conditions: the server judges them, and a part is always a part of the file that the client has.

use proxy_tests::{Answer, Asked, Request};

use super::{FETCHERS, FILE, Stand, VALIDATORS, answer, file, is_nginx, part};

#[test]
fn a_range_is_a_206_of_the_server() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        for (range, content, text) in [
            ("bytes=5-9", "bytes 5-9/36", "56789"),
            ("bytes=30-", "bytes 30-35/36", "uvwxyz"),
            ("bytes=-4", "bytes 32-35/36", "wxyz"),
        ] {
            let answer = stand.send("/a", &Request::get("/x").header("Range", range));
            let head = answer.head();
            assert_eq!(
                (answer.status, &*answer.text()),
                (206, text),
                "{proxy:?}: {head}"
            );
            assert_eq!(answer.header("Content-Range"), content);
            assert_eq!(answer.header("Content-Type"), "application/pdf");
        }
        assert_eq!(stand.origin.asked().len(), 3, "one request for each");
    }
}

#[test]
fn what_is_not_one_range_is_answered_with_the_whole_file() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        for range in [
            "bytes=0-1,4-5",
            "bytes=",
            "bytes=x-",
            "lines=1-2",
            "bytes=1-2 ",
        ] {
            // A space at the end belongs to no header value.
            let expected = if range.ends_with(' ') { 206 } else { 200 };
            let request = Request::get("/x")
                .header("Range", range)
                .header("If-Range", "\"v1\"");
            let answer = stand.send("/a", &request);
            assert_eq!(
                answer.status,
                expected,
                "{proxy:?} {range}: {}",
                answer.head()
            );
        }
    }
}

#[test]
fn a_server_that_ignores_ranges_sends_the_whole_file() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, |_| answer(200, VALIDATORS, FILE));
        let answer = stand.send("/a", &Request::get("/x").header("Range", "bytes=5-9"));
        assert_eq!((answer.status, &*answer.text()), (200, FILE), "{proxy:?}");
    }
}

#[test]
fn a_range_that_the_file_has_not_is_a_416_with_its_size_and_no_word_of_the_server() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let answer = stand.send("/a", &Request::get("/x").header("Range", "bytes=99-"));
        assert_eq!(answer.status, 416, "{proxy:?}: {}", answer.head());
        assert_eq!(answer.header("Content-Range"), "bytes */36");
        assert!(
            !answer.text().contains("not the client's"),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn a_client_that_has_the_file_gets_a_304_that_is_as_fresh_as_the_application_says() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let answer = stand.send("/a", &Request::get("/x").header("If-None-Match", "\"v1\""));
        assert_eq!(answer.status, 304, "{proxy:?}: {}", answer.head());
        assert_eq!(answer.header("ETag"), "\"v1\"");
        assert_eq!(answer.all("Cache-Control"), ["public, max-age=60"]);
    }
}

#[test]
fn a_precondition_of_the_clients_that_fails_is_a_412() {
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, file);
        let request = Request::get("/x")
            .header("Range", "bytes=5-9")
            .header("If-Match", "\"v0\"")
            .header("If-Range", "\"v0\"");
        let answer = stand.send("/a", &request);
        assert_eq!(answer.status, 412, "{proxy:?}: {}", answer.head());
        assert!(
            !answer.text().contains("not the client's"),
            "{}",
            answer.text()
        );
        let asked = stand.origin.only();
        assert_eq!(asked.header("If-Match"), Some("\"v0\""));
    }
}

/// Object stores: they know If-Match, and send a part whatever If-Range says.
fn store(asked: &Asked) -> Answer {
    if asked.header("If-Match").is_some_and(|tag| tag != "\"v1\"")
        || asked
            .header("If-Unmodified-Since")
            .is_some_and(|date| !date.contains("2026"))
    {
        return answer(412, "", "not the client's to see");
    }
    match asked.header("Range") {
        Some(range) => part(range),
        None => answer(200, VALIDATORS, FILE),
    }
}

/// Simple servers: they know If-Range, and no other condition.
fn simple(asked: &Asked) -> Answer {
    let holds = |tag: &str| tag == "\"v1\"" || tag.contains("2026");
    match asked.header("Range") {
        Some(range) if asked.header("If-Range").is_none_or(holds) => part(range),
        _ => answer(200, VALIDATORS, FILE),
    }
}

#[test]
fn a_download_resumes_where_the_file_is_the_same_and_begins_anew_where_it_is_not() {
    const SAME: [&str; 2] = ["\"v1\"", "Thu, 01 Jan 2026 00:00:00 GMT"];
    const OTHER: [&str; 3] = ["\"v0\"", "W/\"v1\"", "Wed, 01 Jan 2025 00:00:00 GMT"];
    for proxy in FETCHERS {
        for server in [store as fn(&Asked) -> Answer, simple] {
            let stand = Stand::new(proxy, server);
            let resume = |validator: &str| {
                let request = Request::get("/x")
                    .header("Range", "bytes=30-")
                    .header("If-Range", validator);
                stand.send("/a?signature=b", &request)
            };
            for validator in SAME {
                let answer = resume(validator);
                assert_eq!(
                    (answer.status, &*answer.text()),
                    (206, "uvwxyz"),
                    "{proxy:?} {validator}"
                );
            }
            for validator in OTHER {
                let answer = resume(validator);
                let head = answer.head();
                assert_eq!(
                    (answer.status, &*answer.text()),
                    (200, FILE),
                    "{proxy:?} {validator}: {head}"
                );
                assert_eq!(answer.header("Content-Type"), "application/pdf", "{head}");
                assert_eq!(answer.header("Content-Length"), "36", "{head}");
                assert_eq!(
                    answer.header("Content-Security-Policy"),
                    "sandbox",
                    "{head}"
                );
            }
            let targets = stand.origin.asked();
            assert!(
                targets
                    .iter()
                    .all(|asked| asked.target() == "/a?signature=b"),
                "{targets:#?}"
            );
        }
    }
}

/// A multipart body has a type of its own, which only the server knows.
#[test]
fn caddy_refuses_a_part_that_does_not_say_which() {
    for proxy in FETCHERS.into_iter().filter(|proxy| !is_nginx(*proxy)) {
        let stand = Stand::new(proxy, |_| answer(206, VALIDATORS, "--boundary"));
        let answer = stand.send("/a", &Request::get("/x").header("Range", "bytes=5-9"));
        assert_eq!(answer.status, 502, "{proxy:?}: {}", answer.head());
    }
}
