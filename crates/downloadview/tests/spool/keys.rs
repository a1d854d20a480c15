//! What tells two copies apart besides the place of the file: who asks, and which answers are used.

use std::collections::HashSet;
use std::time::Duration;

use downloadview::File as _;
use downloadview::content::CacheKey;
use downloadview::fetch::{Client, OriginBuilder, RequestTarget};
use downloadview::file::HttpFile;

fn key(set: impl FnOnce(OriginBuilder) -> OriginBuilder) -> CacheKey {
    key_by(&Client::new().unwrap(), set)
}

fn key_by(client: &Client, set: impl FnOnce(OriginBuilder) -> OriginBuilder) -> CacheKey {
    let origin = set(client.origin("https://files.example"));
    let target = RequestTarget::parse("/a.csv").unwrap();
    HttpFile::new(origin.build().unwrap(), target)
        .cache_key()
        .unwrap()
}

#[test]
fn an_origin_that_would_not_use_the_answer_does_not_share_the_copy() {
    let keys = [
        key(|origin| origin),
        key(|origin| origin.max_size(1000)),
        key(|origin| origin.redirects(1)),
        key(|origin| origin.allow_private()),
        key(|origin| origin.allow_addresses(["192.0.2.1".parse().unwrap()])),
        key(|origin| origin.header("authorization", "Bearer s3cr3t")),
    ];
    let distinct: HashSet<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), keys.len());
    // These change nothing of the bytes.
    let same = key(|origin| {
        let origin = origin.concurrency(3).logged_as("far");
        origin.idle_timeout(Duration::from_secs(1))
    });
    assert_eq!(same, keys[0]);
}

/// Whoever holds the key of an authority that one program trusts may answer it as any server, and no other one.
#[test]
fn a_client_that_trusts_other_certificates_does_not_share_the_copy() {
    let by = |texts: &[&str]| {
        let client = texts.iter().fold(Client::builder(), |client, text| {
            client.root_certificate(*text)
        });
        key_by(&client.build().unwrap(), |origin| origin)
    };
    let one = include_str!("../remote/certificates/ca.pem");
    let other = include_str!("../remote/certificates/localhost.pem");
    let keys = [by(&[]), by(&[one]), by(&[other]), by(&[one, other])];
    let distinct: HashSet<_> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(by(&[]), key(|origin| origin));
    assert_eq!(by(&[other, one]), by(&[one, other]));
}
