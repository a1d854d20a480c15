use std::time::Duration;

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, header};

use super::*;
use crate::storage::{LinkRequest, SignedUrl, Storage as _, StorageName};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "T0ken+/=";

fn builder() -> S3Builder {
    S3Storage::builder(&Client::new().unwrap(), "bucket")
        .endpoint("http://127.0.0.1:9000")
        .allow_http()
        .allow_private()
        .access_key_id("AKIAIOSFODNN7EXAMPLE")
        .secret_access_key(SECRET)
        .session_token(TOKEN)
}

fn name(name: &str) -> StorageName {
    StorageName::parse(name).unwrap()
}

fn link(storage: &S3Storage, file: &str, ask: LinkRequest<'_>) -> SignedUrl {
    let name = name(file);
    let link = storage.link(&name, ask).now_or_never();
    link.expect("static keys need no request").unwrap().unwrap()
}

fn parameter(url: &SignedUrl, wanted: &str) -> Option<String> {
    let url = url::Url::parse(url.expose()).unwrap();
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.into_owned())
}

fn error(builder: S3Builder) -> String {
    builder.build().unwrap_err().to_string()
}

/// One account may perhaps not read what another may: a copy that was made for the one is not for the other.
#[test]
fn the_copies_of_a_bucket_are_not_those_of_another_account() {
    let key = |builder: S3Builder| {
        let storage = builder.build().unwrap();
        storage.cache_key(&name("a")).unwrap().hash()
    };
    let other = || builder().access_key_id("AKIAI44QH8DHBEXAMPLE");
    let anonymous = S3Storage::builder(&Client::new().unwrap(), "bucket")
        .endpoint("http://127.0.0.1:9000")
        .allow_http()
        .allow_private()
        .anonymous();
    assert_eq!(key(builder()), key(builder()));
    assert_ne!(key(builder()), key(other()));
    assert_ne!(key(builder()), key(anonymous));
}

#[test]
fn the_url_of_a_file_is_the_endpoints_with_bucket_prefix_and_name() {
    let place = |builder: S3Builder, file: &str| {
        let storage = builder.build().unwrap();
        storage.places(&name(file)).url().unwrap().to_owned()
    };
    assert_eq!(
        place(builder(), "a b%.txt"),
        "http://127.0.0.1:9000/bucket/a%20b%25.txt"
    );
    let below = builder()
        .prefix("media")
        .endpoint("http://127.0.0.1:9000/s3/");
    assert_eq!(place(below, "a"), "http://127.0.0.1:9000/s3/bucket/media/a");
    let amazon = || {
        let mut builder = builder();
        builder.settings.endpoint = None;
        builder.region("eu-central-1")
    };
    assert_eq!(
        place(amazon(), "a"),
        "https://s3.eu-central-1.amazonaws.com/bucket/a"
    );
    let hosted = place(amazon().virtual_hosted(), "a");
    assert_eq!(hosted, "https://bucket.s3.eu-central-1.amazonaws.com/a");
}

#[test]
fn a_link_is_the_files_url_signed_for_its_lifetime() {
    let storage = builder()
        .link_lifetime(Duration::from_secs(90))
        .build()
        .unwrap();
    let url = link(&storage, "a +é.txt", LinkRequest::new(&Method::GET));
    let place = storage.places(&name("a +é.txt"));
    assert_eq!(url.expose().split('?').next(), place.url());
    assert_eq!(parameter(&url, "X-Amz-Expires").as_deref(), Some("90"));
    assert_eq!(
        parameter(&url, "X-Amz-Security-Token").as_deref(),
        Some(TOKEN)
    );
    assert_eq!(parameter(&url, "response-content-type"), None);
    let other = link(&storage, "a +é.txt", LinkRequest::new(&Method::HEAD));
    let signature = |url| parameter(url, "X-Amz-Signature").unwrap();
    assert_ne!(
        signature(&url),
        signature(&other),
        "each method has its signature"
    );
}

#[test]
fn a_link_for_a_client_states_name_and_type() {
    let mut headers = HeaderMap::new();
    let disposition = "attachment; filename=\"a+b & c.txt\"; filename*=UTF-8''%C3%A9";
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static(disposition),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    let storage = builder().build().unwrap();
    let url = link(
        &storage,
        "a",
        LinkRequest::new(&Method::GET).with_headers(&headers),
    );
    let stated = |name| parameter(&url, name);
    assert_eq!(
        stated("response-content-disposition").as_deref(),
        Some(disposition)
    );
    assert_eq!(
        stated("response-content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        stated("response-cache-control").as_deref(),
        Some("no-store")
    );
    // What `+` means in a query differs from store to store.
    assert!(!url.target().contains('+'), "{}", url.target());
}

#[test]
fn a_type_that_no_link_can_state_is_an_error() {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_bytes(b"text/\xe9").unwrap(),
    );
    let storage = builder().build().unwrap();
    let name = name("a");
    let ask = LinkRequest::new(&Method::GET).with_headers(&headers);
    assert!(storage.link(&name, ask).now_or_never().unwrap().is_err());
}

#[test]
fn a_name_that_no_object_can_have_has_no_link_and_is_not_found() {
    let storage = builder().build().unwrap();
    let name = StorageName::parse([b'a'; 1025]).unwrap();
    let link = storage.link(&name, LinkRequest::new(&Method::GET));
    assert!(matches!(
        link.now_or_never(),
        Some(Err(crate::Error::NotFound))
    ));
    let look = storage.look(&name).now_or_never();
    assert!(matches!(look, Some(Err(crate::Error::NotFound))));
}

#[test]
fn a_public_bucket_has_no_signature() {
    let mut builder = builder();
    builder.keys = Keys::default();
    let storage = builder.anonymous().build().unwrap();
    let name = name("a");
    let link = storage.link(&name, LinkRequest::new(&Method::GET));
    assert!(matches!(link.now_or_never(), Some(Ok(None))));
}

#[test]
fn no_secret_is_shown() {
    let storage = builder().build().unwrap();
    let url = link(&storage, "a", LinkRequest::new(&Method::GET));
    let shown = format!("{:?} {:?} {url:?} {url}", builder(), storage);
    for secret in [SECRET, TOKEN, "Signature", "AKIA"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn settings_that_cannot_work_are_refused_and_not_quoted() {
    let bare = || S3Storage::builder(&Client::new().unwrap(), "bucket").region("eu-central-1");
    for (builder, part) in [
        (bare(), "nothing says who signs"),
        (bare().access_key_id(SECRET), "go together"),
        (bare().secret_access_key(SECRET), "go together"),
        (bare().anonymous().session_token(SECRET), "one must go"),
        (builder().anonymous(), "one must go"),
        (builder().endpoint("http://127.0.0.1/?x"), "query"),
        (builder().endpoint("http://s3cr3t@a.example/"), "endpoint"),
        (builder().region("eu/.."), "region"),
        (builder().prefix("/a"), "prefix"),
        (builder().link_lifetime(Duration::ZERO), "lifetime"),
        (
            builder().link_lifetime(Duration::from_millis(1900)),
            "lifetime",
        ),
        (
            builder().link_lifetime(Duration::from_secs(7 * 86_400 + 1)),
            "lifetime",
        ),
    ] {
        let error = error(builder);
        assert!(
            error.contains(part) && ![SECRET, "s3cr3t"].iter().any(|it| error.contains(it)),
            "{error}"
        );
    }
    for bucket in ["", "a", "..", "a/b", "a b", "é", ".abc", "abc?"] {
        let named = S3Storage::builder(&Client::new().unwrap(), bucket).anonymous();
        assert!(error(named.region("a")).contains("name"), "{bucket}");
    }
}

#[test]
fn plain_http_and_private_addresses_must_be_allowed() {
    let bare = || {
        S3Storage::builder(&Client::new().unwrap(), "bucket")
            .endpoint("http://127.0.0.1:9000")
            .anonymous()
    };
    assert!(error(bare()).contains("allow_http"));
    assert!(error(bare().allow_http()).contains("allow_private"));
    assert!(bare().allow_http().allow_private().build().is_ok());
}

#[test]
fn variables_fill_in_what_was_not_stated() {
    let variables = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIDFROMVARIABLES".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        "AWS_REGION" => Some(String::new()),
        "AWS_DEFAULT_REGION" => Some("eu-west-1".to_owned()),
        _ => None,
    };
    let bare = || S3Storage::builder(&Client::new().unwrap(), "bucket");
    let credential = |builder: S3Builder| {
        let storage = builder.variables(&variables).unwrap().build().unwrap();
        let url = link(&storage, "a", LinkRequest::new(&Method::GET));
        parameter(&url, "X-Amz-Credential").unwrap()
    };
    let found = credential(bare());
    assert!(
        found.starts_with("AKIDFROMVARIABLES/") && found.contains("/eu-west-1/"),
        "{found}"
    );
    let stated = bare().access_key_id("AKIDSTATED").secret_access_key(SECRET);
    let found = credential(stated.region("eu-north-1"));
    assert!(
        found.starts_with("AKIDSTATED/") && found.contains("/eu-north-1/"),
        "{found}"
    );
}
