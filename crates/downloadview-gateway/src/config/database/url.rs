//! Where a database is: a URL that is checked before anybody connects, and that no log and no error shows whole.
//!
//! What comes out is spelt in one way, which every reader of such URLs understands alike: one scheme for each kind, a
//! SQLite file as an absolute path, everything special percent-encoded.

use std::fmt;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Url, form_urlencoded};

use crate::config::reader::paths;
use crate::config::reader::scalar::{Fault, listing, nearest, of_variable};

/// The URL of a database. `Debug` and `Display` show its scheme, host, port and database name, never user, password
/// and options.
/// | the file says | what comes out |
/// |---|---|
/// | `sqlite:///srv/app.db`, `sqlite:app.db` | `sqlite://` and the absolute path of the file, which must exist |
/// | `postgres://user:password@host/app`, `postgresql://…` | `postgres://…` |
/// | `mysql://user:password@host/app`, `mariadb://…` | `mysql://…` |
///
/// Options may follow after a `?`: for SQLite `mode`, `cache` and `immutable`; for servers those of TLS (`sslmode`,
/// `ssl-mode` and their certificates) and few others. Refused: other options; databases in memory; a special character
/// in the password that is not percent-encoded, since a parser would take part of the password for the host.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    kind: DatabaseKind,
    exposed: String,
    shown: String,
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// `sqlite://`: a file on this machine, which existed when the configuration was read.
    Sqlite,
    /// `postgres://` or `postgresql://`: a PostgreSQL server.
    Postgres,
    /// `mysql://` or `mariadb://`: a MySQL or MariaDB server.
    Mysql,
}

/// What URLs of one kind of server have in common.
#[derive(Clone, Copy)]
struct Dialect {
    kind: DatabaseKind,
    /// The scheme that comes out.
    scheme: &'static str,
    /// A URL that reaches the server by its socket.
    socket: &'static str,
    /// Those that do not say again, and perhaps otherwise, what the URL says before the `?`.
    options: &'static [&'static str],
}

/// PostgreSQL: what its URLs may say after the `?`, and how they name a socket.
const POSTGRES: Dialect = Dialect {
    kind: DatabaseKind::Postgres,
    scheme: "postgres",
    socket: "postgres://%2Frun%2Fpostgresql/app",
    options: &[
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "application_name",
        "options",
        "statement-cache-capacity",
    ],
};

/// MySQL and MariaDB, likewise.
const MYSQL: Dialect = Dialect {
    kind: DatabaseKind::Mysql,
    scheme: "mysql",
    socket: "mysql://localhost/app?socket=/run/mysqld/mysqld.sock",
    options: &[
        "ssl-mode",
        "ssl-ca",
        "ssl-cert",
        "ssl-key",
        "socket",
        "statement-cache-capacity",
    ],
};

/// The schemes of servers that a file may use.
const SERVERS: [(&str, Dialect); 4] = [
    ("postgres", POSTGRES),
    ("postgresql", POSTGRES),
    ("mysql", MYSQL),
    ("mariadb", MYSQL),
];

/// What a URL of a SQLite file may say after the `?`, with the values that each option takes.
const SQLITE_OPTIONS: [(&str, &[&str]); 3] = [
    ("mode", &["ro", "rw", "rwc"]),
    ("cache", &["private", "shared"]),
    ("immutable", &["true", "false", "1", "0"]),
];

/// What stands bare in the path of a SQLite file.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'~');

const SQLITE_EXAMPLE: &str = "\"sqlite:///srv/app.db\"";
/// The help for a URL that does not parse: mostly a password with a character that ends a part of it.
const ENCODE: &str = "percent-encode what is special in user and password: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` for `#`";

impl DatabaseUrl {
    /// The kind of the database.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// The whole URL with its password, for connecting; never for a log or an error. It starts with `sqlite://`,
    /// `postgres://` or `mysql://`, whatever the file says; the path of a SQLite file is absolute.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.exposed
    }

    /// The URL in an environment variable.
    pub(super) fn of_variable(name: &str, folder: &Path) -> Result<Self, Fault> {
        if !is_variable(name) {
            return Err(Fault::new(
                "this is not a name of an environment variable",
                "write url_env = \"DATABASE_URL\", and the URL itself into that variable",
            ));
        }
        of_variable(name, |text| Self::read(text, folder))
    }

    /// The path of a SQLite file starts at `folder`. No message holds more of the text than `Display` shows.
    pub(super) fn read(text: &str, folder: &Path) -> Result<Self, Fault> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return sqlite(rest, folder);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Fault::new(
                "the URL does not start with the kind of a database",
                "write \"sqlite:///srv/app.db\" or \"postgres://user:password@localhost/app\"",
            ));
        };
        match SERVERS.iter().find(|(known, _)| *known == scheme) {
            Some((_, dialect)) => server(*dialect, rest),
            None => Err(unknown_scheme(scheme)),
        }
    }
}

/// The name of a variable is shown; what is none may be the URL itself.
fn is_variable(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown)
    }
}

/// The scheme is not repeated in the message: without a `://` of its own it could be part of a password.
fn unknown_scheme(scheme: &str) -> Fault {
    let known = SERVERS.iter().map(|(known, _)| *known);
    let known: Vec<_> = std::iter::once("sqlite").chain(known).collect();
    let help = match nearest(scheme, &known) {
        Some(near) => format!("did you mean \"{near}://\"?"),
        None => "use sqlite://, postgres:// or mysql://".to_owned(),
    };
    Fault::new("the URL names no kind of database that is known", help)
}

/// A SQLite URL, after its `sqlite:`. Spelt anew with an absolute path, so that every reader understands it alike.
fn sqlite(rest: &str, folder: &Path) -> Result<DatabaseUrl, Fault> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (name, options) = rest.split_once('?').unwrap_or((rest, ""));
    let options: Vec<_> = form_urlencoded::parse(options.as_bytes()).collect();
    let name = percent_decode_str(name).decode_utf8().map_err(not_utf8)?;
    let in_memory = |(key, value): &(_, _)| *key == "mode" && *value == "memory";
    if name == ":memory:" || options.iter().any(in_memory) {
        return Err(Fault::new(
            "each connection to a database in memory would see an empty one of its own",
            format!("name a file: {SQLITE_EXAMPLE}"),
        ));
    }
    if name.is_empty() {
        return Err(Fault::new(
            "the URL names no file",
            format!("write {SQLITE_EXAMPLE}"),
        ));
    }
    for (key, value) in &options {
        check_sqlite_option(key, value)?;
    }
    let path = paths::database(&name, folder)?;
    let path = path.to_str().ok_or_else(|| not_utf8(()))?;
    let shown = format!("sqlite://{}", utf8_percent_encode(path, PATH));
    let options: Vec<_> = options.iter().map(|(k, v)| format!("{k}={v}")).collect();
    Ok(DatabaseUrl {
        kind: DatabaseKind::Sqlite,
        exposed: match options.is_empty() {
            true => shown.clone(),
            false => format!("{shown}?{}", options.join("&")),
        },
        shown,
    })
}

/// Refuses an option that the driver would ignore or refuse only when it connects.
fn check_sqlite_option(key: &str, value: &str) -> Result<(), Fault> {
    let names = SQLITE_OPTIONS.map(|(name, _)| name);
    let known = SQLITE_OPTIONS.iter().find(|(name, _)| *name == key);
    let (name, values) = known.ok_or_else(|| unknown_option(key, &names))?;
    match values.contains(&value) {
        true => Ok(()),
        false => Err(Fault::new(
            format!("the URL's option `{name}` has an unknown value"),
            format!("use {}", listing(values, "or")),
        )),
    }
}

/// The URL of a server, after its `://`:
///
/// 1. refuse characters that could be understood in two ways ([`check_characters`]);
/// 2. parse it, and require a host and the name of one database;
/// 3. refuse options that are unknown, or that would contradict the part before the `?`.
fn server(dialect: Dialect, rest: &str) -> Result<DatabaseUrl, Fault> {
    let Dialect {
        kind,
        scheme,
        socket,
        options,
    } = dialect;
    check_characters(rest)?;
    let url = Url::parse(&format!("{scheme}://{rest}"))
        .map_err(|error| Fault::new(format!("this is not a URL: {error}"), ENCODE))?;
    let example = format!("\"{scheme}://user:password@localhost/app\"");
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err(Fault::new(
            "the URL names no host",
            format!("write {example}, or by its socket \"{socket}\""),
        ));
    };
    let name = url.path().trim_start_matches('/');
    if name.is_empty() || name.contains('/') {
        let message = match name.is_empty() {
            true => "the URL names no database",
            false => "the URL names more than a database after the host",
        };
        let help = format!("end it in the name of the database: {example}");
        return Err(Fault::new(message, help));
    }
    if let Some((key, _)) = url
        .query_pairs()
        .find(|(key, _)| !options.contains(&&**key))
    {
        return Err(unknown_option(&key, options));
    }
    let port = url.port().map(|port| format!(":{port}"));
    Ok(DatabaseUrl {
        kind,
        shown: format!("{scheme}://{host}{}/{name}", port.unwrap_or_default()),
        exposed: url.into(),
    })
}

/// Refuses what a parser would understand otherwise than it was meant: `user:pa/ss@host/app` as the host `user`.
fn check_characters(rest: &str) -> Result<(), Fault> {
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new(
            "the URL holds a character that no URL holds bare",
            "percent-encode it: `%20` for a space, `%C3%A9` for `é`",
        ));
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if rest.matches('@').count() > 1 || rest.contains('@') != authority.contains('@') {
        let message = "the URL holds an `@`, `/`, `?` or `#` that is not percent-encoded";
        return Err(Fault::new(message, ENCODE));
    }
    if rest.contains('#') {
        return Err(Fault::new(
            "the URL holds a `#`, and what follows it would be ignored",
            "write `%23` for the character itself",
        ));
    }
    let stray = |part: &str| {
        let digits = part.get(..2);
        !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if rest.split('%').skip(1).any(stray) {
        return Err(Fault::new(
            "the URL holds a `%` without two hexadecimal digits after it",
            "write `%25` for the character itself",
        ));
    }
    percent_decode_str(rest).decode_utf8().map_err(not_utf8)?;
    Ok(())
}

/// The option is not repeated: it may be part of a password.
fn unknown_option(key: &str, known: &[&str]) -> Fault {
    let help = match nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", listing(known, "and")),
    };
    Fault::new("the URL holds an unknown option after the `?`", help)
}

fn not_utf8<E>(_: E) -> Fault {
    Fault::new(
        "the URL's percent-encoding or its folder is not valid UTF-8",
        "write each character as the `%XX` of its bytes in UTF-8: `%C3%A9` for `é`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DatabaseUrl {
        DatabaseUrl::read(text, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn shows_no_user_no_password_and_no_option() {
        let url = read("postgresql://ada:hunter2@db.example:5433/app?application_name=hunter2");
        assert_eq!(url.to_string(), "postgres://db.example:5433/app");
        assert_eq!(
            format!("{url:?}"),
            "DatabaseUrl(postgres://db.example:5433/app)"
        );
        assert_eq!(
            url.expose(),
            "postgres://ada:hunter2@db.example:5433/app?application_name=hunter2"
        );
    }

    #[test]
    fn each_kind_has_one_scheme() {
        for (text, kind, exposed) in [
            ("postgres://h/a", DatabaseKind::Postgres, "postgres://h/a"),
            ("postgresql://h/a", DatabaseKind::Postgres, "postgres://h/a"),
            ("mysql://h:3307/a", DatabaseKind::Mysql, "mysql://h:3307/a"),
            ("mariadb://[::1]/a", DatabaseKind::Mysql, "mysql://[::1]/a"),
        ] {
            let url = read(text);
            assert_eq!((url.kind(), url.expose()), (kind, exposed), "{text}");
        }
    }

    #[test]
    fn keeps_a_password_that_was_percent_encoded() {
        let url = read("mysql://ada:p%40s%2Fs%25@h/a");
        assert_eq!(url.expose(), "mysql://ada:p%40s%2Fs%25@h/a");
    }

    #[test]
    fn a_socket_may_stand_for_the_host() {
        let url = read("postgres://%2Frun%2Fpostgresql/app");
        assert_eq!(url.expose(), "postgres://%2Frun%2Fpostgresql/app");
    }

    #[test]
    fn a_relative_file_starts_at_the_folder_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("my app?.db"), "").unwrap();
        let path = folder.path().to_str().unwrap();
        for text in ["sqlite://my app%3F.db", "sqlite:./my%20app%3f.db"] {
            let url = DatabaseUrl::read(text, folder.path()).unwrap();
            assert_eq!(url.kind(), DatabaseKind::Sqlite);
            assert_eq!(url.expose(), format!("sqlite://{path}/my%20app%3F.db"));
        }
        let text = "sqlite://my app%3F.db?mode=ro&immutable=1";
        let url = DatabaseUrl::read(text, folder.path()).unwrap();
        let shown = format!("sqlite://{path}/my%20app%3F.db");
        assert_eq!(url.expose(), format!("{shown}?mode=ro&immutable=1"));
        assert_eq!(url.to_string(), shown);
    }

    #[test]
    fn no_refusal_repeats_what_may_be_a_password() {
        for text in [
            "hunter2",
            "ada:hunter2@h/a",
            "oracle://ada:hunter2@h/a",
            "postgres://ada:hunter2/a",
            "postgres://ada:hunter2@/a",
            "postgres://ada:hunter2@h",
            "postgres://ada:hunter2@h/a/b",
            "postgres://ada:/hunter2@h/a",
            "postgres://ada:hunter2#@h/a",
            "postgres://ada:hunter2%@h/a",
            "postgres://ada:hunter2%ff@h/a",
            "postgres://ada:hunter2 @h/a",
            "postgres://ada:hunter2@@h/a",
            "postgres://ada:hunter2@h:port/a",
            "mysql://h/a?password=hunter2",
            "mysql://h/a?hunter2",
            "sqlite::memory:?hunter2",
            "sqlite://a.db?mode=hunter2",
            "sqlite://a.db?hunter2=1",
        ] {
            let fault = DatabaseUrl::read(text, Path::new("/nowhere")).unwrap_err();
            assert!(
                !format!("{fault:?}").contains("hunter2"),
                "{text}: {fault:?}"
            );
        }
    }
}
