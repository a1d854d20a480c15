//! Keys that are odd and arrive as they are, names that are not keys, and keys of nothing.

use proxy_tests::strict;

use super::{Cloud, Served};

/// Keys that a program between may decode, encode or cut.
pub(crate) const ODD: [&str; 14] = [
    "a b.txt",
    " both ends ",
    "plus+plus",
    "100%",
    "a%2Fb",
    "%2e%2e",
    "who? me#1",
    "\"quoted\"",
    "été 汉 👩\u{200d}👧.txt",
    "\u{85}",
    "a;b=c,d@e:f!$&'()*",
    "deep/er/and~/de_ep-er.txt",
    "back\\slash",
    "...",
];

pub(crate) fn an_odd_key_is_found_as_it_is<C: Cloud>(cloud: &C) {
    let odd = || ODD.into_iter().filter(|key| !C::MISTAKEN.contains(key));
    odd().for_each(|key| cloud.put(key, key.as_bytes()));
    let app = Served::new(cloud.bucket(""));
    for key in odd() {
        let answer = app.get(&format!("/{}", strict(key.as_bytes())));
        assert_eq!((answer.status, answer.text().as_str()), (200, key));
    }
}

pub(crate) fn a_name_that_is_not_a_key_is_not_found_or_refused_and_leaves_the_bucket_in_peace(
    cloud: &impl Cloud,
) {
    cloud.put("a/b", b"b");
    let app = Served::new(cloud.bucket(""));
    for target in [
        "//a/b",
        "/a/b/",
        "/a//b",
        "/a/",
        "/",
        "/a%0Ab",
        "/%FF",
        "/a%2F",
        "/a/../a/b",
        "/a/../b",
        "/%2e%2e/a",
        "/%2e%2e/bucket/a/b",
        "/..%5c..%5ca",
    ] {
        let status = app.get(target).status;
        assert!(matches!(status, 404 | 400), "{target}: {status}");
    }
}

pub(crate) fn a_prefix_is_part_of_each_key(cloud: &impl Cloud) {
    cloud.put("media/2026/a.txt", b"within");
    cloud.put("a.txt", b"without");
    let app = Served::new(cloud.bucket("media/2026"));
    assert_eq!(app.get("/a.txt").text(), "within");
    assert_eq!(app.get("/media/2026/a.txt").status, 404);
}

pub(crate) fn an_object_that_is_not_there_is_404_without_a_word_of_the_stores(cloud: &impl Cloud) {
    let answer = Served::new(cloud.bucket("")).get("/missing");
    assert_eq!(answer.status, 404);
    for word in ["NoSuchKey", "BlobNotFound", "<?xml", "Request"] {
        assert!(!answer.text().contains(word), "{}", answer.text());
    }
    assert!(answer.all("Server").is_empty(), "{}", answer.head());
}
