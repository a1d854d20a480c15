//! Copies that could not be made while nobody waited for them (`prepare`): the next request is told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::name::Id;
use super::why::NotSpooled;

/// How long a failure is remembered for the next request.
const REMEMBERED: Duration = Duration::from_secs(300);
/// How many failures are remembered at once.
const FAILURES: usize = 1024;

/// Copies that could not be made while nobody waited.
#[derive(Debug, Default)]
pub(super) struct Unprepared(Mutex<HashMap<Id, (NotSpooled, Instant)>>);

impl Unprepared {
    /// Why the copy could not be made, told once.
    pub(super) fn take(&self, id: Id) -> Option<NotSpooled> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (why, when) = failed.remove(&id)?;
        (when.elapsed() < REMEMBERED).then_some(why)
    }

    pub(super) fn note(&self, id: Id, why: NotSpooled) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, (_, when)| when.elapsed() < REMEMBERED);
        if failed.len() < FAILURES {
            failed.insert(id, (why, Instant::now()));
        }
    }
}
