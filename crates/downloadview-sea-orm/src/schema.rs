//! Asks a database which columns a table has, and of which kind they are.
//!
//! There is one statement for each database, with schema and table as bound values. The declared
//! type becomes a [`Kind`]; types that no role takes become `Kind::Other`. A table that does not
//! exist gives no columns.

use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DbErr, Statement};

use crate::kind::{Integer, Kind};

/// A column as its database describes it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type, in the database's words.
    pub(crate) declared: String,
    pub(crate) kind: Kind,
}

/// The columns of a table or view; none if it does not exist.
pub(crate) async fn columns(
    db: &DatabaseConnection,
    schema: Option<&str>,
    table: &str,
) -> Result<Vec<Column>, DbErr> {
    let backend = db.get_database_backend();
    let (text, read): (_, fn(&str) -> Kind) = match backend {
        DatabaseBackend::Sqlite => (SQLITE, of_sqlite),
        DatabaseBackend::Postgres => (POSTGRES, of_postgres),
        DatabaseBackend::MySql => (MYSQL, of_mysql),
        _ => {
            return Err(DbErr::Custom(
                "this kind of database is not known".to_owned(),
            ));
        }
    };
    let values = [schema.into(), table.into()];
    let statement = Statement::from_sql_and_values(backend, text, values);
    let rows = db.query_all_raw(statement).await?;
    rows.iter()
        .map(|row| {
            let declared: String = row.try_get_by_index(1)?;
            Ok(Column {
                name: row.try_get_by_index(0)?,
                kind: read(&declared),
                declared,
            })
        })
        .collect()
}

/// The type that a text must be cast to, so that the column's own comparison, and with it its
/// index, is used.
pub(crate) fn lookup_cast(backend: DatabaseBackend, declared: &str) -> Option<&'static str> {
    match (backend, declared) {
        (DatabaseBackend::Postgres, "bpchar") => Some("bpchar"),
        (DatabaseBackend::Postgres, "citext") => Some("citext"),
        _ => None,
    }
}

/// Whether two names mean the same column. Only PostgreSQL distinguishes upper and lower case.
pub(crate) fn is_same_name(backend: DatabaseBackend, one: &str, other: &str) -> bool {
    match backend {
        DatabaseBackend::Postgres => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// The list of databases comes first: otherwise a schema that is not attached would be an error and
/// not a missing table.
const SQLITE: &str = "\
    SELECT x.name, x.type \
    FROM pragma_database_list AS d, pragma_table_xinfo(?2, d.name) AS x \
    WHERE d.name = coalesce(?1, 'main') \
    ORDER BY x.cid";

/// A domain counts as the type that it is made of.
const POSTGRES: &str = "\
    SELECT a.attname::text, coalesce(base.typname, own.typname)::text \
    FROM pg_catalog.pg_attribute a \
    JOIN pg_catalog.pg_type own ON own.oid = a.atttypid \
    LEFT JOIN pg_catalog.pg_type base ON base.oid = own.typbasetype \
    WHERE a.attrelid = to_regclass(coalesce(quote_ident($1) || '.', '') || quote_ident($2)) \
    AND a.attnum > 0 AND NOT a.attisdropped \
    ORDER BY a.attnum";

/// The names are cast to texts: the driver may see columns of `information_schema` as bytes.
const MYSQL: &str = "\
    SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR) \
    FROM information_schema.columns \
    WHERE table_schema = coalesce(?, database()) AND table_name = ? \
    ORDER BY ordinal_position";

/// By the rules of SQLite's affinities, but dates first, which have no affinity
/// (<https://www.sqlite.org/datatype3.html>, 3.1).
fn of_sqlite(declared: &str) -> Kind {
    let upper = declared.to_ascii_uppercase();
    let has = |word| upper.contains(word);
    if upper == "UUID_TEXT" {
        // As SeaORM declares the columns where it stores UUIDs, in binary.
        Kind::Uuid
    } else if has("INT") {
        Kind::Integer(Integer::I64)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Kind::Text
    } else if upper.is_empty() || has("DATE") || has("TIME") || has("NUM") {
        Kind::Any
    } else {
        Kind::Other(declared.to_owned())
    }
}

/// By the name of the type in `pg_type`.
fn of_postgres(declared: &str) -> Kind {
    match declared {
        "text" | "varchar" | "name" | "citext" => Kind::Text,
        "bpchar" => Kind::Padded,
        "int2" => Kind::Integer(Integer::I16),
        "int4" => Kind::Integer(Integer::I32),
        "int8" => Kind::Integer(Integer::I64),
        "timestamptz" => Kind::Instant,
        "timestamp" => Kind::Naive,
        "uuid" => Kind::Uuid,
        other => Kind::Other(other.to_owned()),
    }
}

/// By the first word of the type and whether it is unsigned, as in `int(10) unsigned`.
fn of_mysql(declared: &str) -> Kind {
    let lower = declared.to_ascii_lowercase();
    let word = lower.split(['(', ' ']).next().unwrap_or_default();
    let integer = |signed, unsigned| match lower.contains("unsigned") {
        true => Kind::Integer(unsigned),
        false => Kind::Integer(signed),
    };
    match word {
        // MariaDB compares its UUIDs with texts.
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "uuid" => {
            Kind::Text
        }
        "tinyint" => integer(Integer::I8, Integer::U8),
        "smallint" => integer(Integer::I16, Integer::U16),
        "mediumint" | "int" => integer(Integer::I32, Integer::U32),
        "bigint" => integer(Integer::I64, Integer::U64),
        "timestamp" => Kind::Instant,
        "datetime" => Kind::Naive,
        other => Kind::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_in_each_databases_words() {
        assert_eq!(of_sqlite("VARCHAR(80)"), Kind::Text);
        assert_eq!(of_sqlite("bigint unsigned"), Kind::Integer(Integer::I64));
        assert_eq!(of_sqlite("timestamp_with_timezone_text"), Kind::Text);
        assert_eq!(of_sqlite("datetime"), Kind::Any);
        assert_eq!(of_sqlite(""), Kind::Any);
        assert_eq!(of_sqlite("BLOB"), Kind::Other("BLOB".to_owned()));
        assert_eq!(of_postgres("int4"), Kind::Integer(Integer::I32));
        assert_eq!(of_postgres("jsonb"), Kind::Other("jsonb".to_owned()));
        assert_eq!(of_mysql("varchar(80)"), Kind::Text);
        assert_eq!(of_mysql("bigint(20) unsigned"), Kind::Integer(Integer::U64));
        assert_eq!(of_mysql("timestamp"), Kind::Instant);
        assert_eq!(of_mysql("longblob"), Kind::Other("longblob".to_owned()));
    }
}
