//! Files of Google Cloud Storage, from fake-gcs-server; what that does not check (signatures) or does not do (what a link
//! asks of its answer) is seen in the link itself.

#[path = "../buckets/mod.rs"]
mod buckets;

use std::sync::Arc;

use downloadview::fetch::Client;
use downloadview::headers::{ContentDisposition, Disposition};
use downloadview::storage::{GcsBuilder, GcsStorage, LinkRequest, SignedUrl, Storage, StorageName};
use http::{HeaderMap, HeaderValue, Method, header};
use proxy_tests::{BUCKET, FakeGcs, Request, ServiceAccount, strict};

use crate::buckets::{Cloud, Served, block_on, name};

struct Gcs {
    server: FakeGcs,
    account: ServiceAccount,
}

impl Gcs {
    fn builder(&self) -> GcsBuilder {
        let client = Client::new().expect("a client");
        GcsStorage::builder(&client, BUCKET)
            .endpoint(format!("http://{}", self.server.address()))
            .allow_http()
            .allow_private()
            .service_account_key(self.account.json())
    }
}

impl Cloud for Gcs {
    const CLOSES_AFTER_416: bool = true;

    /// It answers 206, with a part that ends before it begins.
    fn fails_at(range: &str, size: usize) -> bool {
        size == 0 && range.starts_with("bytes=-")
    }

    fn start() -> Self {
        Self {
            server: FakeGcs::start(),
            account: ServiceAccount::new(),
        }
    }

    fn asked(&self) -> String {
        self.server.asked()
    }

    fn put(&self, key: &str, body: &[u8]) {
        self.server.put(key, body);
    }

    fn bucket(&self, prefix: &str) -> Arc<dyn Storage> {
        let builder = self.builder().prefix(prefix);
        Arc::new(builder.build().expect("valid"))
    }
}

crate::buckets::all!(Gcs);

fn link(storage: &GcsStorage, key: &StorageName, ask: LinkRequest<'_>) -> SignedUrl {
    let link = block_on(storage.link(key, ask));
    link.expect("signed").expect("not public")
}

fn stated() -> (HeaderMap, String) {
    let disposition = ContentDisposition::new(Disposition::Attachment, "Größe + \"€\" 100%.txt");
    let text = disposition.to_string();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_DISPOSITION, disposition.into_header_value());
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    (headers, text)
}

#[test]
fn a_link_is_followed_without_credentials() {
    let cloud = Gcs::start();
    cloud.put("a b?.bin", b"content");
    let storage = cloud.builder().build().expect("valid");
    let (headers, _) = stated();
    let ask = LinkRequest::new(&Method::GET).with_headers(&headers);
    let url = link(&storage, &name("a b?.bin"), ask);
    let answer = Request::get(url.target()).send(cloud.server.address());
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "content"));
}

/// <https://docs.cloud.google.com/storage/docs/authentication/canonical-requests>
#[test]
fn a_link_is_signed_as_google_documents_it() {
    let cloud = Gcs::start();
    let client = Client::new().expect("a client");
    let storage = GcsStorage::builder(&client, BUCKET).service_account_key(cloud.account.json());
    let storage = storage.build().expect("valid");
    let (headers, disposition) = stated();
    for (method, key) in [(Method::GET, "a b?é#/100%2F.bin"), (Method::HEAD, "a")] {
        let ask = LinkRequest::new(&method).with_headers(&headers);
        let url = link(&storage, &name(key), ask);
        assert_eq!(url.origin(), "https://storage.googleapis.com");
        let (path, query) = url.target().split_once('?').expect("signed");
        assert_eq!(path, format!("/{BUCKET}/{}", strict(key.as_bytes())));
        let (query, signature) = query.split_once("&X-Goog-Signature=").expect("signed");
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(it, _)| *it == name).map(|(_, value)| value)
        };
        let of = |text: &str| Some(strict(text.as_bytes()).replace('/', "%2F"));
        let found = |name: &str| parameter(name).map(str::to_owned);
        assert_eq!(found("response-content-disposition"), of(&disposition));
        assert_eq!(
            found("response-content-type"),
            of("text/plain; charset=utf-8")
        );
        assert_eq!(found("response-cache-control"), of("no-store"));
        assert_eq!(found("X-Goog-Expires"), of("60"));
        let date = parameter("X-Goog-Date").expect("a date");
        let scope = format!("{}/auto/storage/goog4_request", &date[..8]);
        let credential = format!("{}/{scope}", ServiceAccount::EMAIL);
        assert_eq!(found("X-Goog-Credential"), of(&credential));

        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_unstable();
        let canonical = format!(
            "{method}\n{path}\n{}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD",
            pairs.join("&")
        );
        let digest = cloud.account.sha256(&canonical);
        let text = format!("GOOG4-RSA-SHA256\n{date}\n{scope}\n{digest}");
        cloud.account.verify(&text, &bytes(signature));
    }
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn a_bucket_that_is_not_there_is_404() {
    let cloud = Gcs::start();
    let client = Client::new().expect("a client");
    let other = GcsStorage::builder(&client, "other-bucket")
        .endpoint(format!("http://{}", cloud.server.address()))
        .allow_http()
        .allow_private()
        .anonymous();
    let app = Served::new(other.build().expect("valid"));
    assert_eq!(app.get("/a").status, 404);
}

#[test]
fn nothing_of_the_key_or_of_a_signature_is_shown() {
    let cloud = Gcs::start();
    let builder = cloud.builder();
    let mut shown = format!("{builder:?}");
    let storage = builder.build().expect("valid");
    let key = name("a");
    let url = link(&storage, &key, LinkRequest::new(&Method::GET));
    shown += &format!(
        "{storage:?} {url:?} {url} {:?}",
        block_on(storage.look(&key))
    );
    for secret in ["PRIVATE", "Signature", ServiceAccount::EMAIL] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
