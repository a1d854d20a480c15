//! Copies that nobody waits for, because the client was told to ask again (`prepare`).
//!
//! A client is told so only when the source has opened the file: what is not there, or is refused,
//! is answered at once. A GET begins the copy. A HEAD begins none, because nobody would come for it.
//!
//! Each such request keeps a seat in the fill for a while, so that it goes on between two of them.
//! If the fill fails meanwhile, the next request learns of it, and those of the minute that follows.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::flight::{Flight, Progress, Seat, wait};
use super::inner::Inner;
use crate::content::Want;
use crate::error::Error;
use crate::file::File;

/// The longest time after which a client is to ask again, in seconds.
const LATEST: u64 = 30;
/// How long the source may take to open a file before its client is told to ask again: for content that is made as it is
/// opened, and while another process makes the copy. What other servers may take is limited by their own time-outs.
const OPENING: Duration = Duration::from_secs(10);

/// Waits until the source has opened the file, or the fill has ended.
pub(super) async fn opened(seat: &mut Seat) -> Progress {
    let until = seat.flight.begun + OPENING;
    let opened = tokio::time::timeout_at(until, wait(seat, true));
    opened.await.unwrap_or(Progress::Opening)
}

/// For a client that only wants to know, while nobody has the copy made: whether the source has the file, and if so, after
/// how many seconds to ask again.
pub(super) async fn foretold(file: &dyn File) -> Result<u64, Error> {
    let head = HeaderMap::new();
    file.open(Want::head(&head).as_source()).await.map(|_| 1)
}

impl Inner {
    /// Keeps a fill going until the client has asked again: after how many seconds it is to do so.
    pub(super) fn prepare(self: &Arc<Self>, seat: Seat) -> u64 {
        let seconds = seconds_left(&seat.flight, &seat.progress.borrow());
        let patience = Duration::from_secs(2 * seconds).max(self.settings.max_idle_fill);
        if seat.flight.keep(Instant::now() + patience) {
            tokio::spawn(Arc::clone(self).keep(seat));
        }
        seconds
    }

    async fn keep(self: Arc<Self>, mut seat: Seat) {
        while let Some(until) = seat.flight.kept_after(Instant::now()) {
            let ended = seat.progress.wait_for(Progress::is_end);
            match tokio::time::timeout_at(until, ended).await {
                Ok(Ok(progress)) => {
                    if let Progress::Failed(why) = *progress {
                        self.unprepared.note(seat.flight.id, why);
                    }
                    return;
                }
                Ok(Err(_)) => return,
                Err(_) => {}
            }
        }
    }
}

/// How long the fill will take, judged by how long it took so far.
fn seconds_left(flight: &Flight, progress: &Progress) -> u64 {
    let taken = flight.begun.elapsed().as_secs_f64();
    let left = match progress {
        Progress::Growing(growing, written) if *written > 0 => {
            let size = growing.metadata.size();
            let left = size.map(|size| size.saturating_sub(*written) as f64);
            left.map_or(taken / 2.0, |left| taken * left / *written as f64)
        }
        _ => taken / 2.0,
    };
    (left.ceil() as u64).clamp(1, LATEST)
}
