//! The printed part in a Caddy site that compresses, rewrites, runs templates and passes on to others.

use std::net::SocketAddr;

use proxy_tests::{ANNOUNCEMENT, Proxy, Server, Site, announced, configuration};

use super::{SECRET, assert_untouched, site};

/// What a site says of freshness where nobody else does.
const DEFAULT: &str = "?Cache-Control no-cache";

/// A site with things of its own, in which the printed part is narrowed as it says.
fn start(site: &Site, other: SocketAddr, header: &str) -> Server {
    let address = site.free_address();
    let snippet = site.snippet(Proxy::Caddy);
    let narrowed = snippet.replacen("path /*\n", "path /files/* /inline/*\n", 1);
    assert_ne!(narrowed, snippet);
    site.write("www/index.html", "index");
    site.write("www/large.txt", "not the file");
    let www = site.path("www").display().to_string();
    let text = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\n\
        http://:{port} {{\n\tbind {ip}\n\tencode gzip zstd\n\
        \theader Strict-Transport-Security max-age=9\n\
        \theader {header}\n\
        \troot * {www}\n\
        \t@elsewhere not path /files/* /inline/*\n\
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
    let front = start(&site, site.free_address(), DEFAULT);
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
    assert_eq!(
        front.get("/inline/x.txt").all("Cache-Control"),
        ["private, no-cache"]
    );
    for target in [
        "/x.txt",
        "/_internal/media/x.txt",
        "/static/../_internal/media/x.txt",
    ] {
        let answer = front.get(target);
        assert_ne!(answer.text(), "content of x.txt\n", "{target}");
    }
    assert_eq!(front.get("/_internal/media/x.txt").status, 404);
}

/// Stated in `proxies/caddy/README.md`.
#[test]
fn a_header_that_caddy_sets_everywhere_comes_beside_that_of_the_gateway() {
    let site = site(&configuration(Proxy::Caddy));
    let _gateway = site.start_gateway();
    let front = start(&site, site.free_address(), "Cache-Control no-cache");
    let answer = front.get("/files/x.txt");
    assert_eq!(
        answer.all("Cache-Control"),
        ["no-cache", "public, max-age=60"]
    );
}

#[test]
fn caddy_tells_its_secret_to_no_other_backend_and_sends_it_no_file() {
    let site = site(&announced(&[Proxy::Caddy]));
    let _gateway = site.start_gateway();
    let forged = "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /_internal/media/secret.txt\r\nContent-Length: 5\r\n\
        Connection: close\r\n\r\nother";
    let elsewhere = Site::new(&configuration(Proxy::Caddy));
    let other = elsewhere.start_scripted_app(forged);
    let front = start(&site, elsewhere.app(), DEFAULT);
    assert_eq!(front.get("/other/a").text(), "other");
    let heads = other.requests().concat().to_lowercase();
    assert!(!heads.is_empty());
    for word in [&*ANNOUNCEMENT.to_lowercase(), "0123456789abcdef"] {
        assert!(!heads.contains(word), "{heads}");
    }
    assert_eq!(front.get("/files/secret.txt").text(), SECRET);
}
