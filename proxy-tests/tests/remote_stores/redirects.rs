//! Clients that are sent to the store, as curl follows.

use proxy_tests::{Proxy, Request};

use crate::stand::{Bucket, Stand, VIEW, Way};

const KEY: &str = "Größe + \"€\" 100%?#.txt";

#[test]
fn curl_follows_a_redirect_to_the_store_behind_every_proxy_and_none() {
    let target = format!("/files/{}", proxy_tests::strict(KEY.as_bytes()));
    for bucket in Bucket::both() {
        bucket.put(KEY, b"content");
        let direct = Stand::new(Way::Streamed(None), &bucket.storage(), VIEW).get(&target);
        let proxies = Proxy::ALL.into_iter().map(Some).chain([None]);
        for proxy in proxies {
            let stand = Stand::new(Way::Redirected(proxy), &bucket.storage(), VIEW);
            let what = format!("{} {proxy:?}", bucket.name());
            let before = bucket.asked().len();
            for request in [Request::get(&target), Request::head(&target)] {
                let answer = stand.send(&request.header("Range", "bytes=2-"));
                let head = answer.head();
                assert_eq!(answer.status, 302, "{what}: {head}");
                assert!(answer.body.is_empty(), "{what}");
                let store = format!("http://{}/", bucket.address());
                assert!(
                    answer.header("Location").starts_with(&store),
                    "{what}: {head}"
                );
                assert_eq!(answer.all("Cache-Control"), ["no-store"], "{what}: {head}");
                assert_eq!(
                    answer.header("Referrer-Policy"),
                    "no-referrer",
                    "{what}: {head}"
                );
                for absent in ["ETag", "Last-Modified", "Accept-Ranges", "X-Sendfile"] {
                    assert!(!answer.has(absent), "{what}: {head}");
                }
            }
            assert_eq!(bucket.asked().len(), before, "{what}: the gateway asked");

            let followed = follow(&stand, &target, &[]);
            assert!(followed.ends_with("content"), "{what}: {followed}");
            for name in ["content-disposition", "content-type"] {
                let stated = direct.header(name);
                let line = format!("{name}: {stated}\r\n").to_lowercase();
                assert!(
                    followed.to_lowercase().contains(&line),
                    "{what}: {line}{followed}"
                );
            }
            let part = follow(&stand, &target, &["--range", "2-4"]);
            assert!(
                part.contains(" 206 ") && part.ends_with("nte"),
                "{what}: {part}"
            );
            let head = follow(&stand, &target, &["--head"]).to_lowercase();
            assert!(
                head.contains(" 200 ") && head.contains("content-length: 7\r\n"),
                "{what}: {head}"
            );
        }
    }
}

/// What curl says after it followed.
#[track_caller]
fn follow(stand: &Stand, target: &str, arguments: &[&str]) -> String {
    let curl = stand.site().program("curl", "curl");
    let curl = curl.args(["--silent", "--show-error", "--fail", "--location"]);
    let curl = curl.args(["--dump-header", "-"]).args(arguments);
    curl.args([stand.url(target)]).run().expect("curl follows")
}
