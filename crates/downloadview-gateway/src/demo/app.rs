//! The application of the demonstration: every kind of view, first without a proxy, then with rules for nginx.
//!
//! This file is meant to be read. [`direct`] and [`behind_nginx`] are the same routes; the layer around them is the
//! whole difference between an application that streams its files and one that leaves them to the proxy.

use std::io::Cursor;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, get_service};
use downloadview::backend::Nginx;
use downloadview::file::{StorageFile, VirtualFile};
use downloadview::storage::{LocalStorage, StorageName};
use downloadview::view::{PathView, StorageView, VirtualView};
use downloadview::{DownloadView, Optimizer, Result, Rule};
use downloadview_axum::{DownloadError, DownloadResponse, optimize};
use http::request::Parts;

use super::files::{Files, HELLO};

/// For clients that come directly: nobody in front could send a file, so all are streamed.
pub(super) fn direct(files: &Files) -> Result<Router> {
    Ok(routes(files)?.layer(optimize(Optimizer::none())))
}

/// For requests that came through nginx: it sends whatever lies on disk.
pub(super) fn behind_nginx(files: &Files) -> Result<Router> {
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(Rule::dir(files.path("files")).to_uri("/_internal/files/"))
        .rule(Rule::url("/media/").to_uri("/_internal/media/"))
        .build()?;
    Ok(routes(files)?.layer(optimize(optimizer)))
}

fn routes(files: &Files) -> Result<Router> {
    Ok(Router::new()
        .merge(path_views(files)?)
        .merge(storage_views(files)?)
        .merge(virtual_views())
        .merge(fixed_to_nginx(files)?))
}

/// Files that are simply there on disk: one, or any below a folder that no name can leave.
fn path_views(files: &Files) -> Result<Router> {
    let one = PathView::new(files.path("files/hello-world.txt"));
    let any = PathView::within(LocalStorage::new(files.path("files"))?, rest_of_path);
    Ok(Router::new()
        .route_service("/path/static-path/", one.into_service())
        .nest_service("/path/dynamic-path", any.into_service()))
}

/// Files of a storage: under their own name, and under one that depends on the request.
fn storage_views(files: &Files) -> Result<Router> {
    let media = media(files)?;
    let plain = StorageView::new(media.clone());
    let renamed = StorageView::new(media).basename(|request: &Parts| -> Result<String> {
        Ok(rest_of_path(request)?.basename().to_uppercase())
    });
    Ok(Router::new()
        .nest_service("/storage/static-path", plain.into_service())
        .nest_service("/storage/dynamic-path", renamed.into_service()))
}

/// What exists only in the program: a text, a reader, and chunks that are made while they are sent.
fn virtual_views() -> Router {
    let text = VirtualView::new(|_: &Parts| async {
        Ok(VirtualFile::from_text("hello-world.txt", HELLO))
    });
    let reader = VirtualView::new(|_: &Parts| async {
        let file = VirtualFile::from_reader("hello-world.txt", Cursor::new(HELLO));
        Ok(file.size(HELLO.len() as u64))
    });
    let generated = VirtualView::new(|_: &Parts| async {
        let words = ["Hello ", "world!", "\n"];
        Ok(VirtualFile::from_chunks("hello-world.txt", words))
    });
    Router::new()
        .route_service("/virtual/text/", text.into_service())
        .route_service("/virtual/stringio/", reader.into_service())
        .route_service("/virtual/generated/", generated.into_service())
}

/// Routes that hand off to nginx whoever asks. Without nginx in front a client sees the header and no file.
fn fixed_to_nginx(files: &Files) -> Result<Router> {
    let hello = StorageName::parse("hello-world.txt")?;
    let media = media(files)?;
    let view = StorageView::new(media.clone()).name(hello.clone());
    let hand_off = |destination: &str| -> Result<_> {
        let rule = Rule::url("/media/").to_uri(destination);
        let optimizer = Optimizer::builder(Nginx::new()).rule(rule).build()?;
        Ok(optimize(optimizer))
    };

    // A layer around a router stands for all its routes...
    let around_all = Router::new()
        .route_service(
            "/nginx/optimized-by-middleware/",
            view.clone().into_service(),
        )
        .layer(hand_off("/nginx-optimized-by-middleware/")?);

    // ...and one around a route for that route alone, be it a view or a handler.
    let around_view =
        get_service(view.into_service()).layer(hand_off("/nginx-optimized-by-decorator/")?);
    let around_handler = get(with_a_header).layer(hand_off("/nginx-modified-headers/")?);
    Ok(Router::new()
        .route("/nginx/optimized-by-decorator/", around_view)
        .route("/nginx/modified_headers/", around_handler)
        .with_state(StorageFile::new(Arc::new(media), hello))
        .merge(around_all))
}

/// A handler: check whatever must be checked, say which file, and add any header.
async fn with_a_header(
    State(file): State<StorageFile>,
) -> Result<impl IntoResponse, DownloadError> {
    Ok(([("X-Test", "header")], DownloadResponse::new(file)))
}

/// The storage, and the URL that rules know it by.
fn media(files: &Files) -> Result<LocalStorage> {
    Ok(LocalStorage::new(files.path("media"))?.base_url("/media/"))
}

/// What follows the prefix that a view is nested under, as the name of a file.
fn rest_of_path(request: &Parts) -> Result<StorageName> {
    StorageName::from_url_path(request.uri.path())
}
