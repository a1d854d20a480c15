//! What goes over the wire when nothing is wrong.

use downloadview::DownloadView as _;
use downloadview::fetch::RequestTarget;
use downloadview::file::HttpFile;
use downloadview::storage::{HttpStorage, StorageName};
use downloadview::testing::conformance;
use downloadview::view::HttpView;
use http::{Method, Request};
use tower::ServiceExt as _;

use super::origin::{Step, answer, ask, get, ordinary, saying, server, whole};

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 256) as u8).collect()
}

#[tokio::test]
async fn http_storage_and_file_pass_the_suite() {
    for length in [0, 1, 100, 3_000_000] {
        let bytes = pattern(length);
        let served = bytes.clone();
        let origin = server(move |_, asked| {
            let bytes = match asked.line.split(' ').nth(1) {
                Some("/media/sub/%C3%A9t%C3%A9%20100%25.bin") => ordinary(&served, "\"v1\"", asked),
                _ => answer(&["HTTP/1.1 404 Not Found", "Content-Length: 0"], ""),
            };
            vec![Step::Send(bytes)]
        })
        .await;
        let name = |text: &str| StorageName::parse(text).unwrap();
        let storage = HttpStorage::new(origin.origin(), "/media").unwrap();
        let (present, missing) = (name("sub/été 100%.bin"), name("sub/none"));
        conformance::storage(storage, &present, &bytes, &missing).await;
        let target = RequestTarget::parse("/media/sub/%C3%A9t%C3%A9%20100%25.bin").unwrap();
        let origin = origin.origin();
        conformance::file(|| HttpFile::new(origin.clone(), target.clone()), &bytes).await;
    }
}

#[tokio::test]
async fn a_get_is_one_request_with_nothing_of_the_clients_but_ranges_and_conditions() {
    let origin =
        server(|_, asked| vec![Step::Send(ordinary(b"0123456789", "\"v1\"", asked))]).await;
    let built = origin.builder().header("x-api-key", "k3y").build().unwrap();
    let got = get(
        &built,
        &[
            ("accept-encoding", "gzip"),
            ("cookie", "a=b"),
            ("authorization", "Basic eA=="),
            ("x-forwarded-for", "1.2.3.4"),
            ("user-agent", "curl"),
            ("range", "bytes=2-3, 7-8"),
            ("if-none-match", "\"v0\""),
        ],
    )
    .await;
    assert_eq!(got.status, 206);
    let asked = &origin.asked()[0];
    assert_eq!(
        asked.line,
        "GET /secret-path/file.bin?secret=query HTTP/1.1"
    );
    let mut headers: Vec<_> = asked
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    headers.sort();
    let host = format!("host: {}", origin.url().replace("http://", ""));
    assert_eq!(
        headers,
        [
            "accept-encoding: identity",
            &host,
            "if-none-match: \"v0\"",
            "range: bytes=2-3",
            "x-api-key: k3y"
        ]
    );
}

#[tokio::test]
async fn each_kind_of_request_is_one_at_the_origin() {
    for (method, headers, status, body) in [
        (Method::GET, &[][..], 200, "0123456789"),
        (Method::HEAD, &[], 200, ""),
        (Method::GET, &[("range", "bytes=2-4")], 206, "234"),
        (Method::GET, &[("range", "bytes=-2")], 206, "89"),
        (Method::GET, &[("range", "bytes=7-")], 206, "789"),
        (
            Method::GET,
            &[("range", "bytes=20-")],
            416,
            "Range Not Satisfiable\n",
        ),
        (Method::GET, &[("if-none-match", "\"v1\"")], 304, ""),
        (Method::HEAD, &[("if-none-match", "\"v1\"")], 304, ""),
        (Method::GET, &[("if-none-match", "\"x\", \"v1\"")], 304, ""),
        (
            Method::GET,
            &[("if-match", "\"v0\"")],
            412,
            "Precondition Failed\n",
        ),
        (
            Method::GET,
            &[("if-range", "\"v1\""), ("range", "bytes=0-0")],
            206,
            "0",
        ),
        (
            Method::GET,
            &[("if-range", "\"v0\""), ("range", "bytes=0-0")],
            200,
            "0123456789",
        ),
        (
            Method::GET,
            &[("if-range", "W/\"v1\""), ("range", "bytes=0-0")],
            200,
            "0123456789",
        ),
        (Method::HEAD, &[("range", "bytes=2-4")], 200, ""),
    ] {
        let origin =
            server(|_, asked| vec![Step::Send(ordinary(b"0123456789", "\"v1\"", asked))]).await;
        let got = ask(method.clone(), &origin.origin(), headers).await;
        assert_eq!(
            (got.status, got.text()),
            (status, body),
            "{method} {headers:?}"
        );
        assert_eq!(origin.count(), 1, "{method} {headers:?}");
    }
}

#[tokio::test]
async fn several_ranges_are_one_request_each() {
    let origin =
        server(|_, asked| vec![Step::Send(ordinary(b"0123456789", "\"v1\"", asked))]).await;
    let got = get(&origin.origin(), &[("range", "bytes=8-9,0-1,4-5")]).await;
    assert_eq!(got.status, 206);
    let ranges: Vec<_> = origin
        .asked()
        .iter()
        .map(|asked| asked.header("range").unwrap().to_owned())
        .collect();
    assert_eq!(ranges, ["bytes=8-9", "bytes=0-1", "bytes=4-5"]);
    assert!(got.text().contains("\r\n\r\n89\r\n"));
    assert_eq!(origin.asked()[1].header("if-match"), Some("\"v1\""));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let origin =
        server(|_, asked| vec![Step::Send(ordinary(b"0123456789", "\"v1\"", asked))]).await;
    let built = origin.origin();
    for _ in 0..5 {
        assert_eq!(get(&built, &[]).await.text(), "0123456789");
    }
    assert_eq!((origin.count(), origin.connections()), (5, 1));
}

#[tokio::test]
async fn what_the_origin_says_besides_stays_there() {
    let origin = server(|_, _| {
        let further = [
            "ETag: \"v1\"",
            "Last-Modified: Tue, 29 Oct 2019 00:00:00 GMT",
            "Set-Cookie: session=theirs",
            "Cache-Control: public, max-age=99999",
            "X-Accel-Redirect: /etc/passwd",
            "X-Sendfile: /etc/passwd",
            "Content-Disposition: inline; filename=\"evil.html\"",
            "Content-Security-Policy: default-src *",
            "Content-Type: text/html",
            "Location: http://evil.example/",
            "Server: theirs",
        ];
        vec![Step::Send(whole(b"x", &further))]
    })
    .await;
    let got = get(&origin.origin(), &[]).await;
    let mut names: Vec<_> = got.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-disposition",
            "content-length",
            "content-type",
            "etag",
            "last-modified",
            "x-content-type-options",
        ]
    );
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert_eq!(
        got.header("content-disposition"),
        Some("attachment; filename=\"file.bin\"")
    );
    assert_eq!(got.header("cache-control"), Some("private, no-cache"));
}

/// What the origin says of the type counts where nobody here knows one.
#[tokio::test]
async fn a_type_by_hearsay_counts_only_where_nobody_knows() {
    let origin = saying(whole(b"<script>", &["Content-Type: text/html"])).await;
    for (target, expected) in [
        ("/a", "text/html"),
        ("/a.unknown", "text/html"),
        ("/a.txt", "text/plain; charset=utf-8"),
        ("/a.bin", "application/octet-stream"),
    ] {
        let target = RequestTarget::parse(target).unwrap();
        let view = HttpView::new(origin.origin(), target).inline();
        let request = Request::get("/").body(()).unwrap();
        let response = view.into_service().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], expected);
        let sandboxed = response.headers().contains_key("content-security-policy");
        assert_eq!(sandboxed, expected == "text/html");
    }
    let target = RequestTarget::parse("/a").unwrap();
    let view = HttpView::new(origin.origin(), target).content_type("application/pdf");
    let request = Request::get("/").body(()).unwrap();
    let response = view.into_service().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/pdf");
    let origin = saying(whole(b"x", &["Content-Type: no type"])).await;
    let target = RequestTarget::parse("/a").unwrap();
    let view = HttpView::new(origin.origin(), target);
    let request = Request::get("/").body(()).unwrap();
    let response = view.into_service().oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
}
