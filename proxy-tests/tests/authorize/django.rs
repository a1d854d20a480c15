//! A Django site with sessions, as it is: `login_required`, CSRF, the redirect to https.

use proxy_tests::{Proxy, Request, Response, Server, Site, configuration};

use super::{assert_nothing_handed_over, authorized, cookies, site, url};

const SITE: &str = include_str!("site.py");

/// Clients come by https, as the proxy in front says. Here the test is that proxy.
const BY_HTTPS: (&str, &str) = ("X-Forwarded-Proto", "https");

struct Stand {
    gateway: Server,
    django: Server,
    site: Site,
    proxy: Proxy,
}

impl Stand {
    fn new(proxy: Proxy, path: &str) -> Self {
        Self::of(proxy, path, SITE)
    }

    fn of(proxy: Proxy, path: &str, script: &str) -> Self {
        let site = site(proxy, "http://127.0.0.1:1/", "");
        let django = site.start_python(script, Some("django"));
        site.configure(&authorized(&configuration(proxy), &url(&django, path), ""));
        site.write("media/alice/a.txt", "secret of alice");
        site.write("media/bob/b.txt", "secret of bob");
        Self {
            gateway: site.start_gateway(),
            django,
            site,
            proxy,
        }
    }

    /// Through Django's own form, with its token.
    fn log_in(&self, user: &str) -> String {
        let form = Request::get("/accounts/login/").header(BY_HTTPS.0, BY_HTTPS.1);
        let form = self.django.send(&form);
        assert_eq!(form.status, 200, "{}", form.head());
        let (token, cookie) = (form.text(), cookies(&form));
        let body =
            format!("username={user}&password=password+of+{user}&csrfmiddlewaretoken={token}");
        let referer = format!("https://{}/", self.django.address());
        let post = Request::new("POST", "/accounts/login/?next=/private/")
            .header(BY_HTTPS.0, BY_HTTPS.1)
            .header("Referer", &referer)
            .header("Cookie", &cookie)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.as_bytes());
        let answer = self.django.send(&post);
        assert_eq!(answer.status, 302, "{}{}", answer.head(), answer.text());
        cookies(&answer)
    }

    /// The gateway's own answer to what a proxy would pass on.
    fn get(&self, target: &str, cookie: &str) -> Response {
        let request = Request::get(target).header(BY_HTTPS.0, BY_HTTPS.1);
        let answer = self.gateway.send(&request.header("Cookie", cookie));
        if answer.status != 200 {
            assert_nothing_handed_over(target, &answer);
        }
        answer
    }
}

#[test]
fn whoever_is_logged_in_gets_their_own_and_whoever_logs_out_nothing_more() {
    let stand = Stand::new(Proxy::Nginx, "/may/");
    let nobody = stand.get("/private/alice/a.txt?v=2", "");
    assert_eq!(nobody.status, 302, "{}", nobody.head());
    let back = "/accounts/login/?next=/private/alice/a.txt%3Fv%3D2";
    assert_eq!(nobody.header("Location"), back);

    let (alice, bob) = (stand.log_in("alice"), stand.log_in("bob"));
    let delegated = stand.get("/private/alice/a.txt", &alice);
    assert!(delegated.has(stand.proxy.header()) && delegated.body.is_empty());
    assert_eq!(stand.get("/private/bob/b.txt", &alice).status, 403);
    assert_eq!(stand.get("/private/alice/a.txt", &bob).status, 403);
    assert_eq!(stand.get("/private/bob/b.txt", &bob).status, 200);
    for target in [
        "/private/alice/..%2Fbob/b.txt",
        "/private/alice/../bob/b.txt",
    ] {
        assert_eq!(stand.get(target, &alice).status, 400, "{target}");
    }

    let out = Request::get("/accounts/logout/").header("Cookie", &alice);
    assert_eq!(
        stand
            .django
            .send(&out.header(BY_HTTPS.0, BY_HTTPS.1))
            .status,
        200
    );
    assert_eq!(stand.get("/private/alice/a.txt", &alice).status, 302);
    assert_eq!(stand.get("/private/bob/b.txt", &bob).status, 200);
}

/// The proxies here speak plain http, so Django redirects every question to https: that is nonsense and never a pass. A
/// client that claims https changes nothing.
#[test]
fn a_redirect_to_https_is_no_answer_through_every_proxy() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let stand = Stand::new(proxy, "/may/");
        let front = stand.site.start_proxy(proxy);
        let alice = stand.log_in("alice");
        let request = Request::get("/private/alice/a.txt").header("Cookie", &alice);
        let answer = front.send(&request.header(BY_HTTPS.0, BY_HTTPS.1));
        assert_eq!(answer.status, 502, "{proxy:?}: {}", answer.head());
        assert_nothing_handed_over(proxy.name(), &answer);
    }
}

/// The same site without its redirect, since the proxies here speak plain http.
#[test]
fn everybody_gets_their_own_through_every_proxy() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let plain = SITE.replace("SECURE_SSL_REDIRECT=True", "SECURE_SSL_REDIRECT=False");
        let stand = Stand::of(proxy, "/may/", &plain);
        let front = stand.site.start_proxy(proxy);
        let (alice, bob) = (stand.log_in("alice"), stand.log_in("bob"));
        let get = |cookie: &str| {
            let request = Request::get("/private/alice/a.txt").header("Cookie", cookie);
            front.send(&request)
        };
        let before = stand.gateway.bytes_read();
        let answer = get(&alice);
        let theirs = (answer.status, &*answer.text());
        assert_eq!(theirs, (200, "secret of alice"), "{proxy:?}");
        assert!(stand.gateway.bytes_read() - before < 64 * 1024, "{proxy:?}");
        let refused = get(&bob);
        assert_eq!(
            (refused.status, &*refused.text()),
            (403, "not yours"),
            "{proxy:?}"
        );
        let nobody = get("");
        assert_eq!(nobody.status, 302, "{proxy:?}: {}", nobody.head());
        let back = "/accounts/login/?next=/private/alice/a.txt";
        assert_eq!(nobody.header("Location"), back, "{proxy:?}");
        let out = Request::get("/accounts/logout/").header("Cookie", &alice);
        assert_eq!(stand.django.send(&out).status, 200, "{proxy:?}");
        assert_eq!(get(&alice).status, 302, "{proxy:?}");
    }
}

/// `login_required` redirects to where the question came from, which is its own path.
#[test]
fn login_required_alone_lets_pass_and_leads_back_to_the_question() {
    let stand = Stand::new(Proxy::Nginx, "/may-all/");
    let nobody = stand.get("/private/alice/a.txt", "");
    assert_eq!(nobody.status, 302);
    assert_eq!(nobody.header("Location"), "/accounts/login/?next=/may-all/");
    let alice = stand.log_in("alice");
    assert_eq!(stand.get("/private/bob/b.txt", &alice).status, 200);
}

/// `APPEND_SLASH` answers 301, which browsers keep.
#[test]
fn a_question_at_a_path_without_its_slash_is_502() {
    let stand = Stand::new(Proxy::Nginx, "/may");
    assert_eq!(
        stand
            .get("/private/alice/a.txt", &stand.log_in("alice"))
            .status,
        502
    );
}
