//! The printed configuration inside sites that have things of their own: other backends, handlers by extension, includes,
//! freshness and compression for everything.

mod caddy;
mod lighttpd;

use proxy_tests::{
    ANNOUNCEMENT, Proxy, Request, Server, Site, announced, announcement, configuration,
};

const SECRET: &str = "secret of another folder";
const INCLUDES: &str = "<!--#include virtual=\"/_internal/media/secret.txt\" -->";

/// Files that no proxy is handed: what a site does to answers, it does to these too.
const STREAMED: &str = "\n[[views]]\nroute = \"/files/streamed/{*path}\"\nkind = \"storage\"\nstorage = \"media\"\n\
    optimize = false\ncache_control = \"public, max-age=60\"\n";

fn site(configuration: &str) -> Site {
    let site = Site::new(&format!("{configuration}{STREAMED}"));
    for name in ["x.php", "x.jpg", "x.txt", "x.cgi"] {
        site.write(format!("media/{name}"), format!("content of {name}\n"));
    }
    site.write("media/page.shtml", INCLUDES);
    site.write("media/page.html", INCLUDES);
    site.write("media/secret.txt", SECRET);
    site.write("media/large.txt", "x".repeat(50_000));
    // Not a compressed form of it, whatever its name says.
    site.write("media/large.txt.gz", "another file");
    site
}

/// What `front` answers is the file, as the gateway describes it, whoever sends it.
fn assert_untouched(front: &Server) {
    for route in ["/files/", "/files/streamed/"] {
        assert_untouched_below(front, route);
    }
}

fn assert_untouched_below(front: &Server, route: &str) {
    for name in ["x.php", "x.jpg", "x.txt", "x.cgi"] {
        let answer = front.get(&format!("{route}{name}"));
        let what = format!("{route}{name}: {}", answer.head());
        assert_eq!(
            (answer.status, answer.text()),
            (200, format!("content of {name}\n")),
            "{what}"
        );
        assert_eq!(
            answer.header("Cache-Control"),
            "public, max-age=60",
            "{what}"
        );
        assert!(!answer.has("Expires"), "{what}");
    }
    for name in ["page.shtml", "page.html"] {
        let answer = front.get(&format!("{route}{name}"));
        assert_eq!(answer.text(), INCLUDES, "{route}{name}: {}", answer.head());
    }
    let packed = Request::get(&format!("{route}large.txt")).header("Accept-Encoding", "gzip");
    let answer = front.send(&packed);
    assert_eq!(answer.body.len(), 50_000, "{}", answer.head());
    assert!(!answer.has("Content-Encoding"), "{}", answer.head());
    let tag = answer.header("ETag").to_owned();
    let again = front.send(&packed.clone().header("If-None-Match", &tag));
    assert_eq!(again.status, 304, "{}", again.head());
    let rest = packed
        .header("Range", "bytes=49990-")
        .header("If-Range", &tag);
    let rest = front.send(&rest);
    assert_eq!(rest.status, 206, "{}", rest.head());
}

#[test]
fn nginx_amid_regular_expressions_includes_freshness_and_compression() {
    let keep =
        "keep_headers = [\"X-Case\"]\nadd_headers = { Strict-Transport-Security = \"max-age=9\" }";
    let site = site(&configuration(Proxy::Nginx).replace("keep_headers = [\"X-Case\"]", keep));
    let _gateway = site.start_gateway();
    let media = site.path("media").display().to_string();
    let front = site.start_proxy_amid(Proxy::Nginx, |printed| {
        let of_http = "http {\n    expires 1y;\n    ssi on;\n    ssi_types *;\n    gzip on;\n    gzip_types *;\n    \
            gzip_static on;\n    charset utf-8;\n    add_header Strict-Transport-Security max-age=9 always;\n";
        let of_server = format!(
            "server_name _;\n location ~ \\.php$ {{ root {media}/..; }}\n location ~* \\.(jpg|txt)$ {{ root {media}/..; }}\n"
        );
        let text = printed.replacen("http {\n", of_http, 1);
        // Locations of the site would take the routes of the gateway too, so its own is narrowed as they say.
        text.replacen("server_name _;\n", &of_server, 1)
            .replacen("location / {", "location ^~ /files/ {", 1)
    });
    assert_untouched(&front);
    for name in ["x.php", "x.jpg", "x.txt", "secret.txt"] {
        let answer = front.get(&format!("/_internal/media/{name}"));
        assert_eq!(answer.status, 404, "{name}: {}", answer.head());
    }
    let answer = front.get("/files/x.txt");
    assert_eq!(
        answer.all("Strict-Transport-Security"),
        ["max-age=9"],
        "{}",
        answer.head()
    );
    assert_eq!(answer.header("Content-Type"), "text/plain; charset=utf-8");
}

/// What stands before the `ProxyPass` of the gateway, in Apache's language.
fn apache_with(printed: &str, other: std::net::SocketAddr) -> String {
    let modules = "Listen ";
    let loaded = [
        "alias", "deflate", "dir", "env", "expires", "filter", "include", "mime", "setenvif",
    ]
    .map(|name| format!("LoadModule {name}_module ${{DOWNLOADVIEW_MODULES}}/mod_{name}.so\n"))
    .concat();
    let of_site = format!(
        "ProxyPass \"/other/\" \"http://{other}/\"\nAddOutputFilter INCLUDES .shtml .html\n\
         <Location \"/\">\nOptions +Includes\nSetOutputFilter DEFLATE\n</Location>\n\
         ExpiresActive On\nExpiresDefault \"access plus 1 year\"\nTypesConfig /etc/mime.types\nAddType text/html .shtml\n\
         AddHandler cgi-script .cgi .php\nHeader always set Strict-Transport-Security max-age=9\nProxyPass \"/\""
    );
    printed
        .replacen(modules, &format!("{loaded}{modules}"), 1)
        .replacen("ProxyPass \"/\"", &of_site, 1)
}

#[test]
fn apache_amid_includes_freshness_compression_and_handlers() {
    let site = site(&configuration(Proxy::Apache));
    let _gateway = site.start_gateway();
    let other = site.free_address();
    let front = site.start_proxy_amid(Proxy::Apache, |printed| apache_with(&printed, other));
    assert_untouched(&front);
    let answer = front.get("/files/x.txt");
    assert_eq!(answer.header("Strict-Transport-Security"), "max-age=9");
    assert_eq!(answer.header("Accept-Ranges"), "bytes");
}

#[test]
fn apache_tells_its_secret_to_no_one_and_sends_no_file_for_another_backend() {
    let site = site(&announced(&[Proxy::Apache]));
    let _gateway = site.start_gateway();
    let forged = format!(
        "HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother",
        site.path("media/secret.txt").display()
    );
    let elsewhere = Site::new(&configuration(Proxy::Apache));
    let other = elsewhere.start_scripted_app(forged);
    let front = site.start_proxy_amid(Proxy::Apache, |printed| {
        apache_with(&printed, elsewhere.app())
    });
    let answer = front.get("/other/a");
    assert!(!answer.text().contains(SECRET), "{}", answer.head());
    let heads = other.requests().concat();
    assert!(!heads.is_empty());
    for word in [ANNOUNCEMENT, "0123456789abcdef"] {
        let told = heads.to_lowercase().contains(&word.to_lowercase());
        assert!(!told, "{heads}");
    }
    for (name, value) in [("Max-Forwards", "0"), ("Max-Forwards", "9")] {
        let trace = Request::new("TRACE", "/files/x.txt").header(name, value);
        let answer = front.send(&trace);
        assert_eq!(answer.status, 405, "{}", answer.head());
        assert!(!answer.text().contains(&announcement(Proxy::Apache)));
    }
    assert_eq!(front.get("/files/x.txt").text(), "content of x.txt\n");
}

/// Apache takes off the request what its `Connection` names, also what it put on itself.
#[test]
fn no_connection_header_of_a_client_takes_the_announcement_away() {
    let site = site(&announced(&[Proxy::Apache]));
    let gateway = site.start_gateway();
    let front = site.start_proxy(Proxy::Apache);
    let before = gateway.bytes_read();
    for tokens in [
        "X-Downloadview-Proxy",
        "close, x-downloadview-proxy",
        "x-DOWNLOADVIEW-proxy,x",
        "X-Downloadviewx-downloadview--Proxy",
    ] {
        let request = Request::get("/files/large.txt").header("Connection", tokens);
        let answer = front.send(&request);
        assert_eq!(answer.body.len(), 50_000, "{tokens}: {}", answer.head());
    }
    assert!(
        gateway.bytes_read() - before < 50_000,
        "the gateway read the file"
    );
}

/// RFC 9112, 9.6: what a client sends and nobody reads must not turn a good answer into a 502.
#[test]
fn a_request_body_arrives_as_405_or_the_file_through_every_proxy() {
    for proxy in Proxy::ALL {
        let site = site(&configuration(proxy));
        let gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        for server in [&front, &gateway] {
            let head = format!(
                "POST /files/x.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                BODY.len()
            );
            let answer = exchange(server, &head);
            assert!(answer.starts_with("HTTP/1.1 405 "), "{proxy:?}: {answer}");
        }
    }
}

const BODY: &[u8] = &[b'x'; 900_000];

fn exchange(server: &Server, head: &str) -> String {
    use std::io::{Read as _, Write as _};

    let mut stream = std::net::TcpStream::connect(server.address()).expect("connected");
    stream.write_all(head.as_bytes()).expect("sent");
    // A proxy that refuses early may close before all is sent.
    let _ = stream.write_all(BODY);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
