//! What the gateway says, before it starts, of names and databases that cannot be right.

use proxy_tests::{Database, Site};

use crate::rows::create_table;
use crate::stands::{Mode, configuration, object_view};

/// The paragraphs of the complaint that name a problem, each as `line:column message | help`.
fn refusal(url: &str, views: &str) -> Vec<String> {
    let tables = format!("[databases.main]\nurl = \"{url}\"\nconnect_timeout = \"5s\"\n{views}");
    let site = Site::new(&configuration(Mode::Streamed, &tables));
    let complaint = site.refusal_of_gateway();
    assert!(!complaint.contains(Database::PASSWORD), "{complaint}");
    assert!(!complaint.contains("hunter2"), "{complaint}");
    let paragraphs = complaint.split("error: ").skip(1);
    paragraphs.map(summary).collect()
}

fn summary(paragraph: &str) -> String {
    let after = |mark: &str| {
        let found = paragraph.lines().find_map(|line| line.split_once(mark));
        found.map_or("", |(_, rest)| rest)
    };
    let message = paragraph.lines().next().unwrap_or_default();
    let place = after("downloadview.toml:");
    format!("{place} {message} | {}", after("= help: "))
}

fn view(table: &str, lookup: &str, file: &str, further: &str) -> String {
    object_view(
        &format!("/{table}/{{{lookup}}}"),
        table,
        lookup,
        file,
        further,
    )
}

#[test]
fn every_name_that_the_schema_does_not_have_is_reported_at_once() {
    for start in Database::ALL {
        let database = start();
        create_table(&database);
        let name = database.name();
        let views = [
            view("documents", "slug", "file", ""),
            view("other.document", "slug", "file", ""),
            view("document", "slog", "file", ""),
            object_view("/a/{slug}", "document", "slug", "path", ""),
            object_view(
                "/b/{slug}",
                "document",
                "slug",
                "file",
                "size_field = \"seize\"\netag_field = \"zz\"\n",
            ),
        ];
        let reported = refusal(&database.url(), &views.concat());
        let expected = [
            "`table`: database `main` has no table `documents` | name one that it has",
            "`table`: database `main` has no table `other.document` | name one that it has",
            "`lookup`: table `document` has no column `slog` | did you mean \"slug\"?",
            "`file_field`: table `document` has no column `path` | it has `id`, `slug`, `file`, ",
            "`size_field`: table `document` has no column `seize` | did you mean \"size\"?",
        ];
        assert_eq!(reported.len(), expected.len(), "{name}: {reported:#?}");
        for (reported, expected) in reported.iter().zip(expected) {
            let (place, message) = reported.split_once(' ').expect("a place");
            assert!(message.starts_with(expected), "{name}: {reported}");
            let (line, column) = place.split_once(':').expect("a line and a column");
            assert!(
                line.parse::<u32>().is_ok() && column.parse::<u32>().is_ok(),
                "{reported}"
            );
        }
    }
}

#[test]
fn a_column_of_the_wrong_type_is_reported() {
    for start in Database::ALL {
        let database = start();
        database.run(
            "CREATE TABLE wrong (id BIGINT, slug VARCHAR(80), price DOUBLE PRECISION, day DATE)",
        );
        let lines = |keys: &str| {
            let views = object_view("/w/{slug}", "wrong", "slug", "slug", keys);
            refusal(&database.url(), &views)
        };
        for (keys, expected) in [
            (
                "size_field = \"slug\"\n",
                "`size_field`: column `slug` holds ",
            ),
            (
                "basename_field = \"id\"\n",
                "`basename_field`: column `id` holds ",
            ),
            (
                "modified_field = \"price\"\n",
                "`modified_field`: column `price` holds ",
            ),
            (
                "content_type_field = \"price\"\n",
                "`content_type_field`: column `price` holds ",
            ),
        ] {
            let reported = lines(keys);
            assert_eq!(reported.len(), 1, "{reported:#?}");
            assert!(
                reported[0].contains(expected),
                "{}: {reported:#?}",
                database.name()
            );
            assert!(
                reported[0].contains("| name a column that holds "),
                "{reported:#?}"
            );
        }
        let price = object_view("/w/{price}", "wrong", "price", "slug", "");
        let reported = refusal(&database.url(), &price);
        assert!(
            reported[0].contains("`lookup`: column `price` holds "),
            "{reported:#?}"
        );
    }
}

#[test]
fn names_are_quoted_and_never_run() {
    for start in Database::ALL {
        let database = start();
        create_table(&database);
        let views = object_view(
            "/w/{slug}",
            "document; DROP TABLE document",
            "slug",
            "file",
            "",
        );
        let reported = refusal(&database.url(), &views);
        assert!(reported[0].contains("has no table"), "{reported:#?}");
        let views = object_view(
            "/w/{slug}",
            "document",
            "slug",
            "file FROM document; --",
            "",
        );
        let reported = refusal(&database.url(), &views);
        assert!(reported[0].contains("has no column"), "{reported:#?}");
        assert_eq!(
            database.read("SELECT slug FROM document WHERE id = 1"),
            ["hello-world"]
        );
    }
}

#[test]
fn a_wrong_password_or_database_is_reported_without_the_password() {
    for start in [Database::postgres, Database::mariadb] {
        let database = start();
        let right = database.url();
        for wrong in [
            right.replace(Database::PASSWORD, "hunter2"),
            right.replace("/app", "/nosuch"),
        ] {
            let views = object_view("/w/{slug}", "document", "slug", "file", "");
            let reported = refusal(&wrong, &views);
            assert_eq!(reported.len(), 1, "{reported:#?}");
            assert!(reported[0].contains("cannot be used"), "{reported:#?}");
            assert!(
                reported[0].contains("check user, password"),
                "{reported:#?}"
            );
        }
    }
}

#[test]
fn a_file_that_is_no_database_is_reported() {
    let views = object_view("/w/{slug}", "document", "slug", "file", "");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.db");
    std::fs::write(
        &file,
        "a text, and no database at all, long enough to have a header of its own; ".repeat(20),
    )
    .expect("written");
    open_to_all(folder.path(), 0o755);
    open_to_all(&file, 0o644);
    let reported = refusal(&format!("sqlite://{}", file.display()), &views);
    assert_eq!(reported.len(), 1, "{reported:#?}");
    assert!(reported[0].contains("not a database"), "{reported:#?}");
}

fn open_to_all(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("set");
}
