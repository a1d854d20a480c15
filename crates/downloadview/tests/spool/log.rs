//! What is logged, and the event that each fill leaves.

use downloadview::DownloadResponse;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::logs::Log;
use crate::stand::{FRAME, Report, Stand, content, delegated, failing, key, sent};

/// Takes what this thread logs from now on, until the guard goes.
pub(crate) fn logged() -> (Log, DefaultGuard) {
    Log::begin(Level::DEBUG)
}

/// Why downloads were streamed.
pub(crate) fn warnings(log: &Log) -> Vec<String> {
    let mut lines = log.lines();
    lines.retain(|line| line.contains("WARN") && line.contains("streamed"));
    lines
}

/// The event of each fill, in order.
fn fills(log: &Log) -> Vec<String> {
    let mut lines = log.lines();
    lines.retain(|line| line.contains("a fill of the spool ended"));
    lines
}

#[tokio::test]
async fn each_fill_leaves_one_event_that_does_not_tell_the_file() {
    let (log, _guard) = logged();
    let stand = Stand::with(|spool| spool.max_file_bytes(3 * FRAME as u64));
    let secret = key("/private/report.csv?token=secret");
    let get = || {
        let file = Report::default().of(2).cache_key(secret.clone());
        stand.get(DownloadResponse::new(file).basename("secret.csv"))
    };
    for response in futures_util::future::join_all((0..4).map(|_| get())).await {
        assert_eq!(delegated(&response), content(2));
    }
    assert_eq!(delegated(&get().await), content(2));
    let bad = failing(1).cache_key(key("bad"));
    assert!(
        !stand
            .get(DownloadResponse::new(bad))
            .await
            .status()
            .is_success()
    );
    let large = Report::default().of(4).size(4 * FRAME as u64);
    let large = DownloadResponse::new(large.cache_key(key("large")));
    assert_eq!(sent(stand.get(large).await).await.unwrap(), content(4));

    let fills = fills(&log);
    let expected = [
        &["outcome=\"made\"", "bytes=20000", "joined=3", "duration="][..],
        &[
            "outcome=\"failed\"",
            "reason=\"the source of the file failed\"",
            "joined=0",
        ],
        &["outcome=\"failed\"", "larger than a copy may be", "bytes=0"],
    ];
    assert_eq!(fills.len(), expected.len(), "{fills:#?}");
    for (line, expected) in fills.iter().zip(expected) {
        for part in expected {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(line.contains("DEBUG"), "{line}");
        for secret in ["secret", "private", "?", "/", &secret.to_string()[..8]] {
            let fields = line.split_once("ended").unwrap().1;
            assert!(!fields.contains(secret), "{secret}: {line}");
        }
    }
}
