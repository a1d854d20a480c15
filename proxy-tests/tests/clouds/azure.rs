//! Files of Azure's Blob Storage, from Azurite, which checks signatures and states what a link asks for.

#[path = "../buckets/mod.rs"]
mod buckets;
mod fetched;

use std::sync::Arc;

use downloadview::fetch::Client;
use downloadview::headers::{ContentDisposition, Disposition};
use downloadview::storage::{
    AzureAccount, AzureBuilder, AzureStorage, LinkRequest, SignedUrl, Storage, StorageName,
};
use http::{HeaderMap, HeaderValue, Method, header};
use proxy_tests::{Azurite, BUCKET, Request};

use crate::buckets::{Cloud, Served, block_on, name};

struct Azure(Azurite);

impl Azure {
    fn at(&self, account: AzureAccount, container: &str) -> AzureBuilder {
        let client = Client::new().expect("a client");
        let account = account.endpoint(&self.0.url()).expect("a URL");
        AzureStorage::builder(&client, account, container)
            .allow_http()
            .allow_private()
    }

    fn builder(&self) -> AzureBuilder {
        let account = AzureAccount::with_key(Azurite::ACCOUNT, Azurite::KEY);
        self.at(account.expect("valid"), BUCKET)
    }

    /// The answer to a client that follows a link.
    fn follow(&self, method: &str, url: &SignedUrl) -> proxy_tests::Response {
        let request = Request::new(method, url.target());
        request.send(self.0.address()).expect("an answer")
    }
}

impl Cloud for Azure {
    /// It knows no such ranges: the size is asked for first.
    const SUFFIX: usize = 2;
    /// Azurite takes `\` for `/`, and the signature is for the name with `\`.
    const MISTAKEN: &[&str] = &["back\\slash"];

    /// It answers 206 with the part `0--1`; Azure itself answers 416.
    fn fails_at(range: &str, size: usize) -> bool {
        size == 0 && range.starts_with("bytes=0-")
    }

    fn start() -> Self {
        Self(Azurite::start())
    }

    fn asked(&self) -> String {
        self.0.asked()
    }

    fn put(&self, key: &str, body: &[u8]) {
        self.0.put(key, body);
    }

    fn bucket(&self, prefix: &str) -> Arc<dyn Storage> {
        Arc::new(self.builder().prefix(prefix).build().expect("valid"))
    }
}

crate::buckets::all!(Azure);

fn link(storage: &AzureStorage, key: &StorageName, ask: LinkRequest<'_>) -> SignedUrl {
    let link = block_on(storage.link(key, ask));
    link.expect("signed").expect("not public")
}

#[test]
fn a_link_is_followed_without_credentials_and_states_name_and_type() {
    let cloud = Azure::start();
    let key = "a b?é#/100%2F.bin";
    cloud.put(key, b"content");
    let storage = cloud.builder().build().expect("valid");
    let disposition = ContentDisposition::new(Disposition::Attachment, "Größe + \"€\" 100%.txt");
    let text = disposition.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_DISPOSITION, disposition.into_header_value());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    for method in [Method::GET, Method::HEAD] {
        let ask = LinkRequest::new(&method).with_headers(&headers);
        let url = link(&storage, &name(key), ask);
        let answer = cloud.follow(method.as_str(), &url);
        assert_eq!(answer.status, 200, "{method}: {}", answer.head());
        assert_eq!(answer.header("Content-Disposition"), text);
        assert_eq!(answer.header("Content-Type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("Cache-Control"), "no-store");
        assert_eq!(answer.header("Content-Length"), "7");
    }
}

#[test]
fn a_link_that_was_changed_is_refused() {
    let cloud = Azure::start();
    cloud.put("a", b"content");
    cloud.put("b", b"other");
    let storage = cloud.builder().build().expect("valid");
    let url = link(&storage, &name("a"), LinkRequest::new(&Method::GET));
    assert_eq!(cloud.follow("GET", &url).status, 200);
    assert_eq!(cloud.follow("DELETE", &url).status, 403);
    for (from, to) in [("/a?", "/b?"), ("sp=r", "sp=rw"), ("se=2", "se=3")] {
        let changed = url.expose().replace(from, to);
        assert_ne!(changed, url.expose());
        let changed = SignedUrl::parse(&changed).expect("a URL");
        let answer = cloud.follow("GET", &changed);
        assert_eq!(answer.status, 403, "{to}: {}", answer.head());
    }
}

#[test]
fn a_token_that_was_signed_elsewhere_opens_files() {
    let cloud = Azure::start();
    cloud.put("a", b"content");
    let storage = cloud.builder().build().expect("valid");
    let url = link(&storage, &name("a"), LinkRequest::new(&Method::GET));
    let (_, token) = url.target().split_once('?').expect("signed");
    let account = AzureAccount::with_sas_token(Azurite::ACCOUNT, token).expect("valid");
    let given = cloud.at(account, BUCKET).build().expect("valid");
    let app = Served::new(given);
    assert_eq!(app.get("/a").text(), "content");
    let part = app.send(&Request::get("/a").header("Range", "bytes=-3"));
    assert_eq!((part.status, part.text().as_str()), (206, "ent"));
}

#[test]
fn a_container_that_is_not_there_is_404() {
    let cloud = Azure::start();
    let account = AzureAccount::with_key(Azurite::ACCOUNT, Azurite::KEY).expect("valid");
    let other = cloud.at(account, "other").build().expect("valid");
    assert_eq!(Served::new(other).get("/a").status, 404);
}

#[test]
fn a_wrong_key_is_404_and_nothing_of_it_is_shown() {
    let cloud = Azure::start();
    cloud.put("a", b"content");
    let account = AzureAccount::with_key(Azurite::ACCOUNT, "c2VjcmV0IGtleQ==").expect("valid");
    let builder = cloud.at(account, BUCKET);
    let mut shown = format!("{builder:?}");
    let storage = builder.build().expect("valid");
    let failed = block_on(storage.look(&name("a")));
    shown += &format!("{storage:?} {:?}", failed.expect_err("not allowed"));
    let answer = Served::new(storage).get("/a");
    assert_eq!(answer.status, 404, "{}", answer.head());
    shown += &answer.text();
    for secret in ["c2Vjcm", "secret", "sig=", "AuthenticationFailed"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
