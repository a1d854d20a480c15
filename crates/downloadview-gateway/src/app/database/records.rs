//! The rows of one object view.
//! For each request of the view:
//!
//! 1. a database known to be down: 503 at once;
//! 2. names that were not checked at start are checked now, by one request for all;
//! 3. the query, bounded by `query_timeout`;
//! 4. a table that was altered meanwhile: checked anew, and asked once more;
//! 5. a failure that may be the database's: `health` examines it.

use std::io;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use downloadview::view::FindRecord;
use downloadview::{BuildError, Error, Result};
use downloadview_sea_orm::{Table, TableError, TableRecord, TableRecords, is_stale};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::Database;

/// How long a table that does not fit is taken not to fit.
const PAUSE: Duration = Duration::from_secs(1);

/// Rows of a table whose names are checked at start, or by the first request that finds the database there.
pub(crate) struct Records {
    database: Arc<Database>,
    table: Table,
    checked: RwLock<Checked>,
    /// Held while the names are checked, so that many requests cause one check.
    checking: tokio::sync::Mutex<()>,
}

/// What is known of the table.
#[derive(Clone)]
enum Checked {
    NotYet,
    Fits(Arc<TableRecords>),
    /// The database was asked then, and has no such table or column.
    Misfit(Instant, String),
}

impl Records {
    pub(super) fn new(
        database: &Arc<Database>,
        table: Table,
        checked: Option<TableRecords>,
    ) -> Self {
        let checked = match checked {
            Some(records) => Checked::Fits(Arc::new(records)),
            None => Checked::NotYet,
        };
        Self {
            database: Arc::clone(database),
            table,
            checked: RwLock::new(checked),
            checking: tokio::sync::Mutex::new(()),
        }
    }

    async fn look_up(&self, request: &Parts) -> Result<Option<TableRecord>> {
        let found = self.records().await?.find(request).await;
        if !found.as_ref().is_err_and(is_stale) {
            return found;
        }
        // The table was altered: whatever was known of it may be wrong.
        self.database.health.renew();
        self.set(Checked::NotYet);
        self.records().await?.find(request).await
    }

    async fn records(&self) -> Result<Arc<TableRecords>> {
        if let Some(known) = self.known() {
            return known;
        }
        let _alone = self.checking.lock().await;
        if let Some(known) = self.known() {
            return known;
        }
        match self.table.records(self.database.pool.clone()).await {
            Ok(records) => {
                let records = Arc::new(records);
                self.set(Checked::Fits(Arc::clone(&records)));
                Ok(records)
            }
            Err(error) if is_misfit(&error) => {
                self.set(Checked::Misfit(Instant::now(), error.to_string()));
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn known(&self) -> Option<Result<Arc<TableRecords>>> {
        let checked = self.checked.read().unwrap_or_else(PoisonError::into_inner);
        match &*checked {
            Checked::Fits(records) => Some(Ok(Arc::clone(records))),
            Checked::Misfit(since, what) if since.elapsed() < PAUSE => {
                let what = what.clone();
                Some(Err(BuildError::new(what).into()))
            }
            Checked::NotYet | Checked::Misfit(..) => None,
        }
    }

    fn set(&self, checked: Checked) {
        *self.checked.write().unwrap_or_else(PoisonError::into_inner) = checked;
    }
}

/// Whether the database answered, and has no such table or column.
fn is_misfit(error: &TableError) -> bool {
    !matches!(error, TableError::TimedOut | TableError::Database(_))
}

impl FindRecord for Records {
    type Record = TableRecord;

    /// The query runs on when its client has gone (the listener keeps half-closed connections), so that its end is
    /// known.
    async fn find(&self, request: &Parts) -> Result<Option<TableRecord>> {
        let database = &self.database;
        if database.health.is_down() {
            let down = io::Error::new(io::ErrorKind::NotConnected, "the database is down");
            return Err(Error::known_outage(down));
        }
        let mut found = pin!(self.look_up(request));
        let outcome = match tokio::time::timeout(database.query_timeout, found.as_mut()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // Before the query is dropped at the end of this function, and its connection goes back to the pool.
                database.health.suspect();
                let late = "the database did not answer in time";
                Err(Error::unavailable(io::Error::new(
                    io::ErrorKind::TimedOut,
                    late,
                )))
            }
        };
        if let Err(Error::Unavailable { source, .. }) = &outcome {
            database.has_failed(source.to_string());
        }
        outcome
    }
}

/// A parameter of the route as a text. What is not valid UTF-8 is in no row. 404 too: an escaped slash, and segments
/// `.` and `..`. The router saw no slash, and who is asked whether the client may is not told such segments.
pub(super) fn lookup(parameter: &str) -> Result<String> {
    let mut segments = parameter.split('/').map(percent_decode_str);
    let odd = |segment: Vec<u8>| segment.contains(&b'/') || matches!(&*segment, b"." | b"..");
    if segments.any(|segment| odd(segment.collect())) {
        return Err(Error::NotFound);
    }
    let decoded = percent_decode_str(parameter).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_the_router_saw_and_an_authorizer_is_told() {
        for (parameter, expected) in [
            ("a%20b/c", Some("a b/c")),
            ("a//b", Some("a//b")),
            ("%2E.a/...", Some("..a/...")),
            ("a%252Fb", Some("a%2Fb")),
            ("", Some("")),
            ("private%2Fa", None),
            ("./a", None),
            ("a/%2e/b", None),
            ("a/.", None),
            ("%2e%2E/a", None),
            ("%FF", None),
        ] {
            assert_eq!(lookup(parameter).ok().as_deref(), expected, "{parameter}");
        }
    }
}
