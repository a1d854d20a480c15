//! The application of the demonstration: every kind of view, for clients that come directly and through any proxy.
//!
//! This file is meant to be read. [`routes`] knows of no proxy; the one layer around them is the whole difference
//! between an application that streams its files and one that leaves them to whichever proxy stands in front.

use std::io::Cursor;

use axum::Router;
use downloadview::backend::Backend;
use downloadview::file::VirtualFile;
use downloadview::optimize::Announced;
use downloadview::storage::{LocalStorage, StorageName};
use downloadview::view::{ObjectView, PathView, StorageView, VirtualView};
use downloadview::{BuildError, DownloadView, OptimizeLayer, Optimizer, Result, Rule};
use downloadview_axum::view;
use downloadview_sea_orm::{EntityView, ObjectViewExt as _};
use http::request::Parts;
use sea_orm::DatabaseConnection;

use super::backends::{apache, caddy, lighttpd, nginx};
use super::documents::document::{self, Column};
use super::files::{Files, HELLO, media};
use super::fixed;
use super::secrets::Secrets;
use crate::config::Proxy;

/// Each request gets what is best for it: through a proxy that proves itself, that proxy's rules; else the bytes.
pub(super) fn app(files: &Files, db: &DatabaseConnection, secrets: &Secrets) -> Result<Router> {
    let announced = Announced::new()
        .proxy("nginx", secrets.of(Proxy::Nginx), by_uri(nginx(), files)?)?
        .proxy(
            "apache",
            secrets.of(Proxy::Apache),
            by_path(apache(), files)?,
        )?
        .proxy(
            "lighttpd",
            secrets.of(Proxy::Lighttpd),
            by_path(lighttpd(), files)?,
        )?
        .proxy("caddy", secrets.of(Proxy::Caddy), by_uri(caddy(), files)?)?;
    let routes = routes(files, db)?.merge(fixed::routes(files, secrets)?);
    Ok(routes.layer(OptimizeLayer::new(announced)))
}

/// For proxies that have internal locations: which one a file lies in.
fn by_uri(backend: impl Backend, files: &Files) -> Result<Optimizer, BuildError> {
    Optimizer::builder(backend)
        .rule(Rule::dir(files.path("files")).to_uri("/_internal/files/"))
        .rule(Rule::url("/media/").to_uri("/_internal/media/"))
        .build()
}

/// For proxies that take paths: where the file lies.
fn by_path(backend: impl Backend, files: &Files) -> Result<Optimizer, BuildError> {
    Optimizer::builder(backend)
        .rule(Rule::dir(files.path("files")).to_path(files.path("files")))
        .rule(Rule::url("/media/").to_path(files.path("media")))
        .build()
}

fn routes(files: &Files, db: &DatabaseConnection) -> Result<Router> {
    Ok(Router::new()
        .merge(path_views(files)?)
        .merge(storage_views(files)?)
        .merge(object_views(files, db)?)
        .merge(virtual_views()))
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
    let renamed = StorageView::new(media).options_with(|request, options| {
        Ok(options.basename(rest_of_path(request)?.basename().to_uppercase()))
    });
    Ok(Router::new()
        .nest_service("/storage/static-path", plain.into_service())
        .nest_service("/storage/dynamic-path", renamed.into_service()))
}

/// Files of the storage that rows of a database name: which one, and what it is to be called, is the row's to say.
fn object_views(files: &Files, db: &DatabaseConnection) -> Result<Router> {
    let media = media(files)?;
    let documents =
        || ObjectView::entity::<document::Entity>(db.clone()).lookup(Column::Slug, "slug");
    let file = || described(documents().file(Column::File));

    let default_file = file().storage(media.clone())?;
    let another_file = documents()
        .file(Column::AnotherFile)
        .storage(media.clone())?;
    let renamed = file().basename(Column::Basename).storage(media.clone())?;
    let inline = file().storage(media)?.inline();
    Ok(Router::new()
        .route_service("/object/default-file/{slug}/", view(default_file))
        .route_service("/object/another-file/{slug}/", view(another_file))
        .route_service("/object/deserialized_basename/{slug}/", view(renamed))
        .route_service("/object/inline-file/{slug}/", view(inline)))
}

/// What the row states of the file is taken at its word. Without these columns the file would be looked at, as the other
/// one is.
fn described(file: EntityView<document::Entity>) -> EntityView<document::Entity> {
    file.content_type(Column::ContentType)
        .size(Column::Size)
        .modified(Column::Modified)
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

/// What follows the prefix that a view is nested under, as the name of a file.
fn rest_of_path(request: &Parts) -> Result<StorageName> {
    StorageName::from_url_path(request.uri.path())
}
