//! Ranges and conditions, where the origin judges them otherwise than we do.

use downloadview::content::ETag;
use downloadview::fetch::RequestTarget;
use downloadview::view::HttpView;
use downloadview::{DownloadView as _, Error};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::origin::{Asked, Step, answer, ask, get, ordinary, part, saying, server, whole};

const BODY: &[u8] = b"0123456789";

fn ranges(asked: &[Asked]) -> Vec<Option<&str>> {
    asked.iter().map(|asked| asked.header("range")).collect()
}

/// moto and others.
#[tokio::test]
async fn a_part_in_spite_of_if_range_is_asked_for_again_as_the_whole() {
    let origin = server(|_, asked| {
        vec![Step::Send(match asked.header("range") {
            Some(_) => part(BODY, 2, 4, &["ETag: \"v2\""]),
            None => whole(BODY, &["ETag: \"v2\""]),
        })]
    })
    .await;
    let headers = [("range", "bytes=2-4"), ("if-range", "\"v1\"")];
    let got = get(&origin.origin(), &headers).await;
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    assert_eq!(ranges(&origin.asked()), [Some("bytes=2-4"), None]);
    assert_eq!(origin.asked()[1].header("if-range"), None);
}

#[tokio::test]
async fn an_unsatisfied_range_under_if_range_is_asked_for_again_as_the_whole() {
    let origin = server(|_, asked| {
        vec![Step::Send(match asked.header("range") {
            Some(_) => answer(
                &[
                    "HTTP/1.1 416 No",
                    "Content-Range: bytes */10",
                    "Content-Length: 0",
                ],
                "",
            ),
            None => whole(BODY, &["ETag: \"v2\"", "Accept-Ranges: bytes"]),
        })]
    })
    .await;
    let headers = [("range", "bytes=20-"), ("if-range", "\"v1\"")];
    let got = get(&origin.origin(), &headers).await;
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    assert_eq!(origin.count(), 2);
}

/// Every range of an empty object is 416 for a store.
#[tokio::test]
async fn any_range_of_an_empty_file_is_the_empty_file() {
    let origin = server(|_, asked| vec![Step::Send(ordinary(b"", "\"v1\"", asked))]).await;
    let got = get(&origin.origin(), &[("range", "bytes=0-")]).await;
    assert_eq!((got.status, got.text()), (200, ""));
    assert_eq!(ranges(&origin.asked()), [Some("bytes=0-"), None]);
}

#[tokio::test]
async fn an_unsatisfied_range_states_the_size() {
    let origin = server(|_, asked| vec![Step::Send(ordinary(BODY, "\"v1\"", asked))]).await;
    let got = get(&origin.origin(), &[("range", "bytes=10-")]).await;
    assert_eq!(got.status, 416);
    assert_eq!(got.header("content-range"), Some("bytes */10"));
}

#[tokio::test]
async fn an_origin_that_ignores_ranges_gives_the_whole_and_offers_none() {
    let further = ["ETag: \"v1\"", "Accept-Ranges: bytes"];
    let origin = server(move |_, _| vec![Step::Send(whole(BODY, &further))]).await;
    let got = get(&origin.origin(), &[("range", "bytes=2-4")]).await;
    assert_eq!((got.status, got.text()), (200, "0123456789"));
    assert_eq!(got.header("accept-ranges"), None);
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn conditions_that_the_origin_ignores_hold_all_the_same() {
    for (name, value, status) in [
        ("if-none-match", "\"v0\", \"v1\"", 304),
        ("if-none-match", "*", 304),
        ("if-modified-since", "Tue, 29 Oct 2019 00:00:00 GMT", 304),
        ("if-match", "\"v0\"", 412),
        ("if-match", "*", 200),
        ("if-unmodified-since", "Mon, 28 Oct 2019 00:00:00 GMT", 412),
    ] {
        let further = [
            "ETag: \"v1\"",
            "Last-Modified: Tue, 29 Oct 2019 00:00:00 GMT",
        ];
        let origin = server(move |_, _| vec![Step::Send(whole(BODY, &further))]).await;
        let got = get(&origin.origin(), &[(name, value)]).await;
        assert_eq!(got.status, status, "{name}: {value}");
        assert_eq!(origin.count(), 1);
        let sent = origin.asked()[0].header(name).map(str::to_owned);
        assert_eq!(sent.as_deref(), (value != "*").then_some(value));
    }
}

/// RFC 9110, 15.4.5 wants the tag there; some leave it out.
#[tokio::test]
async fn an_origin_judges_its_own_conditions() {
    for (name, line, status) in [
        ("if-none-match", "HTTP/1.1 304 Not Modified", 304),
        ("if-modified-since", "HTTP/1.1 304 Not Modified", 304),
        ("if-match", "HTTP/1.1 412 Precondition Failed", 412),
        (
            "if-unmodified-since",
            "HTTP/1.1 412 Precondition Failed",
            412,
        ),
    ] {
        let origin = saying(answer(&[line, "Content-Length: 0"], "")).await;
        let value = match name.ends_with("since") {
            true => "Tue, 29 Oct 2019 00:00:00 GMT",
            false => "\"v1\"",
        };
        let got = get(&origin.origin(), &[(name, value)]).await;
        assert_eq!((got.status, origin.count()), (status, 1), "{name}");
    }
}

/// A tag of our own making would mean nothing to the origin, nor to a proxy that fetches in our place.
#[tokio::test]
async fn an_origin_without_a_tag_gets_none_made_up() {
    let further = ["Last-Modified: Tue, 29 Oct 2019 00:00:00 GMT"];
    let origin = server(move |_, _| vec![Step::Send(whole(BODY, &further))]).await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!(got.header("etag"), None);
    assert_eq!(
        got.header("last-modified"),
        Some("Tue, 29 Oct 2019 00:00:00 GMT")
    );
}

#[tokio::test]
async fn a_weak_tag_stays_weak() {
    let origin = server(|_, asked| vec![Step::Send(ordinary(BODY, "W/\"v1\"", asked))]).await;
    let built = origin.origin();
    assert_eq!(get(&built, &[]).await.header("etag"), Some("W/\"v1\""));
    let head = ask(Method::HEAD, &built, &[]).await;
    assert_eq!(head.header("etag"), Some("W/\"v1\""));
    assert_eq!(head.header("content-length"), Some("10"));
    let headers = [("if-range", "W/\"v1\""), ("range", "bytes=0-0")];
    assert_eq!(get(&built, &headers).await.status, 200);
}

/// A view states another tag than the origin: what the client sends is about that one.
#[tokio::test]
async fn conditions_about_a_tag_of_ours_are_not_the_origins_to_judge() {
    for (headers, status) in [
        (&[("if-none-match", "\"ours\"")][..], 304),
        (&[("if-match", "\"ours\"")], 200),
        (&[("if-match", "\"v1\"")], 412),
        (&[("if-range", "\"ours\""), ("range", "bytes=1-2")], 206),
    ] {
        let origin = server(|_, asked| vec![Step::Send(ordinary(BODY, "\"v1\"", asked))]).await;
        let target = RequestTarget::parse("/a").unwrap();
        let view = HttpView::new(origin.origin(), target).etag(ETag::strong("ours").unwrap());
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let response = view.into_service().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{headers:?}");
        response.into_body().collect().await.unwrap();
        assert_eq!(origin.count(), 1, "{headers:?}");
        let asked = &origin.asked()[0];
        assert!(
            asked.headers.keys().all(|name| !name.starts_with("if-")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_file_that_changes_between_two_parts_ends_the_answer() {
    let origin = server(|number, asked| {
        let tag = if number == 1 { "\"v1\"" } else { "\"v2\"" };
        let mut unconditional = asked.clone();
        unconditional.headers.remove("if-match");
        vec![Step::Send(ordinary(BODY, tag, &unconditional))]
    })
    .await;
    let got = get(&origin.origin(), &[("range", "bytes=0-0,5-5")]).await;
    assert_eq!((got.status, got.body), (206, None));
    assert_eq!(origin.count(), 2);
}

/// Neither a tag nor a date tells its states apart, and it changes with each request: no answer is of two of them.
#[tokio::test]
async fn a_file_whose_states_have_no_name_is_not_put_together_from_parts() {
    let states: [&[u8]; 3] = [b"0000000000", b"1111111111", b"2222222222"];
    let origin = server(move |number, asked| {
        let state = states[(number - 1) % states.len()];
        vec![Step::Send(match asked.header("range") {
            Some("bytes=0-1") => part(state, 0, 1, &[]),
            Some(_) => part(state, 8, 9, &[]),
            None => whole(state, &["Accept-Ranges: bytes"]),
        })]
    })
    .await;
    let got = get(&origin.origin(), &[("range", "bytes=0-1,8-9")]).await;
    assert_eq!((got.status, got.text()), (200, "1111111111"));
    let one = get(&origin.origin(), &[("range", "bytes=8-9")]).await;
    assert_eq!((one.status, one.text()), (206, "22"));
}

/// Two `If-None-Match` lines do not go along; the date beside them is void and must not either.
#[tokio::test]
async fn an_origin_never_judges_by_a_date_that_is_void() {
    let origin = server(|_, asked| {
        vec![Step::Send(match asked.header("if-modified-since") {
            Some(_) => answer(&["HTTP/1.1 304 Not Modified", "ETag: \"v3\""], ""),
            None => whole(BODY, &["ETag: \"v3\""]),
        })]
    })
    .await;
    let headers = [
        ("if-none-match", "\"v1\""),
        ("if-none-match", "\"v2\""),
        ("if-modified-since", "Tue, 29 Oct 2019 00:00:00 GMT"),
    ];
    let got = get(&origin.origin(), &headers).await;
    assert_eq!((got.status, got.text()), (200, "0123456789"));
}

#[test]
fn a_target_that_is_none_is_the_clients_mistake() {
    let error = Error::from(RequestTarget::parse("/a\r\nX: y").unwrap_err());
    assert_eq!(error.status(), 400);
}
