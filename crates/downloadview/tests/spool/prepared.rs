//! `prepare`: 202 until the copy is there. `delete_after_send`: a copy that goes with its lease.

use std::time::Duration;

use downloadview::DownloadResponse;
use downloadview::optimize::Outcome;
use downloadview::spool::{NotSpooled, Status};
use futures_util::stream;
use http::{Method, Request};

use crate::stand::{
    FRAME, Report, Stand, content, delegated, failing, frame, key, outcome, sent, until, why,
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
        for _ in 0..3 {
            // Only the first has to be made; the others would be made anew.
            let file = begun.take().unwrap_or_else(|| report.of(3));
            let response = DownloadResponse::new(file.cache_key(key("report"))).prepare(true);
            let response = stand.ask(asking(method.clone()), response).await;
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

#[tokio::test]
async fn a_copy_that_could_not_be_made_is_not_promised_for_ever() {
    let stand = Stand::with(|spool| spool.max_file_bytes(FRAME as u64));
    let ask = async |file: downloadview::file::VirtualFile| {
        let file = file.cache_key(key("report"));
        stand.get(DownloadResponse::new(file).prepare(true)).await
    };
    let report = Report::default();
    assert_eq!(ask(report.of(3)).await.status(), 202);
    until(|| stand.spool.counters().failed == 1).await;
    let streamed = until_answered(async || ask(report.of(3)).await).await;
    assert_eq!(why(&streamed), Some(NotSpooled::TooLarge));
    assert_eq!(sent(streamed).await.unwrap(), content(3));
    // A HEAD that hears of it does not keep it from the GET that follows.
    let again = ask(report.of(3)).await;
    assert_eq!(why(&again), Some(NotSpooled::TooLarge));

    let stand = Stand::new();
    let ask = async || {
        let file = failing(1).cache_key(key("report"));
        stand.get(DownloadResponse::new(file).prepare(true)).await
    };
    assert_eq!(ask().await.status(), 202);
    until(|| stand.spool.counters().failed == 1).await;
    let failed = until_answered(ask).await;
    assert_eq!(why(&failed), Some(NotSpooled::Source));
    assert!(sent(failed).await.is_err(), "its own source fails too");
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

#[tokio::test(start_paused = true)]
async fn a_one_time_copy_goes_when_its_lease_ends() {
    let lease = Duration::from_secs(100);
    let stand = Stand::with(|spool| spool.lease(lease));
    let report = Report::default();
    let one_time = || {
        let file = report.of(2).cache_key(key("report"));
        DownloadResponse::new(file).delete_after_send(true)
    };
    assert_eq!(delegated(&stand.get(one_time()).await), content(2));
    tokio::time::sleep(lease / 2).await;
    // A further range of the same download: the lease begins anew.
    let range = Request::get("/x").header("range", "bytes=5-9");
    let again = stand.ask(range, one_time()).await;
    tokio::time::sleep(lease - Duration::from_secs(1)).await;
    assert_eq!(delegated(&again), content(2));
    tokio::time::sleep(lease).await;
    until(|| stand.files().is_empty()).await;
    assert_eq!(report.times(), 1);
    // Another one asks for a copy that stays.
    let file = report.of(2).cache_key(key("report"));
    assert_eq!(
        delegated(&stand.get(DownloadResponse::new(file)).await),
        content(2)
    );
    tokio::time::sleep(3 * lease).await;
    assert_eq!(stand.files().len(), 1);
}

/// The process that would have removed it is gone.
#[tokio::test(start_paused = true)]
async fn a_copy_for_one_request_that_a_dead_process_left_goes_too() {
    let lease = Duration::from_secs(100);
    let stand = Stand::with(|spool| spool.lease(lease));
    let file = Report::default().of(2);
    let once = DownloadResponse::new(file).spooling(downloadview::response::Spooling::Always);
    assert_eq!(delegated(&stand.get(once).await), content(2));
    let Stand {
        folder,
        spool,
        front,
    } = stand;
    drop((spool, front));
    let stand = Stand::over(folder, |spool| spool.lease(lease));
    assert_eq!(stand.files().len(), 1);
    let file = Report::default().of(1).cache_key(key("other"));
    assert_eq!(
        delegated(&stand.get(DownloadResponse::new(file)).await),
        content(1)
    );
    tokio::time::sleep(2 * lease).await;
    until(|| stand.files().len() == 1).await;
}
