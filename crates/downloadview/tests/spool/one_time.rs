//! Copies that go when their lease ends: of one-time files (`delete_after_send`), and those for one request.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use downloadview::DownloadResponse;
use downloadview::response::Spooling;
use downloadview::spool::{Spool, Status};
use http::Request;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::stand::{Report, Stand, content, delegated, files_below, key, until};

const LEASE: Duration = Duration::from_secs(100);

fn stand() -> Stand {
    Stand::with(|spool| spool.lease(LEASE))
}

/// One over the folder of another, as a second process.
fn beside(stand: &Stand) -> Stand {
    over(stand.folder.path())
}

fn over(folder: &Path) -> Stand {
    let spool = Spool::builder(folder).min_free_bytes(0).lease(LEASE);
    let spool = spool.open().unwrap();
    let front = crate::stand::front(&spool);
    // Of its own, so that the real one stays.
    let folder = tempfile::tempdir().unwrap();
    Stand {
        folder,
        spool,
        front,
    }
}

fn one_time(report: &Report) -> DownloadResponse {
    let file = report.of(2).cache_key(key("report"));
    DownloadResponse::new(file).delete_after_send(true)
}

fn for_one_request() -> DownloadResponse {
    DownloadResponse::new(Report::default().of(2)).spooling(Spooling::Always)
}

/// A process that makes both kinds of copies and is killed.
fn killed_over(folder: &Path) {
    std::thread::scope(|scope| {
        let process = scope.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().unwrap();
            runtime.block_on(async {
                let stand = over(folder);
                for response in [one_time(&Report::default()), for_one_request()] {
                    assert_eq!(delegated(&stand.get(response).await), content(2));
                }
            });
            runtime.shutdown_background();
        });
        process.join().unwrap();
    });
}

fn copies(folder: &TempDir) -> Vec<PathBuf> {
    files_below(folder.path())
}

#[tokio::test(start_paused = true)]
async fn a_one_time_copy_goes_when_its_lease_ends() {
    let (stand, report) = (stand(), Report::default());
    assert_eq!(delegated(&stand.get(one_time(&report)).await), content(2));
    assert!(matches!(
        stand.spool.status(&key("report")),
        Status::Ready { .. }
    ));
    tokio::time::sleep(LEASE / 2).await;
    // A further range of the same download: the lease begins anew.
    let range = Request::get("/x").header("range", "bytes=5-9");
    let again = stand.ask(range, one_time(&report)).await;
    tokio::time::sleep(LEASE - Duration::from_secs(1)).await;
    assert_eq!(delegated(&again), content(2));
    tokio::time::sleep(LEASE).await;
    until(|| stand.files().is_empty()).await;
    assert_eq!(report.times(), 1);
}

/// Neither becomes the other: what one view asks to be deleted, another one may keep.
#[tokio::test(start_paused = true)]
async fn a_one_time_copy_and_one_of_the_same_key_that_stays_are_two() {
    let (stand, report) = (stand(), Report::default());
    let staying = || DownloadResponse::new(report.of(2).cache_key(key("report")));
    for _ in 0..2 {
        assert_eq!(delegated(&stand.get(staying()).await), content(2));
        assert_eq!(delegated(&stand.get(one_time(&report)).await), content(2));
    }
    assert_eq!((report.times(), stand.files().len()), (2, 2));
    tokio::time::sleep(2 * LEASE).await;
    until(|| stand.files().len() == 1).await;
    assert_eq!(delegated(&stand.get(staying()).await), content(2));
    assert_eq!(report.times(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_one_time_copy_that_a_second_process_handed_out_goes_too() {
    let first = stand();
    let second = beside(&first);
    let report = Report::default();
    for stand in [&first, &second] {
        assert_eq!(delegated(&stand.get(one_time(&report)).await), content(2));
    }
    assert_eq!(report.times(), 1);
    // Whoever made it is not there to remove it.
    let Stand {
        folder,
        spool,
        front,
    } = first;
    drop((spool, front));
    tokio::time::sleep(3 * LEASE).await;
    until(|| copies(&folder).is_empty()).await;
}

/// As when a configuration is read anew that names another folder, or none.
#[tokio::test(start_paused = true)]
async fn one_time_copies_go_though_their_spool_is_used_no_longer() {
    let stand = stand();
    for response in [one_time(&Report::default()), for_one_request()] {
        assert_eq!(delegated(&stand.get(response).await), content(2));
    }
    let Stand {
        folder,
        spool,
        front,
    } = stand;
    drop((spool, front));
    tokio::time::sleep(LEASE / 2).await;
    assert_eq!(copies(&folder).len(), 2, "the proxy may still open them");
    tokio::time::sleep(LEASE).await;
    until(|| copies(&folder).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn one_time_copies_that_a_dead_process_left_go_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    killed_over(folder.path());
    assert_eq!(copies(&folder).len(), 2);
    let _stand = over(folder.path());
    tokio::time::sleep(3 * LEASE).await;
    until(|| copies(&folder).is_empty()).await;
}

/// Though nobody asks it for anything.
#[tokio::test(start_paused = true)]
async fn one_time_copies_that_a_process_leaves_are_removed_by_one_that_runs() {
    let stand = stand();
    tokio::time::sleep(LEASE).await;
    killed_over(stand.folder.path());
    assert_eq!(stand.files().len(), 2);
    tokio::time::sleep(3 * LEASE).await;
    until(|| stand.files().is_empty()).await;
}

/// Everybody who may read a folder may lock what lies in it.
#[tokio::test(start_paused = true)]
async fn a_reader_who_locks_a_copy_or_its_folder_does_not_keep_it() {
    for how in [
        FlockOperation::NonBlockingLockShared,
        FlockOperation::NonBlockingLockExclusive,
    ] {
        let (stand, report) = (stand(), Report::default());
        assert_eq!(delegated(&stand.get(one_time(&report)).await), content(2));
        let copy = stand.files().remove(0);
        let parents = copy.ancestors().take(3);
        let held: Vec<_> = parents.map(|path| File::open(path).unwrap()).collect();
        for held in &held {
            flock(held, how).unwrap();
        }
        tokio::time::sleep(LEASE / 2).await;
        // It is handed out all the same.
        assert_eq!(delegated(&stand.get(one_time(&report)).await), content(2));
        tokio::time::sleep(2 * LEASE).await;
        until(|| stand.files().is_empty()).await;
    }
}

/// As when a program opens its spool before it makes the runtime that it serves in.
#[test]
fn a_spool_that_was_opened_in_a_runtime_that_ended_is_swept_in_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    killed_over(folder.path());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_time().start_paused(true);
    let before = builder.build().unwrap();
    let stand = before.block_on(async { over(folder.path()) });
    drop(before);
    builder.build().unwrap().block_on(async {
        tokio::time::sleep(2 * LEASE).await;
        let other = DownloadResponse::new(Report::default().of(1).cache_key(key("other")));
        assert_eq!(delegated(&stand.get(other).await), content(1));
        tokio::time::sleep(3 * LEASE).await;
        until(|| copies(&folder).len() == 1).await;
    });
}
