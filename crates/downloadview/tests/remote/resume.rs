//! A body that ends too early, and goes on.

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt as _;

use super::origin::{Server, Step, answer, begin, get, logged, ordinary, part, server, whole};

const BODY: &[u8] = b"0123456789";

/// The first answer's head and half of its body.
fn half(tag: &str) -> Step {
    let mut bytes = whole(BODY, &[&format!("ETag: {tag}")]);
    bytes.truncate(bytes.len() - 5);
    Step::Send(bytes)
}

/// The first answer is cut; the others are as `then` says.
async fn cut_then(
    tag: &'static str,
    then: impl Fn(usize) -> Vec<Step> + Send + Sync + 'static,
) -> Server {
    server(move |number, _| match number {
        1 => vec![half(tag), Step::Close],
        number => then(number),
    })
    .await
}

#[tokio::test]
async fn a_body_that_is_cut_goes_on_where_it_was() {
    let (log, _guard) = logged();
    let origin = server(|number, asked| match number {
        1 => vec![half("\"v1\""), Step::Close],
        _ => vec![Step::Send(ordinary(BODY, "\"v1\"", asked))],
    })
    .await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!(got.text(), "0123456789");
    let asked = &origin.asked()[1];
    assert_eq!(asked.header("range"), Some("bytes=5-9"));
    assert_eq!(asked.header("if-match"), Some("\"v1\""));
    assert_eq!(origin.count(), 2);
    assert_eq!(log.lines(), [""; 0]);
}

#[tokio::test]
async fn a_part_that_is_cut_goes_on_within_the_part() {
    let origin = server(|number, asked| match number {
        1 => {
            let mut bytes = part(BODY, 2, 8, &["ETag: \"v1\""]);
            bytes.truncate(bytes.len() - 3);
            vec![Step::Send(bytes), Step::Close]
        }
        _ => vec![Step::Send(ordinary(BODY, "\"v1\"", asked))],
    })
    .await;
    let got = get(&origin.origin(), &[("range", "bytes=2-8")]).await;
    assert_eq!((got.status, got.text()), (206, "2345678"));
    assert_eq!(origin.asked()[1].header("range"), Some("bytes=6-8"));
}

#[tokio::test]
async fn a_body_that_stalls_goes_on_over_another_connection() {
    let origin = server(|number, asked| match number {
        1 => vec![half("\"v1\""), Step::Stall],
        _ => vec![Step::Send(ordinary(BODY, "\"v1\"", asked))],
    })
    .await;
    let built = origin.builder().idle_timeout(Duration::from_millis(100));
    assert_eq!(get(&built.build().unwrap(), &[]).await.text(), "0123456789");
    origin.until_gone(1).await;
}

#[tokio::test]
async fn a_body_that_stalls_without_a_tag_ends_the_connection() {
    let (log, _guard) = logged();
    let origin = server(|_, _| vec![half("W/\"v1\""), Step::Stall]).await;
    let built = origin.builder().idle_timeout(Duration::from_millis(100));
    let got = get(&built.build().unwrap(), &[]).await;
    assert_eq!((got.status, got.body), (200, None));
    assert_eq!(
        (origin.count(), log.lines().len()),
        (1, 1),
        "{:?}",
        log.lines()
    );
    origin.until_gone(1).await;
}

#[tokio::test]
async fn a_stall_before_the_first_byte_of_the_body_is_504() {
    let origin = server(|_, _| {
        vec![
            Step::Send(answer(&["HTTP/1.1 200 OK", "Content-Length: 5"], "")),
            Step::Stall,
        ]
    })
    .await;
    let built = origin.builder().idle_timeout(Duration::from_millis(100));
    assert_eq!(get(&built.build().unwrap(), &[]).await.status, 504);
}

/// Of two states of a file none is made.
#[tokio::test]
async fn what_comes_back_as_another_file_ends_the_connection() {
    for (what, bytes) in [
        ("another tag", part(BODY, 5, 9, &["ETag: \"v2\""])),
        ("no tag", part(BODY, 5, 9, &[])),
        ("a weak tag", part(BODY, 5, 9, &["ETag: W/\"v1\""])),
        (
            "another total",
            part(b"01234567890", 5, 9, &["ETag: \"v1\""]),
        ),
        ("another range", part(BODY, 4, 9, &["ETag: \"v1\""])),
        ("the whole", whole(BODY, &["ETag: \"v1\""])),
        (
            "412",
            answer(&["HTTP/1.1 412 Failed", "Content-Length: 0"], ""),
        ),
        (
            "404",
            answer(&["HTTP/1.1 404 Gone", "Content-Length: 0"], ""),
        ),
        (
            "416",
            answer(
                &[
                    "HTTP/1.1 416 No",
                    "Content-Range: bytes */4",
                    "Content-Length: 0",
                ],
                "",
            ),
        ),
    ] {
        let (log, _guard) = logged();
        let origin = cut_then("\"v1\"", move |_| vec![Step::Send(bytes.clone())]).await;
        let got = get(&origin.origin(), &[]).await;
        assert_eq!((got.status, got.body), (200, None), "{what}");
        assert_eq!(origin.count(), 2, "{what}");
        assert_eq!(log.lines().len(), 1, "{what}: {:?}", log.lines());
    }
}

#[tokio::test]
async fn without_progress_it_is_tried_three_times() {
    let origin = cut_then("\"v1\"", |number| match number {
        2 => {
            let busy = ["HTTP/1.1 503 Busy", "Content-Length: 0"];
            vec![Step::Send(answer(&busy, "")), Step::Close]
        }
        _ => vec![Step::Close],
    })
    .await;
    let got = get(&origin.origin(), &[]).await;
    assert_eq!((got.body, origin.count()), (None, 4));
}

#[tokio::test]
async fn with_progress_it_goes_on_for_as_long_as_it_takes() {
    let origin = server(|number, asked| {
        let mut bytes = ordinary(BODY, "\"v1\"", asked);
        let end = bytes.len() - (10 - number);
        bytes.truncate(end);
        vec![Step::Send(bytes), Step::Close]
    })
    .await;
    assert_eq!(get(&origin.origin(), &[]).await.text(), "0123456789");
    assert_eq!(origin.count(), 10);
}

/// reqwest's time-out runs on while nobody polls, and kills every client that pauses.
#[tokio::test]
async fn a_client_that_pauses_is_not_the_origins_fault() {
    let large = vec![b'x'; 8_000_000];
    let origin = server(move |_, asked| vec![Step::Send(ordinary(&large, "\"v1\"", asked))]).await;
    let built = origin.builder().idle_timeout(Duration::from_millis(150));
    let mut body = begin(Method::GET, &built.build().unwrap(), &[])
        .await
        .into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let before = read / 2_000_000;
        read += frame.unwrap().into_data().unwrap().len();
        if read / 2_000_000 > before {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert_eq!((read, origin.count()), (8_000_000, 1));
}
