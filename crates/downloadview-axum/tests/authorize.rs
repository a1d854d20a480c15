//! An authorizer around routes of a real axum router, nested and not: what it is told.
#![cfg(feature = "authorize")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use downloadview::authorize::{Authorize, Authorizer};
use downloadview::fetch::Client;
use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::StorageView;
use downloadview::{DownloadView as _, Optimizer};
use downloadview_axum::{authorize, normalize_escapes, optimize, view};
use http::Request;
use http::request::Parts;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// What an authorizer was told, a request a line, and the authorizer: whoever names alice passes.
struct Told {
    authorizer: Authorizer,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Told {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/may", listener.local_addr().expect("bound"));
        let told = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&told);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (reader, mut writer) = stream.split();
                let mut head = BufReader::new(reader).lines();
                let mut said = Vec::new();
                while let Ok(Some(line)) = head.next_line().await {
                    if line.is_empty() {
                        break;
                    }
                    let told = ["x-forwarded-uri: ", "x-download-"];
                    if told.iter().any(|start| line.starts_with(start)) {
                        said.push(line);
                    }
                }
                said.sort();
                let passes = said.iter().any(|line| line.contains("alice"));
                told.lock().expect("whole").push(said.join(" | "));
                let answer = match passes {
                    true => "HTTP/1.1 204 Yes\r\nConnection: close\r\n\r\n",
                    false => "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                };
                let _ = writer.write_all(answer.as_bytes()).await;
            }
        });
        let client = Client::new().expect("a client");
        let authorizer = Authorizer::builder(&client, url).build().expect("a URL");
        Self { authorizer, lines }
    }

    fn last(&self) -> String {
        let lines = self.lines.lock().expect("whole");
        lines.last().cloned().unwrap_or_default()
    }
}

fn files() -> StorageView {
    let storage = MemoryStorage::new();
    for name in ["alice/a b.txt", "bob/b.txt"] {
        storage.insert(StorageName::parse(name).expect("a name"), "Hello!");
    }
    StorageView::new(storage)
}

async fn status(app: &Router, target: &str) -> u16 {
    let request = Request::get(target).body(Body::empty()).expect("a request");
    let response = app.clone().oneshot(request).await.expect("an answer");
    response.status().as_u16()
}

#[tokio::test]
async fn it_is_told_the_path_that_the_client_asked_for_and_axums_route_and_parameters() {
    let told = Told::new().await;
    let layer = || authorize(told.authorizer.clone());
    let by_name = files().name(|request: &Parts| StorageName::from_url_path(request.uri.path()));
    let routed = Router::new().route_service("/{user}/{file}", view(by_name));
    let nested = Router::new().nest("/files", routed.clone().layer(layer()));
    let app = Router::new()
        .nest("/site", nested)
        .nest_service(
            "/service",
            tower::Layer::layer(&layer(), files().into_service()),
        )
        .merge(routed.layer(layer()))
        .layer(optimize(Optimizer::none()));
    let app = normalize_escapes(app);
    for (target, expected_status, expected) in [
        (
            "/site/files/alice/a%20b.txt?v=1",
            200,
            "x-download-params: user=alice&file=a%20b.txt | \
             x-download-route: /site/files/{user}/{file} | \
             x-forwarded-uri: /site/files/alice/a%20b.txt?v=1",
        ),
        (
            "/site/files/%61lice/./a%20b.txt",
            200,
            "x-download-params: user=alice&file=a%20b.txt | \
             x-download-route: /site/files/{user}/{file} | \
             x-forwarded-uri: /site/files/alice/a%20b.txt",
        ),
        (
            "/bob/b.txt",
            403,
            "x-download-params: user=bob&file=b.txt | \
             x-download-route: /{user}/{file} | x-forwarded-uri: /bob/b.txt",
        ),
        (
            "/service/alice/a%20b.txt",
            200,
            "x-forwarded-uri: /service/alice/a%20b.txt",
        ),
        (
            "/service/bob/b.txt",
            403,
            "x-forwarded-uri: /service/bob/b.txt",
        ),
    ] {
        assert_eq!(status(&app, target).await, expected_status, "{target}");
        assert_eq!(told.last(), expected, "{target}");
    }
    let asked = told.lines.lock().expect("whole").len();
    for (target, expected) in [
        ("/site/files/alice/..%2Fbob", 400),
        ("/service/alice/../bob/b.txt", 400),
        ("/site/files/alice/%zz", 400),
    ] {
        assert_eq!(status(&app, target).await, expected, "{target}");
    }
    assert_eq!(
        told.lines.lock().expect("whole").len(),
        asked,
        "nobody is asked"
    );
}

#[tokio::test]
async fn it_is_told_the_prefix_that_a_proxy_took_off() {
    let told = Told::new().await;
    let layer = Authorize::new(told.authorizer.clone());
    let layer = layer.prefix("/files/of%20all").expect("a prefix");
    let app = Router::new()
        .fallback_service(files().into_service())
        .layer(layer);
    assert_eq!(status(&app, "/alice/a%20b.txt?v=1").await, 200);
    let expected = "x-forwarded-uri: /files/of%20all/alice/a%20b.txt?v=1";
    assert_eq!(told.last(), expected);
    for prefix in [
        "", "/", "files", "/files/", "/a//b", "/%61", "/a b", "/../a", "/a?b",
    ] {
        let layer = Authorize::new(told.authorizer.clone());
        assert!(layer.prefix(prefix).is_err(), "{prefix:?}");
    }
}
