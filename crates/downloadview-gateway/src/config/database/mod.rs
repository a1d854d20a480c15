//! `[databases.NAME]`: databases whose rows name files.

mod url;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

pub use self::url::{DatabaseKind, DatabaseUrl};
use crate::config::reader::scalar::{Fault, described, positive_duration};
use crate::config::reader::{Table, Value};

/// One database. No connection was tried when the configuration was read.
/// ```toml
/// [databases.main]
/// url_env = "DATABASE_URL"     # or url = "postgres://app:password@localhost/app"
/// max_connections = 10
/// connect_timeout = "3s"
/// query_timeout = "5s"
/// ```
///
/// Refused: both `url` and `url_env`, or neither; 0 for a count or a time. Views name the database: `database =
/// "main"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `url` or `url_env`: where the database is, as a URL or as the name of
    /// the environment variable that holds it.
    pub url: DatabaseUrl,
    /// `max_connections`: connections open at the same time; who finds none free waits. One more is opened, for a
    /// moment, to see whether a database that failed is there. Default: 10.
    pub max_connections: NonZeroU32,
    /// `connect_timeout`: how long connecting may take, and waiting for a free connection. Default: 3 s.
    pub connect_timeout: Duration,
    /// `query_timeout`: how long a request may wait for its row, the wait for a connection included; the server ends a
    /// query after as long. Default: 5 s.
    pub query_timeout: Duration,
    /// The place of the URL or of the variable that holds it, for [`Config::refuse`](crate::config::Config::refuse).
    pub span: Range<usize>,
    /// The line of the file where the database's table starts, counted from 1.
    pub line: usize,
}

/// Default of `max_connections`.
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Default of `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Default of `query_timeout`.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The databases that could be read; one with a mistake is known by its name all the same, lest every use of it be
/// reported too.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// Those without a mistake, by name.
    pub(super) read: BTreeMap<String, DatabaseConfig>,
    names: Vec<String>,
}

impl Databases {
    /// Reads `[databases.NAME]`, of which there may be none. Mistakes are reported at their place.
    pub(super) fn read(file: &mut Table<'_>) -> Self {
        let mut databases = Self::default();
        let Some(value) = file.get("databases") else {
            return databases;
        };
        let Some(tables) = value.table("[databases]") else {
            // Perhaps the URL, two levels too high.
            value.hide();
            return databases;
        };
        for (name, value) in tables.values() {
            databases.names.push(name.to_owned());
            if let Some(database) = table_of(&value, name).and_then(DatabaseConfig::read) {
                databases.read.insert(name.to_owned(), database);
            }
        }
        databases
    }

    /// The name of a database that the file describes.
    pub(super) fn name(&self, text: &str) -> Result<String, Fault> {
        if text.contains("://") {
            // Not repeated: it may hold a password.
            return Err(Fault::new(
                "a URL stands where the name of a database belongs",
                "write database = \"main\", and the URL into a table [databases.main]",
            ));
        }
        described(text, &self.names, "database")
    }
}

impl DatabaseConfig {
    /// Reads one table; `None` if it holds mistakes, which are reported. A URL may hold a password, so no report quotes it.
    fn read(mut table: Table<'_>) -> Option<Self> {
        table.hide_all_but(&HARMLESS);
        let base = table.source.folder;
        let written = table.parsed_at("url", |text| DatabaseUrl::read(text, base));
        let of_variable = table.parsed_at("url_env", |name| DatabaseUrl::of_variable(name, base));
        let connections = table.get("max_connections");
        let connections = connections.and_then(|value| read_connections(&value));
        let connect_timeout = table.parsed("connect_timeout", positive_duration);
        let query_timeout = table.parsed("query_timeout", positive_duration);
        let url = match (table.has("url"), table.has("url_env")) {
            (true, false) => written,
            (false, true) => of_variable,
            (false, false) => {
                let example = "\"sqlite:///srv/app.db\", or url_env = \"DATABASE_URL\"";
                table.require("url", example, None)
            }
            (true, true) => {
                table.report(
                    "a database has either `url` or `url_env`",
                    "keep one of the two",
                );
                None
            }
        };
        let line = table.source.line(&table.span);
        table.finish();
        let url = url?;
        Some(Self {
            url: url.value,
            max_connections: connections.unwrap_or(CONNECTIONS),
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            query_timeout: query_timeout.unwrap_or(QUERY_TIMEOUT),
            span: url.span,
            line,
        })
    }
}

/// The table of one database. Anything else in its place is hidden from reports: it may be the URL with its password.
fn table_of<'a>(value: &Value<'a>, name: &str) -> Option<Table<'a>> {
    if value.is_table() {
        return value.table(format!("[databases.{name}]"));
    }
    // Perhaps the URL, one level too high.
    value.hide();
    value.refuse(Fault::new(
        "a database is a table of its own",
        "write [databases.main], and below it url = \"sqlite:///srv/app.db\"",
    ));
    None
}

/// At least 1; a pool without a connection would never answer.
fn read_connections(value: &Value<'_>) -> Option<NonZeroU32> {
    let number = value.integer()?;
    let count = u32::try_from(number).ok().and_then(NonZeroU32::new);
    value.understood(count.ok_or_else(|| {
        Fault::new(
            format!("{number} is not a number of connections"),
            "write a number from 1 upwards: 10",
        )
    }))
}

/// The keys whose values a report may show.
const HARMLESS: [&str; 3] = ["max_connections", "connect_timeout", "query_timeout"];
