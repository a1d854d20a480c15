//! Every type of column that a role takes, in each database's own words.

use proxy_tests::{Database, patiently};

use crate::queries::site;

/// A table: its name, the types of `id`, `file`, `size` and `modified`, and the values of `id` and `modified`.
type Types = (&'static str, [&'static str; 4], &'static str, &'static str);

const POSTGRES: &[Types] = &[
    (
        "a",
        ["SMALLINT", "TEXT", "SMALLINT", "TIMESTAMPTZ"],
        "7",
        "'2020-09-13 14:26:40+02'",
    ),
    (
        "b",
        ["INTEGER", "VARCHAR(80)", "INTEGER", "TIMESTAMP"],
        "7",
        "'2020-09-13 12:26:40'",
    ),
    (
        "c",
        ["BIGINT", "CHAR(80)", "BIGINT", "BIGINT"],
        "7",
        "1600000000",
    ),
    (
        "d",
        ["UUID", "name", "BIGINT", "INTEGER"],
        "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
        "1600000000",
    ),
    (
        "e",
        ["TEXT", "TEXT", "INTEGER", "TIMESTAMPTZ(0)"],
        "'7'",
        "'2020-09-13 12:26:40Z'",
    ),
    (
        "f",
        ["CHAR(20)", "TEXT", "INTEGER", "TIMESTAMPTZ"],
        "'7'",
        "'2020-09-13 12:26:40Z'",
    ),
];

const MARIADB: &[Types] = &[
    (
        "a",
        [
            "TINYINT UNSIGNED",
            "TEXT",
            "TINYINT UNSIGNED",
            "TIMESTAMP NULL",
        ],
        "7",
        "'2020-09-13 12:26:40'",
    ),
    (
        "b",
        ["SMALLINT", "VARCHAR(80)", "SMALLINT", "DATETIME"],
        "7",
        "'2020-09-13 12:26:40'",
    ),
    (
        "c",
        ["INT UNSIGNED", "CHAR(80)", "INT UNSIGNED", "DATETIME(6)"],
        "7",
        "'2020-09-13 12:26:40'",
    ),
    (
        "d",
        [
            "BIGINT UNSIGNED",
            "LONGTEXT",
            "BIGINT UNSIGNED",
            "INT UNSIGNED",
        ],
        "18446744073709551615",
        "1600000000",
    ),
    (
        "e",
        ["UUID", "TINYTEXT", "BIGINT", "BIGINT"],
        "'67e55044-10b1-426f-9247-bb680e5fe0c8'",
        "1600000000",
    ),
    (
        "f",
        [
            "VARCHAR(80) CHARACTER SET latin1",
            "VARCHAR(80) CHARACTER SET latin1",
            "MEDIUMINT",
            "DATETIME",
        ],
        "'7'",
        "'2020-09-13 12:26:40'",
    ),
    (
        "g",
        [
            "VARCHAR(80) COLLATE utf8mb4_bin",
            "VARCHAR(80) COLLATE utf8mb4_bin",
            "INT",
            "DATETIME",
        ],
        "'7'",
        "'2020-09-13 12:26:40'",
    ),
];

const SQLITE: &[Types] = &[
    (
        "a",
        ["INTEGER", "TEXT", "INTEGER", "DATETIME"],
        "7",
        "'2020-09-13 12:26:40'",
    ),
    (
        "b",
        ["INT8", "VARCHAR(80)", "BIGINT", "TIMESTAMP"],
        "7",
        "'2020-09-13T12:26:40'",
    ),
    (
        "c",
        ["CHAR(36)", "CLOB", "", "TEXT"],
        "'7'",
        "'2020-09-13 12:26:40.000'",
    ),
    ("d", ["TEXT", "", "NUMERIC", "INTEGER"], "'7'", "1600000000"),
    (
        "e",
        ["TEXT", "", "NUMERIC", ""],
        "'7'",
        "'2020-09-13T12:26:40Z'",
    ),
    (
        "f",
        ["TEXT", "TEXT", "INTEGER", "DATETIME"],
        "'7'",
        "1600000000",
    ),
];

fn every_type_is_read(database: &Database, types: &[Types]) {
    let keys = "size_field = \"size\"\nmodified_field = \"modified\"\n";
    let mut views = Vec::new();
    for (table, [id, file, size, modified], key, date) in types {
        database.run(&format!(
            "CREATE TABLE {table} (id {id} PRIMARY KEY, file {file}, size {size}, modified {modified})"
        ));
        let row = format!("INSERT INTO {table} VALUES ({key}, 'docs/hello.txt', 6, {date})");
        database.run(&row);
        views.push((*table, "id", keys));
    }
    let site = site(database, "", &views);
    let gateway = site.start_gateway();
    for (table, types, key, _) in types {
        let of = format!("{} {table} {types:?}", database.name());
        let answer = gateway.get(&format!("/{table}/{}", key.trim_matches('\'')));
        assert_eq!(
            answer.status,
            200,
            "{of}\n{}\n{}",
            answer.head(),
            gateway.output()
        );
        assert_eq!(answer.text(), "Hello\n", "{of}");
        let date = "Sun, 13 Sep 2020 12:26:40 GMT";
        assert_eq!(answer.header("Last-Modified"), date, "{of}");
        for unfit in [
            "8",
            "x",
            "-",
            "%F0%9F%98%80",
            "%C3%BC",
            "7'",
            "99999999999999999999999",
        ] {
            let answer = gateway.get(&format!("/{table}/{unfit}"));
            assert_eq!(answer.status, 404, "{of}: {unfit}\n{}", gateway.output());
        }
    }
}

#[test]
fn every_type_of_postgres_is_read() {
    every_type_is_read(&Database::postgres(), POSTGRES);
}

#[test]
fn a_date_of_postgres_that_no_clock_shows_is_unknown() {
    let database = Database::postgres();
    let mut views = Vec::new();
    for (table, date) in [("a", "TIMESTAMPTZ"), ("b", "TIMESTAMP")] {
        database.run(&format!(
            "CREATE TABLE {table} (slug TEXT, file TEXT, modified {date}); \
             INSERT INTO {table} VALUES ('late', 'docs/hello.txt', 'infinity'), \
             ('early', 'docs/hello.txt', '-infinity'), ('far', 'docs/hello.txt', '290000-01-01'), \
             ('antique', 'docs/hello.txt', '4000-01-01 BC'), ('last', 'docs/hello.txt', '9999-12-31')"
        ));
        views.push((table, "slug", "modified_field = \"modified\"\n"));
    }
    let site = site(&database, "", &views);
    let gateway = site.start_gateway();
    for table in ["a", "b"] {
        for slug in ["late", "early", "far", "antique", "last"] {
            let answer = gateway.get(&format!("/{table}/{slug}"));
            assert_eq!(answer.text(), "Hello\n", "{slug}: {}", gateway.output());
        }
    }
}

#[test]
fn texts_of_postgres_are_compared_as_their_column_does() {
    let database = Database::postgres();
    database.run(
        "CREATE EXTENSION citext; CREATE TABLE a (slug CITEXT, file TEXT); \
         INSERT INTO a VALUES ('Hello', 'docs/hello.txt'); \
         CREATE TABLE b (slug CHAR(20), file TEXT); INSERT INTO b VALUES ('Hello', 'docs/hello.txt')",
    );
    let site = site(&database, "", &[("a", "slug", ""), ("b", "slug", "")]);
    let gateway = site.start_gateway();
    for (target, status) in [
        ("/a/hELLO", 200),
        ("/a/hell", 404),
        ("/b/Hello", 200),
        ("/b/hello", 404),
    ] {
        assert_eq!(
            gateway.get(target).status,
            status,
            "{target}: {}",
            gateway.output()
        );
    }
}

#[test]
fn a_table_that_is_altered_meanwhile_is_read_as_it_is_now() {
    for start in [Database::postgres, Database::mariadb] {
        let database = start();
        database.run("CREATE TABLE a (slug VARCHAR(80), file VARCHAR(80), size INT)");
        database.run("INSERT INTO a VALUES ('a', 'docs/hello.txt', 6)");
        let site = site(&database, "", &[("a", "slug", "size_field = \"size\"\n")]);
        let gateway = site.start_gateway();
        // On every connection that the pool will have.
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| assert_eq!(gateway.get("/a/a").status, 200));
            }
        });
        match database.name() {
            "postgres" => database.run(
                "ALTER TABLE a ALTER COLUMN file TYPE VARCHAR(300), ALTER COLUMN size TYPE BIGINT",
            ),
            _ => database.run("ALTER TABLE a MODIFY file VARCHAR(300), MODIFY size BIGINT"),
        }
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let answer = gateway.get("/a/a");
                    assert_eq!(
                        answer.status,
                        200,
                        "{}: {}",
                        database.name(),
                        gateway.output()
                    );
                });
            }
        });
    }
}

#[test]
fn every_type_of_mariadb_is_read() {
    every_type_is_read(&Database::mariadb(), MARIADB);
}

#[test]
fn every_type_of_sqlite_is_read() {
    every_type_is_read(&Database::sqlite(), SQLITE);
}

/// New connections prepare the statement anew, so that nothing tells them of it.
#[test]
fn a_column_that_was_altered_before_its_connections_were_opened_is_read_too() {
    let database = Database::postgres();
    database
        .run("CREATE TABLE a (slug VARCHAR(80), file VARCHAR(80), size INT, modified TIMESTAMP)");
    database.run("INSERT INTO a VALUES ('a', 'docs/hello.txt', 6, '2020-09-13 12:26:40')");
    let keys = "size_field = \"size\"\nmodified_field = \"modified\"\n";
    let site = site(&database, "", &[("a", "slug", keys)]);
    let gateway = site.start_gateway();
    assert_eq!(gateway.get("/a/a").status, 200);
    database.run(
        "ALTER TABLE a ALTER COLUMN size TYPE BIGINT, \
         ALTER COLUMN modified TYPE TIMESTAMPTZ USING modified AT TIME ZONE 'UTC'; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    // The pool finds out first that its connections are gone.
    let answer = patiently(|| {
        let answer = gateway.get("/a/a");
        match answer.status {
            503 => Err(gateway.output()),
            _ => Ok(answer),
        }
    });
    assert_eq!(answer.status, 200, "{}", gateway.output());
    let date = "Sun, 13 Sep 2020 12:26:40 GMT";
    assert_eq!(answer.header("Last-Modified"), date);
}
