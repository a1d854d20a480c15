//! Whether a database is there, as far as anybody found out.
//!
//! A request that the database fails starts an examination: connections are tried, one a second, until one works. Until then
//! requests are refused at once, rather than wait for what is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    /// Seconds since 1970; 0 for never.
    suspected_until: AtomicU64,
}

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// An answer did not come: connections may be dead without knowing it.
    pub(super) fn suspect(&self) {
        let until = now().saturating_add(SUSPICION.as_secs());
        self.suspected_until.store(until, Ordering::Relaxed);
    }

    /// Tests a connection that comes back to the pool, which itself would wait for an answer without end and keep the
    /// connection's place taken meanwhile. Under no suspicion, it is left to the pool.
    ///
    /// # Errors
    ///
    /// The connection is dead: the pool drops it.
    pub(super) async fn check_released<C: Connection>(
        self: Arc<Self>,
        connection: &mut C,
        patience: Duration,
    ) -> Result<bool, sqlx::Error> {
        if now() >= self.suspected_until.load(Ordering::Relaxed) {
            return Ok(true);
        }
        match tokio::time::timeout(patience, connection.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }
}

impl Database {
    /// The database is not there: says so once, and looks until it is back.
    pub(super) fn is_down(self: &Arc<Self>, reason: &sqlx::Error) {
        if !self.health.is_down.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                database = self.name,
                reason = %reason,
                "the database is down; its views answer 503 until it is back"
            );
        }
        if !self.health.is_examined.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).examine(After::Pause));
        }
    }

    /// A request failed in a way that may be the database's state: finds out.
    pub(super) fn has_failed(self: &Arc<Self>) {
        if !self.health.is_examined.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).examine(After::Nothing));
        }
    }

    async fn examine(self: Arc<Self>, first: After) {
        if first == After::Pause {
            tokio::time::sleep(PAUSE).await;
        }
        let since = Instant::now();
        while let Err(reason) = self.try_connection().await {
            self.is_down(&reason);
            tokio::time::sleep(PAUSE).await;
        }
        if self.health.is_down.swap(false, Ordering::Relaxed) {
            let seconds = since.elapsed().as_secs();
            tracing::info!(database = self.name, seconds, "the database is back");
        } else {
            tracing::warn!(
                database = self.name,
                "the database takes connections, yet a request got no answer in time: queries are slow, or `max_connections` too few"
            );
            // Not a line for each of many requests.
            tokio::time::sleep(PAUSE).await;
        }
        self.health.is_examined.store(false, Ordering::Relaxed);
    }
}

/// What an examination begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    Pause,
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
