//! The rows of one object view.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use downloadview::view::FindRecord;
use downloadview::{Error, Result};
use downloadview_sea_orm::{Table, TableRecord, TableRecords};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use tokio::sync::OnceCell;

use super::Database;
use crate::app::Captured;

/// Rows of a table whose names are checked at start, or by the first request that finds the database there.
pub(crate) struct Records {
    pub(super) database: Arc<Database>,
    pub(super) table: Table,
    pub(super) checked: OnceCell<TableRecords>,
}

impl Records {
    async fn look_up(&self, request: &Parts) -> Result<Option<TableRecord>> {
        let pool = || self.database.pool.clone();
        let check = || async { self.table.records(pool()).await };
        let records = self.checked.get_or_try_init(check).await?;
        records.find(request).await
    }
}

impl FindRecord for Records {
    type Record = TableRecord;

    async fn find(&self, request: &Parts) -> Result<Option<TableRecord>> {
        let database = &self.database;
        if database.health.is_down() {
            return Err(unavailable("the database is down"));
        }
        let mut found = pin!(self.look_up(request));
        let outcome = match tokio::time::timeout(database.query_timeout, found.as_mut()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // Before the query is dropped at the end of this function, and its connection goes back to the pool.
                database.health.suspect();
                Err(unavailable("the database did not answer in time"))
            }
        };
        if let Err(Error::Unavailable { .. }) = outcome {
            database.has_failed();
        }
        outcome
    }
}

/// The route's parameter as a text; what is no UTF-8 is in no row.
pub(super) fn lookup(request: &Parts) -> Result<String> {
    let captured = request.extensions.get::<Captured>();
    let captured = captured.map_or("", |Captured(value)| value);
    let decoded = percent_decode_str(captured).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::NotFound)
}

fn unavailable(what: &'static str) -> Error {
    Error::Unavailable {
        source: io::Error::other(what),
    }
}
