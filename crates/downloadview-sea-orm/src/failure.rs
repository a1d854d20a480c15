//! What a database's error means for the download that asked.

use std::io;

use downloadview::Error;
use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

/// The error that the answer is made of: 503 if it may pass by itself, 404 if the value looked for is none that the
/// column could hold, 500 otherwise.
pub(crate) fn error(failure: DbErr) -> Error {
    match meaning(&failure) {
        Meaning::Temporary => Error::Unavailable {
            source: io::Error::other(failure),
        },
        Meaning::UnfitValue => {
            tracing::warn!("the database refused the value looked for: no row can have it");
            Error::NotFound
        }
        Meaning::Permanent => Error::other(failure),
    }
}

/// The database did not answer in time.
pub(crate) fn timed_out() -> Error {
    Error::Unavailable {
        source: io::Error::new(
            io::ErrorKind::TimedOut,
            "the database did not answer in time",
        ),
    }
}

/// Whether the same request may succeed later, with nothing changed but the database's state.
pub(crate) fn is_temporary(failure: &DbErr) -> bool {
    meaning(failure) == Meaning::Temporary
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Temporary,
    UnfitValue,
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

fn of_driver(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Meaning::Temporary,
        sqlx::Error::Database(error) if is_beyond_charset(error.message()) => Meaning::UnfitValue,
        sqlx::Error::Database(error) => {
            let code = error.code();
            code.map_or(Meaning::Permanent, |code| of_code(&code))
        }
        _ => Meaning::Permanent,
    }
}

/// The value has a character that the column's character set lacks: errors 1267 of MariaDB and MySQL, and 3854 of MySQL 8,
/// which share their SQLSTATE with many others.
fn is_beyond_charset(message: &str) -> bool {
    let starts = ["Illegal mix of collations", "Cannot convert string"];
    starts.iter().any(|start| message.starts_with(start))
}

/// SQLSTATE of PostgreSQL and MySQL, or SQLite's extended result code.
fn of_code(code: &str) -> Meaning {
    if let Ok(extended) = code.parse::<u32>()
        && code.len() != 5
    {
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR
        return match extended & 0xff {
            5 | 6 | 10 => Meaning::Temporary,
            _ => Meaning::Permanent,
        };
    }
    match code.get(..2) {
        // Connection exception, insufficient resources, operator intervention (PostgreSQL, appendix A).
        Some("08" | "53" | "57") => Meaning::Temporary,
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
        for code in ["08006", "53300", "57P01", "57P03", "5", "261", "6", "10"] {
            assert_eq!(of_code(code), Meaning::Temporary, "{code}");
        }
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
