//! An application with sessions behind every proxy: two people, each with files of their own.

use proxy_tests::{Proxy, Request, Response, Server, Site};

use super::{assert_nothing_handed_over, cookies, site, url};

const APPLICATION: &str = include_str!("application.py");

/// One of each, which is enough where versions do not differ.
const FOUR: [Proxy; 4] = [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy];

struct Stand {
    // Dropped in this order.
    front: Server,
    gateway: Server,
    application: Server,
    site: Site,
    proxy: Proxy,
}

impl Stand {
    fn new(proxy: Proxy) -> Self {
        let site = site(proxy, "http://127.0.0.1:1/may", "");
        let application = site.start_python(APPLICATION, None);
        let configuration = super::configuration(proxy);
        site.configure(&super::authorized(
            &configuration,
            &url(&application, "/may"),
            "",
        ));
        site.write("media/alice/a.txt", "secret of alice");
        site.write("media/bob/b.txt", "secret of bob");
        Self {
            gateway: site.start_gateway(),
            front: site.start_proxy(proxy),
            application,
            site,
            proxy,
        }
    }

    fn log_in(&self, user: &str) -> String {
        let answer = self.application.get(&format!("/login?{user}"));
        assert_eq!(answer.status, 204, "{}", answer.head());
        cookies(&answer)
    }

    /// What the proxy answers, with a check that what is refused is refused before any hand-off.
    #[track_caller]
    fn get(&self, target: &str, cookie: &str) -> Response {
        let mut request = Request::get(target);
        if !cookie.is_empty() {
            request = request.header("Cookie", cookie);
        }
        let (answer, direct) = (self.front.send(&request), self.gateway.send(&request));
        let what = format!("{:?} {target}", self.proxy);
        if answer.status == 200 {
            let delegated = direct.has(self.proxy.header()) && direct.body.is_empty();
            assert!(delegated, "{what}: {}", direct.head());
        } else {
            assert_eq!(answer.status, direct.status, "{what}");
            assert_nothing_handed_over(&what, &direct);
            assert_nothing_handed_over(&what, &answer);
        }
        answer
    }
}

#[test]
fn everybody_gets_what_is_theirs_from_every_proxy_and_nothing_else() {
    for proxy in Proxy::ALL {
        let stand = Stand::new(proxy);
        let nobody = stand.get("/private/alice/a.txt", "");
        assert_eq!(
            (nobody.status, &*nobody.text()),
            (401, "log in first"),
            "{proxy:?}"
        );
        assert_eq!(nobody.header("WWW-Authenticate"), "Session");

        let (alice, bob) = (stand.log_in("alice"), stand.log_in("bob"));
        for (target, owner, other) in [
            ("/private/alice/a.txt", &alice, &bob),
            ("/private/bob/b.txt", &bob, &alice),
        ] {
            let theirs = stand.get(target, owner);
            assert_eq!(theirs.status, 200, "{proxy:?}: {}", theirs.head());
            assert!(theirs.text().starts_with("secret of "), "{proxy:?}");
            assert_eq!(theirs.header("Cache-Control"), "private, max-age=60");
            let refused = stand.get(target, other);
            assert_eq!(
                (refused.status, &*refused.text()),
                (403, "not yours"),
                "{proxy:?}"
            );
        }
        let absent = stand.get("/private/alice/none.txt", &alice);
        assert_eq!(absent.status, 404, "{proxy:?}");

        let answer = stand
            .application
            .send(&Request::get("/logout").header("Cookie", &alice));
        assert_eq!(answer.status, 204);
        assert_eq!(
            stand.get("/private/alice/a.txt", &alice).status,
            401,
            "{proxy:?}"
        );
        assert_eq!(
            stand.get("/private/bob/b.txt", &bob).status,
            200,
            "{proxy:?}"
        );
    }
}

#[test]
fn a_large_file_of_somebody_who_may_is_sent_by_the_proxy_alone() {
    const LENGTH: usize = 16 << 20;
    for proxy in FOUR {
        let stand = Stand::new(proxy);
        stand
            .site
            .write("media/alice/large.bin", vec![b'x'; LENGTH]);
        let request = Request::get("/private/alice/large.bin");
        let refused = stand.front.send(&request);
        assert_eq!(refused.status, 401, "{proxy:?}");
        let request = request.header("Cookie", &stand.log_in("alice"));
        let before = stand.gateway.bytes_read();
        assert_eq!(stand.front.send(&request).body.len(), LENGTH, "{proxy:?}");
        let read = stand.gateway.bytes_read() - before;
        assert!(
            read < 256 * 1024,
            "{proxy:?}: the gateway read {read} bytes"
        );
        let part = stand.front.send(&request.header("Range", "bytes=1-4"));
        assert_eq!((part.status, part.body.len()), (206, 4), "{proxy:?}");
    }
}

/// What made other systems decide on one path and serve another.
#[test]
fn no_spelling_of_a_path_gets_the_file_of_somebody_else() {
    for proxy in FOUR {
        let stand = Stand::new(proxy);
        let alice = stand.log_in("alice");
        for target in [
            "/private/alice/../bob/b.txt",
            "/private/alice/..%2Fbob/b.txt",
            "/private/alice/%2e%2e/bob/b.txt",
            "/private/alice%2F..%2Fbob/b.txt",
            "/private//bob/b.txt",
            "/private/./bob/b.txt",
            "/private/%62ob/b.txt",
            "/private/bob%2Fb.txt",
            "/private/alice/..;/bob/b.txt",
            "/private/bob/b.txt?path=alice/a.txt",
            "/private/bob/b.txt?/private/alice/a.txt",
            "/private/alice/a.txt%00/../../bob/b.txt",
            "/private/alice/%252e%252e/bob/b.txt",
            "//private/bob/b.txt",
            "/private/alice/a.txt/../../bob/b.txt",
            "/private/alice\\..\\bob/b.txt",
        ] {
            let request = Request::get(target).header("Cookie", &alice);
            for server in [&stand.front, &stand.gateway] {
                let answer = server.send(&request);
                assert!(
                    (400..500).contains(&answer.status),
                    "{proxy:?} {target}: {}",
                    answer.head()
                );
                assert!(!answer.text().contains("secret"), "{proxy:?} {target}");
                assert!(
                    !answer.has(proxy.header()),
                    "{proxy:?} {target}: {}",
                    answer.head()
                );
            }
        }
        let same = stand.get("/private/%61lice/a.txt", &alice);
        assert_eq!(
            (same.status, &*same.text()),
            (200, "secret of alice"),
            "{proxy:?}"
        );
    }
}

/// The client's own words on where it comes from and what it asked.
#[test]
fn the_application_is_told_the_truth_whatever_a_client_says() {
    for proxy in FOUR {
        let stand = Stand::new(proxy);
        let alice = stand.log_in("alice");
        let mut request =
            Request::get("/private/bob/b.txt?a=1&X-Download-Key=2").header("Cookie", &alice);
        for name in [
            "X-Forwarded-Uri",
            "X-Forwarded-Method",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "Forwarded",
            "X-Download-Params",
            "X-Download-Route",
            "X_Forwarded_Uri",
            "X_Download_Params",
            "X-Original-URI",
        ] {
            request = request.header(name, "path=alice");
        }
        let answer = stand.front.send(&request);
        assert_eq!(answer.status, 403, "{proxy:?}: {}", answer.head());
        let output = stand.application.output();
        let asked = output
            .lines()
            .rfind(|line| line.contains("/may"))
            .expect("it was asked");
        let mut told: Vec<_> = asked.split(" | ").map(str::to_owned).collect();
        told.retain(|line| !line.starts_with("host=") && !line.starts_with("cookie="));
        let expected = [
            "GET /may HTTP/1.1".to_owned(),
            "x-download-params=path=bob%2Fb.txt".to_owned(),
            "x-download-route=/private/{*path}".to_owned(),
            "x-forwarded-for=127.0.0.1".to_owned(),
            format!("x-forwarded-host={}", stand.front.address()),
            "x-forwarded-method=GET".to_owned(),
            "x-forwarded-proto=http".to_owned(),
            "x-forwarded-uri=/private/bob/b.txt?a=1".to_owned(),
            "x-real-ip=127.0.0.1".to_owned(),
        ];
        assert_eq!(told, expected, "{proxy:?}: {asked}");
    }
}

#[test]
fn other_methods_are_405_and_nobody_is_asked() {
    for proxy in FOUR {
        let stand = Stand::new(proxy);
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = stand
                .front
                .send(&Request::new(method, "/private/alice/a.txt").body(b""));
            assert_eq!(answer.status, 405, "{proxy:?} {method}: {}", answer.head());
        }
        assert!(!stand.application.output().contains("/may"), "{proxy:?}");
    }
}
