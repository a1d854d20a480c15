//! Keys that are odd and arrive as they are, and names that are not keys.

use proxy_tests::{S3s, strict};

use crate::served::{Served, Store, bucket};

const ODD: [&str; 14] = [
    "a b.txt",
    " both ends ",
    "plus+plus",
    "100%",
    "a%2Fb",
    "%2e%2e",
    "who? me#1",
    "back\\slash",
    "\"quoted\"",
    "été 汉 👩\u{200d}👧.txt",
    "\u{85}",
    "...",
    "a;b=c,d@e:f!$&'()*",
    "deep/er/and~/de_ep-er.txt",
];

#[test]
fn an_odd_key_is_found_as_it_is() {
    for store in Store::both() {
        for key in ODD {
            store.put(key, key.as_bytes());
        }
        let app = Served::new(bucket(store.address()).build().expect("valid"));
        for key in ODD {
            let answer = app.get(&format!("/{}", strict(key.as_bytes())));
            assert_eq!(answer.status, 200, "{} {key:?}", store.name());
            assert_eq!(answer.text(), key);
        }
    }
}

#[test]
fn a_key_may_have_1024_bytes_and_no_more() {
    for store in Store::both() {
        let segment = "s".repeat(127);
        let longest = vec![segment; 8].join("/") + "/";
        let longest = &longest[..1023];
        let longest = format!("{longest}e");
        assert_eq!(longest.len(), 1024);
        if let Store::Moto(_) = store {
            store.put(&longest, b"x");
        }
        let app = Served::new(bucket(store.address()).build().expect("valid"));
        let status = |key: &str| app.get(&format!("/{key}")).status;
        if let Store::Moto(_) = store {
            assert_eq!(status(&longest), 200);
        }
        assert_eq!(status(&format!("{longest}x")), 404, "{}", store.name());
    }
}

#[test]
fn a_name_that_is_not_a_key_is_not_found_or_refused_and_leaves_the_bucket_in_peace() {
    let store = S3s::start();
    store.put("a/b", b"b");
    let app = Served::new(bucket(store.address()).build().expect("valid"));
    for target in [
        "//a/b", "/a/b/", "/a//b", "/a/", "/", "/a%0Ab", "/%FF", "/a%2F",
    ] {
        let status = app.get(target).status;
        assert!(matches!(status, 404 | 400), "{target}: {status}");
    }
    for target in ["/a/../a/b", "/%2e%2e/bucket/a/b", "/..%5c..%5ca"] {
        let status = app.get(target).status;
        assert!(matches!(status, 404 | 400), "{target}: {status}");
    }
}

#[test]
fn a_prefix_is_part_of_each_key() {
    for store in Store::both() {
        store.put("media/2026/a.txt", b"within");
        store.put("a.txt", b"without");
        let below = bucket(store.address()).prefix("media/2026");
        let app = Served::new(below.build().expect("valid"));
        assert_eq!(app.get("/a.txt").text(), "within");
        assert_eq!(app.get("/media/2026/a.txt").status, 404);
    }
}
