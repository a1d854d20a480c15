//! Copies that somebody else put there, or wrote to, while the folder let him: they are not handed out
//! though the index knows their names.

use std::fs::{File, OpenOptions, Permissions, set_permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::time::Duration;

use downloadview::DownloadResponse;
use downloadview::spool::NotSpooled;
use http::Response;

use crate::log::logged;
use crate::logs::Log;
use crate::stand::{FRAME, Report, Stand, content, delegated, key, sent, why};

async fn get(stand: &Stand, report: &Report) -> Response<downloadview::DownloadBody> {
    let file = report.of(1).cache_key(key("report"));
    stand.get(DownloadResponse::new(file)).await
}

fn set_mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn other() -> Vec<u8> {
    vec![b'!'; FRAME]
}

fn said(log: &Log) -> usize {
    let mut lines = log.lines();
    lines.retain(|line| line.contains("WARN") && line.contains("a copy in the spool was changed"));
    lines.len()
}

/// Has the copy changed by `alter`, and sees that it is made anew, and that an operator is told once.
async fn assert_made_anew(alter: impl Fn(&Path)) {
    let (log, _guard) = logged();
    let (stand, report) = (Stand::new(), Report::default());
    assert_eq!(delegated(&get(&stand, &report).await), content(1));
    for times in [2, 3] {
        alter(&stand.files()[0]);
        for _ in 0..2 {
            assert_eq!(delegated(&get(&stand, &report).await), content(1));
        }
        assert_eq!((report.times(), stand.files().len()), (times, 1));
        assert_eq!(said(&log), 1);
    }
}

#[tokio::test]
async fn a_copy_that_others_may_write_is_made_anew() {
    assert_made_anew(|copy| {
        set_mode(copy, 0o460);
        OpenOptions::new()
            .write(true)
            .open(copy)
            .unwrap()
            .write_all(&other())
            .unwrap();
    })
    .await;
}

/// Whoever opened it while he might writes to it later.
#[tokio::test]
async fn a_copy_that_was_written_to_is_made_anew_though_nobody_may_write_any_more() {
    assert_made_anew(|copy| {
        set_mode(copy, 0o640);
        let mut file = OpenOptions::new().write(true).open(copy).unwrap();
        set_mode(copy, 0o440);
        file.write_all(&other()).unwrap();
        let later = std::time::SystemTime::now() + Duration::from_secs(5);
        file.set_modified(later).unwrap();
    })
    .await;
}

/// It takes root to make it.
#[tokio::test]
async fn a_file_of_another_user_in_the_place_of_a_copy_is_not_handed_out() {
    assert_made_anew(|copy| {
        std::fs::remove_file(copy).unwrap();
        File::create(copy).unwrap().write_all(&other()).unwrap();
        set_mode(copy, 0o440);
        chown(copy, Some(12_345), None).unwrap();
    })
    .await;
}

/// As a process beside this one does that found no room for it, and then made it again.
#[tokio::test]
async fn a_copy_that_another_process_made_anew_is_taken() {
    let (log, _guard) = logged();
    let (stand, report) = (Stand::new(), Report::default());
    assert_eq!(delegated(&get(&stand, &report).await), content(1));
    let copy = stand.files().remove(0);
    let twin = copy.with_extension("twin");
    std::fs::write(&twin, content(1)).unwrap();
    set_mode(&twin, 0o440);
    std::fs::rename(&twin, &copy).unwrap();
    assert_eq!(delegated(&get(&stand, &report).await), content(1));
    assert_eq!((report.times(), said(&log)), (1, 0));
}

/// It takes root to make it; for root, a folder may belong to anybody, but not to another one than at the start.
#[tokio::test]
async fn a_folder_of_another_owner_in_the_place_of_the_first_is_not_used() {
    let outer = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| {
        let folder = tempfile::tempdir_in(outer.path()).unwrap();
        Stand::over(folder, |spool| spool)
    });
    let report = Report::default();
    assert_eq!(delegated(&get(&first, &report).await), content(1));
    assert_eq!(delegated(&get(&second, &report).await), content(1));
    std::fs::write(&second.files()[0], other()).unwrap();
    let (here, gone) = (first.folder.path(), outer.path().join("gone"));
    let theirs = second.folder.path();
    let owned = [theirs.to_owned()].into_iter().chain(second.files());
    for path in owned {
        chown(path, Some(12_345), None).unwrap();
    }
    std::fs::rename(here, &gone).unwrap();
    std::fs::rename(theirs, here).unwrap();
    // Its path is looked at once a second.
    let await_look = || tokio::time::sleep(Duration::from_millis(1100));
    await_look().await;
    for _ in 0..2 {
        let response = get(&first, &report).await;
        assert_eq!(why(&response), Some(NotSpooled::NotOurs));
        assert_eq!(sent(response).await.unwrap(), content(1));
    }
    std::fs::rename(here, theirs).unwrap();
    std::fs::rename(&gone, here).unwrap();
    await_look().await;
    let times = report.times();
    assert_eq!(delegated(&get(&first, &report).await), content(1));
    assert_eq!(report.times(), times, "it was there");
}
