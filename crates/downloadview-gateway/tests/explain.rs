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
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("media")).expect("made");
    std::fs::write(dir.path().join("media/a b.txt"), "text").expect("written");
    let file = dir.path().join("downloadview.toml");
    let config = Config::parse(CONFIG, &file).expect("valid");
    let text = explain(&config, path).await.expect("explained");
    let folder = dir.path().to_str().expect("UTF-8");
    // The tag holds the time of this very test.
    let lines = text.lines().filter(|line| !line.contains("etag"));
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
      size    4 bytes
    rules
      /media/public/ (line 10), of [optimize]: does not match the file's path or URL
      media (line 14), of [optimize]: takes it, for nginx
    outcome   delegated to nginx by rule media (line 14)
    answer    200 OK
      content-disposition: attachment; filename="a_b.txt"; filename*=UTF-8''a%20b.txt
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      x-accel-redirect: /_internal/media/a%20b.txt
      x-accel-limit-rate: 1048576
      content-length: 0
    "#);
}

#[tokio::test]
async fn tells_why_a_file_is_streamed() {
    insta::assert_snapshot!(explained("/hello").await, @r#"
    GET /hello
    route     /hello (/downloadview.toml:24)
    view      virtual: a text of the configuration
    file      hello.txt
      size    6 bytes
    rules
      /media/public/ (line 10), of [optimize]: does not match the file's path or URL
      media (line 14), of [optimize]: does not match the file's path or URL
    outcome   streamed by the gateway: the file has neither a path nor a URL
    answer    200 OK
      content-disposition: attachment; filename="hello.txt"
      cache-control: private, no-cache
      x-content-type-options: nosniff
      content-type: text/plain; charset=utf-8
      accept-ranges: bytes
      content-length: 6
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
    insta::assert_snapshot!(explained("/files/..%2fsecret").await, @r"
    GET /files/..%2fsecret
    route     /files/{*path} (/downloadview.toml:19)
    view      storage: media
    file      none: not a file name: a segment holds a path separator
    outcome   an error
    answer    400 Bad Request
      content-type: text/plain; charset=utf-8
      x-content-type-options: nosniff
      content-length: 50
    ");
}

#[test]
fn a_missing_file_is_a_plain_error() {
    let error = Config::load(Path::new("/nonexistent/downloadview.toml")).expect_err("missing");
    assert!(
        error.to_string().contains("/nonexistent/downloadview.toml"),
        "{error}"
    );
}
