//! Conditional requests and ranges against RFC 9110, as one table: what is asked, what is answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::content::ETag;
use downloadview::file::VirtualFile;
use downloadview::view::{DownloadService, VirtualView};
use downloadview::{DownloadBody, DownloadView as _};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// 100 different bytes, modified on Sun, 13 Sep 2020 12:26:40 GMT.
fn content() -> Vec<u8> {
    (b'!'..).take(100).collect()
}

fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_600_000_000)
}

fn service() -> DownloadService<VirtualView> {
    VirtualView::new(|_: &Parts| {
        let file = VirtualFile::from_bytes("a.txt", content())
            .modified(modified())
            .etag(ETag::strong("v1").expect("valid"));
        std::future::ready(Ok(file))
    })
    .into_service()
}

async fn ask(request: &str) -> Response<DownloadBody> {
    let mut words = request.splitn(2, ' ');
    let method = words.next().expect("a method");
    let mut builder = Request::builder().method(method).uri("/");
    for field in words
        .next()
        .unwrap_or_default()
        .split(" | ")
        .filter(|field| !field.is_empty())
    {
        let (name, value) = field.split_once(": ").expect("a field");
        builder = builder.header(name, value);
    }
    let request = builder.body(()).expect("valid");
    service().oneshot(request).await.expect("infallible")
}

/// `200 0-99`, `206 10-19 bytes 10-19/100`, `304`: status, what of the content was sent, what was
/// said about it.
async fn summary(request: &str) -> String {
    let response = ask(request).await;
    let status = response.status().as_u16();
    let (head, body) = response.into_parts();
    check_length(request, status, &head.headers);
    let body = body.collect().await.expect("whole").to_bytes();
    let sent = match body.len() {
        0 => String::new(),
        length => {
            let whole = content();
            let at = whole.windows(length).position(|window| window == body);
            at.map_or_else(String::new, |at| format!(" {at}-{}", at + length - 1))
        }
    };
    let range = head.headers.get("content-range");
    let range = range.map_or_else(String::new, |value| {
        format!(" {}", value.to_str().expect("ASCII"))
    });
    format!("{status}{sent}{range}")
}

/// What a head must say whatever else it says.
fn check_length(request: &str, status: u16, headers: &HeaderMap) {
    let has = |name| headers.contains_key(name);
    match status {
        200 | 206 => {
            assert!(
                has("etag") && has("last-modified") && has("accept-ranges"),
                "{request}"
            );
            assert!(
                has("content-disposition") && has("content-length"),
                "{request}"
            );
        }
        304 => {
            assert!(
                has("etag") && has("last-modified") && has("cache-control"),
                "{request}"
            );
            assert!(!has("content-length") && !has("content-type"), "{request}");
            assert!(!has("content-disposition"), "{request}");
        }
        _ => {
            assert!(!has("content-disposition") && !has("etag"), "{request}");
            assert_eq!(headers["cache-control"], "no-store", "{request}");
            assert!(has("content-length"), "{request}");
        }
    }
}

#[tokio::test]
async fn answers_as_rfc_9110_says() {
    const TABLE: &[(&str, &str)] = &[
        // --- no condition
        ("GET", "200 0-99"),
        ("HEAD", "200"),
        ("POST", "405"),
        ("OPTIONS", "405"),
        // --- 14.2 Range
        ("GET Range: bytes=0-9", "206 0-9 bytes 0-9/100"),
        ("GET Range: bytes=10-19", "206 10-19 bytes 10-19/100"),
        ("GET Range: bytes=90-", "206 90-99 bytes 90-99/100"),
        ("GET Range: bytes=-1", "206 99-99 bytes 99-99/100"),
        ("GET Range: bytes=0-999", "206 0-99 bytes 0-99/100"),
        ("GET Range: bytes=0-0,1-9", "206 0-9 bytes 0-9/100"),
        ("GET Range: bytes=100-", "416 bytes */100"),
        ("GET Range: bytes=-0", "416 bytes */100"),
        ("GET Range: bytes=9-0", "200 0-99"),
        ("GET Range: bytes=0-9,x", "200 0-99"),
        ("GET Range: lines=0-9", "200 0-99"),
        ("GET Range: bytes=0-9 | Range: bytes=10-19", "200 0-99"),
        ("HEAD Range: bytes=0-9", "200"),
        ("HEAD Range: bytes=100-", "200"),
        // --- 13.1.2 If-None-Match: weak comparison
        ("GET If-None-Match: \"v1\"", "304"),
        ("HEAD If-None-Match: \"v1\"", "304"),
        ("GET If-None-Match: W/\"v1\"", "304"),
        ("GET If-None-Match: \"v0\", \"v1\"", "304"),
        ("GET If-None-Match: \"v0\" | If-None-Match: \"v1\"", "304"),
        ("GET If-None-Match: *", "304"),
        ("GET If-None-Match: \"v2\"", "200 0-99"),
        ("GET If-None-Match: v1", "200 0-99"),
        ("GET If-None-Match: \"", "200 0-99"),
        // --- 13.1.3 If-Modified-Since
        (
            "GET If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT",
            "304",
        ),
        (
            "GET If-Modified-Since: Sun, 13 Sep 2020 12:26:41 GMT",
            "304",
        ),
        (
            "GET If-Modified-Since: Sun, 13 Sep 2020 12:26:39 GMT",
            "200 0-99",
        ),
        (
            "GET If-Modified-Since: Sunday, 13-Sep-20 12:26:40 GMT",
            "304",
        ),
        ("GET If-Modified-Since: Sun Sep 13 12:26:40 2020", "304"),
        ("GET If-Modified-Since: yesterday", "200 0-99"),
        ("GET If-Modified-Since: 1600000000", "200 0-99"),
        // --- 13.1.1 If-Match: strong comparison
        ("GET If-Match: \"v1\"", "200 0-99"),
        ("GET If-Match: \"v0\", \"v1\"", "200 0-99"),
        ("GET If-Match: *", "200 0-99"),
        ("GET If-Match: W/\"v1\"", "412"),
        ("GET If-Match: \"v2\"", "412"),
        ("GET If-Match: garbage", "412"),
        // --- 13.1.4 If-Unmodified-Since
        (
            "GET If-Unmodified-Since: Sun, 13 Sep 2020 12:26:40 GMT",
            "200 0-99",
        ),
        (
            "GET If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT",
            "412",
        ),
        ("GET If-Unmodified-Since: garbage", "200 0-99"),
        // --- 13.1.5 If-Range: strong tag or exact date, else the whole
        (
            "GET Range: bytes=0-9 | If-Range: \"v1\"",
            "206 0-9 bytes 0-9/100",
        ),
        ("GET Range: bytes=0-9 | If-Range: \"v2\"", "200 0-99"),
        ("GET Range: bytes=0-9 | If-Range: W/\"v1\"", "200 0-99"),
        (
            "GET Range: bytes=0-9 | If-Range: Sun, 13 Sep 2020 12:26:40 GMT",
            "206 0-9 bytes 0-9/100",
        ),
        (
            "GET Range: bytes=0-9 | If-Range: Sun, 13 Sep 2020 12:26:41 GMT",
            "200 0-99",
        ),
        ("GET Range: bytes=0-9 | If-Range: garbage", "200 0-99"),
        ("GET Range: bytes=100- | If-Range: \"v2\"", "200 0-99"),
        ("GET If-Range: \"v2\"", "200 0-99"),
        // --- 13.2.2 precedence
        (
            "GET If-Match: \"v1\" | If-Unmodified-Since: Sun, 13 Sep 2020 12:26:39 GMT",
            "200 0-99",
        ),
        ("GET If-Match: \"v2\" | If-None-Match: \"v1\"", "412"),
        (
            "GET If-None-Match: \"v2\" | If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT",
            "200 0-99",
        ),
        (
            "GET If-None-Match: \"v1\" | If-Modified-Since: Sun, 13 Sep 2020 12:26:39 GMT",
            "304",
        ),
        ("GET If-None-Match: \"v1\" | Range: bytes=0-9", "304"),
        (
            "GET If-None-Match: \"v2\" | Range: bytes=0-9",
            "206 0-9 bytes 0-9/100",
        ),
        ("GET If-Match: \"v2\" | Range: bytes=0-9", "412"),
    ];
    for (request, expected) in TABLE {
        assert_eq!(summary(request).await, *expected, "{request}");
    }
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let response = ask("GET Range: bytes=0-1,50-52").await;
    let content_type = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let length: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert_eq!(boundary.len(), 32);
    assert!(!response.headers().contains_key("content-range"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), length);
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/100\r\n\r\n!\"\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 50-52/100\r\n\r\nSTU\r\n\
         --{boundary}--\r\n"
    );
    assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
}

#[tokio::test]
async fn a_boundary_cannot_be_predicted() {
    let mut boundaries = std::collections::HashSet::new();
    for _ in 0..8 {
        let response = ask("GET Range: bytes=0-1,50-52").await;
        boundaries.insert(response.headers()["content-type"].clone());
    }
    assert_eq!(boundaries.len(), 8);
}

#[tokio::test]
async fn head_says_what_get_says() {
    let (get, head) = (ask("GET").await, ask("HEAD").await);
    assert_eq!(get.headers(), head.headers());
    assert_eq!(head.headers()["content-length"], "100");
    assert!(
        head.into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn a_405_names_the_methods_that_work() {
    assert_eq!(ask("DELETE").await.headers()["allow"], "GET, HEAD");
}

#[tokio::test]
async fn control_bytes_in_conditions_are_no_accident() {
    // http refuses CR, LF and NUL itself; obs-text and TAB come through to us.
    for name in [
        "range",
        "if-range",
        "if-none-match",
        "if-match",
        "if-modified-since",
        "if-unmodified-since",
    ] {
        for value in [&b"\xff\xfe"[..], b"\t", b"", b"\"\xe9\"", b"bytes=\xe90-1"] {
            let request = Request::get("/").header(name, value).body(()).unwrap();
            let response = service().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            assert!(matches!(status, 200 | 412), "{name} {value:?}: {status}");
        }
    }
}
