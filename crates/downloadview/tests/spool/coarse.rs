//! A folder on a file system that keeps whole seconds of its times, as ext4 with inodes of 128 bytes does.

use std::path::Path;
use std::time::{Duration, SystemTime};

use downloadview::DownloadResponse;
use downloadview::spool::Spool;

use crate::disk::Disk;
use crate::stand::{FRAME, Report, Stand, content, delegated, files_below, front, key};

const LEASE: Duration = Duration::from_secs(100);

/// One of the processes over `folder`, which holds two copies.
fn process(folder: &Path) -> Stand {
    let spool = Spool::builder(folder).min_free_bytes(0);
    let spool = spool
        .lease(LEASE)
        .max_bytes(2 * FRAME as u64)
        .open()
        .unwrap();
    let front = front(&spool);
    let folder = tempfile::tempdir().unwrap();
    Stand {
        folder,
        spool,
        front,
    }
}

fn file(name: &str) -> DownloadResponse {
    let file = Report::default().of(1).size(FRAME as u64);
    DownloadResponse::new(file.cache_key(key(name)))
}

/// The file system notes changes by the clock on the wall.
fn await_another_second() {
    let second = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let began = second();
    while second() == began {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(start_paused = true)]
async fn where_times_have_whole_seconds_leases_of_other_processes_count_and_copies_go_all_the_same()
{
    let (outer, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Disk::of_whole_seconds(folder.path(), &outer.path().join("image"));
    let [one, other] = [(); 2].map(|()| process(folder.path()));
    for name in ["a", "b"] {
        assert_eq!(delegated(&one.get(file(name)).await), content(1));
    }
    // Its leases are over, but the other one hands both out.
    tokio::time::sleep(2 * LEASE).await;
    await_another_second();
    let handed = [other.get(file("a")).await, other.get(file("b")).await];
    assert_eq!(delegated(&one.get(file("c")).await), content(1));
    for handed in &handed {
        assert_eq!(delegated(handed), content(1), "its lease runs");
    }
    // Nobody hands them out any more: they make room.
    for name in ["d", "e"] {
        tokio::time::sleep(2 * LEASE).await;
        assert_eq!(delegated(&one.get(file(name)).await), content(1));
    }
    assert_eq!(files_below(folder.path()).len(), 2);
    drop((one, other));
    drop(disk);
}
