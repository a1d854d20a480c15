//! The printed part in a Caddy site that compresses, rewrites, runs templates and passes on to others.

use std::net::SocketAddr;

use proxy_tests::{ANNOUNCEMENT, Proxy, Server, Site, announced, configuration};

use super::{SECRET, assert_untouched, site};

/// A site with things of its own, in which the printed part is narrowed as it says.
fn start(site: &Site, other: SocketAddr) -> Server {
    let address = site.free_address();
    let snippet = site.snippet(Proxy::Caddy);
    let narrowed = snippet.replacen("reverse_proxy ", "reverse_proxy /files/* ", 1);
    assert_ne!(narrowed, snippet);
    site.write("www/index.html", "index");
    site.write("www/large.txt", "not the file");
    let www = site.path("www").display().to_string();
    let text = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\n\
        http://:{port} {{\n\tbind {ip}\n\tencode gzip zstd\n\
        \theader Strict-Transport-Security max-age=9\n\
        \theader Cache-Control no-cache\n\
        \theader Expires 0\n\
        \theader Content-Type text/html\n\
        \troot * {www}\n\
        \t@elsewhere not path /files/*\n\
        \ttemplates @elsewhere\n\
        \t@php path *.php *.cgi\n\
        \treverse_proxy @php {other}\n\
        \treverse_proxy /other/* {other}\n\
        \thandle_path /static/* {{\n\t\ttry_files {{path}} /index.html\n\t\tfile_server {{\n\t\t\tprecompressed gzip\n\t\t}}\n\t}}\n\
        \tfile_server {{\n\t\tprecompressed gzip\n\t}}\n\
        {narrowed}\n}}\n",
        port = address.port(),
        ip = address.ip(),
    );
    site.start_proxy_with(Proxy::Caddy, &text, address)
}

#[test]
fn caddy_amid_compression_headers_rewrites_and_templates() {
    let site = site(&configuration(Proxy::Caddy));
    let _gateway = site.start_gateway();
    let front = start(&site, site.free_address());
    assert_untouched(&front);
    let answer = front.get("/files/x.txt");
    let head = answer.head();
    assert_eq!(answer.header("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(
        answer.all("Strict-Transport-Security"),
        ["max-age=9"],
        "{head}"
    );
    assert!(!answer.has("Vary"), "{head}");
}

#[test]
fn caddy_tells_its_secret_to_no_other_backend_and_sends_it_no_file() {
    let site = site(&announced(&[Proxy::Caddy]));
    let _gateway = site.start_gateway();
    let forged = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /_internal/media/secret.txt\r\nContent-Length: 5\r\n\
        Connection: close\r\n\r\nother";
    let elsewhere = Site::new(&configuration(Proxy::Caddy));
    let other = elsewhere.start_scripted_app(forged);
    let front = start(&site, elsewhere.app());
    assert_eq!(front.get("/other/a").text(), "other");
    let heads = other.requests().concat().to_lowercase();
    assert!(!heads.is_empty());
    for word in [&*ANNOUNCEMENT.to_lowercase(), "0123456789abcdef"] {
        assert!(!heads.contains(word), "{heads}");
    }
    assert_eq!(front.get("/files/secret.txt").text(), SECRET);
}
