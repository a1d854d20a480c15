//! What an authorizer can do wrong. Whatever it is, nobody passes: nonsense is 502, silence 503.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proxy_tests::{Answer, Asked, Origin, Proxy, Request, Response, Server, Site};

use super::{assert_nothing_handed_over, site};

/// An authorizer that answers by a script, and the gateway that asks it. The client is the test itself.
struct Stand {
    gateway: Server,
    authorizer: Origin,
    site: Site,
}

impl Stand {
    fn new(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::with("timeout = \"2s\"", script)
    }

    fn with(keys: &str, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let authorizer = Origin::start(script);
        let url = format!("http://{}/may", authorizer.address());
        let site = site(Proxy::Nginx, &url, keys);
        site.write("media/a.txt", "a secret");
        let gateway = site.start_gateway();
        Self {
            gateway,
            authorizer,
            site,
        }
    }

    fn get(&self) -> Response {
        self.gateway.get("/private/a.txt")
    }

    /// It does not pass, but gets this status.
    #[track_caller]
    fn refuses(&self, what: &str, status: u16) -> Response {
        let answer = self.get();
        assert_eq!(answer.status, status, "{what}: {}", answer.head());
        assert_nothing_handed_over(what, &answer);
        answer
    }

    #[track_caller]
    fn passes(&self, what: &str) -> Response {
        let answer = self.get();
        assert!(answer.has("X-Accel-Redirect"), "{what}: {}", answer.head());
        answer
    }
}

/// A head without a body, and then silence on an open connection.
fn head(lines: &str) -> Answer {
    Answer::new(format!("HTTP/1.1 {lines}\r\nContent-Length: 0\r\n\r\n"))
}

#[test]
fn every_answer_that_means_neither_yes_nor_no_is_502_and_every_failure_503() {
    for (status, expected) in [
        (201, 502),
        (203, 502),
        (205, 502),
        (206, 502),
        (226, 502),
        (300, 502),
        (301, 502),
        (304, 502),
        (305, 502),
        (308, 502),
        (400, 502),
        (402, 502),
        (405, 502),
        (407, 502),
        (411, 502),
        (418, 502),
        (421, 502),
        (500, 503),
        (502, 503),
        (503, 503),
        (504, 503),
        (599, 503),
        (401, 401),
        (403, 403),
        (404, 404),
        (410, 410),
        (429, 429),
        (451, 451),
        (302, 302),
        (303, 303),
        (307, 307),
    ] {
        let stand = Stand::new(move |_| head(&format!("{status} Word\r\nLocation: /elsewhere")));
        let answer = stand.refuses(&status.to_string(), expected);
        let redirects = (300..400).contains(&expected);
        assert_eq!(
            answer.has("Location"),
            redirects,
            "{status}: {}",
            answer.head()
        );
    }
    for status in [200, 202, 204] {
        let stand = Stand::new(move |_| match status {
            204 => Answer::new("HTTP/1.1 204 None\r\n\r\n"),
            _ => head(&format!("{status} Yes")),
        });
        stand.passes(&status.to_string());
    }
}

#[test]
fn a_redirect_that_leads_nowhere_is_502() {
    for lines in [
        "",
        "\r\nLocation:",
        "\r\nLocation: /a b",
        "\r\nLocation: /a\r\nLocation: /b",
    ] {
        let stand = Stand::new(move |_| head(&format!("302 Found{lines}")));
        stand.refuses(lines, 502);
    }
}

#[test]
fn what_comes_before_the_answer_is_not_the_answer() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for (status, passes) in [("200 OK", true), ("401 No", false)] {
        let text = format!(
            "{}HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n",
            hints.repeat(3)
        );
        let stand = Stand::new(move |_| Answer::new(text.clone()));
        match passes {
            true => drop(stand.passes(status)),
            false => drop(stand.refuses(status, 401)),
        }
    }
    let stand = Stand::with("timeout = \"300ms\"", move |_| {
        Answer::new(hints).and_silence()
    });
    stand.refuses("103 and nothing after it", 503);
}

#[test]
fn silence_is_503_at_the_deadline_and_so_is_nobody() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    for (what, answer) in [
        ("silence", Answer::silence()),
        (
            "half a head",
            Answer::new("HTTP/1.1 200 OK\r\nX-A").and_silence(),
        ),
        ("half a body", Answer::new(half).and_silence()),
        ("half a body, cut", Answer::new(half).and_close()),
        ("nothing", Answer::new("").and_close()),
    ] {
        let stand = Stand::with("timeout = \"300ms\"", move |_| answer.clone());
        let answer = stand.refuses(what, 503);
        assert_eq!(answer.header("Retry-After"), "5", "{what}");
    }
    let site = site(Proxy::Nginx, "http://127.0.0.1:1/may", "");
    site.write("media/a.txt", "a secret");
    let answer = site.start_gateway().get("/private/a.txt");
    assert_eq!(answer.status, 503, "{}", answer.head());
    assert_nothing_handed_over("nobody", &answer);
}

#[test]
fn what_is_not_http_is_502() {
    for text in [
        "HELLO\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX A: a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let stand = Stand::new(move |_| Answer::new(text).and_close());
        stand.refuses(text, 502);
    }
    let long = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "a".repeat(300_000));
    let stand = Stand::new(move |_| Answer::new(long.clone()).and_close());
    stand.refuses("a head of 300 KB", 502);
}

/// The body of a pass counts for nothing, and that of a refusal only up to a bound. Neither is read for ever.
#[test]
fn an_endless_body_is_left_and_its_connection_closed() {
    const ENDLESS: u64 = 1 << 40;
    let stand = Stand::new(|_| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n");
        Answer::new(head).and_bytes(ENDLESS)
    });
    stand.passes("an endless pass");
    stand.authorizer.await_abandoned();

    let stand = Stand::new(|_| {
        let head = format!("HTTP/1.1 403 No\r\nContent-Length: {ENDLESS}\r\n\r\n");
        Answer::new(head).and_bytes(ENDLESS)
    });
    let answer = stand.refuses("an endless refusal", 403);
    assert_eq!(answer.text(), "Forbidden\n");
    stand.authorizer.await_abandoned();
    assert!(
        stand.authorizer.taken() < 16 << 20,
        "{}",
        stand.authorizer.taken()
    );
}

#[test]
fn two_authorizations_are_400_and_nobody_is_asked() {
    let stand = Stand::new(|_| head("204 Yes"));
    let request = Request::get("/private/a.txt")
        .header("Authorization", "Basic YTpi")
        .header("Authorization", "Basic Yzpk");
    let answer = stand.gateway.send(&request);
    assert_eq!(answer.status, 400, "{}", answer.head());
    assert_nothing_handed_over("two", &answer);
    assert!(stand.authorizer.asked().is_empty());
}

#[test]
fn bytes_that_are_no_text_go_through_and_break_nothing() {
    let answer = b"HTTP/1.1 401 No\r\nSet-Cookie: a=\xff\xe9\r\nWWW-Authenticate: B realm=\"\xe9\"\r\nContent-Length: 0\r\n\r\n";
    let stand = Stand::new(|_| Answer::new(&answer[..]));
    let refused = stand.refuses("bytes", 401);
    assert!(refused.has("Set-Cookie") && refused.has("WWW-Authenticate"));
}

/// Servers may close a connection that nobody uses at any time (RFC 9112, 9.3.1).
#[test]
fn a_kept_connection_that_was_closed_costs_one_more_request_and_no_refusal() {
    let count = AtomicUsize::new(0);
    let stand = Stand::new(move |_| match count.fetch_add(1, Ordering::Relaxed) % 2 {
        // It looks like one that stays, and closes without an answer to what follows.
        0 => Answer::new("HTTP/1.1 204 Yes\r\n\r\n"),
        _ => Answer::new("").and_close(),
    });
    stand.passes("the first");
    // Over the kept connection it is closed without a byte; over a new one it is answered.
    stand.passes("the second");
    assert_eq!(stand.authorizer.asked().len(), 3);
}

#[test]
fn refusals_with_a_body_keep_their_connection() {
    let stand =
        Stand::new(|_| Answer::new("HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nnot yours"));
    for _ in 0..10 {
        assert_eq!(stand.refuses("a body", 403).text(), "not yours");
    }
    assert_eq!(stand.authorizer.connections(), 1);
}

/// Neither the log nor the memory grows with the number of those who are refused.
#[test]
fn ten_thousand_refusals_leave_a_short_log_and_flat_memory() {
    const EACH: usize = 2_500;
    for status in [403, 500] {
        let stand = Stand::new(move |_| head(&format!("{status} No")));
        let expected = if status == 403 { 403 } else { 503 };
        let ask = |count: usize| {
            for _ in 0..count {
                assert_eq!(stand.get().status, expected);
            }
        };
        ask(200);
        let before = stand.gateway.resident();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(EACH));
            }
        });
        let grown = stand.gateway.resident().saturating_sub(before);
        assert!(grown < 16 << 20, "{status}: {grown} bytes more");
        let output = stand.gateway.output();
        let (lines, asked) = (output.lines().count(), stand.authorizer.asked().len());
        assert_eq!(asked, 200 + 4 * EACH);
        assert!(lines < asked / 20, "{status}: {lines} lines");
        assert!(
            !output.contains("a secret")
                && !output.contains(stand.site.path("media").to_str().expect("a text"))
        );
    }
}

#[test]
fn a_socket_is_asked_as_an_address_is() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;

    let site = site(Proxy::Nginx, "http://127.0.0.1:1/", "");
    let socket = site.path("client/app.sock");
    site.make_folder("client");
    let listener = UnixListener::bind(&socket).expect("a socket");
    fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .expect("open to all");
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody asks");
        let mut lines = BufReader::new(&stream).lines();
        let mut asked = Vec::new();
        for _ in 0..2 {
            for line in lines.by_ref().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                asked.push(line);
            }
            let answer = b"HTTP/1.1 204 Yes\r\n\r\n";
            (&stream).write_all(answer).expect("it listens");
        }
        asked
    });
    let url = format!("unix:{}:/may?by=socket", socket.display());
    site.configure(&super::authorized(
        &super::configuration(Proxy::Nginx),
        &url,
        "host = \"client\"",
    ));
    site.write("media/a.txt", "a secret");
    let gateway = site.start_gateway();
    for _ in 0..2 {
        let answer = gateway.get("/private/a.txt");
        assert!(answer.has("X-Accel-Redirect"), "{}", answer.head());
    }
    let asked = serving.join().expect("it served");
    assert_eq!(asked[0], "GET /may?by=socket HTTP/1.1");
    let host = format!("host: {}", gateway.address());
    assert!(asked.contains(&host), "{asked:?}");
}

#[test]
fn a_pass_is_kept_for_the_same_person_and_the_same_path_only() {
    let stand = Stand::with("cache = \"1m\"", |asked| {
        let sets = asked.target().is_empty() || asked.header("cookie") == Some("s=fresh");
        head(if sets {
            "204 Yes\r\nSet-Cookie: s=other"
        } else {
            "200 Yes"
        })
    });
    let ask = |target: &str, cookie: Option<&str>| {
        let request = Request::get(target);
        let request = match cookie {
            Some(cookie) => request.header("Cookie", cookie),
            None => request,
        };
        let before = stand.authorizer.asked().len();
        assert!(stand.gateway.send(&request).status < 500);
        stand.authorizer.asked().len() - before
    };
    for (target, cookie, asked) in [
        ("/private/a.txt", Some("s=alice"), 1),
        ("/private/a.txt", Some("s=alice"), 0),
        ("/private/%61.txt", Some("s=alice"), 0),
        ("/private/a.txt?b=1", Some("s=alice"), 1),
        ("/private/a.txt", Some("s=bob"), 1),
        ("/private/b.txt", Some("s=alice"), 1),
        // Without a credential, and one that sets a cookie.
        ("/private/a.txt", None, 1),
        ("/private/a.txt", None, 1),
        ("/private/a.txt", Some("s=fresh"), 1),
        ("/private/a.txt", Some("s=fresh"), 1),
    ] {
        assert_eq!(ask(target, cookie), asked, "{target} {cookie:?}");
    }
}
