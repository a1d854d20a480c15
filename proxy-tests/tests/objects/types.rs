//! Every type of column that a role takes, in each database's own words.

use proxy_tests::Database;

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
        ["BIGINT", "CHAR(14)", "BIGINT", "BIGINT"],
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
        // Both are the row's.
        let date = "Sun, 13 Sep 2020 12:26:40 GMT";
        assert_eq!(answer.header("Last-Modified"), date, "{of}");
        assert_eq!(answer.header("ETag"), "\"16345785d8a00000-6\"", "{of}");
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
fn every_type_of_mariadb_is_read() {
    every_type_is_read(&Database::mariadb(), MARIADB);
}

#[test]
fn every_type_of_sqlite_is_read() {
    every_type_is_read(&Database::sqlite(), SQLITE);
}
