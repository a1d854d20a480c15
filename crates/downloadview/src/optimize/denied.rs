//! Refused permissions in the log: told one by one, but never more than one in a second, so that
//! somebody who tries signatures cannot fill the disk. How many went untold is said with the next.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Denial;

/// At most one event in this time; the others are events of the level DEBUG.
const PAUSE: Duration = Duration::from_secs(1);

/// When the last one was told, and how many were not since.
struct Told {
    last: Option<Instant>,
    untold: u64,
}

static TOLD: Mutex<Told> = Mutex::new(Told {
    last: None,
    untold: 0,
});

/// One log event: without the query, which holds the signature.
pub(super) fn log(denial: &Denial, path: &str, route: Option<&str>) {
    let turn = {
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        told.turn(Instant::now())
    };
    match turn {
        Some(untold) => {
            tracing::info!(outcome = "denied", reason = %denial, path, route, not_logged = untold, "download");
        }
        None => tracing::debug!(outcome = "denied", reason = %denial, path, route, "download"),
    }
}

impl Told {
    /// Whether it may be told now, and then how many were not.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        let recently = |last| now.saturating_duration_since(last) < PAUSE;
        if self.last.is_some_and(recently) {
            self.untold += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_refusals_in_a_second_are_one_event_and_a_number() {
        let mut told = Told {
            last: None,
            untold: 0,
        };
        let start = Instant::now();
        let within = (0..10_000).map(|n| start + Duration::from_micros(n * 99));
        let events = within.filter_map(|now| told.turn(now));
        assert_eq!(events.collect::<Vec<_>>(), [0]);
        assert_eq!(told.turn(start + PAUSE), Some(9_999));
    }
}
