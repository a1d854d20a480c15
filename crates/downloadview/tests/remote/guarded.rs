//! Whom we connect to, and where redirects lead.

use std::net::{IpAddr, Ipv4Addr};

use downloadview::fetch::Client;

use super::origin::{Server, Step, answer, get, logged, ordinary, server};

const BODY: &[u8] = b"0123456789";

async fn plain() -> Server {
    server(|_, asked| vec![Step::Send(ordinary(BODY, "\"v1\"", asked))]).await
}

/// A server that sends everybody there.
async fn sending_to(location: String) -> Server {
    let location = format!("Location: {location}");
    server(move |_, _| {
        let lines = ["HTTP/1.1 302 Found", &*location, "Content-Length: 6"];
        vec![Step::Send(answer(&lines, "theirs"))]
    })
    .await
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused() {
    let (log, _guard) = logged();
    let origin = plain().await;
    let url = origin.url().replace("127.0.0.1", "localhost");
    let client = Client::new().unwrap();
    let refused = client.origin(url.as_str()).build().unwrap();
    assert_eq!(get(&refused, &[]).await.status, 502);
    assert_eq!(origin.connections(), 0);
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("not a public one"),
        "{lines:?}"
    );
    let allowed = client.origin(url).allow_private().build().unwrap();
    assert_eq!(get(&allowed, &[]).await.status, 200);
}

/// Every spelling of an address is that address (WHATWG URL, 3.5).
#[tokio::test]
async fn an_address_that_is_not_public_is_no_origin_in_any_spelling() {
    let client = Client::new().unwrap();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "①②⑦.0.0.1",
        "１２７.0.0.1",
        "127.0.0.1.",
        "127%2e0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.31.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let built = client.origin(format!("http://{host}")).build();
        let error = built.expect_err(host).to_string();
        assert!(error.contains("not a public one"), "{host}: {error}");
    }
    for host in [
        "8.8.8.8",
        "[2606:4700::1111]",
        "files.example",
        "[64:ff9b::8.8.8.8]",
    ] {
        let built = client.origin(format!("http://{host}")).build();
        assert!(built.is_ok(), "{host}: {built:?}");
    }
}

#[test]
fn metadata_addresses_need_more_than_private_ones() {
    let client = Client::new().unwrap();
    let url = "http://169.254.169.254";
    let metadata = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
    assert!(client.origin(url).allow_private().build().is_err());
    assert!(
        client
            .origin(url)
            .allow_addresses([metadata])
            .build()
            .is_ok()
    );
}

#[test]
fn an_origin_is_scheme_host_and_port_and_nothing_else() {
    let client = Client::new().unwrap();
    for url in [
        "files.example",
        "ftp://files.example",
        "http://",
        "http://user@files.example",
        "http://user:password@files.example",
        "http://@files.example",
        "http://files.example/path",
        "http://files.example/?",
        "http://files.example?a=b",
        "http://files.example#a",
        "http://files.example\\a",
        "http://files.example:99999",
    ] {
        let error = client.origin(url).build().expect_err(url);
        assert!(!error.to_string().contains("password"), "{error}");
    }
    for (url, expected) in [
        ("http://files.example", "http://files.example"),
        ("http://FILES.example:80/", "http://files.example"),
        ("http://files.example:8080", "http://files.example:8080"),
        ("http://[2606:4700::1111]:80", "http://[2606:4700::1111]"),
    ] {
        assert_eq!(client.origin(url).build().unwrap().url(), expected);
    }
}

#[test]
fn headers_that_requests_have_of_their_own_cannot_be_set() {
    let client = Client::new().unwrap();
    for (name, value) in [
        ("host", "a"),
        ("range", "bytes=0-0"),
        ("if-none-match", "\"a\""),
        ("accept-encoding", "gzip"),
        ("connection", "close"),
        ("a b", "c"),
        ("x-a", "b\r\nx-evil: 1"),
    ] {
        let built = client
            .origin("http://files.example")
            .header(name, value)
            .build();
        assert!(built.is_err(), "{name}: {value:?}");
    }
    let shown = client
        .origin("http://files.example")
        .header("authorization", "s3cr3t")
        .build();
    assert!(!format!("{shown:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_redirect_is_followed_only_where_that_is_set() {
    let there = plain().await;
    let origin = sending_to(format!("{}/elsewhere", there.url())).await;
    assert_eq!(get(&origin.origin(), &[]).await.status, 502);
    assert_eq!(there.count(), 0);
    let following = origin
        .builder()
        .redirects(1)
        .header("x-api-key", "k3y")
        .build()
        .unwrap();
    let got = get(&following, &[("range", "bytes=1-2")]).await;
    assert_eq!((got.status, got.text()), (206, "12"));
    let asked = &there.asked()[0];
    assert_eq!(asked.line, "GET /elsewhere HTTP/1.1");
    assert_eq!(
        (asked.header("x-api-key"), asked.header("referer")),
        (None, None)
    );
    assert_eq!(origin.asked()[1].header("x-api-key"), Some("k3y"));
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_not_followed() {
    let there = plain().await;
    let private = there.url().replace("127.0.0.1", "127.0.0.2");
    for location in [
        private.clone(),
        private.replace("127.0.0.2", "2130706434"),
        private.replace("127.0.0.2", "[::ffff:127.0.0.2]"),
        private.replace("http:", ""),
    ] {
        let (log, _guard) = logged();
        let origin = sending_to(location.clone()).await;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let client = Client::new().unwrap();
        let following = client.origin(origin.url()).redirects(5);
        let built = following.allow_addresses([loopback]).build().unwrap();
        assert_eq!(get(&built, &[]).await.status, 502, "{location}");
        let lines = log.lines();
        let refused = lines.len() == 1 && lines[0].contains("not a public one");
        assert!(refused, "{location}: {lines:?}");
    }
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_502() {
    for location in [
        "ftp://files.example/a",
        "file:///etc/passwd",
        "http://user@files.example/",
        "http://",
        "javascript:1",
    ] {
        let origin = sending_to(location.to_owned()).await;
        let built = origin.builder().redirects(5).build().unwrap();
        assert_eq!(get(&built, &[]).await.status, 502, "{location}");
        assert_eq!(origin.count(), 1);
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let origin = sending_to("/again".to_owned()).await;
    let built = origin.builder().redirects(5).build().unwrap();
    assert_eq!(get(&built, &[]).await.status, 502);
    assert_eq!(origin.count(), 6);
}
