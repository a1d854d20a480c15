//! Signed links in a real axum router, nested and not.
#![cfg(feature = "signature")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use downloadview::backend::Nginx;
use downloadview::file::VirtualFile;
use downloadview::signature::{Key, Keys, Signer, Verifier};
use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::StorageView;
use downloadview::{DownloadView as _, Optimizer, Rule};
use downloadview_axum::{DownloadResponse, optimize, require_signature};
use http::Request;
use tower::{Layer as _, ServiceExt as _};

fn keys() -> Keys {
    let key = Key::new("2026a", "a-secret-of-the-tests-0123456789abcdef");
    Keys::new(key.expect("a key"))
}

async fn hello() -> DownloadResponse {
    DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello!"))
}

fn app() -> Router {
    let storage = MemoryStorage::new().base_url("/media/").expect("a URL");
    storage.insert(StorageName::parse("a.txt").expect("a name"), "Hello!");
    let optimizer = Optimizer::builder(Nginx::new()).rule(Rule::url("/media/").to_uri("/inner/"));
    let optimizer = optimizer.build().expect("a rule");
    let signed = || require_signature(Verifier::new(keys()));
    let files = signed().layer(StorageView::new(storage).into_service());
    let app = Router::new().nest("/site", Router::new().nest_service("/files", files));
    app.route("/hello", get(hello).layer(signed()))
        .layer(optimize(optimizer))
}

#[tokio::test]
async fn a_link_is_to_the_path_that_the_client_asks_for() {
    let signed = |path: &str| {
        let link = Signer::new(keys()).link(path).name("b.txt");
        link.expires_in(Duration::from_secs(60))
            .sign()
            .expect("a link")
    };
    let of_inner = signed("/a.txt").replacen("/a.txt", "/site/files/a.txt", 1);
    for (target, status) in [
        (signed("/site/files/a.txt"), 200),
        (signed("/hello"), 200),
        (of_inner, 403),
        ("/site/files/a.txt".to_owned(), 403),
        ("/hello".to_owned(), 403),
    ] {
        let request = Request::get(&target)
            .body(Body::empty())
            .expect("a request");
        let response = app().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), status, "{target}");
        let headers = response.headers();
        let handed = headers.contains_key("x-accel-redirect");
        assert_eq!(
            handed,
            status == 200 && target.starts_with("/site"),
            "{target}"
        );
        if status == 200 {
            let disposition = &headers["content-disposition"];
            assert_eq!(disposition, "attachment; filename=\"b.txt\"");
        }
    }
}
