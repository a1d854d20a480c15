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
