//! What values a column holds: for which roles it fits, and which values can be looked up in it.
//!
//! A [`Kind`] is made of an entity's column (`Kind::of`) or of a schema (`schema`). It decides
//! three things: whether a column fits a role, which value a text of a URL becomes, and how `row`
//! reads the column.

use sea_orm::prelude::Uuid;
use sea_orm::sea_query::ColumnType;
use sea_orm::{DatabaseBackend, Value};

use crate::role::Role;

/// The family of a column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A text that PostgreSQL fills up with spaces, which are not part of it (`char(n)`).
    Padded,
    Integer(Integer),
    /// A date with time and zone.
    Instant,
    /// A date with time but without zone: UTC.
    Naive,
    Uuid,
    /// Values of any family, as SQLite's columns without a type hold them.
    Any,
    /// A type that no role takes, as its database calls it.
    Other(String),
}

/// How wide an integer is: drivers read a column only by its own width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Kind {
    /// The kind of an entity's column.
    pub(crate) fn of(column: &ColumnType, backend: DatabaseBackend) -> Self {
        match Self::as_declared(column) {
            Self::Integer(width) => Self::Integer(width.stored_by(backend)),
            kind => kind,
        }
    }

    /// The kind as the entity declares it.
    fn as_declared(column: &ColumnType) -> Self {
        match column {
            ColumnType::Char(_) => Self::Padded,
            ColumnType::String(_) | ColumnType::Text | ColumnType::Enum { .. } => Self::Text,
            ColumnType::TinyInteger => Self::Integer(Integer::I8),
            ColumnType::SmallInteger => Self::Integer(Integer::I16),
            ColumnType::Integer => Self::Integer(Integer::I32),
            ColumnType::BigInteger => Self::Integer(Integer::I64),
            ColumnType::TinyUnsigned => Self::Integer(Integer::U8),
            ColumnType::SmallUnsigned => Self::Integer(Integer::U16),
            ColumnType::Unsigned => Self::Integer(Integer::U32),
            ColumnType::BigUnsigned => Self::Integer(Integer::U64),
            ColumnType::TimestampWithTimeZone => Self::Instant,
            ColumnType::DateTime | ColumnType::Timestamp => Self::Naive,
            ColumnType::Uuid => Self::Uuid,
            other => Self::Other(format!("{other:?}")),
        }
    }

    /// Whether a column of this kind can have the role.
    pub(crate) fn fits(&self, role: Role, backend: DatabaseBackend) -> bool {
        match role {
            Role::Lookup => matches!(
                self,
                Self::Text | Self::Padded | Self::Integer(_) | Self::Uuid
            ),
            Role::Size => matches!(self, Self::Integer(_) | Self::Any),
            Role::Modified => match self {
                Self::Instant | Self::Naive | Self::Integer(_) | Self::Any => true,
                // SQLite has no dates of its own.
                Self::Text => backend == DatabaseBackend::Sqlite,
                Self::Padded | Self::Uuid | Self::Other(_) => false,
            },
            _ => matches!(self, Self::Text | Self::Padded | Self::Any),
        }
    }

    /// The value that a text of a URL looks for; `None` if no row can have it.
    ///
    /// Integers and UUIDs have only one spelling each, so that each row has one URL.
    pub(crate) fn lookup(&self, text: &str, backend: DatabaseBackend) -> Option<Value> {
        match self {
            // PostgreSQL knows no such character, and says so with an error.
            Self::Text | Self::Padded => (!text.contains('\0')).then(|| Value::from(text)),
            Self::Integer(Integer::U64) if backend == DatabaseBackend::MySql => {
                canonical::<u64>(text).map(Value::from)
            }
            // Wider than most columns, which all three databases compare.
            Self::Integer(_) => canonical::<i64>(text).map(Value::from),
            Self::Uuid => {
                let uuid = Uuid::try_parse(text).ok()?;
                (uuid.to_string() == text).then(|| Value::from(uuid))
            }
            _ => None,
        }
    }

    /// A value for a statement that need not find anything.
    pub(crate) fn any_lookup(&self) -> Value {
        match self {
            Self::Integer(_) => Value::from(0_i64),
            Self::Uuid => Value::from(Uuid::nil()),
            _ => Value::from(""),
        }
    }
}

impl Integer {
    /// The width that the database stores. SQLite has only one. PostgreSQL has neither one-byte nor
    /// unsigned integers: sea-query declares such columns with the signed type of the same name.
    fn stored_by(self, backend: DatabaseBackend) -> Self {
        match (backend, self) {
            (DatabaseBackend::Sqlite, _) | (DatabaseBackend::Postgres, Self::U64) => Self::I64,
            (DatabaseBackend::Postgres, Self::I8 | Self::U8 | Self::U16) => Self::I16,
            (DatabaseBackend::Postgres, Self::U32) => Self::I32,
            (_, width) => width,
        }
    }
}

/// What a role takes, for messages.
pub(crate) fn wanted(role: Role) -> &'static str {
    match role {
        Role::Lookup => "a text, an integer or a UUID",
        Role::Size => "an integer",
        Role::Modified => "a date with time, or an integer of seconds since 1970",
        _ => "a text",
    }
}

/// A number, if the text is its only spelling.
fn canonical<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    let number: N = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSTGRES: DatabaseBackend = DatabaseBackend::Postgres;

    #[test]
    fn an_id_that_is_no_number_finds_nothing() {
        let kind = Kind::Integer(Integer::I32);
        assert_eq!(kind.lookup("7", POSTGRES), Some(Value::from(7_i64)));
        assert_eq!(kind.lookup("-7", POSTGRES), Some(Value::from(-7_i64)));
        for text in [
            "",
            "x",
            "1 OR 1=1",
            "1.0",
            "0x1",
            "+7",
            "007",
            " 7",
            "\u{663}",
            "99999999999999999999999",
        ] {
            assert_eq!(kind.lookup(text, POSTGRES), None, "{text:?}");
        }
    }

    #[test]
    fn an_unsigned_id_may_be_as_large_as_its_column() {
        let kind = Kind::Integer(Integer::U64);
        let most = u64::MAX.to_string();
        assert_eq!(
            kind.lookup(&most, DatabaseBackend::MySql),
            Some(Value::from(u64::MAX))
        );
        // PostgreSQL has no such column.
        assert_eq!(kind.lookup(&most, POSTGRES), None);
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        let text = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let uuid = Uuid::try_parse(text).unwrap();
        assert_eq!(Kind::Uuid.lookup(text, POSTGRES), Some(Value::from(uuid)));
        for other in [
            "67E55044-10B1-426F-9247-BB680E5FE0C8",
            "67e5504410b1426f9247bb680e5fe0c8",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "nil",
        ] {
            assert_eq!(Kind::Uuid.lookup(other, POSTGRES), None, "{other}");
        }
    }

    #[test]
    fn a_text_with_nul_is_never_sent() {
        assert_eq!(Kind::Text.lookup("a\0b", POSTGRES), None);
        let injection = "' OR 1=1 --";
        assert_eq!(
            Kind::Text.lookup(injection, POSTGRES),
            Some(Value::from(injection))
        );
    }
}
