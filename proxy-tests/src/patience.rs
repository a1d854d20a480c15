//! Waits for what others do in their own time: for a condition, never for a while.
//!
//! The deadline is no part of what a test says. It is longer than anything takes that works, on a machine that is busy
//! with other tests, and ends what would wait for ever.

use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Looks until it is so.
///
/// # Panics
/// When it is not after a minute, with what was waited for.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    patiently(|| match is_so() {
        true => Ok(()),
        false => Err(format!("waited in vain: {what}")),
    });
}

/// Looks until it is there.
///
/// # Panics
/// When it is not after a minute, with what was seen last.
#[track_caller]
pub fn patiently<T>(mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(seen) => assert!(Instant::now() < deadline, "{seen}"),
        }
        thread::sleep(POLL);
    }
}
