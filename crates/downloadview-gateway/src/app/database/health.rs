//! Whether a database is there, as far as anybody found out.
//!
//! A request that the database fails starts an examination: connections are tried, one a second, until one works. Until then
//! requests are refused at once, rather than wait for what is not there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::{self, Connection};

use super::Database;

/// Between two tries of a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a database whose answer did not come is under suspicion.
const SUSPICION: Duration = Duration::from_secs(60);

/// What is known of a database. It is thought to be there until it fails a request.
#[derive(Debug, Default)]
pub(super) struct Health {
    is_down: AtomicBool,
    is_examined: AtomicBool,
    moments: Mutex<Moments>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Moments {
    suspected_until: Option<Instant>,
    renewed: Option<Instant>,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Whether somebody is finding out how the database is.
    pub(super) fn is_examined(&self) -> bool {
        self.is_examined.load(Ordering::Relaxed)
    }

    /// An answer did not come: connections may be dead without knowing it.
    pub(super) fn suspect(&self) {
        self.change(|moments| moments.suspected_until = Some(Instant::now() + SUSPICION));
    }

    /// Connections opened so far are not to be used again: they remember tables as they were.
    pub(super) fn renew(&self) {
        self.change(|moments| moments.renewed = Some(Instant::now()));
    }

    /// Whether a connection of this age is older than the last renewal.
    pub(super) fn is_outdated(&self, age: Duration) -> bool {
        let renewed = self.moments().renewed;
        renewed.is_some_and(|renewed| renewed.elapsed() <= age)
    }

    /// Tests a connection that comes back to the pool, which itself would wait for an answer without end and keep the
    /// connection's place taken meanwhile. Under no suspicion, it is left to the pool. An outdated one is to be closed.
    ///
    /// # Errors
    ///
    /// The connection is dead: the pool drops it.
    pub(super) async fn check_released<C: Connection>(
        self: Arc<Self>,
        connection: &mut C,
        age: Duration,
        patience: Duration,
    ) -> Result<bool, sqlx::Error> {
        if self.is_outdated(age) {
            return Ok(false);
        }
        let suspected_until = self.moments().suspected_until;
        if suspected_until.is_none_or(|until| until <= Instant::now()) {
            return Ok(true);
        }
        match tokio::time::timeout(patience, connection.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => {
                let late = io::Error::new(io::ErrorKind::TimedOut, "no answer to a ping");
                Err(sqlx::Error::Io(late))
            }
        }
    }

    fn moments(&self) -> Moments {
        *self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Moments)) {
        change(&mut self.moments.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Database {
    /// The database is not there: says so, and looks until it is back.
    pub(super) fn is_down(self: &Arc<Self>, reason: &sqlx::Error) {
        self.say_down(&reason.to_string(), None);
        if !self.health.is_examined.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).examine(After::Pause, String::new()));
        }
    }

    /// A request failed for this reason, which may be the database's state: finds out.
    pub(super) fn has_failed(self: &Arc<Self>, reason: String) {
        if !self.health.is_examined.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).examine(After::Nothing, reason));
        }
    }

    /// Once for each reason in turn.
    fn say_down(&self, reason: &str, said: Option<&str>) {
        let is_known = self.health.is_down.swap(true, Ordering::Relaxed);
        if !is_known || said.is_some_and(|said| said != reason) {
            tracing::warn!(
                database = self.name,
                reason,
                "the database is down; its views answer 503 until it is back"
            );
        }
    }

    async fn examine(self: Arc<Self>, first: After, why: String) {
        if first == After::Pause {
            tokio::time::sleep(PAUSE).await;
        }
        let since = Instant::now();
        let mut said = None;
        while let Err(reason) = self.try_connection().await {
            if is_full(&reason) {
                // It is there, and the pool has connections of its own.
                break;
            }
            let reason = reason.to_string();
            self.say_down(&reason, said.as_deref());
            said = Some(reason);
            tokio::time::sleep(PAUSE).await;
        }
        if self.health.is_down.swap(false, Ordering::Relaxed) {
            let seconds = since.elapsed().as_secs();
            tracing::info!(database = self.name, seconds, "the database is back");
        } else {
            tracing::warn!(
                database = self.name,
                reason = why,
                "the database is there, yet failed a request: queries may be slow, or `max_connections` too few"
            );
            // Not a line for each of many requests.
            tokio::time::sleep(PAUSE).await;
        }
        self.health.is_examined.store(false, Ordering::Relaxed);
    }
}

/// Whether the database refuses only for want of room: it has too many connections, of everybody or of this user.
pub(super) fn is_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => matches!(error.number(), 1040 | 1203 | 1226),
        None => error.code().as_deref() == Some("53300"),
    }
}

/// What an examination begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Pause,
}
