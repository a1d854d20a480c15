//! The printed part in a lighttpd that compresses, dates, includes, runs scripts and passes on to others.

use std::net::SocketAddr;

use proxy_tests::{ANNOUNCEMENT, Proxy, Server, Site, announced, configuration};

use super::{SECRET, assert_untouched, site};

/// A server with things of its own before and after the printed part, which is narrowed as it says.
fn start(site: &Site, other: SocketAddr) -> Server {
    let address = site.free_address();
    let snippet = site.snippet(Proxy::Lighttpd);
    let narrowed = snippet.replacen("=~ \"^/\" {", "=~ \"^/(files|inline)/\" {", 1);
    assert_ne!(narrowed, snippet);
    let media = site.path("media").display().to_string();
    let before = format!(
        "server.modules = ( \"mod_access\", \"mod_alias\", \"mod_expire\", \"mod_setenv\", \"mod_deflate\", \
            \"mod_ssi\", \"mod_cgi\" )\n\
        server.bind = \"{}\"\nserver.port = {}\n\
        server.document-root = var.CWD\nserver.upload-dirs = ( var.CWD )\n\
        server.follow-symlink = \"enable\"\n\
        static-file.etags = \"disable\"\nstatic-file.exclude-extensions = ( \".php\", \".cgi\", \".jpg\" )\n\
        mimetype.assign = ( \".txt\" => \"text/html\", \".jpg\" => \"text/plain\" )\n\
        deflate.mimetypes = ( \"text/\", \"application/\", \"image/\" )\n\
        deflate.allowed-encodings = ( \"gzip\", \"deflate\" )\n\
        expire.url = ( \"\" => \"access plus 1 years\" )\n\
        expire.mimetypes = ( \"\" => \"access plus 1 years\" )\n\
        setenv.add-response-header = ( \"Strict-Transport-Security\" => \"max-age=9\" )\n\
        setenv.set-response-header = ( \"X-Site\" => \"a\" )\n\
        setenv.set-request-header = ( \"X-Site\" => \"a\" )\n\
        ssi.extension = ( \".shtml\", \".html\" )\n\
        cgi.assign = ( \".php\" => \"/bin/cat\", \".cgi\" => \"/bin/cat\" )\n\
        url.access-deny = ( \"~\", \".inc\" )\n",
        address.ip(),
        address.port()
    );
    let after = format!(
        "$HTTP[\"url\"] =~ \"^/other/\" {{\n proxy.server = ( \"\" => (( \"host\" => \"{}\", \"port\" => {},\n \
            \"x-sendfile\" => \"enable\", \"x-sendfile-docroot\" => ( \"{media}/of-another\" ) )) )\n}}\n\
        $HTTP[\"url\"] =~ \"^/plain/\" {{\n proxy.server = ( \"\" => (( \"host\" => \"{}\", \"port\" => {} )) )\n}}\n\
        $HTTP[\"url\"] =~ \"\\.(php|jpg)$\" {{\n expire.url = ( \"\" => \"access plus 2 years\" )\n}}\n",
        other.ip(),
        other.port(),
        other.ip(),
        other.port(),
    );
    site.start_proxy_with(
        Proxy::Lighttpd,
        &format!("{before}{narrowed}{after}"),
        address,
    )
}

#[test]
fn lighttpd_amid_compression_freshness_includes_and_scripts() {
    let site = site(&configuration(Proxy::Lighttpd));
    let _gateway = site.start_gateway();
    let front = start(&site, site.free_address());
    assert_untouched(&front);
    for route in ["files", "inline"] {
        let answer = front.get(&format!("/{route}/x.txt"));
        let head = answer.head();
        assert_eq!(answer.header("Content-Type"), "text/plain; charset=utf-8");
        assert_eq!(
            answer.all("Strict-Transport-Security"),
            ["max-age=9"],
            "{head}"
        );
        assert_eq!(answer.all("X-Site"), ["a"], "{head}");
        assert!(!answer.has("Vary"), "{head}");
        assert!(!answer.has("Expires"), "{head}");
    }
    for target in ["/x.txt", "/_internal/media/x.txt", "/media/x.txt"] {
        assert_eq!(front.get(target).status, 404, "{target}");
    }
}

#[test]
fn lighttpd_tells_its_secret_to_no_other_backend_and_sends_it_no_file() {
    let site = site(&announced(&[Proxy::Lighttpd]));
    let _gateway = site.start_gateway();
    let forged = format!(
        "HTTP/1.1 200 OK\r\nX-Sendfile: {}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother",
        site.path("media/secret.txt").display()
    );
    let elsewhere = Site::new(&configuration(Proxy::Lighttpd));
    let other = elsewhere.start_scripted_app(forged);
    let front = start(&site, elsewhere.app());
    for target in ["/other/a", "/plain/a"] {
        let answer = front.get(target);
        assert!(!answer.text().contains(SECRET), "{}", answer.head());
    }
    assert_eq!(other.requests().len(), 2);
    let heads = other.requests().concat().to_lowercase();
    for word in [&*ANNOUNCEMENT.to_lowercase(), "0123456789abcdef"] {
        assert!(!heads.contains(word), "{heads}");
    }
    assert_eq!(front.get("/files/secret.txt").text(), SECRET);
}

/// Stated in `proxies/lighttpd/README.md`.
#[test]
fn what_lighttpd_denies_by_url_stays_denied() {
    let site = site(&configuration(Proxy::Lighttpd));
    site.write("media/x.inc", "denied");
    let _gateway = site.start_gateway();
    let front = start(&site, site.free_address());
    assert_eq!(front.get("/files/x.inc").status, 403);
}
