//! `explain` and the service agree, because they are the same; this checks what is told and how.

use std::path::Path;

use downloadview_gateway::config::Config;
use downloadview_gateway::explain::explain;

const CONFIG: &str = r#"
[storages.media]
kind = "local"
root = "media"
base_url = "/media/"

[optimize]
backend = "nginx"

[[optimize.rules]]
source_url = "/media/public/"
destination_url = "/_internal/public/"

[[optimize.rules]]
storage = "media"
destination_url = "/_internal/media/"
limit_rate = "1MiB"

[[views]]
route = "/files/{*path}"
kind = "storage"
storage = "media"

[[views]]
route = "/hello"
kind = "virtual"
text = "Hello!"
basename = "hello.txt"
"#;

async fn explained(path: &str) -> String {
    explained_of(CONFIG, path, None).await
}

async fn explained_of(config: &str, path: &str, proxy: Option<&str>) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("media")).expect("made");
    std::fs::write(dir.path().join("media/a b.txt"), "text").expect("written");
    let file = dir.path().join("downloadview.toml");
    let config = Config::parse(config, &file).expect("valid");
    let uri = path.parse().expect("a path");
    let text = match explain(&config, &uri, proxy).await {
        Ok(text) => text,
        Err(error) => format!("error: {error}"),
    };
    let folder = dir.path().to_str().expect("UTF-8");
    // Both hold the time of this very test.
    let timeless = |line: &&str| !line.contains("etag") && !line.contains("last-modified");
    let lines = text.lines().filter(timeless);
    lines.collect::<Vec<_>>().join("\n").replace(folder, "")
}

#[tokio::test]
async fn tells_the_rule_and_the_header_of_a_delegated_file() {
    insta::assert_snapshot!(explained("/files/a%20b.txt").await, @r#"
    GET /files/a%20b.txt
    route     /files/{*path} (/downloadview.toml:19)
    view      storage: media
    file      a b.txt
      path    /media/a b.txt
      url     /media/a%20b.txt
    decision
      the file was looked at: 4 bytes
      rule /media/public/ (line 10), for nginx: does not take it: the file's URL does not lie below the rule's
      rule media (line 14), for nginx: takes it: it decides
    outcome   delegated to nginx by rule media (line 14)
    answer    200 OK
      content-disposition: attachment; filename="a b.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 0
      x-accel-redirect: /_internal/media/a%20b.txt
      x-accel-limit-rate: 1048576
    "#);
}

#[tokio::test]
async fn a_rule_that_no_backend_carries_out_is_told() {
    let config = CONFIG.replace("backend = \"nginx\"\n", "");
    let text = explained_of(&config, "/files/a%20b.txt", None).await;
    let decision = text.split_once("decision\n").expect("a decision").1;
    let decision: Vec<_> = decision.lines().take(3).map(str::trim).collect();
    insta::assert_snapshot!(decision.join("\n"), @r#"
    rule /media/public/ (line 9): never takes a file, because no backend carries it out: write `backend` into [optimize], or take the rule out
    rule media (line 13): never takes a file, because no backend carries it out: write `backend` into [optimize], or take the rule out
    no rule is asked: there is no proxy
    "#);
}

#[tokio::test]
async fn a_query_leads_to_the_same_file() {
    let with_query = explained("/files/a%20b.txt?dl=1").await;
    let without = explained("/files/a%20b.txt").await;
    assert_eq!(with_query.replace("?dl=1", ""), without);
    assert!(with_query.contains("200 OK"), "{with_query}");
}

#[tokio::test]
async fn one_rule_decides_and_later_ones_would() {
    let last = "[[views]]\nroute = \"/hello\"";
    let more = "[[views.rules]]\nsource_dir = \"media\"\ndestination_url = \"/_internal/view/\"\n";
    let config = CONFIG.replace(last, &format!("{more}{last}"));
    let text = explained_of(&config, "/files/a%20b.txt", None).await;
    let rules: Vec<_> = text
        .lines()
        .filter(|line| line.contains("(line "))
        .map(str::trim)
        .collect();
    insta::assert_snapshot!(rules.join("\n"), @"
    rule /media (line 24), for nginx: takes it: it decides
    rule /media/public/ (line 10), for nginx: does not take it: the file's URL does not lie below the rule's
    rule media (line 14), for nginx: would take it
    outcome   delegated to nginx by rule /media (line 24)
    ");
}

#[cfg(unix)]
#[tokio::test]
async fn a_rule_is_judged_by_where_a_link_leads() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(dir.path().join("media/real")).expect("made");
    std::fs::write(dir.path().join("media/real/a.txt"), "text").expect("written");
    std::os::unix::fs::symlink("real/a.txt", dir.path().join("media/link.txt")).expect("linked");
    let text = CONFIG
        .replace(
            "root = \"media\"",
            "root = \"media\"\nsymlinks = \"within\"",
        )
        .replace("\"/media/public/\"", "\"/media/\"");
    let config = Config::parse(&text, &dir.path().join("downloadview.toml")).expect("valid");
    let uri = "/files/link.txt".parse().expect("a path");
    let text = explain(&config, &uri, None).await.expect("explained");
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.contains("(line ") || line.starts_with("outcome"))
        .map(str::trim)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    rule /media/ (line 11), for nginx: would take it, but cannot: a symbolic link led to a file that the rule cannot express
    rule media (line 15), for nginx: takes it: it decides
    outcome   delegated to nginx by rule media (line 15)
    ");
}

const ANNOUNCED: &str = r#"
[storages.media]
kind = "local"
root = "media"

[optimize]
backend = "announced"

[[optimize.rules]]
storage = "media"
destination_url = "/_internal/media/"
backend = "nginx"

[optimize.proxies.front]
backend = "nginx"
secret = "0123456789abcdef"

[optimize.proxies.side]
backend = "apache"
secret = "fedcba9876543210"

[[optimize.proxies.side.rules]]
storage = "media"
destination_dir = "media"

[[views]]
route = "/files/{*path}"
kind = "storage"
storage = "media"
"#;

#[tokio::test]
async fn explains_what_an_announced_proxy_would_get() {
    let mut report = String::new();
    for proxy in [None, Some("front"), Some("side"), Some("nobody")] {
        report += &explained_of(ANNOUNCED, "/files/a%20b.txt", proxy).await;
        report += "\n---\n";
    }
    assert!(!report.contains("0123456789abcdef"), "{report}");
    insta::assert_snapshot!(report, @r#"
    GET /files/a%20b.txt
    through   no announced proxy (--proxy names one: front, side)
    route     /files/{*path} (/downloadview.toml:26)
    view      storage: media
    file      a b.txt
      path    /media/a b.txt
    decision
      no rule is asked: the request came through no announced proxy
    outcome   streamed by the gateway: the request came through no announced proxy
    answer    200 OK
      content-disposition: attachment; filename="a b.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 4
      accept-ranges: bytes
    ---
    GET /files/a%20b.txt
    through   the announced proxy front, which is nginx
    route     /files/{*path} (/downloadview.toml:26)
    view      storage: media
    file      a b.txt
      path    /media/a b.txt
    decision
      the file was looked at: 4 bytes
      rule media (line 9), for nginx: takes it: it decides
    outcome   delegated to nginx by rule media (line 9)
    answer    200 OK
      content-disposition: attachment; filename="a b.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 0
      x-accel-redirect: /_internal/media/a%20b.txt
    ---
    GET /files/a%20b.txt
    through   the announced proxy side, which is apache
    route     /files/{*path} (/downloadview.toml:26)
    view      storage: media
    file      a b.txt
      path    /media/a b.txt
    decision
      the file was looked at: 4 bytes
      rule media (line 22), for apache: would take it, but cannot: whether this apache decodes the name is not known: state its escaping, raw for mod_xsendfile 0.12, strict for 1.0
    outcome   streamed by the gateway: whether this apache decodes the name is not known: state its escaping, raw for mod_xsendfile 0.12, strict for 1.0
    answer    200 OK
      content-disposition: attachment; filename="a b.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 4
      accept-ranges: bytes
    ---
    error: /downloadview.toml: there is no announced proxy `nobody`; use one of: front, side
    ---
    "#);
}

#[tokio::test]
async fn tells_why_a_file_is_streamed() {
    insta::assert_snapshot!(explained("/hello").await, @r#"
    GET /hello
    route     /hello (/downloadview.toml:24)
    view      virtual: a text of the configuration
    file      hello.txt
    decision
      rule /media/public/ (line 10), for nginx: does not take it: the file has no URL
      rule media (line 14), for nginx: does not take it: the file has no path
    outcome   streamed by the gateway: the file has neither a path nor a URL
    answer    200 OK
      content-disposition: attachment; filename="hello.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 6
      accept-ranges: bytes
    "#);
}

#[tokio::test]
async fn tells_the_routes_when_none_matches() {
    insta::assert_snapshot!(explained("/nowhere").await, @r"
    GET /nowhere
    view      none: 404. The routes are
                /files/{*path} (line 19)
                /hello (line 24)
    ");
}

#[tokio::test]
async fn a_hostile_path_is_explained_too() {
    insta::assert_snapshot!(explained("/files/..%2fsecret").await, @r#"
    GET /files/..%2fsecret
    route     /files/{*path} (/downloadview.toml:19)
    view      storage: media
    file      none: not a file name: a segment holds a path separator
    outcome   failed
    answer    400 Bad Request
      content-type: text/plain; charset=utf-8
      x-content-type-options: nosniff
      cache-control: no-store
      content-length: 50
    "#);
}

#[test]
fn a_missing_file_is_a_plain_error() {
    let error = Config::load(Path::new("/nonexistent/downloadview.toml")).expect_err("missing");
    assert!(
        error.to_string().contains("/nonexistent/downloadview.toml"),
        "{error}"
    );
}

const OBJECTS: &str = r#"
[storages.media]
kind = "local"
root = "media"

[databases.main]
url_env = "DOCUMENTS"

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
basename_field = "title"
"#;

/// What the binary prints, with the URL of a new database in its environment.
async fn explained_by_binary(path: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("app.db");
    let url = format!("sqlite://{}?mode=rwc", database.display());
    let db = sea_orm::Database::connect(url).await.expect("made");
    let rows = "CREATE TABLE document (slug TEXT, file TEXT, title TEXT); \
        INSERT INTO document VALUES ('hello', 'a b.txt', 'Grüße.txt'), ('climbing', '../../secret', NULL)";
    let made = sea_orm::ConnectionTrait::execute_unprepared(&db, rows).await;
    made.expect("made");
    db.close().await.expect("closed");
    std::fs::create_dir(folder.path().join("media")).expect("made");
    std::fs::write(folder.path().join("media/a b.txt"), "text").expect("written");
    let config = folder.path().join("downloadview.toml");
    std::fs::write(&config, OBJECTS).expect("written");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_downloadview"))
        .args(["explain", "--config"])
        .arg(&config)
        .arg(path)
        .env("DOCUMENTS", "sqlite://app.db")
        .output()
        .expect("started");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let timeless = |line: &&str| !line.contains("etag") && !line.contains("last-modified");
    let mut lines: Vec<_> = text.lines().filter(timeless).collect();
    let log = String::from_utf8(output.stderr).expect("UTF-8");
    let said = "a record names a file that cannot be";
    let logged: Vec<_> = log
        .matches(said)
        .map(|it| format!("log       {it}"))
        .collect();
    lines.extend(logged.iter().map(String::as_str).take(1));
    let folder = folder.path().to_str().expect("UTF-8");
    lines.join("\n").replace(folder, "")
}

#[tokio::test]
async fn an_object_is_looked_up_in_a_database_that_the_environment_names() {
    insta::assert_snapshot!(explained_by_binary("/documents/hello").await, @r#"
    GET /documents/hello
    route     /documents/{slug} (/downloadview.toml:16)
    view      object: slug in table document of main, files in media
    file      Grüße.txt
      path    /media/a b.txt
    decision
      the file was looked at: 4 bytes
      rule media (line 12), for nginx: takes it: it decides
    outcome   delegated to nginx by rule media (line 12)
    answer    200 OK
      content-disposition: attachment; filename="Grusse.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      content-length: 0
      x-accel-redirect: /_internal/media/a%20b.txt
    "#);
}

#[tokio::test]
async fn a_row_that_names_no_file_is_told() {
    insta::assert_snapshot!(explained_by_binary("/documents/climbing").await, @"
    GET /documents/climbing
    route     /documents/{slug} (/downloadview.toml:16)
    view      object: slug in table document of main, files in media
    file      none: no such file
    outcome   not found
    answer    404 Not Found
      content-type: text/plain; charset=utf-8
      x-content-type-options: nosniff
      cache-control: no-store
      content-length: 10
    log       a record names a file that cannot be
    ");
}

#[tokio::test]
async fn a_name_makes_no_line_and_no_command_for_the_terminal() {
    let text = explained("/files/a%0Aoutcome%1B%5B31m.txt").await;
    assert!(
        text.contains("file      a\\noutcome\\u{1b}[31m.txt\n"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text}");
}
