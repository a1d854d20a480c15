//! Files of other servers in the gateway: what is asked of them, and what clients and proxies are told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use downloadview_gateway::app::{self, App};
use downloadview_gateway::config::{Config, Proxy};
use downloadview_gateway::explain::explain;
use downloadview_gateway::proxy_config::{Options, print};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

/// A server that has one file under every path that does not begin with `/none`, and tells what it was asked.
#[derive(Clone)]
struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    heads: Vec<String>,
}

const FILE: &str = "Hello from elsewhere!\n";

impl Origin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::<Mutex<Seen>>::default();
        let origin = Self { address, seen };
        let accepting = origin.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.seen.lock().expect("no panic").connections += 1;
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        origin
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while let Ok(byte) = stream.read_u8().await {
            head.push(byte);
            if head.ends_with(b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&head).into_owned();
                head.clear();
                let answer = answer(&text);
                self.seen.lock().expect("no panic").heads.push(text);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }

    /// The heads of the requests so far, which are forgotten.
    fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().expect("no panic").heads)
    }

    fn connections(&self) -> usize {
        self.seen.lock().expect("no panic").connections
    }
}

fn answer(head: &str) -> String {
    let lower = head.to_ascii_lowercase();
    if head
        .split(' ')
        .nth(1)
        .is_some_and(|path| path.starts_with("/none"))
    {
        return "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone".to_owned();
    }
    let common = "etag: \"1\"\r\nlast-modified: Mon, 01 Jan 2024 00:00:00 GMT\r\ncontent-type: text/x-hearsay\r\n\
                  set-cookie: origin=1\r\naccept-ranges: bytes\r\n";
    let (status, range, body) = match lower.contains("range: bytes=6-9\r\n") {
        true => (
            "206 Partial Content",
            "content-range: bytes 6-9/22\r\n",
            &FILE[6..10],
        ),
        false => ("200 OK", "", FILE),
    };
    let length = body.len();
    let body = match head.starts_with("HEAD") {
        true => "",
        false => body,
    };
    format!("HTTP/1.1 {status}\r\n{common}{range}content-length: {length}\r\n\r\n{body}")
}

fn config(tables: &str, origin: &Origin) -> Config {
    let text = tables.replace("ORIGIN", &format!("http://{}", origin.address));
    let config = Config::parse(&text, Path::new("/nowhere/downloadview.toml"));
    config.unwrap_or_else(|error| panic!("{error}"))
}

async fn built(tables: &str, origin: &Origin) -> App {
    let app = app::build(&config(tables, origin)).await;
    app.unwrap_or_else(|error| panic!("{error:#}"))
}

async fn ask(app: &App, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<String> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    let Ok(response) = app.clone().call(request).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().expect("ASCII"))
}

const MIRROR: &str = "
[storages.mirror]
kind = \"http\"
url = \"ORIGIN/files/\"
allow_private = true

[[views]]
route = \"/mirror/{*path}\"
kind = \"storage\"
storage = \"mirror\"
";

const WITH_KEY: &str = "
[storages.mirror]
kind = \"http\"
url = \"ORIGIN/files/\"
allow_private = true
headers = { X-Key = \"hunter2\" }

[[views]]
route = \"/mirror/{*path}\"
kind = \"storage\"
storage = \"mirror\"
";

const VIEW: &str = "
[[views]]
route = \"/of/{tenant}/{*rest}\"
kind = \"http\"
url = \"ORIGIN/t-{tenant}/x/{rest}?sig=hunter2\"
allow_private = true
";

#[tokio::test]
async fn a_storage_streams_the_files_of_another_server_under_their_own_names() {
    let origin = Origin::start().await;
    let app = built(WITH_KEY, &origin).await;
    let response = ask(
        &app,
        "GET",
        "/mirror/a%20b/caf%C3%A9.txt",
        &[("cookie", "mine=1")],
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.body(), FILE);
    assert_eq!(
        header(&response, "content-type"),
        "text/plain; charset=utf-8"
    );
    assert_eq!(header(&response, "etag"), "\"1\"");
    assert_eq!(header(&response, "set-cookie"), "");
    assert!(header(&response, "content-disposition").contains("caf%C3%A9.txt"));
    let heads = origin.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    let asked = heads[0].to_ascii_lowercase();
    assert!(
        asked.starts_with("get /files/a%20b/caf%c3%a9.txt http/1.1"),
        "{asked}"
    );
    assert!(asked.contains("x-key: hunter2"), "{asked}");
    assert!(!asked.contains("cookie"), "{asked}");
}

#[tokio::test]
async fn a_range_is_asked_for_and_a_missing_file_is_404_without_a_word_of_the_server() {
    let origin = Origin::start().await;
    let app = built(MIRROR, &origin).await;
    let part = ask(&app, "GET", "/mirror/a.txt", &[("range", "bytes=6-9")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        (part.body().as_str(), header(&part, "content-range")),
        ("from", "bytes 6-9/22")
    );
    let head = ask(&app, "HEAD", "/mirror/a.txt", &[]).await;
    assert_eq!(
        (head.body().as_str(), header(&head, "content-length")),
        ("", "22")
    );
    let heads = origin.heads();
    assert!(heads[1].starts_with("HEAD /files/a.txt"), "{heads:?}");

    let missing = built(&MIRROR.replace("/files/", "/none/"), &origin).await;
    let response = ask(&missing, "GET", "/mirror/a.txt", &[]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_ne!(response.body(), "none");
}

#[tokio::test]
async fn parameters_become_segments_of_the_path_and_nothing_else() {
    let origin = Origin::start().await;
    let app = built(VIEW, &origin).await;
    let response = ask(&app, "GET", "/of/a%3Fb/c%23d/e%20f.txt?sig=other", &[]).await;
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::OK, FILE)
    );
    assert!(header(&response, "content-disposition").contains("e f.txt"));
    let heads = origin.heads();
    assert!(
        heads[0].starts_with("GET /t-a%3Fb/x/c%23d/e%20f.txt?sig=hunter2 HTTP/1.1"),
        "{heads:?}"
    );
    for path in ["/of/a/../b", "/of/a/%2e%2e/b", "/of/a/b//c", "/of/%00/b"] {
        let response = ask(&app, "GET", path, &[]).await;
        assert!(
            response.status().is_client_error(),
            "{path}: {}",
            response.status()
        );
    }
    assert!(origin.heads().is_empty(), "asked for a path that climbs");
}

#[tokio::test]
async fn what_is_read_anew_goes_on_with_the_connections_that_are_open() {
    let origin = Origin::start().await;
    let app = built(MIRROR, &origin).await;
    ask(&app, "GET", "/mirror/a.txt", &[]).await;
    let again = app
        .rebuild(&config(MIRROR, &origin))
        .await
        .expect("as before");
    ask(&again, "GET", "/mirror/a.txt", &[]).await;
    assert_eq!((origin.heads().len(), origin.connections()), (2, 1));
}

#[tokio::test]
async fn a_private_address_that_is_not_allowed_stops_the_start_with_the_place_in_the_file() {
    let origin = Origin::start().await;
    let text = MIRROR
        .replace("ORIGIN", &format!("http://{}", origin.address))
        .replace("allow_private = true", "");
    let error = Config::parse(&text, Path::new("/nowhere/downloadview.toml")).expect_err("refused");
    assert_eq!(error.problems()[0].line(), 4);
    let help = error.problems()[0].help().expect("help");
    assert!(help.contains("allow_private = true"), "{help}");
}

#[tokio::test]
async fn a_proxy_that_fetches_is_told_server_and_target_and_the_gateway_asks_nothing() {
    let origin = Origin::start().await;
    let rule = "[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\nstorage = \"mirror\"\n\
                destination_url = \"/_internal/mirror/\"\n";
    let app = built(&format!("{rule}{MIRROR}"), &origin).await;
    let response = ask(&app, "GET", "/mirror/a%20b.txt", &[("range", "bytes=6-9")]).await;
    let told = ["x-accel-redirect", "x-download-origin", "x-download-target"];
    let told = told.map(|name| header(&response, name));
    let server = format!("http://{}", origin.address);
    assert_eq!(
        told,
        ["/_internal/mirror/", server.as_str(), "/files/a%20b.txt"]
    );
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::OK, "")
    );
    assert!(origin.heads().is_empty());
}

/// Two announced proxies, each with a server of its own.
const TWO: &str = "
[optimize]
backend = \"announced\"

[optimize.proxies.edge]
backend = \"nginx\"
secret = \"the-secret-of-the-edge\"
[[optimize.proxies.edge.rules]]
storage = \"first\"
destination_url = \"/_internal/first/\"

[optimize.proxies.side]
backend = \"caddy\"
secret = \"the-secret-of-the-side\"
[[optimize.proxies.side.rules]]
storage = \"second\"
destination_url = \"/_internal/second/\"

[storages.first]
kind = \"http\"
url = \"ORIGIN/files/\"
allow_private = true

[storages.second]
kind = \"http\"
url = \"OTHER/files/\"
allow_private = true

[[views]]
route = \"/first/{*path}\"
kind = \"storage\"
storage = \"first\"

[[views]]
route = \"/second/{*path}\"
kind = \"storage\"
storage = \"second\"
";

#[tokio::test]
async fn an_announced_proxy_is_told_of_its_own_servers_only() {
    let (first, second) = (Origin::start().await, Origin::start().await);
    let tables = TWO.replace("OTHER", &format!("http://{}", second.address));
    let app = built(&tables, &first).await;
    let edge = ("edge", "the-secret-of-the-edge");
    let side = ("side", "the-secret-of-the-side");
    for (name, secret, path, told) in [
        (edge.0, edge.1, "/first/a.txt", Some(&first)),
        (edge.0, edge.1, "/second/a.txt", None),
        (side.0, side.1, "/second/a.txt", Some(&second)),
        (side.0, side.1, "/first/a.txt", None),
        // One that says it is the other, or knows the other's secret only.
        (edge.0, side.1, "/first/a.txt", None),
        (side.0, edge.1, "/second/a.txt", None),
    ] {
        let announced = format!("{name} {secret}");
        let headers = [("x-downloadview-proxy", announced.as_str())];
        let response = ask(&app, "GET", path, &headers).await;
        let server = told.map(|origin| format!("http://{}", origin.address));
        assert_eq!(
            header(&response, "x-download-origin"),
            server.unwrap_or_default(),
            "{name} {path}"
        );
        // What it may not fetch the gateway streams, without a word of where it is.
        let streamed = if told.is_some() { "" } else { FILE };
        assert_eq!(response.body(), streamed, "{name} {path}");
        let hand_offs = ["x-accel-redirect", "x-download-target"];
        assert!(
            hand_offs.map(|it| header(&response, it).is_empty()) == [told.is_none(); 2],
            "{response:?}"
        );
    }
    let config = config(&tables, &first);
    for (proxy, name, own, other) in [
        (Proxy::Nginx, edge.0, &first, &second),
        (Proxy::Caddy, side.0, &second, &first),
    ] {
        let options = Options {
            proxy: Some(name.to_owned()),
            ..Options::default()
        };
        let text = print(proxy, &config, &options).expect("printed");
        assert!(text.contains(&own.address.to_string()), "{text}");
        assert!(!text.contains(&other.address.to_string()), "{text}");
    }
}

#[tokio::test]
async fn explain_tells_whether_the_server_was_asked_and_what_it_answered() {
    let origin = Origin::start().await;
    let told = async |tables: &str, path: &str| {
        let uri = path.parse().expect("a path");
        let text = explain(&config(tables, &origin), &uri, None).await;
        let text = text.expect("explained");
        let line = text.lines().find(|line| line.starts_with("origin"));
        line.unwrap_or("nothing").to_owned()
    };
    let streamed = told(WITH_KEY, "/mirror/a.txt").await;
    assert_eq!(streamed, "origin    was asked and has the file: 22 bytes");
    assert_eq!(origin.heads().len(), 1);
    let missing = told(&WITH_KEY.replace("/files/", "/none/"), "/mirror/a.txt").await;
    assert_eq!(
        missing,
        "origin    was asked and has no such file, or does not show it"
    );
    assert_eq!(origin.heads().len(), 1);
    let rule = "[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\nstorage = \"mirror\"\n\
                destination_url = \"/_internal/mirror/\"\n";
    let delegated = told(&format!("{rule}{MIRROR}"), "/mirror/a.txt").await;
    assert_eq!(
        delegated,
        "origin    was not asked: whoever fetches the file finds out whether it is there"
    );
    assert!(origin.heads().is_empty());
    let here =
        "[[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"a\"\nbasename = \"a.txt\"\n";
    assert_eq!(told(here, "/a").await, "nothing");
}

#[tokio::test]
async fn explain_names_the_server_and_hides_the_query() {
    let origin = Origin::start().await;
    let uri = "/of/a/b.txt".parse().expect("a path");
    let text = explain(&config(VIEW, &origin), &uri, None)
        .await
        .expect("explained");
    let server = format!("http://{}", origin.address);
    assert!(
        text.contains(&format!("view      http: of {server}")),
        "{text}"
    );
    assert!(text.contains("/t-a/x/b.txt"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

const BUCKET: &str = "
[storages.archive]
kind = \"s3\"
bucket = \"archive\"
endpoint = \"ORIGIN\"
allow_http = true
allow_private = true
region = \"us-east-1\"
access_key_id = \"AKIDEXAMPLE\"
secret_access_key = \"hunter2\"
prefix = \"media/2026\"
link_lifetime = \"90s\"

[[views]]
route = \"/archive/{*path}\"
kind = \"storage\"
storage = \"archive\"
";

#[tokio::test]
async fn a_bucket_is_asked_with_a_signature_that_nobody_else_sees() {
    let origin = Origin::start().await;
    let app = built(BUCKET, &origin).await;
    let response = ask(&app, "GET", "/archive/a%20b.txt", &[("range", "bytes=6-9")]).await;
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::PARTIAL_CONTENT, "from")
    );
    assert!(!format!("{:?}", response.headers()).contains("Signature"));
    let heads = origin.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(
        heads[0].starts_with("GET /archive/media/2026/a%20b.txt?"),
        "{heads:?}"
    );
    assert!(heads[0].contains("X-Amz-Signature="), "{heads:?}");
    let uri = "/archive/a%20b.txt".parse().expect("a path");
    let text = explain(&config(BUCKET, &origin), &uri, None)
        .await
        .expect("explained");
    assert!(
        !text.contains("Signature") && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_redirect_to_a_bucket_is_signed_for_its_lifetime_and_states_the_name() {
    let origin = Origin::start().await;
    let rule = "[[optimize.rules]]\nstorage = \"archive\"\nredirect = true\n";
    let app = built(&format!("{rule}{BUCKET}"), &origin).await;
    let response = ask(&app, "GET", "/archive/caf%C3%A9.txt", &[]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = header(&response, "location");
    let server = format!(
        "http://{}/archive/media/2026/caf%C3%A9.txt?",
        origin.address
    );
    assert!(location.starts_with(&server), "{location}");
    for part in [
        "X-Amz-Expires=90",
        "response-content-disposition=attachment",
        "X-Amz-Signature=",
    ] {
        assert!(location.contains(part), "{part} in {location}");
    }
    assert!(!location.contains("hunter2"));
    assert!(origin.heads().is_empty());
}

#[tokio::test]
async fn a_row_names_a_file_in_a_bucket_and_its_name() {
    let origin = Origin::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let database = sea_orm::Database::connect(url).await.expect("a database");
    let statements = "CREATE TABLE document (slug TEXT NOT NULL, file TEXT NOT NULL, title TEXT);\
                      INSERT INTO document VALUES ('may', '1/x.bin', 'May report.txt');";
    sea_orm::ConnectionTrait::execute_unprepared(&database, statements)
        .await
        .expect("a table");
    database.close().await.expect("closed");
    let view = format!(
        "[databases.main]\nurl = \"sqlite://{}\"\n[[views]]\nroute = \"/documents/{{slug}}\"\nkind = \"object\"\n\
         database = \"main\"\ntable = \"document\"\nlookup = \"slug\"\nstorage = \"archive\"\nfile_field = \"file\"\n\
         basename_field = \"title\"\n",
        file.display()
    );
    let rule = "[[optimize.rules]]\nstorage = \"archive\"\nredirect = true\n";
    let streamed = built(&format!("{BUCKET}{view}"), &origin).await;
    let response = ask(&streamed, "GET", "/documents/may", &[]).await;
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::OK, FILE)
    );
    assert!(header(&response, "content-disposition").contains("May report.txt"));
    let heads = origin.heads();
    assert!(
        heads[0].starts_with("GET /archive/media/2026/1/x.bin?"),
        "{heads:?}"
    );

    let redirected = built(&format!("{rule}{BUCKET}{view}"), &origin).await;
    let response = ask(&redirected, "GET", "/documents/may", &[]).await;
    let location = header(&response, "location");
    assert!(location.contains("May%20report.txt"), "{location}");
}

const REDIRECT: &str = "[[optimize.rules]]\nstorage = \"mirror\"\nredirect = true\n";

#[tokio::test]
async fn a_redirect_sends_the_client_to_the_server_whoever_is_in_front() {
    let origin = Origin::start().await;
    let secret = "0123456789abcdef";
    let announced = format!(
        "[optimize]\nbackend = \"announced\"\n[optimize.proxies.front]\nbackend = \"apache\"\nsecret = \"{secret}\"\n"
    );
    let through_front = format!("front {secret}");
    for (front, announcement) in [
        ("", None),
        ("[optimize]\nbackend = \"apache\"\n", None),
        (announced.as_str(), None),
        (announced.as_str(), Some(through_front.as_str())),
    ] {
        let app = built(&format!("{front}{REDIRECT}{MIRROR}"), &origin).await;
        let headers = announcement.map(|value| ("x-downloadview-proxy", value));
        for method in ["GET", "HEAD"] {
            let response = ask(&app, method, "/mirror/a%20b.txt", headers.as_slice()).await;
            assert_eq!(response.status(), StatusCode::FOUND, "{front}");
            let expected = format!("http://{}/files/a%20b.txt", origin.address);
            assert_eq!(header(&response, "location"), expected);
            assert_eq!(header(&response, "cache-control"), "no-store");
            assert_eq!(response.body(), "");
        }
    }
    assert!(origin.heads().is_empty());
}
