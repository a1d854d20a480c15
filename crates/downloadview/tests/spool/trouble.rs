//! A source or a disk that fails: what is answered then, what is logged, and that it recovers.

use std::io::{Seek as _, Write as _};
use std::time::Duration;

use downloadview::DownloadResponse;
use downloadview::spool::{Fill, NotSpooled, Spool, SpoolBuilder};

use crate::disk::Disk;
use crate::log::{logged, warnings};
use crate::logs::Log;
use crate::stand::{
    FRAME, Remote, Report, Stand, content, delegated, failing, key, outcome, sent, until, why,
};

/// Asks three times while something is wrong: each is streamed for this reason, and it is said once.
async fn assert_streamed_because(stand: &Stand, log: &Log, reason: NotSpooled) {
    let before = warnings(log).len();
    for number in 0..3 {
        let file = Report::default().of(2).size(2 * FRAME as u64);
        let file = file.cache_key(key(&format!("{reason:?}-{number}")));
        let response = stand.get(DownloadResponse::new(file)).await;
        assert_eq!(why(&response), Some(reason));
        assert_eq!(sent(response).await.unwrap(), content(2));
    }
    let said = &warnings(log)[before..];
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains(&reason.to_string()), "{said:#?}");
    let held = stand.spool.counters();
    assert_eq!(
        held.streamed.iter().find(|(it, _)| *it == reason),
        Some(&(reason, 3))
    );
}

async fn assert_spools(stand: &Stand, name: &str) {
    let file = Report::default().of(1).cache_key(key(name));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!(delegated(&response), content(1), "{:?}", outcome(&response));
}

/// The disk goes before the folder: it is to be declared after it.
fn over_disk(options: &str) -> (Stand, Disk) {
    over_disk_with(options, |spool| spool)
}

fn over_disk_with(options: &str, set: impl FnOnce(SpoolBuilder) -> SpoolBuilder) -> (Stand, Disk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::over(folder.path(), options);
    (Stand::over(folder, set), disk)
}

/// Clients may ask for as many as they like.
#[tokio::test]
async fn what_no_source_has_leaves_nothing_on_the_disk() {
    let (stand, remote) = (Stand::new(), Remote::default());
    let lies_there = || {
        let entries = std::fs::read_dir(stand.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.filter(|name| name != "private").collect();
        names.sort();
        names
    };
    let before = lies_there();
    remote.lose();
    let response = stand.get(DownloadResponse::new(remote.clone())).await;
    assert_eq!(response.status(), 404);
    assert_eq!(lies_there(), before);
    // Nor does what breaks off.
    let file = failing(2).cache_key(key("broken"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!(response.status(), 500, "{response:?}");
    assert_eq!(lies_there(), before);
    // A part goes on another thread.
    until(|| stand.files().is_empty()).await;
}

#[tokio::test]
async fn a_disk_that_is_full_costs_no_download_and_is_used_again_when_there_is_room() {
    let (log, _guard) = logged();
    let (stand, _disk) = over_disk("size=1m,mode=750");
    assert_spools(&stand, "before").await;
    let ballast = stand.folder.path().join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[b'x'; 4096]).is_ok() {}
    assert_streamed_because(&stand, &log, NotSpooled::DiskFull).await;
    file.rewind().unwrap();
    file.set_len(0).unwrap();
    assert_spools(&stand, "after").await;
}

/// No length is known, so nothing is set aside: the disk is found full in the middle.
#[tokio::test]
async fn a_disk_that_fills_up_amid_a_file_costs_no_download() {
    let (stand, _disk) = over_disk("size=1m,mode=750");
    let frames = (3 << 20) / FRAME;
    let report = Report::default();
    let file = report.of(frames).cache_key(key("report"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!(why(&response), Some(NotSpooled::DiskFull));
    assert!(sent(response).await.unwrap() == content(frames));
    assert_eq!(report.times(), 1);
    assert_spools(&stand, "after").await;
}

#[tokio::test]
async fn what_is_to_stay_free_stays_free() {
    let (log, _guard) = logged();
    let free = (1 << 20) - 15_000;
    let (stand, _disk) = over_disk_with("size=1m,mode=750", |spool| spool.min_free_bytes(free));
    assert_streamed_because(&stand, &log, NotSpooled::DiskFull).await;
    assert_spools(&stand, "small enough").await;
}

#[tokio::test]
async fn a_disk_without_inodes_costs_no_download() {
    let (log, _guard) = logged();
    let (stand, disk) = over_disk("size=1m,nr_inodes=40,mode=750");
    assert_streamed_because(&stand, &log, NotSpooled::DiskFull).await;
    disk.remount("remount,nr_inodes=4000");
    assert_spools(&stand, "after").await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_read_only_costs_no_download_and_is_used_again() {
    let (log, _guard) = logged();
    let (stand, disk) = over_disk("size=1m,mode=750");
    assert_spools(&stand, "before").await;
    disk.remount("remount,ro");
    assert_streamed_because(&stand, &log, NotSpooled::ReadOnly).await;
    // What is there is still handed out, also when others were to be told of it, and the next process
    // can open the folder.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_spools(&stand, "before").await;
    Spool::open(stand.folder.path()).unwrap();
    disk.remount("remount,rw");
    assert_spools(&stand, "after").await;
}

/// What others put there while they may is never used, and nothing is made for them to change.
#[tokio::test(start_paused = true)]
async fn a_folder_that_lets_others_write_is_not_used_until_it_does_no_longer() {
    use std::os::unix::fs::PermissionsExt as _;

    let (log, _guard) = logged();
    let stand = Stand::new();
    assert_spools(&stand, "before").await;
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(stand.folder.path(), mode).unwrap();
    };
    set_mode(0o770);
    // Its path is looked at once a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_streamed_because(&stand, &log, NotSpooled::NotOurs).await;
    let file = Report::default().of(1).cache_key(key("before"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!(
        why(&response),
        Some(NotSpooled::NotOurs),
        "nor what was there"
    );
    set_mode(0o750);
    let report = Report::default();
    let file = report.of(1).cache_key(key("before"));
    let response = stand.get(DownloadResponse::new(file)).await;
    assert_eq!((delegated(&response), report.times()), (content(1), 0));
    assert_spools(&stand, "after").await;
}

/// Who opens it to the proxy need not start the program anew: copies are made as the folder is now.
#[tokio::test(start_paused = true)]
async fn copies_are_for_whom_the_folder_is_for_now() {
    use std::os::unix::fs::PermissionsExt as _;

    let stand = Stand::new();
    let set_mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(stand.folder.path(), mode).unwrap();
    };
    set_mode(0o750);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_spools(&stand, "before").await;
    set_mode(0o755);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_spools(&stand, "after").await;
    let mut modes = Vec::new();
    let mut folders = vec![stand.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("private") => {}
                true => folders.push(path),
                false => modes.push(path.metadata().unwrap().permissions().mode() & 0o777),
            }
        }
    }
    modes.sort_unstable();
    assert_eq!(modes, [0o440, 0o444]);
}

/// Another folder takes the place of the first: what lies in it is taken in.
#[tokio::test]
async fn a_folder_that_is_replaced_is_taken_as_it_is() {
    let outer = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| {
        let folder = tempfile::tempdir_in(outer.path()).unwrap();
        Stand::over(folder, |spool| spool)
    });
    assert_spools(&first, "a").await;
    assert_spools(&second, "b").await;
    let here = first.folder.path();
    std::fs::rename(here, outer.path().join("gone")).unwrap();
    std::fs::rename(second.folder.path(), here).unwrap();
    // Its path is looked at once a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let report = Report::default();
    let get = async |name: &str| {
        let file = report.of(1).cache_key(key(name));
        first.get(DownloadResponse::new(file)).await
    };
    let made_anew = get("a").await;
    assert_eq!(delegated(&made_anew), content(1));
    assert_eq!(delegated(&get("b").await), content(1));
    assert_eq!(report.times(), 1, "`b` was there");
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_used_for_a_while_if_its_source_fails() {
    for stale in [Duration::ZERO, Duration::from_secs(100)] {
        for fill in [Fill::Before, Fill::While] {
            let age = Duration::from_secs(10);
            let set = |spool: SpoolBuilder| spool.max_age(age).fill(fill);
            let stand = Stand::with(|spool| set(spool).stale_if_error(stale));
            let remote = Remote::default();
            let get = async || stand.get(DownloadResponse::new(remote.clone())).await;
            let first = get().await;
            if fill == Fill::Before {
                assert_eq!(delegated(&first), remote.content());
            } else {
                assert_eq!(sent(first).await.unwrap(), remote.content());
            }
            tokio::time::sleep(Duration::from_secs(20)).await;
            remote.fail(true);
            match stale.is_zero() {
                true => assert_eq!(get().await.status(), 503),
                false => {
                    assert_eq!(delegated(&get().await), remote.content());
                    assert_eq!(stand.spool.counters().stale, 1);
                    tokio::time::sleep(Duration::from_secs(100)).await;
                    assert_eq!(get().await.status(), 503, "it is too old by now");
                }
            }
            remote.fail(false);
            assert_eq!(
                delegated(&get().await),
                remote.content(),
                "it was still good"
            );
            assert_eq!(stand.spool.counters().fills, 1);
        }
    }
}

/// A source that says that the file is gone has not failed.
#[tokio::test(start_paused = true)]
async fn a_copy_of_a_file_that_is_gone_is_not_used() {
    let stand = Stand::with(|spool| {
        let spool = spool.max_age(Duration::from_secs(10));
        spool.stale_if_error(Duration::from_secs(1000))
    });
    let remote = Remote::default();
    let get = async || stand.get(DownloadResponse::new(remote.clone())).await;
    assert_eq!(delegated(&get().await), remote.content());
    tokio::time::sleep(Duration::from_secs(20)).await;
    remote.lose();
    assert_eq!(get().await.status(), 404);
}

/// As when an administrator clears the folder beside a running program.
#[tokio::test(start_paused = true)]
async fn a_copy_that_somebody_removed_is_made_anew_though_its_source_says_it_is_still_good() {
    let stand = Stand::with(|spool| spool.max_age(Duration::from_secs(10)));
    let remote = Remote::default();
    let get = async || stand.get(DownloadResponse::new(remote.clone())).await;
    assert_eq!(delegated(&get().await), remote.content());
    tokio::time::sleep(Duration::from_secs(1000)).await;
    for file in stand.files() {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(delegated(&get().await), remote.content());
    assert_eq!(stand.spool.counters().fills, 2);
}
