//! Views that are not for everybody: open to who may, closed to who may not, and nobody's secret in what is printed.

use proxy_tests::{Proxy, Server, Site, configuration};

use crate::found::{Found, check, front};
use crate::stand::{Stand, changed, folder};

fn links(proxy: Proxy) -> String {
    let signed = changed(
        &configuration(proxy),
        "cache_control = \"public, max-age=60\"",
        "signature = \"required\"",
    );
    signed
        + "\n[signing]\n\n[[signing.keys]]\nid = \"a\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n"
}

#[test]
fn links_are_good_and_nothing_is_handed_out_without_one() {
    for proxy in Proxy::ALL {
        let stand = Stand::of(proxy, &links(proxy), |_, printed| printed);
        let found = stand.check();
        found.assert_right(proxy.name());
        for what in [
            "/files/{*path}: without a link",
            "/files/{*path}: with a forged link",
        ] {
            assert_eq!(
                found.right(what),
                2,
                "{proxy:?} {what}: {}",
                found.everything()
            );
        }
        // A link is a permission, and what is printed may end in a report.
        for link in found.everything().split("X-Download-Signature=").skip(1) {
            assert!(link.starts_with('…'), "{link}");
        }
        assert!(found.right("/files/{*path}: long name") > 0, "{proxy:?}");
    }
}

/// A folder that the proxy serves by itself, past the gateway.
#[test]
fn a_proxy_that_hands_out_what_a_link_is_needed_for() {
    let stand = Stand::of(Proxy::Nginx, &links(Proxy::Nginx), |site, printed| {
        let open = format!(
            "location /files/ {{ alias {}/; }}\n    location / {{",
            folder(site, "media")
        );
        changed(&printed, "location / {", &open)
    });
    let words = ["200 OK, and the gateway was not asked", "no proxy_cache"];
    stand.check().assert_guilty("proxy", &words);
}

#[test]
fn a_clock_that_links_would_end_by_at_another_time() {
    let site = Site::new(&links(Proxy::Nginx));
    site.give("media");
    let old = "HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _app = site.start_scripted_app(old);
    let found = check(&site, &[]);
    assert!(
        found.blames("clock", "s from this machine's"),
        "{}",
        found.text()
    );
}

const APPLICATION: &str = include_str!("../authorize/application.py");
const FILE: &str = "--file=/private/{*path}=/private/alice/a.txt";

/// An application with sessions says who may; alice has a file.
struct Private {
    // Dropped in this order.
    front: Server,
    _gateway: Server,
    application: Server,
    site: Site,
}

impl Private {
    fn new(proxy: Proxy) -> Self {
        let site = Site::new("listen = \"@LISTEN@\"\n");
        let application = site.start_python(APPLICATION, None);
        let whole = configuration(proxy);
        let (rules, _) = whole.split_once("\n[[views]]").expect("it has views");
        site.configure(&format!(
            "{rules}\n[[views]]\nroute = \"/private/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n\n\
             [views.authorize]\nurl = \"http://{}/may\"\n",
            application.address()
        ));
        site.write("media/alice/a.txt", "a file of some length");
        Self {
            _gateway: site.start_gateway(),
            front: site.start_proxy(proxy),
            application,
            site,
        }
    }

    #[track_caller]
    fn check(&self, proxy: Proxy, header: Option<&str>) -> Found {
        let mut arguments = front(proxy, &self.front);
        arguments.push(FILE.to_owned());
        arguments.extend(header.map(|line| format!("--header={line}")));
        check(&self.site, &arguments)
    }

    fn session(&self, user: &str) -> String {
        let answer = self.application.get(&format!("/login?{user}"));
        let set = answer.header("Set-Cookie").to_owned();
        format!("Cookie: {}", set.split(';').next().expect("a cookie"))
    }
}

#[test]
fn an_authorizer_is_reached_and_refuses_who_may_not() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let private = Private::new(proxy);
        let session = private.session("alice");
        let found = private.check(proxy, Some(&session));
        found.assert_right(proxy.name());
        assert_eq!(
            found.right("without credentials"),
            2,
            "{}",
            found.everything()
        );
        let (_, secret) = session.split_once('=').expect("a value");
        assert!(
            !found.everything().contains(secret),
            "{}",
            found.everything()
        );
    }
}

#[test]
fn without_credentials_nobody_can_tell_whether_an_authorizer_permits() {
    let private = Private::new(Proxy::Nginx);
    let found = private.check(Proxy::Nginx, None);
    found.assert_unknown("--header 'Cookie: session=…'");
    assert_eq!(
        found.right("without credentials"),
        2,
        "{}",
        found.everything()
    );
    let found = private.check(Proxy::Nginx, Some(&private.session("bob")));
    found.assert_unknown("do not permit this file");
}

#[test]
fn an_authorizer_that_is_dead() {
    let mut private = Private::new(Proxy::Nginx);
    let session = private.session("alice");
    private.application.terminate();
    for header in [None, Some(&*session)] {
        let found = private.check(Proxy::Nginx, header);
        found.assert_guilty(
            "authorizer",
            &["says neither yes nor no", "[views.authorize]"],
        );
    }
}
