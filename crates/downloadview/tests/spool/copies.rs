//! How copies are made, handed out and removed.

use std::time::Duration;

use bytes::Bytes;
use downloadview::DownloadResponse;
use downloadview::file::VirtualFile;
use downloadview::optimize::{Asked, Reason, answer, answer_now};
use downloadview::response::Spooling;
use downloadview::spool::{Fill, NotSpooled, Spool};
use futures_util::{StreamExt as _, future, stream};
use http::{Method, Request};
use http_body_util::BodyExt as _;

use crate::stand::{
    FRAME, Remote, Report, Stand, content, delegated, failing, files_below, frame, front, key,
    outcome, sent, until, why,
};

#[tokio::test]
async fn a_generated_file_is_made_once_and_handed_to_the_proxy_from_then_on() {
    let (stand, report) = (Stand::new(), Report::default());
    for name in ["a.csv", "b.csv"] {
        let file = report.of(3).cache_key(key("report"));
        let response = DownloadResponse::new(file).basename(name);
        let response = stand.get(response).await;
        assert_eq!(delegated(&response), content(3));
        let disposition = &response.headers()["content-disposition"];
        assert!(
            disposition.to_str().unwrap().contains(name),
            "{disposition:?}"
        );
        assert_eq!(response.headers()["content-length"], "0");
        assert_eq!(
            response.headers()["content-type"],
            "text/csv; charset=utf-8"
        );
        let tag = key("report").etag().unwrap();
        assert_eq!(response.headers()["etag"], tag.as_str());
    }
    assert_eq!((report.times(), stand.files().len()), (1, 1));
    let counters = stand.spool.counters();
    assert_eq!((counters.hits, counters.misses, counters.fills), (1, 1, 1));
    assert_eq!((counters.bytes_in, counters.bytes_out), (30_000, 60_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_ask_at_once_have_it_made_once() {
    for fill in [Fill::Before, Fill::While] {
        let stand = Stand::with(|spool| spool.fill(fill));
        let report = Report::default();
        let asked = (0..100).map(|_| async {
            let file = report.paced(40, Duration::from_millis(1));
            let response = DownloadResponse::new(file.cache_key(key("report")));
            let response = stand.get(response).await;
            match outcome(&response).kind() {
                "delegated" => delegated(&response),
                _ => sent(response).await.unwrap().to_vec(),
            }
        });
        let expected = content(40);
        for got in future::join_all(asked).await {
            assert!(got == expected, "{fill:?}");
        }
        assert_eq!(report.times(), 1, "{fill:?}");
        assert_eq!(stand.files().len(), 1);
    }
}

#[tokio::test]
async fn a_file_without_a_key_is_streamed_unless_the_view_asks_for_a_copy() {
    let stand = Stand::new();
    let response = stand
        .get(DownloadResponse::new(Report::default().of(2)))
        .await;
    assert_eq!(outcome(&response).reason(), Some(&Reason::NoPathAndNoUrl));
    assert_eq!(sent(response).await.unwrap(), content(2));

    let response = DownloadResponse::new(Report::default().of(2)).spooling(Spooling::Always);
    let response = stand.get(response).await;
    assert_eq!(delegated(&response), content(2));

    let off = Report::default().of(2).cache_key(key("off"));
    let response = DownloadResponse::new(off).spooling(Spooling::Off);
    let response = stand.get(response).await;
    assert_eq!(outcome(&response).kind(), "streamed");
}

#[tokio::test]
async fn a_copy_for_one_request_goes_when_its_lease_ends() {
    let stand = Stand::with(|spool| spool.lease(Duration::from_millis(50)));
    let response = DownloadResponse::new(Report::default().of(2)).spooling(Spooling::Always);
    let response = stand.get(response).await;
    assert_eq!(outcome(&response).kind(), "delegated");
    until(|| stand.files().is_empty()).await;
    assert_eq!(stand.spool.counters().copies_held, 0);
}

#[tokio::test]
async fn a_head_makes_no_copy_and_is_handed_over_where_there_is_one() {
    let (stand, report) = (Stand::new(), Report::default());
    let file = || DownloadResponse::new(report.of(2).cache_key(key("report")));
    let head = || Request::builder().method(Method::HEAD).uri("/x");
    let response = stand.ask(head(), file()).await;
    assert_eq!(why(&response), Some(NotSpooled::NotAsked));
    assert_eq!(report.times(), 0);
    assert_eq!(delegated(&stand.get(file()).await), content(2));
    assert_eq!(delegated(&stand.ask(head(), file()).await), content(2));
}

/// Such an answer needs no future. One whose copy somebody removed waits until there is another.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_copy_that_is_there_is_handed_over_at_once() {
    let (stand, remote) = (Stand::new(), Remote::default());
    let file = || DownloadResponse::new(remote.clone());
    assert_eq!(delegated(&stand.get(file()).await), remote.content());
    let fronts = std::slice::from_ref(&stand.front);
    let asked = Asked::of(&mut Request::get("/x").body(()).unwrap());
    let at_once = answer_now(&asked, fronts, Ok(file())).expect("nothing to wait for");
    assert_eq!(delegated(&at_once), remote.content());
    let counters = stand.spool.counters();
    assert_eq!((counters.hits, counters.bytes_out), (1, 40_000));
    for copy in stand.files() {
        std::fs::remove_file(copy).unwrap();
    }
    let unanswered = answer_now(&asked, fronts, Ok(file())).expect_err("it is gone");
    let response = unanswered.answer(&asked, fronts).await;
    assert_eq!(delegated(&response), remote.content());
    assert_eq!(stand.spool.counters().fills, 2);
}

#[tokio::test]
async fn a_range_of_a_missing_copy_fills_it_once_and_is_left_to_the_proxy() {
    for fill in [Fill::Before, Fill::While] {
        let stand = Stand::with(|spool| spool.fill(fill));
        let report = Report::default();
        for range in ["bytes=0-9", "bytes=10000-10009"] {
            let file = DownloadResponse::new(report.of(2).cache_key(key("report")));
            let request = Request::get("/x").header("range", range);
            let response = stand.ask(request, file).await;
            assert_eq!(
                (response.status().as_u16(), delegated(&response)),
                (200, content(2))
            );
        }
        assert_eq!(report.times(), 1);
    }
}

#[tokio::test]
async fn a_fill_that_fails_leaves_nothing_and_is_tried_anew() {
    let stand = Stand::new();
    let file = failing(3).cache_key(key("report"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!(response.status(), 500);
    until(|| stand.files().is_empty()).await;
    let file = Report::default().of(3).cache_key(key("report"));
    assert_eq!(
        delegated(&stand.get(DownloadResponse::new(file)).await),
        content(3)
    );
}

#[tokio::test]
async fn a_source_shorter_or_longer_than_it_states_becomes_no_copy() {
    let stand = Stand::new();
    for size in [19_999, 20_001] {
        let file = Report::default().of(2).size(size).cache_key(key("report"));
        let response = stand.get(DownloadResponse::new(file)).await;
        assert_eq!(response.status(), 500);
    }
    until(|| stand.files().is_empty()).await;
}

#[tokio::test]
async fn a_fill_that_panics_keeps_nobody_waiting() {
    let stand = Stand::new();
    let panics = stream::iter(0..2).map(|number| -> std::io::Result<Bytes> {
        assert!(number < 1, "of its own making");
        Ok(Bytes::from(frame(number)))
    });
    let file = VirtualFile::from_stream("a", panics).cache_key(key("report"));
    let response = stand.get(DownloadResponse::new(file)).await;
    // Its content was taken by the one that panicked.
    assert_eq!(response.status(), 500);
    let file = Report::default().of(1).cache_key(key("report"));
    assert_eq!(
        delegated(&stand.get(DownloadResponse::new(file)).await),
        content(1)
    );
}

#[tokio::test]
async fn a_file_too_large_for_a_copy_is_streamed_whole() {
    for stated in [true, false] {
        let stand = Stand::with(|spool| spool.max_file_bytes(3 * FRAME as u64));
        let report = Report::default();
        let mut file = report.of(200).cache_key(key("report"));
        if stated {
            file = file.size(200 * FRAME as u64);
        }
        let response = stand.get(DownloadResponse::new(file)).await;
        assert_eq!(why(&response), Some(NotSpooled::TooLarge));
        assert!(sent(response).await.unwrap() == content(200));
        assert_eq!(report.times(), 1);
        until(|| stand.files().is_empty()).await;
        assert_eq!(stand.spool.counters().bytes_held, 0);
    }
}

#[tokio::test]
async fn the_copy_used_least_recently_makes_room_and_none_whose_lease_runs() {
    let room = 3 * FRAME as u64;
    let short = Duration::from_millis(20);
    let stand = Stand::with(|spool| spool.max_bytes(room).lease(short));
    let get = async |name: &str| {
        let file = Report::default()
            .of(1)
            .size(FRAME as u64)
            .cache_key(key(name));
        stand.get(DownloadResponse::new(file)).await
    };
    for name in ["a", "b", "c"] {
        assert_eq!(outcome(&get(name).await).kind(), "delegated");
    }
    tokio::time::sleep(2 * short).await;
    let _ = get("a").await;
    assert_eq!(outcome(&get("d").await).kind(), "delegated");
    let counters = stand.spool.counters();
    assert_eq!((counters.copies_held, counters.evictions), (3, 1));
    assert_eq!(counters.bytes_held, room);
    let misses = counters.misses;
    let _ = get("a").await;
    assert_eq!(
        stand.spool.counters().misses,
        misses,
        "`b` went, `a` stayed"
    );

    let stand = Stand::with(|spool| spool.max_bytes(room));
    for (name, kind) in [
        ("a", "delegated"),
        ("b", "delegated"),
        ("c", "delegated"),
        ("d", "streamed"),
    ] {
        let file = Report::default()
            .of(1)
            .size(FRAME as u64)
            .cache_key(key(name));
        let response = stand.get(DownloadResponse::new(file)).await;
        assert_eq!(outcome(&response).kind(), kind, "{name}");
        if kind == "streamed" {
            assert_eq!(why(&response), Some(NotSpooled::Full));
            assert_eq!(sent(response).await.unwrap(), content(1));
        }
    }
}

#[tokio::test]
async fn a_restart_finds_the_copies_and_removes_what_dead_processes_left() {
    let stand = Stand::new();
    let file = Report::default().of(2).cache_key(key("report"));
    let _ = stand.get(DownloadResponse::new(file)).await;
    let Stand {
        folder,
        spool,
        front,
    } = stand;
    drop((spool, front));
    let copy = files_below(folder.path()).pop().unwrap();
    let part = format!("private/{}.part", "a".repeat(48));
    std::fs::write(folder.path().join(part), "half").unwrap();
    // A copy that a power failure cut, and what is not the spool's.
    let cut = copy.with_file_name(format!("{}-5", "a".repeat(44)));
    std::fs::write(&cut, "cut").unwrap();
    let foreign = copy.with_file_name("README");
    std::fs::write(&foreign, "hello").unwrap();

    let stand = Stand::over(folder, |spool| spool);
    let mut expected = vec![copy, foreign];
    expected.sort();
    let mut left = stand.files();
    left.sort();
    assert_eq!(left, expected);
    let report = Report::default();
    let file = report.of(2).cache_key(key("report"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!((delegated(&response), report.times()), (content(2), 0));
}

#[tokio::test]
async fn a_folder_that_vanishes_costs_no_download_and_is_used_again_when_it_is_back() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("spool");
    std::fs::create_dir(&folder).unwrap();
    let spool = Spool::builder(&folder).min_free_bytes(0).open().unwrap();
    let front = front(&spool);
    let get = async |name: &str| {
        let file = Report::default().of(1).cache_key(key(name));
        let asked = Asked::of(&mut Request::get("/x").body(()).unwrap());
        let front = std::slice::from_ref(&front);
        answer(&asked, front, DownloadResponse::new(file)).await
    };
    assert_eq!(delegated(&get("a").await), content(1));
    std::fs::remove_dir_all(&folder).unwrap();
    for name in ["a", "b"] {
        let response = get(name).await;
        assert_eq!(outcome(&response).kind(), "streamed");
        assert_eq!(sent(response).await.unwrap(), content(1));
    }
    std::fs::create_dir(&folder).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(delegated(&get("a").await), content(1));
    assert_eq!(files_below(&folder).len(), 1);
}

/// A source that can be read only once loses nothing.
#[tokio::test]
async fn a_folder_that_vanishes_while_a_copy_is_made_costs_no_download() {
    for fill in [Fill::Before, Fill::While] {
        let stand = Stand::with(|spool| spool.fill(fill));
        let folder = stand.folder.path().to_owned();
        let vanishes = stream::iter(0..5).map(move |number| {
            if number == 3 {
                std::fs::remove_dir_all(&folder)?;
            }
            Ok::<_, std::io::Error>(Bytes::from(frame(number)))
        });
        let file = VirtualFile::from_stream("report.csv", vanishes).cache_key(key("report"));
        let response = stand.get(DownloadResponse::new(file)).await;
        assert_eq!(outcome(&response).kind(), "streamed", "{fill:?}");
        assert_eq!(sent(response).await.unwrap(), content(5), "{fill:?}");
    }
}

#[tokio::test]
async fn a_trace_makes_no_copy() {
    let (stand, report) = (Stand::new(), Report::default());
    let file = DownloadResponse::new(report.of(2).cache_key(key("report")));
    let asked = Asked::of(&mut Request::get("/x").body(()).unwrap()).traced();
    let response = answer(&asked, std::slice::from_ref(&stand.front), file).await;
    assert_eq!(why(&response), Some(NotSpooled::NotAsked));
    assert_eq!((stand.spool.counters().fills, stand.files().len()), (0, 0));
    // Nor does it promise one that there cannot be.
    let stand = Stand::with(|spool| spool.max_file_bytes(3));
    let long = VirtualFile::from_bytes("a.txt", "four").cache_key(key("long"));
    let response = answer(
        &asked,
        std::slice::from_ref(&stand.front),
        DownloadResponse::new(long),
    );
    let response = response.await;
    assert_eq!(why(&response), Some(NotSpooled::TooLarge));
    assert_eq!(sent(response).await.unwrap(), "four");
}

/// Locks belong to an opened folder, so two spools of one process stand for two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_who_share_a_folder_have_a_file_made_once() {
    for fill in [Fill::Before, Fill::While] {
        let one = Stand::with(|spool| spool.fill(fill));
        let builder = Spool::builder(one.folder.path()).min_free_bytes(0);
        let other = builder.fill(fill).open().unwrap();
        let fronts = [one.front.clone(), front(&other)];
        let report = Report::default();
        let asked = (0..50).map(|number| {
            let file = report.paced(40, Duration::from_millis(2));
            let front = &fronts[number % 2];
            async move {
                let asked = Asked::of(&mut Request::get("/x").body(()).unwrap());
                let file = DownloadResponse::new(file.cache_key(key("report")));
                let response = answer(&asked, std::slice::from_ref(front), file).await;
                match outcome(&response).kind() {
                    "delegated" => delegated(&response),
                    _ => sent(response).await.unwrap().to_vec(),
                }
            }
        });
        for got in future::join_all(asked).await {
            assert!(got == content(40), "{fill:?}");
        }
        assert_eq!(report.times(), 1, "{fill:?}");
        assert_eq!(one.files().len(), 1);
    }
}

/// One that was stopped holds its lock for as long as it is.
#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_go_on_with_a_copy_is_waited_for_ten_seconds() {
    let one = Stand::new();
    let other = front(&Spool::builder(one.folder.path()).open().unwrap());
    let (_stopped, gate) = tokio::sync::oneshot::channel();
    let report = Report::default();
    let stopped = report.gated(2, gate).cache_key(key("report"));
    let stopped = DownloadResponse::new(stopped);
    let asks = async {
        until(|| one.files().len() == 1).await;
        let asked = Asked::of(&mut Request::get("/x").body(()).unwrap());
        let file = report.of(2).cache_key(key("report"));
        let begun = tokio::time::Instant::now();
        let response = answer(
            &asked,
            std::slice::from_ref(&other),
            DownloadResponse::new(file),
        );
        let response = response.await;
        assert_eq!(why(&response), Some(NotSpooled::Busy));
        assert_eq!(sent(response).await.unwrap(), content(2));
        begun.elapsed().as_secs()
    };
    tokio::select! {
        _ = one.get(stopped) => panic!("it goes on"),
        seconds = asks => assert_eq!(seconds, 10),
    }
}

/// A copy that one process has handed out is not removed by another.
#[tokio::test]
async fn a_copy_that_another_process_handed_out_stays() {
    let short = Duration::from_millis(30);
    let room = 2 * FRAME as u64;
    let one = Stand::with(|spool| spool.lease(short).max_bytes(room));
    let file = |name: &str| {
        let file = Report::default().of(1).size(FRAME as u64);
        DownloadResponse::new(file.cache_key(key(name)))
    };
    let _ = one.get(file("a")).await;
    let _ = one.get(file("b")).await;
    let other = Spool::builder(one.folder.path()).lease(Duration::from_secs(60));
    let other = front(&other.open().unwrap());
    tokio::time::sleep(2 * short).await;
    let asked = Asked::of(&mut Request::get("/x").body(()).unwrap());
    let handed = answer(&asked, std::slice::from_ref(&other), file("a")).await;
    let response = one.get(file("c")).await;
    assert_eq!(outcome(&response).kind(), "delegated");
    assert_eq!(delegated(&handed), content(1), "`a` is still there");
}

#[tokio::test]
async fn a_fill_that_nobody_waits_for_is_finished_if_more_than_half_is_there() {
    for (stated, finished) in [(10, true), (1000, false)] {
        let stand = Stand::with(|spool| spool.fill(Fill::While));
        let report = Report::default();
        let file = report.paced(10, Duration::from_millis(2));
        let file = file.size(stated * FRAME as u64).cache_key(key("report"));
        let response = stand.get(DownloadResponse::new(file)).await;
        let mut body = response.into_body();
        let mut got = 0;
        while got < 6 * FRAME {
            got += body
                .frame()
                .await
                .unwrap()
                .unwrap()
                .into_data()
                .unwrap()
                .len();
        }
        drop(body);
        match finished {
            true => until(|| stand.spool.counters().fills == 1).await,
            false => until(|| stand.spool.counters().failed == 1).await,
        }
        until(|| stand.files().len() == usize::from(finished)).await;
    }
}
