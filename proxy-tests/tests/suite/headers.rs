//! Which headers of the gateway and of other applications reach the client.

use proxy_tests::{Backend, Carriage, Proxy, Site, World, carry, configuration};

pub(crate) fn headers_of_the_gateway_arrive_once(proxy: Proxy) {
    let world = World::new(proxy);
    let direct = world.gateway.get("/files/plain.txt");
    let through = world.front.get("/files/plain.txt");
    for name in [
        "Content-Type",
        "Content-Disposition",
        "Cache-Control",
        "X-Content-Type-Options",
    ] {
        assert_eq!(through.header(name), direct.header(name), "{name}");
    }
    assert_eq!(through.header("Cache-Control"), "public, max-age=60");
    for name in ["X-Accel-Redirect", "X-Sendfile"] {
        assert!(!through.has(name), "{}", through.head());
    }
    for name in ["Content-Length", "ETag", "Last-Modified", "Date"] {
        assert_eq!(through.all(name).len(), 1, "{name}: {}", through.head());
    }
}

/// Uploads shown inside the application's own origin must not run there.
pub(crate) fn an_inline_page_is_sandboxed(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("media/page.html", "<script></script>");
    let answer = world.front.get("/inline/page.html");
    let policy = answer.header("Content-Security-Policy");
    assert_eq!(
        policy,
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    );
    assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
    let disposition = answer.header("Content-Disposition");
    assert_eq!(disposition, "inline; filename=\"page.html\"");
}

/// mod_xsendfile takes the header away, so such a file is streamed behind Apache.
pub(crate) fn a_file_that_is_stored_compressed_says_so(proxy: Proxy) {
    let world = World::new(proxy);
    let target = "/packed/plain.txt";
    let handed_off = world.gateway.get(target).has(proxy.header());
    assert_eq!(handed_off, proxy != Proxy::Apache);
    let answer = world.front.get(target);
    assert_eq!(answer.header("Content-Encoding"), "gzip");
    assert_eq!(answer.text(), World::PLAIN);
    // A name of the same file without the encoding goes the usual way.
    let (carriage, _) = carry(&world, b"other.txt").expect("a carried file");
    assert_eq!(carriage, Carriage::Delegated);
}

/// What nginx and Caddy drop unless the generated configuration carries it.
const KEPT: &[(&str, &str)] = &[
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Vary", "Accept-Language"),
    ("Link", "</licence>; rel=\"license\""),
    ("Content-Language", "fr"),
    ("Content-Type", "text/x-case"),
    ("Content-Disposition", "attachment"),
    ("Cache-Control", "private, max-age=7"),
    ("X-Case", "named in keep_headers"),
];

pub(crate) fn kept_headers_and_cookies_arrive_once(proxy: Proxy) {
    let site = Site::new(&configuration(proxy));
    site.write("media/plain.txt", World::PLAIN);
    let kept: String = KEPT
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let _app = site.start_scripted_app(format!(
        "HTTP/1.1 200 OK\r\n{}{kept}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         X-Unnamed: of the app\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        site.hand_off(proxy, "plain.txt")
    ));
    let answer = site.start_proxy(proxy).get("/anything");

    assert_eq!(answer.text(), World::PLAIN, "{}", answer.head());
    for (name, value) in KEPT {
        let own = proxy.varies_by().filter(|_| *name == "Vary");
        let expected: Vec<_> = std::iter::once(*value).chain(own).collect();
        assert_eq!(answer.all(name), expected, "{name}");
    }
    assert_eq!(answer.all("Set-Cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.has("X-Unnamed"), proxy.keeps_every_header());
}

/// The application said that the file may be cached; the proxy found none.
pub(crate) fn an_error_page_keeps_no_headers_of_the_download(proxy: Proxy) {
    let site = Site::new(&configuration(proxy));
    let _app = site.start_scripted_app(format!(
        "HTTP/1.1 200 OK\r\n{}Content-Type: text/x-case\r\nCache-Control: public\r\n\
         Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\nContent-Disposition: attachment\r\n\
         Set-Cookie: a=1\r\nETag: \"app\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        site.hand_off(proxy, "missing.txt")
    ));
    let answer = site.start_proxy(proxy).get("/anything");

    assert_eq!(answer.status, 404, "{}", answer.head());
    for name in ["ETag", "Last-Modified", "X-Accel-Redirect", "X-Sendfile"] {
        assert!(!answer.has(name), "{}", answer.head());
    }
    let kind = answer.all("Content-Type").concat();
    assert_ne!(kind, "text/x-case");
    // nginx copies these before it looks for the file, and has no directive that takes them back.
    if proxy.backend() == Backend::Nginx {
        return;
    }
    for name in [
        "Cache-Control",
        "Expires",
        "Content-Disposition",
        "Set-Cookie",
    ] {
        assert!(!answer.has(name), "{}", answer.head());
    }
}
