//! Servers that speak TLS: verified by name, with the certificates that the proxy is told to trust. An nginx before the
//! scripted server speaks it.

use proxy_tests::{Certificates, Fetcher, Origin, Proxy, Request, Server, Site};

use super::{FETCHERS, FILE, STATED, Stand, configuration, file};

const SPEAKER: &str = "
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen @ADDRESS@ ssl;
        ssl_certificate @CHAIN@;
        ssl_certificate_key @KEY@;
        ssl_protocols TLSv1.3;
        location / {
            proxy_pass http://@ORIGIN@;
            proxy_set_header Host $http_host;
            proxy_set_header X-Name $ssl_server_name;
        }
    }
}
";

/// The scripted server behind TLS, with a certificate for `name`; everybody knows it as localhost.
struct Speaker {
    _server: Server,
    certificates: Certificates,
    _site: Site,
    url: String,
    authority: String,
}

impl Speaker {
    fn before(origin: &Origin, name: &str) -> Self {
        let site = Site::new("");
        let certificates = Certificates::for_name(&site, name);
        let address = site.free_address();
        let text = SPEAKER
            .replace("@ADDRESS@", &address.to_string())
            .replace("@CHAIN@", &certificates.chain.to_string_lossy())
            .replace("@KEY@", &certificates.key.to_string_lossy())
            .replace("@ORIGIN@", &origin.address().to_string());
        let server = site.start_proxy_with(Proxy::Nginx, &text, address);
        let authority = format!("localhost:{}", address.port());
        Self {
            _server: server,
            certificates,
            _site: site,
            url: format!("https://{authority}"),
            authority,
        }
    }

    /// `proxy` before it, with these arguments for `downloadview proxy-config`.
    fn stand(&self, proxy: Fetcher, origin: Origin, arguments: &[&str]) -> Stand {
        let site = Site::new(&configuration(proxy, &self.url));
        let front = site.start_fetcher(proxy, arguments, |printed| printed);
        Stand::with(site, front, origin)
    }
}

#[test]
fn a_certificate_that_names_the_server_is_taken() {
    for proxy in FETCHERS {
        let origin = Origin::start(file);
        let speaker = Speaker::before(&origin, "localhost");
        let root = speaker.certificates.root.display().to_string();
        let stand = speaker.stand(proxy, origin, &["--ca-file", &root]);
        stand.tell(&speaker.url, "/a%2Fb?c=%2F", STATED);
        let answer = stand
            .front
            .send(&Request::get("/x").header("Range", "bytes=0-3"));
        assert_eq!(
            (answer.status, &*answer.text()),
            (206, "0123"),
            "{proxy:?}: {}",
            answer.head()
        );
        let asked = stand.origin.only();
        assert_eq!(asked.target(), "/a%2Fb?c=%2F");
        assert_eq!(asked.header("Host"), Some(&*speaker.authority), "{proxy:?}");
        assert_eq!(asked.header("X-Name"), Some("localhost"), "{proxy:?}");
    }
}

#[test]
fn a_certificate_of_another_name_or_of_nobody_known_is_a_502_and_nothing_is_asked() {
    for proxy in FETCHERS {
        for (name, trusted) in [("other.example", true), ("localhost", false)] {
            let origin = Origin::start(file);
            let speaker = Speaker::before(&origin, name);
            let root = speaker.certificates.root.display().to_string();
            let arguments: &[&str] = if trusted { &["--ca-file", &root] } else { &[] };
            let stand = speaker.stand(proxy, origin, arguments);
            stand.tell(&speaker.url, "/a", STATED);
            let answer = stand.front.get("/x");
            assert_eq!(answer.status, 502, "{proxy:?} {name}: {}", answer.head());
            assert!(!answer.text().contains(FILE));
            assert!(stand.origin.asked().is_empty());
        }
    }
}
