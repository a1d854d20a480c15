//! Leases and ages, by a clock that the tests set. The clock on the wall, and the dates of the files, do not count.

use std::time::{Duration, SystemTime};

use downloadview::DownloadResponse;
use downloadview::spool::NotSpooled;

use crate::stand::{FRAME, Remote, Report, Stand, content, delegated, key, outcome, sent, why};

const LEASE: Duration = Duration::from_secs(100);
const HOUR: Duration = Duration::from_secs(3600);

/// Sets the dates of everything in the folder as if the clock had jumped.
fn jump(stand: &Stand, to: SystemTime) {
    for path in stand.files() {
        let file = std::fs::File::options().read(true).open(path).unwrap();
        file.set_modified(to).unwrap();
    }
}

/// What another clock, or a restored folder, leaves on the files changes no lease.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ends_no_lease_and_lengthens_none() {
    let now = SystemTime::now();
    for there in [now + HOUR, now - HOUR, SystemTime::UNIX_EPOCH] {
        let stand = Stand::with(|spool| spool.lease(LEASE).max_bytes(2 * FRAME as u64));
        let get = async |name: &str| {
            let file = Report::default().of(1).size(FRAME as u64);
            stand
                .get(DownloadResponse::new(file.cache_key(key(name))))
                .await
        };
        let handed = [get("a").await, get("b").await];
        jump(&stand, there);
        tokio::time::sleep(LEASE - Duration::from_secs(1)).await;
        let response = get("c").await;
        assert_eq!(why(&response), Some(NotSpooled::Full), "all leases run");
        assert_eq!(sent(response).await.unwrap(), content(1));
        handed
            .iter()
            .for_each(|it| assert_eq!(delegated(it), content(1)));
        // Whoever finds a changed mark grants one lease more, and no longer.
        for _ in 0..2 {
            tokio::time::sleep(2 * LEASE).await;
            let _ = get("c").await;
        }
        tokio::time::sleep(2 * LEASE).await;
        assert_eq!(outcome(&get("c").await).kind(), "delegated", "{there:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_makes_no_copy_older_or_younger() {
    let now = SystemTime::now();
    for there in [now + HOUR, now - HOUR] {
        let remote = Remote::default();
        let get = async |stand: &Stand| stand.get(DownloadResponse::new(remote.clone())).await;
        let before = Stand::new();
        assert_eq!(delegated(&get(&before).await), remote.content());
        jump(&before, there);
        // Who knows a copy does not use it once it was dated anew; who finds it so does.
        let stand = Stand::over(before.folder, |spool| spool.max_age(LEASE));
        assert_eq!(delegated(&get(&stand).await), remote.content());
        assert_eq!(remote.times(), 2, "it was asked about");
        tokio::time::sleep(LEASE - Duration::from_secs(1)).await;
        assert_eq!(delegated(&get(&stand).await), remote.content());
        assert_eq!(remote.times(), 2, "it is still fresh");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(delegated(&get(&stand).await), remote.content());
        assert_eq!(remote.times(), 3, "it was asked about");
        assert_eq!(stand.spool.counters().fills, 0);
    }
}
