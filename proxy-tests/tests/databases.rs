//! The databases of the harness themselves: what the tests of database views take for granted.

use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proxy_tests::Database;
use sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, DbErr, Statement};

const TABLE: &str = "CREATE TABLE document (slug VARCHAR(40) PRIMARY KEY, file VARCHAR(200))";
const ROW: &str = "INSERT INTO document (slug, file) VALUES ('jahr', 'Übersicht/größer ✓.pdf')";
const QUERY: &str = "SELECT file FROM document WHERE slug = 'jahr'";
const FILE: &str = "Übersicht/größer ✓.pdf";

fn with_row(start: fn() -> Database) -> Database {
    let database = start();
    database.run(TABLE);
    database.run(ROW);
    database
}

fn selects(statements: &[String]) -> usize {
    let is_ours = |statement: &&String| statement.starts_with("SELECT file");
    statements.iter().filter(is_ours).count()
}

/// What a client finds that is not the harness's own, and that asks with a placeholder, as views do.
fn read_from(url: &str) -> Result<Vec<String>, DbErr> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let options = ConnectOptions::new(url);
        let connection = sea_orm::Database::connect(options).await?;
        let backend = connection.get_database_backend();
        let place = if backend == DbBackend::Postgres {
            "$1"
        } else {
            "?"
        };
        let query = format!("SELECT file FROM document WHERE slug = {place}");
        let statement = Statement::from_sql_and_values(backend, query, ["jahr".into()]);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    })
}

/// The host and port in a URL.
fn address(database: &Database) -> String {
    let url = database.url();
    let (_, rest) = url.split_once('@').expect("a server's URL has a user");
    rest.trim_end_matches("/app").to_owned()
}

#[test]
fn a_row_is_read_back_through_the_url_with_its_umlauts() {
    for start in Database::ALL {
        let database = with_row(start);
        assert_eq!(database.read(QUERY), [FILE], "{}", database.name());
    }
}

#[test]
fn several_statements_run_in_one_go() {
    for start in Database::ALL {
        let database = start();
        database.run(&format!("{TABLE}; {ROW}; DELETE FROM document; {ROW}"));
        assert_eq!(database.read(QUERY), [FILE], "{}", database.name());
    }
}

#[test]
fn rows_and_url_survive_a_stop() {
    for start in Database::ALL {
        let mut database = with_row(start);
        let url = database.url();
        database.stop();
        database.start_again();
        assert_eq!(database.url(), url);
        assert_eq!(database.read(QUERY), [FILE], "{}", database.name());
    }
}

#[test]
fn a_stopped_server_refuses_connections() {
    for start in [Database::postgres, Database::mariadb] {
        let mut database = start();
        assert!(TcpStream::connect(address(&database)).is_ok());
        database.stop();
        assert!(TcpStream::connect(address(&database)).is_err());
    }
}

#[test]
fn the_server_tells_each_select_once_and_none_from_before() {
    for start in [Database::postgres, Database::mariadb] {
        let database = with_row(start);
        assert_eq!(database.read(QUERY), [FILE]);

        let url = database.url();
        let (rows, statements) = database.watch(|| read_from(&url));
        assert_eq!(rows.unwrap(), [FILE]);
        let statements = statements.expect("a server has a log");
        assert_eq!(selects(&statements), 1, "{statements:#?}");

        let ((), statements) = database.watch(|| ());
        assert_eq!(statements.expect("a server has a log"), [""; 0]);
    }
}

#[test]
fn sqlite_has_no_log_to_tell_from() {
    let database = with_row(Database::sqlite);
    let (rows, statements) = database.watch(|| database.read(QUERY));
    assert_eq!(rows, [FILE]);
    assert_eq!(statements, None);
}

#[test]
fn two_databases_at_once_do_not_meet() {
    for start in Database::ALL {
        let (one, other) = (with_row(start), with_row(start));
        assert_ne!(one.url(), other.url());
        one.run("DELETE FROM document");
        assert!(one.read(QUERY).is_empty());
        assert_eq!(other.read(QUERY), [FILE], "{}", other.name());
    }
}

#[test]
fn a_paused_database_answers_only_when_it_is_resumed() {
    for start in Database::ALL {
        let mut database = with_row(start);
        let url = database.url();
        database.pause();
        let (sender, answer) = mpsc::channel();
        thread::spawn(move || sender.send(read_from(&url)));
        // It costs this time when all is well; one that is not paused answers within it.
        let early = answer.recv_timeout(Duration::from_millis(500));
        assert!(early.is_err(), "{}: {early:?}", database.name());

        database.resume();
        let rows = answer.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(rows.unwrap(), [FILE], "{}", database.name());
    }
}

#[test]
fn a_paused_server_can_be_stopped_and_keeps_its_rows() {
    for start in [Database::postgres, Database::mariadb] {
        let mut database = with_row(start);
        database.pause();
        database.stop();
        database.start_again();
        assert_eq!(database.read(QUERY), [FILE], "{}", database.name());
    }
}

#[test]
fn the_servers_ask_for_the_password() {
    for start in [Database::postgres, Database::mariadb] {
        let database = with_row(start);
        let url = database.url();
        assert_eq!(read_from(&url).unwrap(), [FILE]);
        let wrong = url.replace(Database::PASSWORD, "wrong");
        assert_ne!(wrong, url);
        assert!(read_from(&wrong).is_err(), "{}", database.name());
    }
}
