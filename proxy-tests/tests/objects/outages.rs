//! A database that goes away, comes back, or says nothing: 503 meanwhile, and nobody restarts the gateway.

use std::net::SocketAddr;
use std::thread;

use proxy_tests::{Database, Relay, Response, Server, Site, patiently};

use crate::queries::site;
use crate::rows::{create_table, write_files};
use crate::stands::{COLUMNS, Mode, configuration, object_view};

const SERVERS: [fn() -> Database; 2] = [Database::postgres, Database::mariadb];
const TARGET: &str = "/document/hello-world";
const QUICK: &str = "connect_timeout = \"1s\"\nquery_timeout = \"1s\"\nmax_connections = 3\n";

#[test]
fn a_database_that_goes_away_is_503_until_it_is_back() {
    for start in SERVERS {
        let mut database = start();
        create_table(&database);
        let site = site(&database, QUICK, &[("document", "slug", COLUMNS)]);
        let gateway = site.start_gateway();
        assert_eq!(gateway.get(TARGET).status, 200, "{}", database.name());

        database.stop();
        assert_unavailable(&gateway.get(TARGET));
        await_line(&gateway, "the database is down");
        // Known to be down, it is not asked, and nothing more is said.
        let failed = || gateway.output().matches("download failed").count();
        let before = failed();
        for _ in 0..100 {
            assert_unavailable(&gateway.get(TARGET));
        }
        assert_eq!(failed(), before, "{}", gateway.output());
        let output = gateway.output();
        assert!(
            output.contains("Connection refused"),
            "the reason: {output}"
        );
        assert_eq!(
            output.matches("the database is down; ").count(),
            1,
            "{output}"
        );
        assert!(!output.contains(Database::PASSWORD), "{output}");

        database.start_again();
        await_status(&gateway, 200);
        await_line(&gateway, "the database is back");
    }
}

#[test]
fn a_gateway_starts_before_its_database() {
    for start in SERVERS {
        let mut database = start();
        create_table(&database);
        database.stop();
        let site = site(&database, QUICK, &[("document", "slug", COLUMNS)]);
        let gateway = site.start_gateway();
        assert_unavailable(&gateway.get(TARGET));
        database.start_again();
        await_status(&gateway, 200);
    }
}

#[test]
fn a_gateway_starts_although_its_database_says_nothing() {
    for start in SERVERS {
        let mut database = start();
        create_table(&database);
        let site = site(&database, QUICK, &[("document", "slug", COLUMNS)]);
        database.pause();
        let gateway = site.start_gateway();
        assert_unavailable(&gateway.get(TARGET));
        await_line(&gateway, "no connection in time");
        database.resume();
        await_status(&gateway, 200);
    }
}

#[test]
fn names_are_checked_when_a_database_that_was_down_is_back() {
    for start in SERVERS {
        let mut database = start();
        create_table(&database);
        database.stop();
        let site = site(&database, QUICK, &[("document", "nosuch", "")]);
        let gateway = site.start_gateway();
        database.start_again();
        let answer = await_status(&gateway, 500);
        assert_eq!(answer.text(), "Internal Server Error\n");
        await_line(&gateway, "there is no column `nosuch`");
    }
}

#[test]
fn a_database_that_says_nothing_is_503_in_its_time_and_served_again_after() {
    for start in Database::ALL {
        let mut database = start();
        create_table(&database);
        let site = site(&database, QUICK, &[("document", "slug", COLUMNS)]);
        let gateway = site.start_gateway();
        assert_eq!(gateway.get(TARGET).status, 200, "{}", database.name());
        database.pause();
        // More than there are connections.
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_unavailable(&gateway.get(TARGET)));
            }
        });
        database.resume();
        await_status(&gateway, 200);
    }
}

/// A firewall that forgets its connections: neither side hears of it, and TCP would try for a quarter of an hour.
#[test]
fn connections_that_died_in_silence_are_replaced() {
    for start in SERVERS {
        let database = start();
        create_table(&database);
        let url = database.url();
        let (before, rest) = url.split_once('@').expect("a user");
        let (address, name) = rest.split_once('/').expect("a database");
        let relay = Relay::start(address.parse::<SocketAddr>().expect("an address"));
        let url = format!("{before}@{}/{name}", relay.address());
        let site = site_at(&url);
        let gateway = site.start_gateway();
        // All connections of the pool.
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| assert_eq!(gateway.get(TARGET).status, 200));
            }
        });
        relay.forget_connections();
        // Every connection has a query under way that will never be answered.
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_unavailable(&gateway.get(TARGET)));
            }
        });
        await_status(&gateway, 200);
        // For good: the dead ones do not come back.
        for _ in 0..20 {
            let answer = gateway.get(TARGET);
            assert_eq!(
                answer.status,
                200,
                "{}\n{}",
                database.name(),
                gateway.output()
            );
        }
    }
}

/// A server has at most so many connections, and those of a query that nobody waits for any more do not end by themselves.
#[test]
fn slow_queries_cost_the_server_no_further_connections() {
    for (start, running) in [
        (
            Database::postgres as fn() -> Database,
            "SELECT CAST(count(*) AS TEXT) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()",
        ),
        (
            Database::mariadb,
            "SELECT CAST(count(*) AS CHAR) FROM information_schema.processlist \
             WHERE command <> 'Sleep' AND user = 'app' AND id <> connection_id()",
        ),
    ] {
        let database = start();
        create_table(&database);
        database.run(&slow_view(&database, 20));
        let site = slow_site(&database.url());
        let gateway = site.start_gateway();
        thread::scope(|scope| {
            for _ in 0..8 {
                let asking: Vec<_> = (0..6)
                    .map(|_| scope.spawn(|| assert_unavailable(&gateway.get("/slow/plain"))))
                    .collect();
                for asked in asking {
                    asked.join().expect("503");
                }
                let running: u32 = database.read(running)[0].parse().expect("a number");
                // Those of the pool, and as many that the server is about to end.
                assert!(running <= 6, "{}: {running}", database.name());
            }
        });
        await_status(&gateway, 200);
    }
}

/// Finds the row `plain` after so many seconds, and any other at once.
fn slow_view(database: &Database, seconds: u32) -> String {
    let pause = match database.name() {
        "postgres" => format!("pg_sleep({seconds}) IS NOT NULL"),
        _ => format!("SLEEP({seconds}) = 0"),
    };
    format!("CREATE VIEW slow AS SELECT slug, file FROM document WHERE slug <> 'plain' OR {pause}")
}

fn slow_site(url: &str) -> Site {
    let views = [
        object_view("/document/{slug}", "document", "slug", "file", COLUMNS),
        object_view("/slow/{slug}", "slow", "slug", "file", ""),
    ];
    let views = views.concat();
    let tables = format!("[databases.main]\nurl = \"{url}\"\n{QUICK}{views}");
    let site = Site::new(&configuration(Mode::Streamed, &tables));
    write_files(&site);
    site
}

/// The pool has all the connections that its user may have, so that there is none to examine the database with.
#[test]
fn a_database_without_room_for_another_connection_is_not_down() {
    let database = Database::postgres();
    create_table(&database);
    database.run(&slow_view(&database, 20));
    database.run(&format!(
        "CREATE ROLE small LOGIN PASSWORD '{}' CONNECTION LIMIT 3; GRANT SELECT ON ALL TABLES IN SCHEMA public TO small",
        Database::PASSWORD
    ));
    let site = slow_site(&database.url().replace("//app:", "//small:"));
    let gateway = site.start_gateway();
    await_status(&gateway, 200);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_unavailable(&gateway.get("/slow/plain")));
        }
    });
    // The examination is over, and found a server that answers.
    await_line(&gateway, "the database is there, yet failed a request");
    await_status(&gateway, 200);
    let output = gateway.output();
    assert!(!output.contains("the database is down"), "{output}");
}

/// As a deployment does that makes the database elsewhere and renames it.
#[test]
fn a_file_of_sqlite_that_was_replaced_is_opened_anew() {
    let [old, new] = ["docs/hello.txt", "docs/other.txt"].map(|file| {
        let database = Database::sqlite();
        database.run("CREATE TABLE document (slug TEXT, file TEXT)");
        database.run(&format!(
            "INSERT INTO document VALUES ('hello-world', '{file}')"
        ));
        database
    });
    let site = site(&old, QUICK, &[("document", "slug", "")]);
    let gateway = site.start_gateway();
    for _ in 0..4 {
        assert_eq!(gateway.get(TARGET).text(), "Hello\n");
    }
    let [from, to] = [&new, &old].map(|database| database.url().replace("sqlite://", ""));
    std::fs::rename(from, to).expect("on the same disk");
    for _ in 0..4 {
        assert_eq!(
            gateway.get(TARGET).text(),
            "Other\n",
            "{}",
            gateway.output()
        );
    }
}

#[test]
fn other_views_work_while_a_database_is_down() {
    let mut database = Database::postgres();
    create_table(&database);
    let site = {
        let view = object_view("/document/{slug}", "document", "slug", "file", "");
        let other =
            "[[views]]\nroute = \"/files/{*path}\"\nkind = \"storage\"\nstorage = \"media\"\n";
        let tables = format!(
            "[databases.main]\nurl = \"{}\"\n{QUICK}{view}{other}",
            database.url()
        );
        let site = Site::new(&configuration(Mode::Streamed, &tables));
        write_files(&site);
        site
    };
    database.stop();
    let gateway = site.start_gateway();
    assert_unavailable(&gateway.get(TARGET));
    assert_eq!(gateway.get("/files/docs/hello.txt").text(), "Hello\n");
}

fn site_at(url: &str) -> Site {
    let view = object_view("/document/{slug}", "document", "slug", "file", COLUMNS);
    let tables = format!("[databases.main]\nurl = \"{url}\"\n{QUICK}{view}");
    let site = Site::new(&configuration(Mode::Streamed, &tables));
    write_files(&site);
    site
}

#[track_caller]
fn assert_unavailable(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.head());
    assert_eq!(answer.header("Retry-After"), "5");
    assert_eq!(answer.header("Cache-Control"), "no-store");
    assert_eq!(answer.text(), "Service Unavailable\n");
}

#[track_caller]
fn await_status(gateway: &Server, status: u16) -> Response {
    patiently(|| {
        let answer = gateway.get(TARGET);
        match answer.status == status {
            true => Ok(answer),
            false => Err(format!("still {}\n{}", answer.head(), gateway.output())),
        }
    })
}

#[track_caller]
fn await_line(gateway: &Server, text: &str) {
    patiently(|| {
        let output = gateway.output();
        match output.contains(text) {
            true => Ok(()),
            false => Err(format!("no {text:?} in\n{output}")),
        }
    });
}
