//! The service that a configuration becomes: who is told of which file, and who is told nothing.

use downloadview_gateway::app;
use downloadview_gateway::config::Config;
use downloadview_gateway::witness::{CHECK, Key, Ticket};
use http::{Request, Response};
use tower_service::Service as _;

/// Folders `media` and `other`, each with `a b.txt` and `private/x`, and a service for the tables.
struct Site {
    _folder: tempfile::TempDir,
    app: app::App,
    root: String,
}

impl Site {
    async fn new(tables: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["media", "other"] {
            let private = folder.path().join(name).join("private");
            std::fs::create_dir_all(&private).expect("made");
            std::fs::write(folder.path().join(name).join("a b.txt"), "text").expect("written");
            std::fs::write(private.join("x"), "text").expect("written");
        }
        let config = Config::parse(tables, &folder.path().join("downloadview.toml"))
            .unwrap_or_else(|error| panic!("{error}"));
        let app = app::build(&config).await.expect("a service");
        let root = folder.path().to_str().expect("UTF-8").to_owned();
        Self {
            _folder: folder,
            app,
            root,
        }
    }

    async fn get(&self, path: &str, announcements: &[&str]) -> Response<()> {
        let mut request = Request::get(path);
        for announcement in announcements {
            request = request.header("x-downloadview-proxy", *announcement);
        }
        let request = request.body(()).expect("a request");
        match self.app.clone().call(request).await {
            Ok(response) => response.map(drop),
            Err(never) => match never {},
        }
    }

    /// The status and every hand-off header of the answer, with FOLDER for the test's folder.
    async fn told(&self, path: &str, announcements: &[&str]) -> String {
        let response = self.get(path, announcements).await;
        let mut told = response.status().as_u16().to_string();
        for (name, value) in response.headers() {
            let hand_off = ["x-accel", "x-sendfile", "x-lighttpd"];
            if hand_off
                .iter()
                .any(|start| name.as_str().starts_with(start))
            {
                let value = String::from_utf8_lossy(value.as_bytes()).replace(&self.root, "FOLDER");
                told += &format!(" {name}: {value}");
            }
        }
        told
    }
}

const STORAGES: &str = "
[storages.media]
kind = \"local\"
root = \"media\"
[storages.other]
kind = \"local\"
root = \"other\"
[[views]]
route = \"/other/{*path}\"
kind = \"storage\"
storage = \"other\"
[[views]]
route = \"/files/{*path}\"
kind = \"storage\"
storage = \"media\"
";

async fn with_backend(backend: &str, rule: &str) -> Site {
    let rule = format!("[[views.rules]]\nstorage = \"media\"\n{rule}\n");
    let tables = format!("[optimize]\nbackend = \"{backend}\"\n{STORAGES}{rule}");
    Site::new(&tables).await
}

#[tokio::test]
async fn each_backend_has_its_header_and_its_escaping() {
    let mut report = Vec::new();
    for (backend, rule) in [
        ("nginx", "destination_url = \"/_i/\"\nlimit_rate = 1000"),
        ("apache", "destination_dir = \"media\""),
        (
            "apache",
            "destination_dir = \"media\"\nescaping = \"strict\"",
        ),
        (
            "lighttpd",
            "destination_dir = \"media\"\nlimit_rate = \"1MiB\"",
        ),
        ("caddy", "destination_url = \"/_i/\""),
        ("caddy", "destination_url = \"/_i/\"\nescaping = \"raw\""),
    ] {
        let site = with_backend(backend, rule).await;
        report.push(site.told("/files/a%20b.txt", &[]).await);
    }
    insta::assert_snapshot!(report.join("\n"), @"
    200 x-accel-redirect: /_i/a%20b.txt x-accel-limit-rate: 1000
    200
    200 x-sendfile: FOLDER/media/a%20b.txt
    200 x-sendfile: FOLDER/media/a%20b.txt x-lighttpd-kbytes-per-second: 1024
    200
    200 x-accel-redirect: /_i/a b.txt
    ");
}

#[tokio::test]
async fn a_view_without_rules_is_unmatched_where_other_views_have_some() {
    let rules = "destination_url = \"/_i/\"\n";
    let refusing = format!(
        "[optimize]\nbackend = \"nginx\"\nunmatched = \"refuse\"\n{STORAGES}[[views.rules]]\nstorage = \"media\"\n{rules}"
    );
    let site = Site::new(&refusing).await;
    assert_eq!(
        site.told("/files/a%20b.txt", &[]).await,
        "200 x-accel-redirect: /_i/a%20b.txt"
    );
    assert_eq!(site.told("/other/a%20b.txt", &[]).await, "503");
}

#[tokio::test]
async fn a_second_slash_is_no_other_spelling_of_a_file() {
    let site = Site::new(STORAGES).await;
    assert_eq!(site.told("/files/private/x", &[]).await, "200");
    assert_eq!(site.told("/files//private/x", &[]).await, "404");
    assert_eq!(site.told("/files/private//x", &[]).await, "404");
}

const ANNOUNCED: &str = "
[optimize]
backend = \"announced\"
unmatched = \"refuse\"
[[optimize.rules]]
storage = \"other\"
destination_url = \"/_shared/\"
backend = \"nginx\"
[optimize.proxies.front]
backend = \"nginx\"
secret = \"0123456789abcdef\"
[optimize.proxies.side]
backend = \"apache\"
secret = \"fedcba9876543210\"
[[optimize.proxies.side.rules]]
storage = \"media\"
destination_dir = \"media\"
";

const FRONT: &str = "front 0123456789abcdef";
const SIDE: &str = "side fedcba9876543210";

#[tokio::test]
async fn an_announced_proxy_gets_its_own_rules_and_nobody_else_any() {
    let rule = "[[views.rules]]\nstorage = \"media\"\ndestination_url = \"/_view/\"\nbackend = \"nginx\"\n";
    let site = Site::new(&format!("{ANNOUNCED}{STORAGES}{rule}")).await;
    let asked = [
        &[FRONT][..],
        &[SIDE],
        &[],
        &["front fedcba9876543210"],
        &["front"],
        &[FRONT, SIDE],
    ];
    let mut report = Vec::new();
    for announcements in asked {
        for path in ["/files/a%20b.txt", "/other/a%20b.txt"] {
            let told = site.told(path, announcements).await;
            report.push(format!("{announcements:?} {path}: {told}"));
        }
    }
    insta::assert_snapshot!(report.join("\n"), @r#"
    ["front 0123456789abcdef"] /files/a%20b.txt: 200 x-accel-redirect: /_view/a%20b.txt
    ["front 0123456789abcdef"] /other/a%20b.txt: 200 x-accel-redirect: /_shared/a%20b.txt
    ["side fedcba9876543210"] /files/a%20b.txt: 200
    ["side fedcba9876543210"] /other/a%20b.txt: 503
    [] /files/a%20b.txt: 200
    [] /other/a%20b.txt: 200
    ["front fedcba9876543210"] /files/a%20b.txt: 200
    ["front fedcba9876543210"] /other/a%20b.txt: 200
    ["front"] /files/a%20b.txt: 200
    ["front"] /other/a%20b.txt: 200
    ["front 0123456789abcdef", "side fedcba9876543210"] /files/a%20b.txt: 200
    ["front 0123456789abcdef", "side fedcba9876543210"] /other/a%20b.txt: 200
    "#);
}

#[tokio::test]
async fn headers_of_a_view_count_more_than_those_of_all_and_false_leaves_them_out() {
    let tables = format!(
        "[headers]\nX-Robots-Tag = \"noindex\"\nX-Content-Type-Options = false\n\
         Link = [\"</a>; rel=preload\", \"</b>; rel=preload\"]\n\
         [media_types]\ncharset = \"iso-8859-15\"\n[media_types.extensions]\n\"b.txt\" = \"text/x-b\"\n\
         {STORAGES}[views.headers]\nX-Robots-Tag = \"none\"\nLink = false\n"
    );
    let site = Site::new(&tables).await;
    let other = site.get("/other/a%20b.txt", &[]).await;
    assert_eq!(other.headers()["x-robots-tag"], "noindex");
    assert_eq!(other.headers().get_all("link").iter().count(), 2);
    assert!(!other.headers().contains_key("x-content-type-options"));
    let files = site.get("/files/a%20b.txt", &[]).await;
    assert_eq!(files.headers()["x-robots-tag"], "none");
    assert!(!files.headers().contains_key("link"));
    assert_eq!(
        files.headers()["content-type"],
        "text/plain; charset=iso-8859-15"
    );
}

/// The public view's folder holds that of the private one, whose authorizer is not even there.
#[tokio::test]
async fn another_spelling_does_not_lead_past_the_view_that_asks_who_may() {
    let private = "
[[views]]
route = \"/files/private/{*path}\"
kind = \"path\"
root = \"media/private\"
authorize.url = \"http://127.0.0.1:1/\"
[[views]]
route = \"/files/pri%3Fv/{*path}\"
kind = \"path\"
root = \"media/private\"
authorize.url = \"http://127.0.0.1:1/\"
";
    let site = Site::new(&format!("{STORAGES}{private}")).await;
    assert_eq!(site.told("/files/private/x", &[]).await, "503");
    for path in [
        "/files/%70rivate/x",
        "/files/privat%65/x",
        "/files/./private/x",
        "/files/%2e/private/x",
        "/files/%2E/./%50%72ivate/../private/x",
        "/%66iles/private/x",
        "/./files/private/x",
        "/files/pri%3fv/x",
        "/files/private%2Fx",
    ] {
        let told = site.told(path, &[]).await;
        assert!(["404", "400"].contains(&&*told), "{path}: {told}");
    }
    // Other spellings of what has no view of its own stay what they were.
    for path in ["/files/a%20b.txt", "/files/./%61%20b.txt"] {
        assert_eq!(site.told(path, &[]).await, "200", "{path}");
    }
}

#[tokio::test]
async fn a_captured_request_for_a_long_answer_is_worth_nothing() {
    let tables =
        "[[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"a\"\nbasename = \"a.txt\"\n";
    let config = Config::parse(tables, "/nowhere/downloadview.toml".as_ref()).expect("valid");
    let app = app::build(&config).await.expect("a service");
    let ticket = Ticket::draw(&Key::new(config.digest())).expect("random numbers");
    let captured = ticket.long("/gone");
    let status = async |app: &app::App, method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CHECK, captured.clone()).body(());
        let answer = app.clone().call(request.expect("a request")).await;
        answer
            .unwrap_or_else(|never| match never {})
            .status()
            .as_u16()
    };
    assert_eq!(status(&app, "POST", "/gone").await, 404);
    assert_eq!(status(&app, "GET", "/other").await, 404);
    assert_eq!(status(&app, "GET", "/gone").await, 200);
    assert_eq!(status(&app, "GET", "/gone").await, 404);
    let reloaded = app.rebuild(&config).await.expect("a service");
    assert_eq!(status(&reloaded, "GET", "/gone").await, 404);
}
