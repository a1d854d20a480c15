//! Copies that could not be made for clients that would be told to ask again (`prepare`): those who
//! ask for them are told for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::name::Id;
use super::why::NotSpooled;

/// How long a failure is remembered until somebody asks.
const REMEMBERED: Duration = Duration::from_secs(300);
/// How long it is told after the first one has asked: twice the longest `Retry-After`. A HEAD and the GET that follows it, or
/// two clients, must hear the same.
const TOLD: Duration = Duration::from_secs(60);
/// How many failures are remembered at once.
const FAILURES: usize = 1024;

/// Copies that could not be made.
#[derive(Debug, Default)]
pub(super) struct Unprepared(Mutex<HashMap<Id, Failure>>);

/// A copy that could not be made.
#[derive(Debug)]
struct Failure {
    why: NotSpooled,
    until: Instant,
    is_told: bool,
}

impl Unprepared {
    /// Why the copy could not be made, if it is not time to try again.
    pub(super) fn of(&self, id: Id) -> Option<NotSpooled> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        failed.retain(|_, failure| now < failure.until);
        let failure = failed.get_mut(&id)?;
        if !failure.is_told {
            failure.is_told = true;
            failure.until = now + TOLD;
        }
        Some(failure.why)
    }

    /// Notes a failure that nobody has heard of.
    pub(super) fn note(&self, id: Id, why: NotSpooled) {
        self.insert(id, why, false);
    }

    /// Notes a failure that somebody was just told of.
    pub(super) fn note_told(&self, id: Id, why: NotSpooled) {
        self.insert(id, why, true);
    }

    fn insert(&self, id: Id, why: NotSpooled, is_told: bool) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        failed.retain(|_, failure| now < failure.until);
        if failed.len() < FAILURES {
            let failure = Failure {
                why,
                until: now + if is_told { TOLD } else { REMEMBERED },
                is_told,
            };
            failed.insert(id, failure);
        }
    }
}
