//! One statement for each request: made once, run with the value that is looked for, its row read.
//!
//! 1. The text of the request becomes a value of the lookup column's type; if it cannot, there is
//!    no row (404).
//! 2. The value is put into the statement as its first bound value ([`Template`]).
//! 3. The statement is run within its time-out. It asks for at most two rows; two are 404 and a
//!    warning.
//! 4. `row` reads the columns. A file name that is not a text is 404; every other value that does
//!    not fit is ignored.
//!
//! Each complaint about a column is logged at most once a minute.

use std::sync::Arc;
use std::time::Duration;

use downloadview::said::OncePerMinute;
use downloadview::{Error, Result};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement, Value};

use crate::failure;
use crate::kind::Kind;
use crate::row::{Described, Selected, Unfit, describe};

/// How long a statement may take by default.
pub(crate) const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// What all requests of a view share.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) db: DatabaseConnection,
    pub(crate) table: String,
    pub(crate) lookup: Kind,
    /// The selected columns, in the order of the statement.
    pub(crate) columns: Vec<Selected>,
    pub(crate) timeout: Duration,
    pub(crate) complaints: Arc<Complaints>,
}

/// What was logged about rows lately, so that no client can cause a line for each request.
pub(crate) type Complaints = OncePerMinute<(String, &'static str)>;

impl Plan {
    /// The value that a text of the request looks for; `None` if no row can have it.
    pub(crate) fn value(&self, text: &str) -> Option<Value> {
        self.lookup.lookup(text, self.db.get_database_backend())
    }

    /// The only row, with what it tells. Values are bound, never written into the statement.
    pub(crate) async fn run(
        &self,
        statement: Statement,
    ) -> Result<Option<(QueryResult, Described)>> {
        let key = statement.values.as_ref().and_then(|it| it.0.first());
        let key = key.map(ToString::to_string).unwrap_or_default();
        let query = self.db.query_all_raw(statement);
        let rows = tokio::time::timeout(self.timeout, query).await;
        let mut rows = rows
            .map_err(|_| failure::timed_out())?
            .map_err(failure::error)?;
        let Some(row) = rows.pop() else {
            return Ok(None);
        };
        if !rows.is_empty() {
            tracing::warn!(
                table = self.table,
                "several rows have the value looked for: the column should be unique"
            );
            return Err(Error::NotFound);
        }
        let described = describe(&row, &self.columns).map_err(|unfit| {
            if self.complaints.is_due(kind(&unfit)) {
                tracing::warn!(
                    table = self.table,
                    column = unfit.column,
                    key,
                    "a row names no file: its value {}; said once a minute",
                    unfit.why
                );
            }
            Error::NotFound
        })?;
        for unfit in described
            .ignored
            .iter()
            .filter(|it| self.complaints.is_due(kind(it)))
        {
            tracing::warn!(
                table = self.table,
                column = unfit.column,
                key,
                "a row's value {} and is ignored; said once a minute",
                unfit.why
            );
        }
        Ok(Some((row, described)))
    }
}

/// What is wrong with which column.
fn kind(unfit: &Unfit) -> (String, &'static str) {
    (unfit.column.clone(), unfit.why)
}

/// Asks for two rows at most: the second one shows that the lookup is ambiguous.
///
/// The number is part of the text: SQLite plans by the value of a bound limit, and would plan anew
/// for every request.
pub(crate) fn limited(mut statement: Statement) -> Statement {
    statement.sql.push_str(" LIMIT 2");
    statement
}

/// A statement whose first value is the one that is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Template(Statement);

impl Template {
    /// `None` if the statement's first value is not `placeholder`, so that no other can be
    /// overwritten.
    pub(crate) fn new(statement: Statement, placeholder: &Value) -> Option<Self> {
        let first = statement
            .values
            .as_ref()
            .and_then(|values| values.0.first());
        (first == Some(placeholder)).then_some(Self(statement))
    }

    /// The statement for this value.
    pub(crate) fn with(&self, value: Value) -> Statement {
        let mut statement = self.0.clone();
        let first = statement
            .values
            .as_mut()
            .and_then(|values| values.0.first_mut());
        if let Some(first) = first {
            *first = value;
        }
        statement
    }
}
