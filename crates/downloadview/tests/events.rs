//! What is logged of a download: one event, its outcome and its reason, and nothing secret.

mod logs;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use downloadview::backend::{Caddy, Nginx};
use downloadview::content::{BoxFuture, ByteStream, Content, Metadata, Want};
use downloadview::error::UpstreamFault;
use downloadview::file::Places;
use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::{FileRecord, ObjectView, StorageView};
use downloadview::{
    DownloadBody, DownloadResponse, DownloadView as _, Error, File, OptimizeLayer, Optimizer,
    Result, Rule,
};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, Service, ServiceExt};
use tracing::Level;

use self::logs::Log;

/// The log of GETs of `paths`, in order, through rules for `/media/`.
fn log_of(source: &str, paths: &[&str]) -> Vec<String> {
    let storage = MemoryStorage::new()
        .base_url("/media/")
        .expect("a base URL");
    for name in ["a.txt", "b\n.txt"] {
        storage.insert(StorageName::parse(name).expect("a name"), "x");
    }
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(Rule::url(source).to_uri("/_secret_place/"))
        .build()
        .expect("valid");
    log_through(optimizer, StorageView::new(storage).into_service(), paths)
}

/// The log of GETs of `paths`, in order, through a layer around `service`.
fn log_through<S, B>(optimizer: Optimizer, service: S, paths: &[&str]) -> Vec<String>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes>,
{
    let (log, _guard) = Log::begin(Level::DEBUG);
    let layer = OptimizeLayer::new(optimizer).route_name(|_| Some("/{*path}".into()));
    let service = layer.layer(service);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    for path in paths {
        let request = Request::get(*path).body(()).expect("a path");
        runtime
            .block_on(service.clone().oneshot(request))
            .expect("infallible");
    }
    log.lines()
}

#[test]
fn one_event_for_one_delegated_download() {
    assert_eq!(
        log_of("/media/", &["/a.txt?signature=s3cr3t"]),
        [
            r#"DEBUG download outcome="delegated" rule=/media/ backend="nginx" path="/a.txt" route="/{*path}""#
        ]
    );
}

#[test]
fn an_unmatched_download_warns_once_for_its_route() {
    let log = log_of("/elsewhere/", &["/a.txt", "/a.txt?again"]);
    let levels: Vec<_> = log
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(levels, ["WARN", "DEBUG"], "{log:#?}");
    assert!(
        log[0].contains("reason=no rule takes this file's path or URL"),
        "{}",
        log[0]
    );
}

#[test]
fn no_target_no_query_and_no_line_break_is_logged() {
    let log = log_of(
        "/media/",
        &["/b%0A.txt?signature=s3cr3t", "/%2e%2e/x?signature=s3cr3t"],
    );
    assert_eq!(log.len(), 2, "{log:#?}");
    for line in &log {
        assert!(
            !line.contains("s3cr3t") && !line.contains("_secret_place"),
            "{line}"
        );
    }
}

/// A file of another server whose URL holds a permission.
#[derive(Debug)]
struct Elsewhere;

impl File for Elsewhere {
    fn name(&self) -> &str {
        "a{1}.txt"
    }

    fn places(&self) -> Places {
        Places::new().with_url("https://files.example/a{1}.txt?token=s3cr3t")
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async { Err(Error::NotFound) })
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async { Err(Error::NotFound) })
    }
}

#[test]
fn no_query_of_another_servers_url_is_logged() {
    let rule = || Rule::url("https://files.example/");
    let fetched = || rule().fetched_at("/_secret_place/");
    for (builder, outcome) in [
        (
            Optimizer::builder(Nginx::new()).rule(fetched()),
            "delegated",
        ),
        (
            Optimizer::builder(Caddy::new()).rule(fetched()),
            "not found",
        ),
        (
            Optimizer::without_proxy().rule(rule().redirect()),
            "redirected",
        ),
    ] {
        let handler = tower::service_fn(|_: Request<()>| async {
            Ok(DownloadResponse::new(Elsewhere).into_http())
        });
        let log = log_through(builder.build().expect("valid"), handler, &["/a"]);
        let said = format!("DEBUG download outcome=\"{outcome}\"");
        assert!(log.len() == 1 && log[0].starts_with(&said), "{log:#?}");
        for secret in ["s3cr3t", "_secret_place", "token"] {
            assert!(!log[0].contains(secret), "{log:#?}");
        }
    }
}

/// A file whose server or disk fails.
#[derive(Debug, Clone)]
struct Broken {
    /// Whether another server has it.
    is_far: bool,
}

impl Broken {
    fn error(&self) -> Error {
        match self.is_far {
            true => Error::upstream("files.example", UpstreamFault::Connect),
            false => Error::other("a secret place"),
        }
    }
}

impl File for Broken {
    fn name(&self) -> &str {
        "a.txt"
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async { Err(self.error()) })
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async { Err(self.error()) })
    }
}

/// Whoever reads the log finds the view, and the file.
#[test]
fn a_failure_is_logged_with_path_and_route_and_without_the_query() {
    for (is_far, said) in [
        (true, "WARN an origin failed origin=files.example"),
        (false, "ERROR download failed error="),
    ] {
        let broken = Broken { is_far };
        let handler = tower::service_fn(move |_: Request<()>| {
            let broken = broken.clone();
            async { Ok(DownloadResponse::new(broken).into_http()) }
        });
        let log = log_through(Optimizer::none(), handler, &["/a%20b.txt?c=s3cr3t"]);
        let line = log.iter().find(|line| line.starts_with(said));
        let line = line.unwrap_or_else(|| panic!("{said}: {log:#?}"));
        let about = r#"path="/a%20b.txt" route="/{*path}""#;
        assert!(line.contains(about) && !line.contains("s3cr3t"), "{log:#?}");
    }
}

/// A file that ends too early.
#[derive(Debug)]
struct Cut;

impl File for Cut {
    fn name(&self) -> &str {
        "a.txt"
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async { Ok(Metadata::new().with_size(4)) })
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        let bytes = ByteStream::from_bytes("abc");
        let content = Content::from_stream(Metadata::new().with_size(4), bytes);
        Box::pin(async { Ok(content) })
    }
}

#[test]
fn a_body_that_breaks_off_is_logged_with_path_and_route() {
    let handler = tower::service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(DownloadResponse::new(Cut).into_http())
    });
    let layer = OptimizeLayer::new(Optimizer::none()).route_name(|_| Some("/{*path}".into()));
    let service = layer.layer(handler);
    let (log, _guard) = Log::begin(Level::INFO);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let request = Request::get("/a.txt?b=s3cr3t").body(()).expect("a path");
    let whole = async {
        let response = service.oneshot(request).await.expect("infallible");
        response.into_body().collect().await
    };
    let runtime = runtime.expect("a runtime");
    assert!(runtime.block_on(whole).is_err(), "it is cut");
    let text = log.lines().join("\n");
    let line = text.lines().find(|line| line.contains("download aborted"));
    let line = line.unwrap_or_else(|| panic!("{text}"));
    let about = r#"path="/a.txt" route="/{*path}""#;
    assert!(line.contains(about) && !line.contains("s3cr3t"), "{text}");
}

/// The same where the view itself answers, which knows no route.
#[test]
fn a_failure_of_a_view_without_a_layer_is_logged_with_its_path() {
    let (log, _guard) = Log::begin(Level::INFO);
    let find = |_: &Parts| async {
        Err::<Option<Row>, _>(Error::upstream("files.example", UpstreamFault::Connect))
    };
    let view = ObjectView::new(Arc::new(MemoryStorage::new()), find).into_service();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let request = Request::get("/1?c=s3cr3t").body(()).expect("a path");
    let answered = runtime.expect("a runtime").block_on(view.oneshot(request));
    assert_eq!(answered.expect("infallible").status(), 502);
    let text = log.lines().join("\n");
    assert!(
        text.contains(r#"path="/1""#) && !text.contains("s3cr3t"),
        "{text}"
    );
}

#[test]
fn a_hand_off_header_of_a_handler_is_removed_with_a_word_on_how_to_migrate() {
    let handler = tower::service_fn(|_: Request<()>| async {
        let mut response = Response::new(Full::new(Bytes::from("")));
        let target = "/_secret_place/a".parse().expect("a value");
        response.headers_mut().insert("x-accel-redirect", target);
        Ok(response)
    });
    let log = log_through(Optimizer::none(), handler, &["/a", "/a", "/b"]);
    assert_eq!(log.len(), 1, "{log:#?}");
    for said in [
        "WARN",
        "name=x-accel-redirect",
        "route=\"/{*path}\"",
        "DownloadResponse",
    ] {
        assert!(log[0].contains(said), "{}", log[0]);
    }
    assert!(!log[0].contains("_secret_place"), "{}", log[0]);
}

#[test]
fn a_body_in_the_place_of_a_download_is_news_only_with_status_200() {
    for (status, levels) in [(200, ["WARN", "DEBUG"]), (403, ["DEBUG", "DEBUG"])] {
        let storage = MemoryStorage::new();
        storage.insert(StorageName::parse("a.txt").expect("a name"), "x");
        let replace = move |response: Response<DownloadBody>| {
            let (mut head, _) = response.into_parts();
            head.status = status.try_into().expect("a status");
            Response::from_parts(head, Full::new(Bytes::from("page")))
        };
        let service = StorageView::new(storage).into_service();
        let service = ServiceExt::<Request<()>>::map_response(service, replace);
        let log = log_through(Optimizer::none(), service, &["/a.txt", "/a.txt"]);
        let said: Vec<_> = log
            .iter()
            .map(|line| line.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(said, levels, "{log:#?}");
    }
}

/// A record that states a size.
#[derive(Clone)]
struct Row(u64);

impl FileRecord for Row {
    fn file(&self) -> Option<&str> {
        Some("a.txt")
    }

    fn metadata(&self) -> Metadata {
        Metadata::new().with_size(self.0)
    }
}

#[test]
fn a_row_with_another_size_than_its_file_is_told_once_and_changes_no_answer() {
    let storage = Arc::new(MemoryStorage::new());
    storage.insert(StorageName::parse("a.txt").expect("a name"), "x");
    let log_of_row = |size| {
        let find = move |_: &Parts| async move { Ok(Some(Row(size))) };
        let view = ObjectView::new(Arc::clone(&storage), find);
        log_through(Optimizer::none(), view.into_service(), &["/1", "/2"])
    };
    let warned = |log: &[String]| log.iter().filter(|line| line.starts_with("WARN")).count();
    assert_eq!(warned(&log_of_row(1)), 0);
    let log = log_of_row(2);
    assert_eq!(warned(&log), 1, "{log:#?}");
    assert!(log[0].contains("stated=2 size=1"), "{}", log[0]);
    let streamed = |line: &&String| line.contains(r#"outcome="streamed""#);
    assert_eq!(log.iter().filter(streamed).count(), 2, "{log:#?}");
}
