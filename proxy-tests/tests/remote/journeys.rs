//! The gateway itself, over a storage whose files another server has: it says what is downloaded, the proxy fetches it.

use proxy_tests::{Answer, Asked, Fetcher, Origin, Request, Server, Site};

use super::{FETCHERS, FILE, answer, file, is_nginx};

struct Journey {
    // Dropped in this order.
    front: Server,
    gateway: Server,
    origin: Origin,
    _site: Site,
}

impl Journey {
    fn new(proxy: Fetcher, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let origin = Origin::start(script);
        let site = Site::new(&format!(
            "listen = \"@LISTEN@\"\n[storages.mirror]\nkind = \"http\"\nurl = \"http://{}/files/\"\nallow_private = true\n\
             [optimize]\nbackend = \"{}\"\n\
             [[optimize.rules]]\nstorage = \"mirror\"\ndestination_url = \"/_internal/mirror/\"\n\
             [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"mirror\"\n\
             cache_control = \"public, max-age=60\"\n",
            origin.address(),
            proxy.backend().name(),
        ));
        let gateway = site.start_gateway();
        let front = site.start_fetcher(proxy, &[], |printed| printed);
        Self {
            front,
            gateway,
            origin,
            _site: site,
        }
    }
}

#[test]
fn a_file_of_another_server_is_downloaded_under_its_name_and_the_gateway_asks_nothing() {
    for proxy in FETCHERS {
        let journey = Journey::new(proxy, file);
        let target = "/files/folder/r%C3%A9sum%C3%A9%20%28a+b%29.pdf";
        let wire = journey.gateway.get(target);
        assert!(wire.has("X-Accel-Redirect"), "{proxy:?}: {}", wire.head());
        assert!(journey.origin.asked().is_empty());

        let answer = journey.front.get(target);
        let head = answer.head();
        assert_eq!(
            (answer.status, &*answer.text()),
            (200, FILE),
            "{proxy:?}: {head}"
        );
        let name = "attachment; filename=\"resume (a+b).pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9%20%28a%2Bb%29.pdf";
        assert_eq!(answer.header("Content-Disposition"), name, "{head}");
        assert_eq!(answer.header("Content-Type"), "application/pdf", "{head}");
        assert_eq!(
            answer.all("Cache-Control"),
            ["public, max-age=60"],
            "{head}"
        );
        assert_eq!(answer.header("ETag"), "\"v1\"", "{head}");
        // One request, which says nothing of the client.
        let asked = journey.origin.only();
        assert!(
            asked
                .target()
                .starts_with("/files/folder/r%C3%A9sum%C3%A9%20"),
            "{asked:#?}"
        );
        assert_eq!(asked.names(), ["accept-encoding", "host"], "{proxy:?}");
    }
}

#[test]
fn ranges_conditions_and_head_work_through_the_gateway_and_the_proxy() {
    for proxy in FETCHERS {
        let journey = Journey::new(proxy, file);
        let get = || Request::get("/files/a.pdf");
        let part = journey.front.send(
            &get()
                .header("Range", "bytes=30-")
                .header("If-Range", "\"v1\""),
        );
        assert_eq!(
            (part.status, &*part.text()),
            (206, "uvwxyz"),
            "{proxy:?}: {}",
            part.head()
        );
        let whole = journey.front.send(
            &get()
                .header("Range", "bytes=30-")
                .header("If-Range", "\"v0\""),
        );
        assert_eq!(
            (whole.status, &*whole.text()),
            (200, FILE),
            "{proxy:?}: {}",
            whole.head()
        );
        let same = journey.front.send(&get().header("If-None-Match", "\"v1\""));
        assert_eq!(same.status, 304, "{proxy:?}: {}", same.head());
        journey.origin.forget();
        let head = journey.front.send(&Request::head("/files/a.pdf"));
        assert_eq!(
            (head.status, head.body.len()),
            (200, 0),
            "{proxy:?}: {}",
            head.head()
        );
        assert_eq!(
            head.header("Content-Length"),
            FILE.len().to_string(),
            "{}",
            head.head()
        );
        // nginx fetches with GET; before Caddy the gateway answers itself.
        let method = if is_nginx(proxy) { "GET " } else { "HEAD " };
        assert!(journey.origin.only().line.starts_with(method), "{proxy:?}");
    }
}

#[test]
fn what_the_server_refuses_is_told_in_the_same_words_whoever_asks_it() {
    for proxy in FETCHERS {
        for (status, expected) in [(404, 404), (410, 404), (403, 404), (500, 502), (302, 502)] {
            let journey = Journey::new(proxy, move |_| {
                answer(status, "Location: http://evil.example/\r\n", "evil words")
            });
            let answer = journey.front.get("/files/a.pdf");
            assert_eq!(
                answer.status,
                expected,
                "{proxy:?} {status}: {}",
                answer.head()
            );
            assert!(!answer.text().contains("evil"), "{}", answer.text());
            assert!(!answer.has("Location"));
        }
    }
}
