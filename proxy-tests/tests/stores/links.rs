//! Links: signed URLs for somebody else, followed by curl.

use std::time::Duration;

use downloadview::headers::{ContentDisposition, Disposition};
use downloadview::storage::{LinkRequest, S3Storage, SignedUrl, Storage as _, StorageName};
use http::{HeaderMap, HeaderValue, Method, header};
use proxy_tests::{Request, Response, S3s, Site, until};

use crate::served::{Store, block_on, bucket};

fn link(storage: &S3Storage, key: &str, method: &Method, headers: Option<&HeaderMap>) -> SignedUrl {
    let name = StorageName::parse(key).expect("a name");
    let ask = LinkRequest::new(method);
    let ask = match headers {
        Some(headers) => ask.with_headers(headers),
        None => ask,
    };
    let link = block_on(storage.link(&name, ask));
    link.expect("signed").expect("not public")
}

/// What comes of a request to the link.
#[track_caller]
fn follow(store: &Store, url: &SignedUrl, request: impl Fn(&str) -> Request) -> Response {
    let answer = request(url.target()).send(store.address());
    answer.unwrap_or_else(|error| panic!("{url}: {error:#}"))
}

#[test]
fn curl_saves_a_link_under_the_name_that_it_states() {
    let mut headers = HeaderMap::new();
    let disposition = ContentDisposition::new(Disposition::Attachment, "Größe + \"€\" 100%.txt");
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition.clone().into_header_value(),
    );
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    for store in Store::both() {
        store.put("a b.bin", b"content");
        let storage = bucket(store.address()).build().expect("valid");
        let url = link(&storage, "a b.bin", &Method::GET, Some(&headers));
        let site = Site::new("");
        let curl = site.program("curl", "curl");
        let curl = curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--dump-header",
            "-",
            url.expose(),
        ]);
        let said = curl.run().expect("curl follows the link").to_lowercase();
        assert!(said.ends_with("content"), "{said}");
        let stated = disposition.to_string().to_lowercase();
        assert!(stated.contains("filename=\"") && stated.contains("filename*=utf-8''"));
        for line in [
            format!("content-disposition: {stated}\r\n"),
            "content-type: text/plain; charset=utf-8\r\n".to_owned(),
            "cache-control: no-store\r\n".to_owned(),
        ] {
            assert!(said.contains(&line), "{}: {line}{said}", store.name());
        }
    }
}

#[test]
fn a_link_gives_parts_too() {
    for store in Store::both() {
        store.put("a", b"0123456789");
        let storage = bucket(store.address()).build().expect("valid");
        let url = link(&storage, "a", &Method::GET, None);
        let part = |target: &str| Request::get(target).header("Range", "bytes=2-4");
        let answer = follow(&store, &url, part);
        assert_eq!((answer.status, answer.text().as_str()), (206, "234"));
    }
}

#[test]
fn a_link_is_for_one_method_and_one_object() {
    let s3s = S3s::start();
    s3s.put("a", b"a");
    s3s.put("b", b"b");
    let store = Store::S3s(s3s);
    let storage = bucket(store.address()).build().expect("valid");
    for (method, other) in [(Method::GET, "HEAD"), (Method::HEAD, "GET")] {
        let url = link(&storage, "a", &method, None);
        let own = |target: &str| Request::new(method.as_str(), target);
        assert_eq!(follow(&store, &url, own).status, 200);
        let foreign = |target: &str| Request::new(other, target);
        assert_eq!(follow(&store, &url, foreign).status, 403);
        let elsewhere = |target: &str| own(&target.replacen("/a?", "/b?", 1));
        assert_eq!(follow(&store, &url, elsewhere).status, 403);
    }
}

#[test]
fn a_link_ends_with_its_lifetime_and_the_storage_goes_on() {
    let s3s = S3s::start();
    s3s.put("a", b"a");
    let store = Store::S3s(s3s);
    let builder = bucket(store.address()).link_lifetime(Duration::from_secs(1));
    let storage = builder.build().expect("valid");
    let url = link(&storage, "a", &Method::GET, None);
    // The same link, but for its lifetime, is good.
    let lasting = bucket(store.address()).build().expect("valid");
    let lasting = link(&lasting, "a", &Method::GET, None);
    assert_eq!(follow(&store, &lasting, Request::get).status, 200);
    let is_refused = || follow(&store, &url, Request::get).status == 403;
    until("the link ends", is_refused);
    let name = StorageName::parse("a").expect("a name");
    assert!(block_on(storage.look(&name)).is_ok());
}
