//! An authorizer behind TLS: only one that proves its name with a certificate of `ca_file` is told anything, and believed.

use proxy_tests::{Certificates, Proxy, Request, Response, Server, Site, configuration};

use super::{assert_nothing_handed_over, authorized};

/// It says yes, over TLS, and prints what it was told.
const YES: &str = r#"
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        print("asked", self.path, self.headers["Cookie"], self.headers["Host"])


server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Yes)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("@CHAIN@", "@KEY@")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"#;

/// The gateway, and an authorizer that it knows as `localhost`.
struct Stand {
    authorizer: Server,
    gateway: Server,
    _site: Site,
}

impl Stand {
    /// With an authorizer that has these certificates; `trusts` says whose the gateway believes.
    fn new(
        made: impl Fn(&Site) -> Certificates,
        trusts: impl Fn(&Site, &Certificates) -> String,
    ) -> Self {
        let site = Site::new("");
        let certificates = made(&site);
        let script = YES
            .replace("@CHAIN@", &certificates.chain.to_string_lossy())
            .replace("@KEY@", &certificates.key.to_string_lossy());
        let authorizer = site.start_python(&script, None);
        let url = format!("https://localhost:{}/may", authorizer.address().port());
        let keys = trusts(&site, &certificates);
        site.configure(&authorized(&configuration(Proxy::Nginx), &url, &keys));
        site.write("media/a.txt", "a secret");
        let gateway = site.start_gateway();
        Self {
            authorizer,
            gateway,
            _site: site,
        }
    }

    fn get(&self) -> Response {
        let request = Request::get("/private/a.txt").header("Cookie", "session=s3cr3t");
        self.gateway.send(&request)
    }

    #[track_caller]
    fn refuses(&self, what: &str, reason: &str) {
        let answer = self.get();
        assert_eq!(answer.status, 503, "{what}: {}", answer.head());
        assert_nothing_handed_over(what, &answer);
        let told = self.authorizer.output();
        assert!(!told.contains("asked"), "{what}: {told}");
        let log = self.gateway.output();
        assert!(log.contains(reason), "{what}: {log}");
        assert!(!log.contains("s3cr3t"), "{what}: {log}");
    }
}

fn its_own(_: &Site, certificates: &Certificates) -> String {
    format!("ca_file = \"{}\"", certificates.root.display())
}

#[test]
fn one_that_proves_its_name_is_asked() {
    let stand = Stand::new(|site| Certificates::for_name(site, "localhost"), its_own);
    let answer = stand.get();
    assert!(answer.has("X-Accel-Redirect"), "{}", answer.head());
    let told = stand.authorizer.output();
    assert!(
        told.contains("asked /may session=s3cr3t localhost:"),
        "{told}"
    );
}

#[test]
fn one_of_another_name_is_told_nothing_and_nobody_passes() {
    let stand = Stand::new(
        |site| Certificates::for_name(site, "other.example"),
        its_own,
    );
    stand.refuses("another name", "not valid for name");
}

#[test]
fn one_that_has_expired_is_told_nothing_and_nobody_passes() {
    let stand = Stand::new(|site| Certificates::expired(site, "localhost"), its_own);
    stand.refuses("expired", "invalid peer certificate: Expired");
}

/// Neither one that signed itself, nor one of an authority that is not in `ca_file`.
#[test]
fn one_that_nobody_vouches_for_is_told_nothing_and_nobody_passes() {
    let others = Site::new("");
    let root = Certificates::for_name(&others, "localhost").root;
    let root = std::fs::read(root).expect("it is there");
    let made = |site: &Site| Certificates::for_name(site, "localhost");
    let stand = Stand::new(made, |site, _| {
        site.write("client/others.pem", &root);
        format!("ca_file = \"{}\"", site.path("client/others.pem").display())
    });
    stand.refuses("of another authority", "invalid peer certificate");
    // With the certificates of the system alone.
    let stand = Stand::new(made, |_, _| String::new());
    stand.refuses(
        "of no authority that the system knows",
        "invalid peer certificate",
    );
}
