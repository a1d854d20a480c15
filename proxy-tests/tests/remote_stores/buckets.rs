//! Objects of buckets that nginx and Caddy fetch by signed URLs, and that the gateway sends behind the others.

use proxy_tests::{ANNOUNCEMENT, Answer, Origin, Proxy, Request, Site, strict, until};

use crate::stand::{Bucket, FETCHERS, Stand, VIEW, Way, http};

/// Keys that a program between may decode, encode or cut.
const ODD: [&str; 12] = [
    "a b.txt",
    "plus+plus.txt",
    "100%.txt",
    "a%2Fb.txt",
    "who? me#1.txt",
    "back\\slash.txt",
    "\"quoted\".txt",
    "été 汉 👩\u{200d}👧.txt",
    "{env.HOME}.txt",
    "$uri.txt",
    "a;b=c,d@e:f!$&'()*.txt",
    "deep/er/and~/de_ep-er.txt",
];

const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

#[test]
fn every_key_is_fetched_by_the_proxy_and_no_byte_passes_through_the_gateway() {
    for bucket in Bucket::both() {
        for key in ODD {
            bucket.put(key, key.repeat(1000).as_bytes());
        }
        for proxy in FETCHERS {
            let stand = Stand::new(Way::Fetched(proxy), &bucket.storage(), VIEW);
            for key in ODD {
                let what = format!("{} {proxy:?} {key:?}", bucket.name());
                let (before, said) = (bucket.asked().len(), stand.said_by_gateway());
                let answer = stand.get(&format!("/files/{}", strict(key.as_bytes())));
                let head = answer.head();
                assert_eq!(answer.status, 200, "{what}: {head}");
                assert!(answer.text() == key.repeat(1000), "{what}: {head}");
                let kind = "text/plain; charset=utf-8";
                assert_eq!(answer.header("Content-Type"), kind, "{what}: {head}");
                let name = answer.header("Content-Disposition");
                assert!(name.starts_with("attachment; filename="), "{what}: {name}");
                for hidden in ["X-Download-Target", "X-Accel-Redirect", "x-amz-request-id"] {
                    assert!(!answer.has(hidden), "{what}: {head}");
                }
                let asked = bucket.asked().split_off(before);
                assert_eq!(asked.len(), 1, "{what}: {asked:#?}");
                assert!(asked[0].starts_with("GET "), "{what}: {asked:#?}");
                let said = stand.said_by_gateway() - said;
                assert!(said < 4096, "{what}: {said} bytes of the gateway's");
            }
        }
    }
}

#[test]
fn parts_conditions_and_heads_of_objects_work_and_a_missing_one_is_not_found() {
    for bucket in Bucket::both() {
        bucket.put("a.pdf", FILE);
        let ways = FETCHERS.map(Way::Fetched).into_iter();
        let ways = ways.chain([Way::Streamed(None)]);
        for way in ways {
            let stand = Stand::new(way, &bucket.storage(), VIEW);
            let what = format!("{} {way:?}", bucket.name());
            let whole = stand.get("/files/a.pdf");
            let tag = whole.header("ETag");

            let get = || Request::get("/files/a.pdf");
            let part = stand.send(&get().header("Range", "bytes=30-"));
            let head = part.head();
            assert_eq!(
                (part.status, &part.body[..]),
                (206, &FILE[30..]),
                "{what}: {head}"
            );
            assert_eq!(
                part.header("Content-Range"),
                "bytes 30-35/36",
                "{what}: {head}"
            );
            assert_eq!(
                part.header("Content-Type"),
                "application/pdf",
                "{what}: {head}"
            );

            let range = get().header("Range", "bytes=30-").header("If-Range", tag);
            let part = stand.send(&range);
            assert_eq!(
                (part.status, &part.body[..]),
                (206, &FILE[30..]),
                "{what}: {}",
                part.head()
            );

            let beyond = stand.send(&get().header("Range", "bytes=99-"));
            assert_eq!(beyond.status, 416, "{what}: {}", beyond.head());

            // s3s knows no conditions, and nginx and Caddy leave them to the server.
            if matches!(
                (&bucket, way),
                (Bucket::Moto(..), _) | (_, Way::Streamed(_))
            ) {
                let same = stand.send(&get().header("If-None-Match", tag));
                assert_eq!(same.status, 304, "{what}: {}", same.head());
                assert!(same.body.is_empty());
            }

            let head = stand.send(&Request::head("/files/a.pdf"));
            assert_eq!(head.status, 200, "{what}: {}", head.head());
            assert_eq!(
                head.header("Content-Length"),
                "36",
                "{what}: {}",
                head.head()
            );
            assert_eq!(head.header("ETag"), tag, "{what}");
            assert!(head.body.is_empty());

            let missing = stand.get("/files/b.pdf");
            assert_eq!(missing.status, 404, "{what}: {}", missing.head());
            assert!(
                !missing.text().contains("NoSuchKey"),
                "{what}: {}",
                missing.text()
            );
        }
    }
}

/// A condition that fails costs a second request: stores do not know `If-Range`.
#[test]
fn a_part_of_what_was_replaced_is_the_whole_and_takes_two_requests() {
    let bucket = Bucket::moto();
    bucket.put("a.pdf", FILE);
    let ways = FETCHERS.map(Way::Fetched).into_iter();
    for way in ways.chain([Way::Streamed(None)]) {
        let stand = Stand::new(way, &bucket.storage(), VIEW);
        let before = bucket.asked().len();
        let request = Request::get("/files/a.pdf").header("Range", "bytes=30-");
        let answer = stand.send(&request.header("If-Range", "\"of another state\""));
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, FILE),
            "{way:?}: {}",
            answer.head()
        );
        let asked = bucket.asked().split_off(before);
        assert_eq!(asked.len(), 2, "{way:?}: {asked:#?}");
    }
}

#[test]
fn behind_every_other_proxy_the_gateway_sends_objects_itself() {
    for bucket in Bucket::both() {
        for key in ODD {
            bucket.put(key, key.as_bytes());
        }
        for proxy in [
            Proxy::Apache,
            Proxy::Lighttpd,
            Proxy::NewestNginx,
            Proxy::NewestCaddy,
        ] {
            let stand = Stand::new(Way::Streamed(Some(proxy)), &bucket.storage(), VIEW);
            for key in ODD {
                let what = format!("{} {proxy:?} {key:?}", bucket.name());
                let before = bucket.asked().len();
                let answer = stand.get(&format!("/files/{}", strict(key.as_bytes())));
                assert_eq!(
                    (answer.status, &*answer.text()),
                    (200, key),
                    "{what}: {}",
                    answer.head()
                );
                let asked = bucket.asked().split_off(before);
                assert_eq!(asked.len(), 1, "{what}: {asked:#?}");
            }
        }
    }
}

#[test]
fn a_bucket_that_refuses_is_no_file_or_forbidden_as_its_storage_says() {
    let bucket = Bucket::both().into_iter().next_back().expect("s3s");
    bucket.put("a.pdf", FILE);
    let wrong = bucket
        .storage()
        .replace("secret_access_key = \"", "secret_access_key = \"wrong");
    let forbidden = format!("{wrong}forbidden = 403\n");
    let ways = FETCHERS.map(Way::Fetched).into_iter();
    for way in ways.chain([Way::Streamed(None), Way::Streamed(Some(Proxy::Apache))]) {
        for (storage, expected) in [(&wrong, 404), (&forbidden, 403)] {
            let stand = Stand::new(way, storage, VIEW);
            let answer = stand.get("/files/a.pdf");
            assert_eq!(answer.status, expected, "{way:?}: {}", answer.head());
            let text = answer.text();
            assert!(
                !text.contains("Signature") && !text.contains(bucket.name()),
                "{text}"
            );
        }
    }
}

/// Of what a store says of an object nothing is for clients but its state and its length.
#[test]
fn what_an_object_was_stored_with_reaches_the_client_only_through_an_nginx_without_the_script() {
    let bucket = Bucket::moto();
    let stored = [
        ("x-amz-meta-owner", "somebody"),
        ("x-amz-meta-project", "secret"),
        ("Cache-Control", "public, max-age=1"),
        ("Content-Disposition", "inline; filename=stored"),
    ];
    bucket.put_with("a.pdf", FILE, &stored);
    let ways = FETCHERS.map(Way::Fetched).into_iter();
    for way in ways.chain([Way::Streamed(None)]) {
        let stand = Stand::new(way, &bucket.storage(), VIEW);
        let answer = stand.get("/files/a.pdf");
        let head = answer.head();
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, FILE),
            "{way:?}: {head}"
        );
        let passes = matches!(way, Way::Fetched(fetcher) if fetcher.passes_unknown_headers());
        for (name, _) in &stored[..2] {
            assert_eq!(answer.has(name), passes, "{way:?}: {head}");
        }
        let of_store = |name: &str| name.to_ascii_lowercase().starts_with("x-amz-");
        let of_store = answer.headers.iter().filter(|(name, _)| of_store(name));
        assert_eq!(of_store.count() > 0, passes, "{way:?}: {head}");
        assert!(
            !head.contains("stored") && !head.contains("max-age=1"),
            "{way:?}: {head}"
        );
        assert!(answer.has("ETag"), "{way:?}: {head}");
        // The gateway itself states no date of this very second.
        until("a date that is old enough to be stated", || {
            stand.get("/files/a.pdf").has("Last-Modified")
        });
    }
}

/// Each request says through which proxy it came.
#[test]
fn one_gateway_hands_objects_to_those_that_fetch_and_redirects_behind_those_that_do_not() {
    let bucket = Bucket::moto();
    bucket.put("a.pdf", FILE);
    let proxies = [Proxy::Nginx, Proxy::NewestCaddy, Proxy::Apache];
    let entry = |proxy: &Proxy| {
        let (name, backend) = (proxy.name(), proxy.backend().name());
        let what = match proxy {
            Proxy::Apache => "redirect = true",
            _ => "destination_url = \"/_internal/media/\"",
        };
        format!(
            "[optimize.proxies.{name}]\nbackend = \"{backend}\"\nsecret = \"{name}-0123456789abcdef\"\n\
             [[optimize.proxies.{name}.rules]]\nstorage = \"media\"\n{what}\n"
        )
    };
    let entries: String = proxies.iter().map(entry).collect();
    let site = Site::new(&format!(
        "listen = \"@LISTEN@\"\n[storages.media]\n{}[optimize]\nbackend = \"announced\"\nunmatched = \"stream\"\n{entries}{VIEW}",
        bucket.storage()
    ));
    let gateway = site.start_gateway();
    for proxy in proxies {
        let front = site.start_proxy(proxy);
        let before = bucket.asked().len();
        let answer = front.get("/files/a.pdf");
        if proxy == Proxy::Apache {
            assert_eq!(answer.status, 302, "{proxy:?}: {}", answer.head());
            assert_eq!(bucket.asked().len(), before);
            continue;
        }
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, FILE),
            "{proxy:?}: {}",
            answer.head()
        );
        assert_eq!(bucket.asked().len(), before + 1);
        let proven = Request::get("/files/a.pdf");
        let proven = proven.header(ANNOUNCEMENT, &proxy_tests::announcement(proxy));
        let wire = gateway.send(&proven);
        assert!(
            wire.has("X-Download-Target") && wire.body.is_empty(),
            "{}",
            wire.head()
        );
    }
    // To be redirected takes no proxy.
    let direct = gateway.get("/files/a.pdf");
    assert_eq!(direct.status, 302, "{}", direct.head());
    assert!(!direct.has("X-Download-Target"), "{}", direct.head());
}

/// What Caddy cannot carry (dots, braces, an empty query) does not come about: names are encoded strictly.
#[test]
fn every_name_of_an_http_storage_is_asked_for_as_it_is_whoever_asks() {
    let origin = Origin::start(|asked| {
        let target = asked.target();
        let length = target.len() + 8192;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}");
        Answer::new(head).and_bytes(8192)
    });
    let ways = FETCHERS.map(Way::Fetched).into_iter();
    for way in ways.chain([Way::Streamed(None)]) {
        let stand = Stand::new(way, &http(origin.address()), VIEW);
        for key in ODD.into_iter().chain(["...", "a..b/..c", "{", "%"]) {
            let said = stand.said_by_gateway();
            let target = strict(key.as_bytes());
            let answer = stand.get(&format!("/files/{target}"));
            let what = format!("{way:?} {key:?}: {}", answer.head());
            let asked = answer.text();
            assert!(asked.starts_with(&format!("/{target}xxx")), "{what}");
            assert_eq!(origin.only().header("Cookie"), None, "{what}");
            origin.forget();
            let said = stand.said_by_gateway() - said;
            assert!(said < 4096, "{what}: {said} bytes of the gateway's");
        }
    }
}
