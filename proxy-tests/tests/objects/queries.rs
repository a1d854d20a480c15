//! What a request costs and leaves behind: one query, no look at the file, at most one line in the log.

use std::thread;

use proxy_tests::{Database, Request, Site};

use crate::rows::{create_table, write_files};
use crate::stands::{COLUMNS, Mode, Stand, configuration, object_view};

const SERVERS: [fn() -> Database; 2] = [Database::postgres, Database::mariadb];

#[test]
fn a_described_row_is_delegated_with_one_query() {
    for start in SERVERS {
        for over in [Stand::over_table, Stand::over_entity] {
            let stand = over(start, Mode::Nginx);
            let target = "/documents/hello-world";
            let first = stand.ask_application(target);
            let database = stand.database.as_ref().expect("a server");
            let (again, statements) = database.watch(|| stand.ask_application(target));
            assert_eq!(again.status, 200, "{}", stand.name);
            let accelerated = again.header("X-Accel-Redirect");
            assert_eq!(accelerated, "/_internal/media/docs/hello.txt");
            assert_eq!(again.header("ETag"), first.header("ETag"));
            let mut statements = statements.expect("a server has a log");
            // With which a further connection may have introduced itself.
            statements.retain(|statement| !statement.starts_with("SET "));
            assert_eq!(statements.len(), 1, "{}: {statements:#?}", stand.name);
            assert!(statements[0].starts_with("SELECT"), "{statements:#?}");
            assert!(!statements[0].contains('*'), "{statements:#?}");
            // Described or not, a file that is gone is 404 by us.
            stand.site.remove("media/docs/hello.txt");
            for target in [target, "/documents/plain"] {
                assert_eq!(stand.ask_application(target).status, 404, "{target}");
            }
        }
    }
}

#[test]
fn a_row_that_cannot_be_right_is_logged_once_without_its_values() {
    for start in Database::ALL {
        for mode in [Mode::Nginx, Mode::Streamed] {
            let stand = Stand::over_table(start, mode);
            let gateway = stand.gateway.as_ref().expect("a gateway");
            for (slug, status) in [
                ("climbing", 404),
                ("absolute", 404),
                ("forging", 200),
                ("negative", 200),
            ] {
                let before = gateway.output().lines().count();
                for _ in 0..3 {
                    let answer = stand.ask_application(&format!("/documents/{slug}"));
                    assert_eq!(answer.status, status, "{}: {slug}", stand.name);
                    assert!(!answer.has("X-Evil"), "{}: {slug}", stand.name);
                }
                let output = gateway.output();
                let lines: Vec<_> = output.lines().skip(before).collect();
                assert_eq!(lines.len(), 1, "{}: {slug}: {lines:#?}", stand.name);
                assert!(lines[0].contains("WARN"), "{lines:#?}");
                for value in ["secret", "passwd", "X-Evil", "docs", Database::PASSWORD] {
                    assert!(!lines[0].contains(value), "{lines:#?}");
                }
            }
            // What simply is not there is no concern of the operator's.
            let before = gateway.output();
            for slug in ["unknown", "null", "empty", "%FF", "a%00b"] {
                assert_eq!(
                    stand.ask_application(&format!("/documents/{slug}")).status,
                    404
                );
            }
            assert_eq!(gateway.output(), before, "{}", stand.name);
        }
    }
}

#[test]
fn a_lookup_that_several_rows_have_is_404_and_logged() {
    for start in Database::ALL {
        let database = start();
        database.run("CREATE TABLE twice (slug VARCHAR(80), file VARCHAR(80))");
        database.run("INSERT INTO twice VALUES ('a', 'docs/hello.txt'), ('a', 'docs/other.txt')");
        let site = site(&database, "", &[("twice", "slug", "")]);
        let gateway = site.start_gateway();
        assert_eq!(gateway.get("/twice/a").status, 404, "{}", database.name());
        let output = gateway.output();
        assert!(output.contains("should be unique"), "{output}");
    }
}

#[test]
fn a_pool_of_one_connection_serves_many_at_once() {
    for start in Database::ALL {
        let database = start();
        create_table(&database);
        let site = site(
            &database,
            "max_connections = 1\n",
            &[("document", "slug", COLUMNS)],
        );
        let gateway = site.start_gateway();
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    let answer = gateway.get("/document/hello-world");
                    assert_eq!(answer.status, 200, "{}", answer.head());
                });
            }
        });
        // They stay open for the next requests.
        let connections = match database.name() {
            "postgres" => {
                "SELECT CAST(count(*) AS TEXT) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            }
            "mariadb" => {
                "SELECT CAST(count(*) AS CHAR) FROM information_schema.processlist \
                 WHERE id <> connection_id() AND user = 'app'"
            }
            _ => continue,
        };
        assert_eq!(database.read(connections), ["1"], "{}", database.name());
    }
}

#[test]
fn a_download_goes_on_when_its_row_is_deleted_and_the_next_is_404() {
    for start in Database::ALL {
        let database = start();
        create_table(&database);
        let site = site(&database, "", &[("document", "slug", "")]);
        let large = vec![b'x'; 20 << 20];
        site.write("media/docs/hello.txt", &large);
        let gateway = site.start_gateway();
        let target = "/document/plain";
        let mut download = Request::get(target)
            .start(gateway.address())
            .expect("asked");
        download.receive(1000).expect("the head and a little more");
        database.run("DELETE FROM document WHERE slug = 'plain'");
        let answer = download.finish().expect("whole");
        assert_eq!(answer.body.len(), large.len());
        assert_eq!(gateway.get(target).status, 404, "{}", database.name());
    }
}

/// Views `/TABLE/{LOOKUP}` over tables whose column `file` names the file, streamed.
pub(crate) fn site(database: &Database, keys: &str, tables: &[(&str, &str, &str)]) -> Site {
    let views = tables.iter().map(|(table, lookup, further)| {
        let route = format!("/{table}/{{{lookup}}}");
        object_view(&route, table, lookup, "file", further)
    });
    let url = database.url();
    let tables = format!("[databases.main]\nurl = \"{url}\"\n{keys}") + &views.collect::<String>();
    let site = Site::new(&configuration(Mode::Streamed, &tables));
    write_files(&site);
    site
}
