//! Reads what a row tells about its file.
//!
//! In goes a row with its columns in the order of the statement; out comes a [`Described`]: file
//! name, client's name, metadata. NULL and the empty text mean unknown. A file name that cannot be
//! read fails (404). Everything else that cannot be right is left out and noted: a type of `pdf`, a
//! size of -1 or a date without a time keep no file back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::content::{ETag, Metadata};
use downloadview::headers::{content_coding, media_type};
use sea_orm::prelude::{DateTime, DateTimeUtc};
use sea_orm::sea_query::Expr;
use sea_orm::{DatabaseBackend, QueryResult, TryGetable};

use crate::kind::{Integer, Kind};
use crate::role::Role;

/// A column that is selected, at its place in the statement.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// A row that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Described {
    pub(crate) file: Option<String>,
    pub(crate) basename: Option<String>,
    pub(crate) metadata: Metadata,
    /// What the row states besides the name of its file and what cannot be right. It is ignored, as
    /// if it were NULL.
    pub(crate) ignored: Vec<Unfit>,
}

/// A value that does not fit the role of its column. Its text is left out, because rows may hold
/// secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) column: String,
    pub(crate) why: &'static str,
}

/// How the column is selected. PostgreSQL's infinite and very late dates become NULL, because
/// drivers cannot hold them.
pub(crate) fn selection(column: &Selected, expression: Expr, backend: DatabaseBackend) -> Expr {
    let is_date = matches!(column.kind, Kind::Instant | Kind::Naive);
    match (backend, column.role) {
        (DatabaseBackend::Postgres, Role::Modified) if is_date => Expr::cust_with_exprs(
            "CASE WHEN $1 BETWEEN '0001-01-01' AND '9999-12-31' THEN $2 END",
            [expression.clone(), expression],
        ),
        _ => expression,
    }
}

/// Reads the columns in the order of the statement.
pub(crate) fn describe(row: &QueryResult, columns: &[Selected]) -> Result<Described, Unfit> {
    let mut described = Described::default();
    for (index, column) in columns.iter().enumerate() {
        let Err(why) = read(row, index, column, &mut described) else {
            continue;
        };
        let unfit = Unfit {
            column: column.name.clone(),
            why,
        };
        match column.role {
            Role::Lookup | Role::File => return Err(unfit),
            _ => described.ignored.push(unfit),
        }
    }
    Ok(described)
}

/// A value, or what is wrong with it.
type Read<T> = Result<T, &'static str>;

/// Reads one column.
fn read(row: &QueryResult, index: usize, column: &Selected, into: &mut Described) -> Read<()> {
    let metadata = into.metadata.clone();
    into.metadata = match column.role {
        Role::Lookup => metadata,
        Role::File => {
            into.file = text(row, index, column)?;
            metadata
        }
        Role::Basename => {
            into.basename = text(row, index, column)?;
            metadata
        }
        Role::ContentType => match text(row, index, column)? {
            Some(text) => {
                let kind = media_type(text.trim());
                metadata.with_content_type(kind.map_err(|_| "is not a media type")?)
            }
            None => metadata,
        },
        Role::ContentEncoding => match text(row, index, column)? {
            Some(text) => {
                let coding = content_coding(text.trim());
                metadata.with_content_encoding(coding.map_err(|_| "is not a content coding")?)
            }
            None => metadata,
        },
        Role::Size => match integer(row, index, &column.kind)? {
            Some(size) => metadata.with_size(u64::try_from(size).map_err(|_| "is not a size")?),
            None => metadata,
        },
        Role::Modified => match moment(row, index, &column.kind)? {
            Some(modified) => metadata.with_modified(modified),
            None => metadata,
        },
        Role::Etag => match text(row, index, column)? {
            Some(text) => metadata.with_etag(etag(&text)?),
            None => metadata,
        },
    };
    Ok(())
}

/// A text; `None` for NULL and for an empty one. Spaces that PostgreSQL filled up with are removed.
fn text(row: &QueryResult, index: usize, column: &Selected) -> Read<Option<String>> {
    let mut text: Option<String> = get(row, index).ok_or("is not a text")?;
    if let (Kind::Padded, Some(text)) = (&column.kind, &mut text) {
        text.truncate(text.trim_end_matches(' ').len());
    }
    Ok(text.filter(|text| !text.is_empty()))
}

/// A tag with its quotes, or the text of a strong one without.
fn etag(text: &str) -> Read<ETag> {
    ETag::parse(text)
        .or_else(|_| ETag::strong(text))
        .map_err(|_| "is not an entity tag")
}

/// An integer. Drivers accept only the width of the column; if the table was altered since its
/// schema was read, the other widths are tried.
fn integer(row: &QueryResult, index: usize, kind: &Kind) -> Read<Option<i128>> {
    use Integer::{I8, I16, I32, I64, U8, U16, U32, U64};

    let width = match kind {
        Kind::Integer(width) => *width,
        _ => I64,
    };
    let others = [I64, I32, I16, I8, U64, U32, U16, U8];
    let mut widths = std::iter::once(width).chain(others);
    let read = widths.find_map(|width| integer_of(row, index, width));
    read.ok_or("is not an integer")
}

/// An integer of this width.
fn integer_of(row: &QueryResult, index: usize, width: Integer) -> Option<Option<i128>> {
    fn wide<N: TryGetable + Into<i128>>(row: &QueryResult, index: usize) -> Option<Option<i128>> {
        Some(get::<N>(row, index)?.map(Into::into))
    }
    match width {
        Integer::I8 => wide::<i8>(row, index),
        Integer::I16 => wide::<i16>(row, index),
        Integer::I32 => wide::<i32>(row, index),
        Integer::I64 => wide::<i64>(row, index),
        Integer::U8 => wide::<u8>(row, index),
        Integer::U16 => wide::<u16>(row, index),
        Integer::U32 => wide::<u32>(row, index),
        Integer::U64 => wide::<u64>(row, index),
    }
}

/// A date with time, in any form that the column may hold it.
fn moment(row: &QueryResult, index: usize, kind: &Kind) -> Read<Option<SystemTime>> {
    let naive = |row, index| get::<DateTime>(row, index).map(|it| it.map(|naive| naive.and_utc()));
    let read: Option<Option<DateTimeUtc>> = match kind {
        Kind::Integer(_) => return seconds(row, index, kind),
        Kind::Instant => get(row, index).or_else(|| naive(row, index)),
        // SQLite holds dates as texts, or as integers of seconds.
        _ => naive(row, index).or_else(|| get(row, index)),
    };
    let moment = read.ok_or("is not a date with time")?;
    moment.map(system_time).transpose()
}

/// A date as seconds since 1970.
fn seconds(row: &QueryResult, index: usize, kind: &Kind) -> Read<Option<SystemTime>> {
    let Some(seconds) = integer(row, index, kind)? else {
        return Ok(None);
    };
    let seconds = i64::try_from(seconds).map_err(|_| "is not a date with time")?;
    since_epoch(seconds, 0).map(Some)
}

fn system_time(moment: DateTimeUtc) -> Read<SystemTime> {
    since_epoch(moment.timestamp(), moment.timestamp_subsec_nanos())
}

/// A time; a date before 1970 counts back from there.
fn since_epoch(seconds: i64, nanoseconds: u32) -> Read<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let whole = match seconds {
        0.. => UNIX_EPOCH.checked_add(whole),
        _ => UNIX_EPOCH.checked_sub(whole),
    };
    // A leap second has up to two thousand million of them.
    let nanoseconds = Duration::from_nanos(nanoseconds.into());
    let time = whole.and_then(|whole| whole.checked_add(nanoseconds));
    time.ok_or("is not a date with time")
}

/// `None` if the value is of another type; the inner `None` if it is NULL.
fn get<T: TryGetable>(row: &QueryResult, index: usize) -> Option<Option<T>> {
    row.try_get_by_index(index).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_may_have_its_quotes() {
        assert!(etag("a\"b").is_err());
        assert_eq!(etag("v1").unwrap().as_str(), "\"v1\"");
        assert_eq!(etag("\"v1\"").unwrap().as_str(), "\"v1\"");
        assert_eq!(etag("W/\"v1\"").unwrap().as_str(), "W/\"v1\"");
    }

    #[test]
    fn no_date_is_too_far_away_to_be_read() {
        for seconds in [i64::MIN, -1, 0, 1, i64::MAX] {
            // Whether the platform can hold it or not, nothing panics.
            let _ = since_epoch(seconds, 999_999_999);
        }
        let early = since_epoch(-1, 500_000_000).unwrap();
        assert_eq!(early, UNIX_EPOCH - Duration::from_millis(500));
    }
}
