//! `prepare`: 202 until the copy is there.

use std::time::Duration;

use downloadview::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use downloadview::file::VirtualFile;
use downloadview::optimize::Outcome;
use downloadview::spool::{NotSpooled, Status};
use downloadview::{DownloadResponse, Error, File};
use futures_util::stream;
use http::{Method, Request};

use crate::stand::{
    FRAME, Remote, Report, Stand, content, delegated, failing, frame, key, outcome, sent, until,
    why,
};

/// How a client asks.
fn asking(method: Method) -> http::request::Builder {
    Request::builder().method(method).uri("/x")
}

#[tokio::test]
async fn a_file_that_takes_long_is_202_until_it_is_there() {
    for method in [Method::GET, Method::HEAD] {
        let (stand, report) = (Stand::new(), Report::default());
        let (goes_on, gate) = tokio::sync::oneshot::channel();
        let mut begun = Some(report.gated(3, gate));
        for asked in [Method::GET, method.clone(), method.clone()] {
            // Only the first has to be made; the others would be made anew.
            let file = begun.take().unwrap_or_else(|| report.of(3));
            let response = DownloadResponse::new(file.cache_key(key("report"))).prepare(true);
            let response = stand.ask(asking(asked), response).await;
            let Outcome::Preparing { retry_after, .. } = outcome(&response) else {
                panic!("{:?}", outcome(&response));
            };
            assert_eq!(response.status(), 202);
            assert!((1..=30).contains(retry_after));
            for name in ["retry-after", "refresh"] {
                assert_eq!(response.headers()[name], *retry_after.to_string());
            }
            assert_eq!(response.headers()["cache-control"], "no-store");
            for name in ["etag", "content-disposition", "x-sendfile", "accept-ranges"] {
                assert!(!response.headers().contains_key(name), "{name}");
            }
        }
        goes_on.send(()).unwrap();
        let ready = || matches!(stand.spool.status(&key("report")), Status::Ready { .. });
        until(ready).await;
        let file = report.of(3).cache_key(key("report"));
        let response = DownloadResponse::new(file).prepare(true);
        let response = stand.ask(asking(method), response).await;
        assert_eq!(delegated(&response), content(3));
        assert_eq!(report.times(), 1);
    }
}

/// Nobody would come for it: whoever asks for heads alone could hold all fills.
#[tokio::test]
async fn a_head_begins_no_copy_and_says_what_a_get_would_be_told() {
    let (stand, remote) = (Stand::new(), Remote::default());
    let ask = async |method: Method| {
        let file = DownloadResponse::new(remote.clone()).prepare(true);
        stand.ask(asking(method), file).await
    };
    for _ in 0..3 {
        assert_eq!(ask(Method::HEAD).await.status(), 202);
    }
    let counters = stand.spool.counters();
    assert_eq!((counters.fills, counters.failed), (0, 0));
    assert!(stand.files().is_empty());
    remote.lose();
    assert_eq!(ask(Method::HEAD).await.status(), 404);
}

#[tokio::test]
async fn a_file_that_its_source_has_not_or_refuses_is_never_promised() {
    for (is_lost, status) in [(true, 404), (false, 503)] {
        let (stand, remote) = (Stand::new(), Remote::default());
        remote.fail(true);
        if is_lost {
            remote.lose();
        }
        let asked = (0..5).map(|_| {
            let file = DownloadResponse::new(remote.clone()).prepare(true);
            stand.get(file)
        });
        for response in futures_util::future::join_all(asked).await {
            assert_eq!(response.status(), status);
            assert!(!response.headers().contains_key("refresh"));
        }
    }
}

/// A file that is opened when the gate is.
#[derive(Debug, Default)]
struct Slow {
    gate: tokio::sync::Notify,
    remote: Remote,
}

/// The same for each request.
#[derive(Debug, Clone, Default)]
struct Shared(std::sync::Arc<Slow>);

impl File for Shared {
    fn name(&self) -> &str {
        self.0.remote.name()
    }

    fn cache_key(&self) -> Option<CacheKey> {
        self.0.remote.cache_key()
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata, Error>> {
        self.0.remote.look()
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content, Error>> {
        Box::pin(async move {
            self.0.gate.notified().await;
            self.0.remote.open(want).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_takes_long_to_open_is_waited_for_ten_seconds_and_only_once() {
    let (stand, slow) = (Stand::new(), Shared::default());
    let ask = async || {
        let asked = tokio::time::Instant::now();
        let file = DownloadResponse::new(slow.clone()).prepare(true);
        let response = stand.get(file).await;
        (response, asked.elapsed().as_secs())
    };
    for waits in [10, 0, 0] {
        let (response, waited) = ask().await;
        assert_eq!((response.status().as_u16(), waited), (202, waits));
    }
    slow.0.remote.lose();
    slow.0.gate.notify_one();
    until(|| stand.spool.counters().failed == 1).await;
    // It is told by the source itself.
    slow.0.gate.notify_one();
    let (response, _) = ask().await;
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn copies_that_nobody_waits_for_leave_room_for_those_that_somebody_does() {
    let stand = Stand::with(|spool| spool.fills(4));
    let endless = |number: usize| {
        let begun = stream::iter([Ok::<_, std::io::Error>(frame(0))]);
        let never = futures_util::StreamExt::chain(begun, stream::pending());
        let file = VirtualFile::from_stream("a", never);
        DownloadResponse::new(file.cache_key(key(&format!("{number}")))).prepare(true)
    };
    for number in 0..2 {
        assert_eq!(stand.get(endless(number)).await.status(), 202);
    }
    for number in 2..70 {
        let response = stand.get(endless(number)).await;
        assert_eq!(why(&response), Some(NotSpooled::Busy), "{number}");
    }
    let waited = (0..2).map(|number| {
        let file = Report::default()
            .of(2)
            .cache_key(key(&format!("report {number}")));
        stand.get(DownloadResponse::new(file))
    });
    for response in futures_util::future::join_all(waited).await {
        assert_eq!(delegated(&response), content(2));
    }
}

#[tokio::test]
async fn a_copy_that_could_not_be_made_is_not_promised_for_ever() {
    let stand = Stand::with(|spool| spool.max_file_bytes(FRAME as u64));
    let ask = async |file: VirtualFile| {
        let file = file.cache_key(key("report"));
        stand.get(DownloadResponse::new(file).prepare(true)).await
    };
    let report = Report::default();
    let (goes_on, gate) = tokio::sync::oneshot::channel();
    assert_eq!(ask(report.gated(3, gate)).await.status(), 202);
    goes_on.send(()).unwrap();
    until(|| stand.spool.counters().failed == 1).await;
    let streamed = until_answered(async || ask(report.of(3)).await).await;
    assert_eq!(why(&streamed), Some(NotSpooled::TooLarge));
    assert_eq!(sent(streamed).await.unwrap(), content(3));
    // One that hears of it does not keep it from the next.
    let again = ask(report.of(3)).await;
    assert_eq!(why(&again), Some(NotSpooled::TooLarge));

    let stand = Stand::new();
    let ask = async |file: VirtualFile| {
        let file = file.cache_key(key("report"));
        stand.get(DownloadResponse::new(file).prepare(true)).await
    };
    let (goes_on, gate) = tokio::sync::oneshot::channel::<()>();
    assert_eq!(ask(gated_failing(gate)).await.status(), 202);
    goes_on.send(()).unwrap();
    until(|| stand.spool.counters().failed == 1).await;
    let failed = until_answered(async || ask(failing(1)).await).await;
    assert_eq!(why(&failed), Some(NotSpooled::Source));
    assert!(sent(failed).await.is_err(), "its own source fails too");
}

/// Where no copy can be made, a HEAD says so as soon as a GET was told.
#[tokio::test(start_paused = true)]
async fn a_head_after_a_get_without_a_copy_promises_none() {
    let stand = Stand::with(|spool| spool.max_file_bytes(FRAME as u64));
    let report = Report::default();
    let ask = async |method: Method| {
        let file = report.of(3).size(3 * FRAME as u64).cache_key(key("report"));
        let download = DownloadResponse::new(file).prepare(true);
        stand.ask(asking(method), download).await
    };
    let too_large = Some(NotSpooled::TooLarge);
    assert_eq!(ask(Method::HEAD).await.status(), 202, "nobody knows yet");
    let streamed = ask(Method::GET).await;
    assert_eq!(
        (streamed.status().as_u16(), why(&streamed)),
        (200, too_large)
    );
    for _ in 0..2 {
        let head = ask(Method::HEAD).await;
        assert_eq!((head.status().as_u16(), why(&head)), (200, too_large));
    }
    // Then it is tried again.
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    assert_eq!(ask(Method::HEAD).await.status(), 202);
}

/// A source that fails when the gate is opened.
fn gated_failing(gate: tokio::sync::oneshot::Receiver<()>) -> VirtualFile {
    let failing = stream::once(async move {
        let _ = gate.await;
        Err::<Vec<u8>, _>(std::io::Error::other("no more"))
    });
    VirtualFile::from_stream("report.csv", Box::pin(failing))
}

/// Asks until the answer is not 202 any more: that the fill has ended is noted a moment later.
async fn until_answered<A>(ask: A) -> http::Response<downloadview::DownloadBody>
where
    A: AsyncFn() -> http::Response<downloadview::DownloadBody>,
{
    loop {
        let response = ask().await;
        if response.status() != 202 {
            return response;
        }
        tokio::task::yield_now().await;
    }
}

/// Nobody has a seat between two questions but for the one that is kept.
#[tokio::test(start_paused = true)]
async fn a_prepared_copy_is_given_up_when_nobody_asks_any_more() {
    let stand = Stand::with(|spool| spool.max_idle_fill(Duration::from_secs(60)));
    let endless = || {
        let begun = stream::iter([Ok::<_, std::io::Error>(frame(0))]);
        let never = futures_util::StreamExt::chain(begun, stream::pending());
        let file = downloadview::file::VirtualFile::from_stream("a", never);
        DownloadResponse::new(file.cache_key(key("report"))).prepare(true)
    };
    for _ in 0..5 {
        assert_eq!(stand.get(endless()).await.status(), 202);
        tokio::time::sleep(Duration::from_secs(40)).await;
    }
    assert_eq!(stand.spool.counters().failed, 0, "it was asked for");
    tokio::time::sleep(Duration::from_secs(130)).await;
    until(|| stand.spool.counters().failed == 1).await;
    assert_eq!(stand.spool.status(&key("report")), Status::Missing);
    until(|| stand.files().is_empty()).await;
}

#[tokio::test]
async fn a_file_without_a_key_is_never_promised() {
    let stand = Stand::new();
    let response = DownloadResponse::new(Report::default().of(2)).prepare(true);
    let response = stand.get(response).await;
    assert_eq!(outcome(&response).kind(), "streamed");
    assert_eq!(sent(response).await.unwrap(), content(2));
}
