//! What an error of the database means for the download that needed it.
//!
//! In goes an error of SeaORM; out comes 503 if it may pass by itself (no connection, too many, a
//! lock, a restart), 404 if the database says that no row can have the value, and 500 for
//! everything else. The error is known by its SQLSTATE, by SQLite's result code, or by MySQL's
//! number, and never by its text, which may be in any language.

use std::io;

use downloadview::Error;
use sea_orm::sqlx::{self, error::DatabaseError};
use sea_orm::{DbErr, RuntimeErr};

/// The error that the answer is made of: 503 if it may pass by itself, 404 if the column cannot
/// hold the value that is looked for, 500 otherwise.
pub(crate) fn error(failure: DbErr) -> Error {
    match meaning(&failure) {
        Meaning::Temporary | Meaning::Stale => Error::unavailable(io::Error::other(failure)),
        Meaning::UnfitValue => {
            tracing::debug!("the database refused the value looked for: no row can have it");
            Error::NotFound
        }
        Meaning::Permanent => Error::other(failure),
    }
}

/// The database did not answer in time: 503.
pub(crate) fn timed_out() -> Error {
    let late = "the database did not answer in time";
    Error::unavailable(io::Error::new(io::ErrorKind::TimedOut, late))
}

/// Whether the same request may succeed later, with nothing changed but the database's state.
pub(crate) fn is_temporary(failure: &DbErr) -> bool {
    matches!(meaning(failure), Meaning::Temporary | Meaning::Stale)
}

/// Whether a connection remembers a statement as it was before its table was altered. New
/// connections do not.
///
/// The answer to such a request is 503. An application that sees it should replace its connections.
///
/// ```
/// use downloadview::Error;
/// assert!(!downloadview_sea_orm::is_stale(&Error::NotFound));
/// ```
#[must_use]
pub fn is_stale(error: &Error) -> bool {
    let Error::Unavailable { source, .. } = error else {
        return false;
    };
    let failure = source.get_ref().and_then(|inner| inner.downcast_ref());
    failure.is_some_and(|failure| meaning(failure) == Meaning::Stale)
}

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It may pass by itself.
    Temporary,
    /// A connection must be replaced.
    Stale,
    /// The column cannot hold the value.
    UnfitValue,
    /// Somebody must change something.
    Permanent,
}

fn meaning(failure: &DbErr) -> Meaning {
    match failure {
        DbErr::ConnectionAcquire(_) => Meaning::Temporary,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error)) => of_driver(error),
        _ => Meaning::Permanent,
    }
}

/// The meaning of an error of the driver.
fn of_driver(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Meaning::Temporary,
        sqlx::Error::Database(error) => match mysql_number(&**error) {
            Some(number) => of_mysql(number, error.code().as_deref()),
            None => of_code(error.code().as_deref().unwrap_or_default()),
        },
        _ => Meaning::Permanent,
    }
}

/// MySQL's own number of an error. Its driver writes `1267 (HY000): Illegal mix ...`, with the
/// message in the server's language. To ask for the number would need the driver itself, which the
/// application chooses.
fn mysql_number(error: &dyn DatabaseError) -> Option<u16> {
    let text = error.to_string();
    let (number, rest) = text.split_once(" (")?;
    let is_state = rest.get(5..7) == Some("):");
    number.parse().ok().filter(|_| is_state)
}

/// The meaning by MySQL's number, or by its SQLSTATE.
fn of_mysql(number: u16, state: Option<&str>) -> Meaning {
    match number {
        // Too many connections, of everybody, of this user, of this user in this hour; then: waited too long for a lock,
        // deadlock, interrupted, killed, took too long (MySQL's number and MariaDB's).
        1040 | 1203 | 1226 | 1205 | 1213 | 1317 | 1927 | 3024 | 1969 => Meaning::Temporary,
        // A character that the column's character set lacks.
        1267 | 1270 | 1271 | 1366 | 3854 => Meaning::UnfitValue,
        _ => of_code(state.unwrap_or_default()),
    }
}

/// The meaning by the SQLSTATE of PostgreSQL and MySQL, or by SQLite's extended result code.
fn of_code(code: &str) -> Meaning {
    if let Ok(extended) = code.parse::<u32>()
        && code.len() != 5
    {
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_PROTOCOL
        return match extended & 0xff {
            5 | 6 | 10 | 14 | 15 => Meaning::Temporary,
            _ => Meaning::Permanent,
        };
    }
    match code {
        // "cached plan must not change result type"; a prepared statement that is not there, or is there already, behind a
        // pooler.
        "0A000" | "26000" | "42P05" => return Meaning::Stale,
        // Lock not available.
        "55P03" => return Meaning::Temporary,
        _ => {}
    }
    match code.get(..2) {
        // Connection exception, transaction rollback (such as a conflict with recovery on a standby), insufficient resources,
        // operator intervention, system error (PostgreSQL, appendix A).
        Some("08" | "40" | "53" | "57" | "58") => Meaning::Temporary,
        // Data exception: out of range, not in the column's character set.
        Some("22") => Meaning::UnfitValue,
        _ => Meaning::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_database_that_will_be_back_are_temporary() {
        for code in [
            "08006", "40001", "53300", "55P03", "57014", "57P01", "57P03", "58030", "5", "261",
            "6", "10", "14",
        ] {
            assert_eq!(of_code(code), Meaning::Temporary, "{code}");
        }
    }

    #[test]
    fn a_statement_prepared_before_its_table_was_altered_is_stale() {
        for code in ["0A000", "26000", "42P05"] {
            assert_eq!(of_code(code), Meaning::Stale, "{code}");
        }
    }

    #[test]
    fn errors_of_mysql_are_known_by_number_whatever_their_language() {
        assert_eq!(of_mysql(1267, Some("HY000")), Meaning::UnfitValue);
        assert_eq!(of_mysql(1205, Some("HY000")), Meaning::Temporary);
        assert_eq!(of_mysql(1226, Some("42000")), Meaning::Temporary);
        assert_eq!(of_mysql(1146, Some("42S02")), Meaning::Permanent);
        assert_eq!(of_mysql(1053, Some("08S01")), Meaning::Temporary);
    }

    #[test]
    fn a_value_that_no_column_can_hold_is_not_the_servers_failure() {
        for code in ["22003", "22021", "22P02"] {
            assert_eq!(of_code(code), Meaning::UnfitValue, "{code}");
        }
    }

    #[test]
    fn a_statement_that_cannot_work_is_permanent() {
        for code in ["42P01", "42501", "28P01", "42S02", "1", ""] {
            assert_eq!(of_code(code), Meaning::Permanent, "{code}");
        }
    }
}
