//! What stands around the proxies: the file, the running gateway, storages, permissions, databases, origins.

use std::process::Command;

use proxy_tests::{Database, Proxy, Site, User, configuration, patiently};

use crate::found::{VIEWS, check, check_as, front, through};
use crate::stand::{Stand, changed};

const FILE: &str = "--file=/files/{*path}=/files/sub/report.txt";

#[test]
fn a_gateway_that_runs_by_an_older_file() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let anew = changed(&configuration(Proxy::Nginx), "max-age=60", "max-age=61");
    stand.site.configure(&anew);
    stand
        .check()
        .assert_guilty("application", &["does not know this file", "SIGHUP"]);
    stand.gateway.hang_up();
    patiently(|| match stand.check() {
        checked if checked.code == 0 => Ok(()),
        checked => Err(checked.text()),
    });
}

#[test]
fn a_gateway_that_does_not_run() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.give("media");
    check(&site, &[]).assert_guilty("application", &["cannot connect", "downloadview serve"]);
}

#[test]
fn a_file_that_the_gateway_may_not_read() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    stand
        .site
        .write("media/sub/report.txt", "a report of some length");
    stand.site.make_unreadable("media/sub/report.txt");
    let mut arguments = front(Proxy::Nginx, &stand.front);
    arguments.push(FILE.to_owned());
    for user in [User::OfServers, User::OfTest] {
        let found = check_as(&stand.site, &arguments, user);
        found.assert_guilty("permissions", &["mode 0000", "chmod o+r"]);
    }
}

#[test]
fn a_folder_that_may_not_be_passed() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    stand
        .site
        .write("media/sub/report.txt", "a report of some length");
    stand.site.set_mode("media/sub", 0o600);
    let mut arguments = front(Proxy::Nginx, &stand.front);
    arguments.push(FILE.to_owned());
    check_as(&stand.site, &arguments, User::OfTest)
        .assert_guilty("permissions", &["mode 0600", "chmod o+x", "/media/sub"]);
}

/// Who opens one of them would only find the next.
#[test]
fn all_that_keeps_a_proxy_from_a_file_is_named_at_once_and_the_advice_helps() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let modes = [
        ("media/sub/deep/report.txt", 0o600),
        ("media/sub/deep", 0o700),
        ("media/sub", 0o700),
    ];
    stand.site.write(modes[0].0, "a report of some length");
    for (name, mode) in modes {
        stand.site.set_mode(name, mode);
    }
    let mut arguments = front(Proxy::Nginx, &stand.front);
    arguments.push("--file=/files/{*path}=/files/sub/deep/report.txt".to_owned());
    let found = check_as(&stand.site, &arguments, User::OfTest);
    let named = modes.map(|(name, mode)| {
        let path = stand.site.path(name);
        format!("{} (mode {mode:04o}", path.display())
    });
    let named: Vec<_> = named.iter().map(String::as_str).collect();
    found.assert_guilty("permissions", &named);
    let change = found.change("plain name");
    let (_, for_everybody) = change.split_once("or for everybody: ").expect("a command");
    let command = for_everybody.lines().next().expect("a line");
    let done = Command::new("sh").args(["-c", command]).status();
    assert!(done.expect("a shell").success(), "{command}");
    check_as(&stand.site, &arguments, User::OfTest).assert_right("all may pass");
}

#[test]
fn a_folder_into_which_nothing_can_be_written_is_not_wrong_but_nobody_can_tell() {
    // It belongs to the test's user.
    let site = Site::new(&configuration(Proxy::Nginx));
    site.set_mode("media", 0o555);
    let _gateway = site.start_gateway();
    let found = check(&site, &[]);
    assert_eq!(found.code, 2, "{}", found.text());
    assert!(
        found.text().contains("--file '/files/{*path}="),
        "{}",
        found.text()
    );
}

const ROWS: &str = r#"
listen = "@LISTEN@"
[storages.media]
kind = "local"
root = "@MEDIA@"
[databases.main]
url = "@URL@"
[optimize]
backend = "nginx"
[[optimize.rules]]
storage = "media"
destination_url = "/_internal/media/"
[[views]]
route = "/documents/{slug}"
kind = "object"
database = "main"
table = "document"
lookup = "slug"
storage = "media"
file_field = "file"
"#;

#[test]
fn a_column_that_was_renamed() {
    let database = Database::postgres();
    database.run("CREATE TABLE document (slug TEXT PRIMARY KEY, file TEXT); INSERT INTO document VALUES ('a', 'a.txt')");
    let site = Site::new(&ROWS.replace("@URL@", &database.url()));
    site.write("media/a.txt", "a document of some length");
    let _gateway = site.start_gateway();
    let server = site.start_proxy(Proxy::Nginx);
    let mut arguments = front(Proxy::Nginx, &server);
    arguments.push("--file=/documents/{slug}=/documents/a".to_owned());
    check(&site, &arguments).assert_right("rows");
    database.run("ALTER TABLE document RENAME COLUMN file TO path");
    let found = check(&site, &arguments);
    found.assert_guilty("database", &["file_field"]);
    assert!(
        !found.text().contains(Database::PASSWORD),
        "{}",
        found.text()
    );
}

#[test]
fn a_database_that_is_not_there() {
    let mut database = Database::postgres();
    database.run("CREATE TABLE document (slug TEXT PRIMARY KEY, file TEXT); INSERT INTO document VALUES ('a', 'a.txt')");
    let site = Site::new(&ROWS.replace("@URL@", &database.url()));
    site.write("media/a.txt", "a document of some length");
    let _gateway = site.start_gateway();
    database.stop();
    let file = "--file=/documents/{slug}=/documents/a".to_owned();
    check(&site, &[file]).assert_guilty("database", &["503"]);
}

#[test]
fn an_origin_that_is_dead() {
    let site = Site::new("");
    let origin = site.free_address();
    site.configure(&format!(
        "listen = \"@LISTEN@\"\n[[views]]\nroute = \"/mirror/{{*path}}\"\nkind = \"http\"\n\
         url = \"http://{origin}/{{path}}\"\nallow_private = true\n"
    ));
    let _gateway = site.start_gateway();
    let file = "--file=/mirror/{*path}=/mirror/a.txt".to_owned();
    check(&site, &[file]).assert_guilty("origin", &["502", &origin.to_string()]);
}

#[test]
fn a_file_that_is_not_valid_and_nothing_else_is_asked() {
    let site = Site::new("listen = \"@LISTEN@\"\nviews = 1\n");
    let offline = ["--offline".to_owned()];
    check(&site, &offline).assert_guilty("configuration", &["downloadview.toml:2"]);
    site.configure(&configuration(Proxy::Nginx));
    let found = check(&site, &offline);
    assert_eq!(found.code, 0, "{}", found.text());
}

/// Their findings would be the same lines otherwise, and one would hide the other's.
#[test]
fn two_servers_of_one_name_are_told_apart_and_what_is_not_asked_is_counted() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    let dead = stand.site.free_address();
    for is_first in [true, false] {
        let mut arguments = through("nginx", dead);
        let alive = front(Proxy::Nginx, &stand.front);
        let place = if is_first { arguments.len() } else { 0 };
        arguments.splice(place..place, alive);
        let found = check(&stand.site, &arguments);
        found.assert_guilty(
            "proxy",
            &[&format!("nginx http://{dead}, /files/"), "start nginx"],
        );
        assert_eq!(found.wrong(), VIEWS, "{}", found.text());
        let alive = format!(
            "nginx http://{}, /files/{{*path}}: range",
            stand.front.address()
        );
        assert_eq!(found.right(&alive), 1, "{}", found.everything());
        // Three other names; HEAD, range and condition.
        assert!(
            found.noted("6 further questions not asked"),
            "{}",
            found.text()
        );
    }
}

#[test]
fn of_a_long_file_it_is_said_how_much_was_looked_at() {
    let stand = Stand::new(Proxy::Nginx, |_, printed| printed);
    stand
        .site
        .write("media/long", "word ".repeat(400_000).as_str());
    let mut arguments = front(Proxy::Nginx, &stand.front);
    arguments.push("--file=/files/{*path}=/files/long".to_owned());
    let found = check(&stand.site, &arguments);
    found.assert_right("long");
    let words = "the first 1 MiB of 2000000 bytes";
    assert!(found.everything().contains(words), "{}", found.everything());
}
