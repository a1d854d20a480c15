//! Clients that speak as proxies do, and applications that say too much.

use proxy_tests::{ANNOUNCEMENT, Backend, Proxy, Request, Response, Site, World, configuration};

/// Requests that made other systems serve any internal location: the client chose mapping or mode.
const FORGED: &[(&str, &str)] = &[
    ("X-Accel-Redirect", "/_internal/media/other.txt"),
    ("X-Accel-Mapping", "/=/_internal/media/other.txt?"),
    ("X-Sendfile-Type", "X-Sendfile"),
    ("X-Sendfile", "/etc/hostname"),
    ("X-Sendfile2", "/etc/hostname 0-"),
    ("X-Reproxy-URL", "http://127.0.0.1/"),
    (ANNOUNCEMENT, "nginx guess"),
];

fn forged(request: Request) -> Request {
    let headers = FORGED.iter();
    headers.fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

pub(crate) fn hand_off_headers_of_a_client_change_nothing(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("media/other.txt", "other");
    let plain = Request::get("/files/plain.txt");
    for server in [&world.front, &world.gateway] {
        let (expected, found) = (server.send(&plain), server.send(&forged(plain.clone())));
        assert_eq!(without_date(&found), without_date(&expected));
        assert_eq!(found.body, expected.body);
    }
}

fn without_date(answer: &Response) -> Vec<(String, String)> {
    let headers = answer.headers.iter();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .filter(|(name, _)| name != "date")
        .collect();
    // Caddy keeps headers in a map.
    headers.sort();
    headers
}

pub(crate) fn hand_off_headers_of_a_client_do_not_reach_the_app(proxy: Proxy) {
    let site = Site::new(&configuration(proxy));
    let app = site.start_scripted_app("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let front = site.start_proxy(proxy);
    assert_eq!(front.send(&forged(Request::get("/"))).status, 204);

    let head = app.requests().concat().to_ascii_lowercase();
    for (name, _) in FORGED {
        let line = format!("\r\n{}:", name.to_ascii_lowercase());
        assert!(!head.contains(&line), "{head}");
    }
}

/// Names and spellings by which a client could say where it comes from and what it asked. WSGI and CGI take `_` for `-`.
const OF_ITSELF: &[&str] = &[
    "Forwarded",
    "X-Real-IP",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Method",
    "X-Forwarded-Uri",
    "X_Forwarded_Uri",
    "X_Forwarded-Uri",
    "X-Forwarded_Uri",
    "X_Forwarded_Method",
    "X_Forwarded-Method",
    "X-Forwarded_Method",
    "X_Forwarded_For",
    "X_Forwarded-For",
    "X-Forwarded_For",
    "X_Forwarded_Host",
    "X_Forwarded-Host",
    "X-Forwarded_Host",
    "X_Forwarded_Proto",
    "X_Forwarded-Proto",
    "X-Forwarded_Proto",
];

pub(crate) fn what_a_client_says_of_itself_does_not_reach_the_app(proxy: Proxy) {
    let site = Site::new(&configuration(proxy));
    let app = site.start_scripted_app("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    let front = site.start_proxy(proxy);
    let plain = Request::get("/files/a");
    let spoofed = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"];
    let names = OF_ITSELF.iter().chain(&spoofed);
    let spoofing = names.fold(plain.clone(), |request, name| {
        request.header(name, "203.0.113.9").header(name, "second")
    });
    let dropping = plain.clone().header(
        "Connection",
        "X-Forwarded-For, x-forwarded-host, X-Forwarded-Proto",
    );
    for request in [plain, spoofing, dropping] {
        assert_eq!(front.send(&request).status, 204);
        let head = app.requests().pop().expect("it was asked");
        let said = |wanted: &str| -> Vec<String> {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let of_name = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            of_name.map(|(_, value)| value.to_owned()).collect()
        };
        let address = front.address().to_string();
        assert_eq!(said("X-Forwarded-For"), ["127.0.0.1"], "{head}");
        assert_eq!(said("X-Forwarded-Host"), [address], "{head}");
        assert_eq!(said("X-Forwarded-Proto"), ["http"], "{head}");
        for name in OF_ITSELF {
            assert!(said(name).is_empty(), "{name}: {head}");
        }
    }
}

/// The gateway states no hand-off beside another status; another application behind the same proxy might.
pub(crate) fn a_hand_off_with_another_status_reaches_no_client(proxy: Proxy) {
    for status in [
        "404 Not Found",
        "500 Internal Server Error",
        "403 Forbidden",
    ] {
        let site = Site::new(&configuration(proxy));
        site.write("media/plain.txt", World::PLAIN);
        let _app = site.start_scripted_app(format!(
            "HTTP/1.1 {status}\r\n{}Content-Length: 0\r\nConnection: close\r\n\r\n",
            site.hand_off(proxy, "plain.txt")
        ));
        let answer = site.start_proxy(proxy).get("/anything");
        for name in ["X-Accel-Redirect", "X-Sendfile"] {
            assert!(!answer.has(name), "{status}: {}", answer.head());
        }
        let delivered = answer.text() == World::PLAIN;
        // nginx and lighttpd have no condition on the status.
        let obeys_any = matches!(proxy.backend(), Backend::Nginx | Backend::Lighttpd);
        assert_eq!(delivered, obeys_any, "{status}: {}", answer.head());
    }
}
