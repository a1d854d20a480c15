//! Handlers, views and layers in a real axum router.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use downloadview::backend::Nginx;
use downloadview::file::{StorageFile, VirtualFile};
use downloadview::optimize::{Outcome, Unmatched};
use downloadview::storage::{LocalStorage, StorageName};
use downloadview::view::{RouteParameters, StorageView};
use downloadview::{DownloadView as _, Error, OptimizeLayer, Optimizer, Rule};
use downloadview_axum::{
    DownloadError, DownloadResponse, may_be_compressed, normalize_escapes, optimize, view,
};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;

const TEXT: &str = "Hello world!\n";

struct Media {
    storage: LocalStorage,
    _dir: tempfile::TempDir,
}

fn media() -> Media {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("hello.txt"), TEXT).expect("written");
    let storage = LocalStorage::new(dir.path()).expect("opened");
    Media {
        storage: storage.base_url("/media/").expect("a base URL"),
        _dir: dir,
    }
}

fn nginx(source: &str) -> Optimizer {
    Optimizer::builder(Nginx::new())
        .rule(Rule::url(source).to_uri("/_internal/"))
        .build()
        .expect("valid")
}

async fn hello(State(storage): State<LocalStorage>) -> Result<DownloadResponse, DownloadError> {
    let name = StorageName::parse("hello.txt")?;
    let file = StorageFile::new(Arc::new(storage), name);
    Ok(DownloadResponse::new(file).basename("greeting.txt"))
}

async fn refused() -> Result<DownloadResponse, DownloadError> {
    Err(Error::Forbidden.into())
}

async fn forged() -> Response<Body> {
    let mut response = Response::new(Body::from("page"));
    for name in ["x-accel-redirect", "x-sendfile", "x-reproxy-url"] {
        let value = "/etc/passwd".parse().expect("valid");
        response.headers_mut().insert(name, value);
    }
    response
}

fn app(media: &Media) -> Router {
    Router::new()
        .route("/hello", get(hello))
        .route("/refused", get(refused))
        .route("/forged", get(forged))
        .nest_service(
            "/files",
            StorageView::new(media.storage.clone()).into_service(),
        )
        .with_state(media.storage.clone())
}

async fn ask(app: &Router, path: &str, headers: &[(http::HeaderName, &str)]) -> Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let request = request.body(Body::empty()).expect("valid");
    app.clone().oneshot(request).await.expect("infallible")
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("whole");
    String::from_utf8(bytes.to_bytes().to_vec()).expect("text")
}

fn header(response: &Response<Body>, name: impl http::header::AsHeaderName) -> Option<&str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("ASCII"))
}

#[tokio::test]
async fn a_handler_under_the_layer_gets_everything() {
    let media = media();
    let app = app(&media).layer(optimize(Optimizer::none()));
    let response = ask(&app, "/hello", &[(RANGE, "bytes=6-10")]).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&response, CONTENT_RANGE), Some("bytes 6-10/13"));
    let name = "attachment; filename=\"greeting.txt\"";
    assert_eq!(header(&response, CONTENT_DISPOSITION), Some(name));
    assert_eq!(text(response).await, "world");
}

#[tokio::test]
async fn a_handler_without_the_layer_is_a_plain_200() {
    let media = media();
    let response = ask(&app(&media), "/hello", &[(RANGE, "bytes=6-10")]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, ACCEPT_RANGES), None);
    assert_eq!(text(response).await, TEXT);
}

#[tokio::test]
async fn a_view_without_the_layer_delivers_by_itself() {
    let media = media();
    let response = ask(&app(&media), "/files/hello.txt", &[(RANGE, "bytes=-7")]).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(text(response).await, "world!\n");
}

#[tokio::test]
async fn handler_and_view_are_delegated() {
    let media = media();
    let app = app(&media).layer(optimize(nginx("/media/")));
    for path in ["/hello", "/files/hello.txt"] {
        let response = ask(&app, path, &[(RANGE, "bytes=6-10")]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(
            header(&response, "x-accel-redirect"),
            Some("/_internal/hello.txt")
        );
        assert_eq!(header(&response, CONTENT_LENGTH), Some("0"));
        assert_eq!(header(&response, CONTENT_RANGE), None);
        let outcome = response.extensions().get::<Outcome>();
        assert!(
            matches!(outcome, Some(Outcome::Delegated { .. })),
            "{outcome:?}"
        );
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn an_error_is_a_response() {
    let response = ask(&app(&media()), "/refused", &[]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "Forbidden\n");
}

#[tokio::test]
async fn a_handler_cannot_forge_a_hand_off() {
    let app = app(&media()).layer(optimize(nginx("/media/")));
    let response = ask(&app, "/forged", &[]).await;
    let mut names = response.headers().keys().map(http::HeaderName::as_str);
    assert!(
        !names.any(|name| name.starts_with("x-")),
        "{:?}",
        response.headers()
    );
    assert_eq!(text(response).await, "page");
}

#[tokio::test]
async fn the_inner_layer_comes_first_and_leaves_the_rest_to_the_outer() {
    let media = media();
    let route = get(hello).layer(optimize(nginx("/elsewhere/")));
    let app = |route| {
        Router::new()
            .route("/hello", route)
            .with_state(media.storage.clone())
            .layer(optimize(nginx("/media/")))
    };
    // The inner rule does not match: the outer one delegates.
    let response = ask(&app(route), "/hello", &[]).await;
    assert_eq!(
        header(&response, "x-accel-redirect"),
        Some("/_internal/hello.txt")
    );
    // The inner rule matches: the outer layer leaves its hand-off alone.
    let special = Optimizer::builder(Nginx::new().limit_rate(5))
        .rule(Rule::url("/media/").to_uri("/special/"))
        .build()
        .expect("valid");
    let response = ask(&app(get(hello).layer(optimize(special))), "/hello", &[]).await;
    assert_eq!(
        header(&response, "x-accel-redirect"),
        Some("/special/hello.txt")
    );
    assert_eq!(header(&response, "x-accel-limit-rate"), Some("5"));
    assert_eq!(
        response
            .headers()
            .get_all("x-accel-redirect")
            .iter()
            .count(),
        1
    );
}

#[tokio::test]
async fn the_layer_belongs_inside_compression() {
    let media = media();
    // Right: nothing is said of a coding that the file does not have.
    let right = app(&media)
        .layer(optimize(nginx("/media/")))
        .layer(CompressionLayer::new());
    let response = ask(&right, "/hello", &[(ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!(header(&response, CONTENT_ENCODING), None);
    assert_eq!(
        header(&response, "x-accel-redirect"),
        Some("/_internal/hello.txt")
    );
    assert_eq!(header(&response, CONTENT_LENGTH), Some("0"));
    // Wrong, and honest: a body that compression changed is not the download's any more.
    for optimizer in [nginx("/media/"), Optimizer::none()] {
        let wrong = app(&media)
            .layer(CompressionLayer::new())
            .layer(optimize(optimizer));
        let response = ask(&wrong, "/hello", &[(ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(header(&response, CONTENT_ENCODING), Some("gzip"));
        assert_eq!(header(&response, "x-accel-redirect"), None);
        assert_eq!(header(&response, CONTENT_LENGTH), None);
        let body = response.into_body().collect().await.expect("read");
        assert!(body.to_bytes().starts_with(b"\x1f\x8b"));
    }
}

/// One strong tag for two codings, and a download resumed with bytes of the other one.
#[tokio::test]
async fn a_download_is_not_compressed_by_a_layer_outside() {
    let media = media();
    let page = get(|| async { "a page" });
    let without_a_layer = app(&media);
    let behind_a_layer = app(&media).layer(optimize(Optimizer::none()));
    for downloads in [without_a_layer, behind_a_layer] {
        let app = downloads
            .route("/page", page.clone())
            .layer(CompressionLayer::new().compress_when(may_be_compressed));
        for path in ["/hello", "/files/hello.txt"] {
            let response = ask(&app, path, &[(ACCEPT_ENCODING, "gzip")]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&response, CONTENT_ENCODING), None, "{path}");
        }
        let response = ask(&app, "/page", &[(ACCEPT_ENCODING, "gzip")]).await;
        assert_eq!(header(&response, CONTENT_ENCODING), Some("gzip"));
    }
}

#[tokio::test]
async fn a_refusal_outside_a_layer_stays_a_refusal() {
    let media = media();
    let refuse = axum::middleware::map_response(|mut response: Response<Body>| async move {
        *response.status_mut() = StatusCode::FORBIDDEN;
        response
    });
    let app = app(&media)
        .layer(optimize(nginx("/media/")))
        .layer(refuse)
        .layer(optimize(Optimizer::none()));
    let response = ask(&app, "/hello", &[]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "x-accel-redirect"), None);
}

#[tokio::test]
async fn middleware_can_add_headers_and_not_a_hand_off() {
    let media = media();
    let add = |mut response: Response<Body>| async move {
        for name in [
            "x-test",
            "x-accel-redirect",
            "x-accel-limit-rate",
            "x-sendfile",
        ] {
            let value = "header".parse().expect("valid");
            response.headers_mut().insert(name, value);
        }
        response
    };
    let with = |optimizer: Optimizer| {
        app(&media)
            .layer(axum::middleware::map_response(add))
            .layer(optimize(optimizer))
    };
    for (range, status) in [("bytes=0-", 206), ("bytes=99-", 416)] {
        let response = ask(&with(Optimizer::none()), "/hello", &[(RANGE, range)]).await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "x-test"), Some("header"), "{range}");
        assert_eq!(header(&response, "x-accel-redirect"), None);
        assert_eq!(header(&response, "x-sendfile"), None);
    }
    let response = ask(&with(nginx("/media/")), "/hello", &[]).await;
    assert_eq!(header(&response, "x-test"), Some("header"));
    assert_eq!(
        header(&response, "x-accel-redirect"),
        Some("/_internal/hello.txt")
    );
    assert_eq!(header(&response, "x-accel-limit-rate"), None);
}

#[tokio::test]
async fn unmatched_downloads_can_be_refused() {
    let media = media();
    let strict = Optimizer::builder(Nginx::new())
        .rule(Rule::url("/elsewhere/").to_uri("/_internal/"))
        .unmatched(Unmatched::Refuse)
        .build()
        .expect("valid");
    let app = app(&media)
        .route(
            "/virtual",
            get(|| async { DownloadResponse::new(VirtualFile::from_text("a.txt", "a")) }),
        )
        .layer(OptimizeLayer::new(strict));
    let response = ask(&app, "/hello", &[]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&response, CONTENT_DISPOSITION), None);
    // What exists only in the program was never a proxy's to send.
    let response = ask(&app, "/virtual", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        header(&response, CONTENT_TYPE),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn the_parameters_of_a_route_reach_the_view_decoded() {
    let media = media();
    let named = StorageView::new(media.storage.clone()).name(|request: &Parts| {
        let parameters = RouteParameters::of(request);
        let stem = parameters.and_then(|parameters| parameters.get("stem"));
        StorageName::parse(format!("{}.txt", stem.unwrap_or_default()))
    });
    let app: Router = Router::new()
        .route_service("/named/{stem}", view(named.clone()))
        .route_service("/none", view(named))
        .layer(optimize(nginx("/media/")));
    for (path, status) in [
        ("/named/hello", StatusCode::OK),
        ("/named/hell%6F", StatusCode::BAD_REQUEST),
        ("/named/other", StatusCode::NOT_FOUND),
        ("/named/%FF", StatusCode::NOT_FOUND),
        ("/none", StatusCode::NOT_FOUND),
    ] {
        let request = Request::get(path).body(Body::empty()).expect("a path");
        let response = app.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), status, "{path}");
        let handed_off = response.headers().contains_key("x-accel-redirect");
        assert_eq!(handed_off, status == StatusCode::OK, "{path}");
    }
}

/// An open route, and a guarded one within it: nobody may, as of a layer that asks.
fn open_and_guarded(storage: &LocalStorage) -> Router {
    let files = StorageView::new(storage.clone());
    let named = files.clone().name(|request: &Parts| {
        let parameters = RouteParameters::of(request);
        let path = parameters.and_then(|parameters| parameters.get("path"));
        StorageName::parse(path.unwrap_or_default())
    });
    Router::new()
        .route_service("/files/{*path}", view(named))
        .route("/files/private/{*path}", get(refused))
        .route("/files/c+d/{*path}", get(refused))
        .nest_service("/nested", view(files))
        .route("/nested/private/{*path}", get(refused))
}

#[tokio::test]
async fn another_spelling_does_not_lead_past_a_guarded_route() {
    let media = media();
    for name in ["private", "c+d"] {
        let folder = media._dir.path().join(name);
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join("s.txt"), "a secret").expect("written");
    }
    let plain = open_and_guarded(&media.storage);
    let layered = plain.clone().layer(optimize(nginx("/media/")));
    let normalized = normalize_escapes(layered.clone());
    for path in [
        "/files/private/s.txt",
        "/files/%70rivate/s.txt",
        "/files/privat%65/s.txt",
        "/files/./private/s.txt",
        "/files/%2e/private/s.txt",
        "/files/%2E/./%50%72ivate/../private/s.txt",
        "/files//private/s.txt",
        "/files/private%2Fs.txt",
        "/nested/%70rivate/s.txt",
        "/nested/./private/s.txt",
        "/nested//private/s.txt",
        "/n%65sted/%70rivate/s.txt",
    ] {
        for app in [&plain, &layered, &normalized] {
            let response = ask(app, path, &[]).await;
            let status = response.status();
            assert!(status.is_client_error(), "{path}: {status}");
            assert_eq!(header(&response, "x-accel-redirect"), None, "{path}");
        }
    }
    // With the layer each spelling leads to its route: the guarded one, or the open one.
    for (path, status) in [
        ("/files/%70rivate/s.txt", StatusCode::FORBIDDEN),
        ("/nested/./privat%65/s.txt", StatusCode::FORBIDDEN),
        ("/nested//private/s.txt", StatusCode::FORBIDDEN),
        ("/files/c%2Bd/s.txt", StatusCode::FORBIDDEN),
        ("/files/%68ello.txt", StatusCode::OK),
        ("/%66iles/./hello.txt", StatusCode::OK),
        ("/nested/hell%6f.txt", StatusCode::OK),
    ] {
        let response = ask(&normalized, path, &[]).await;
        assert_eq!(response.status(), status, "{path}");
    }
}
