//! The application of the demonstration: every kind of view, for clients that come directly and through any proxy.
//!
//! This file is meant to be read. [`routes`] knows of no proxy; the one layer around them is the whole difference
//! between an application that streams its files and one that leaves them to whichever proxy stands in front.

use std::io::Cursor;

use axum::Router;
use downloadview::backend::Backend;
use downloadview::content::CacheKey;
use downloadview::fetch::{Client, Origin, RequestTarget};
use downloadview::file::VirtualFile;
use downloadview::optimize::Announced;
use downloadview::response::Spooling;
use downloadview::spool::Spool;
use downloadview::storage::{LocalStorage, S3Storage, StorageName};
use downloadview::view::{HttpView, ObjectView, PathView, StorageView, VirtualView};
use downloadview::{BuildError, DownloadView, OptimizeLayer, Optimizer, Result, Rule};
use downloadview_axum::view;
use downloadview_sea_orm::{EntityView, ObjectViewExt as _};
use http::request::Parts;
use sea_orm::DatabaseConnection;

use super::backends::{apache, caddy, lighttpd, nginx};
use super::documents::document::{self, Column};
use super::elsewhere::{BUCKET, Elsewhere};
use super::files::{Files, HELLO, media};
use super::fixed;
use super::secrets::Secrets;
use crate::config::Proxy;

/// Each request gets what is best for it: through a proxy that proves itself, that proxy's rules; else the bytes.
pub(super) fn app(
    files: &Files,
    db: &DatabaseConnection,
    secrets: &Secrets,
    elsewhere: &Elsewhere,
) -> Result<Router> {
    let spool = Spool::open(files.path("spool"))?;
    let announced = Announced::new()
        .proxy(
            "nginx",
            secrets.of(Proxy::Nginx),
            by_uri(nginx(), files, elsewhere, &spool)?,
        )?
        .proxy(
            "apache",
            secrets.of(Proxy::Apache),
            by_path(apache(), files, &spool)?,
        )?
        .proxy(
            "lighttpd",
            secrets.of(Proxy::Lighttpd),
            by_path(lighttpd(), files, &spool)?,
        )?
        .proxy(
            "caddy",
            secrets.of(Proxy::Caddy),
            by_uri(caddy(), files, elsewhere, &spool)?,
        )?;
    let routes = routes(files, db, elsewhere)?.merge(fixed::routes(files, secrets)?);
    Ok(routes.layer(OptimizeLayer::new(announced)))
}

/// For proxies that have internal locations: which one a file lies in, and which one fetches it from elsewhere. The last
/// rule is for clients without a proxy: they are sent to the store.
fn by_uri(
    backend: impl Backend,
    files: &Files,
    elsewhere: &Elsewhere,
    spool: &Spool,
) -> Result<Optimizer, BuildError> {
    Optimizer::builder(backend)
        .rule(Rule::dir(files.path("files")).to_uri("/_internal/files/"))
        .rule(Rule::url("/media/").to_uri("/_internal/media/"))
        .rule(Rule::url(elsewhere.origin_url("/files/")).fetched_at("/_internal/origin/"))
        .rule(Rule::url(elsewhere.store_url()).fetched_at("/_internal/store/"))
        .rule(Rule::url(elsewhere.store_url()).redirect())
        .rule(spool.rule().to_uri("/_internal/spool/"))
        .spool(spool.clone())
        .build()
}

/// For proxies that take paths: where the file lies. They fetch nothing, so what lies elsewhere is copied.
fn by_path(backend: impl Backend, files: &Files, spool: &Spool) -> Result<Optimizer, BuildError> {
    Optimizer::builder(backend)
        .rule(Rule::dir(files.path("files")).to_path(files.path("files")))
        .rule(Rule::url("/media/").to_path(files.path("media")))
        .rule(spool.rule().to_path(spool.dir()))
        .spool(spool.clone())
        .build()
}

fn routes(files: &Files, db: &DatabaseConnection, elsewhere: &Elsewhere) -> Result<Router> {
    let client = Client::new()?;
    Ok(Router::new()
        .merge(path_views(files)?)
        .merge(storage_views(files)?)
        .merge(object_views(files, db)?)
        .merge(http_views(&client, elsewhere)?)
        .merge(store_views(&client, elsewhere)?)
        .merge(virtual_views()))
}

/// A file of another server, which has no notion of who may have it.
fn http_views(client: &Client, elsewhere: &Elsewhere) -> Result<Router> {
    let origin: Origin = client
        .origin(elsewhere.origin_url(""))
        .allow_private() // This machine's own addresses are refused otherwise.
        .build()?;
    let hello = RequestTarget::parse("/files/hello-world.txt")?;
    let one = HttpView::new(origin, hello);
    Ok(Router::new().route_service("/http/simple_url/", one.into_service()))
}

/// Objects of a private bucket: fetched by whoever stands in front, or by the client itself with a URL that is good for
/// a minute.
fn store_views(client: &Client, elsewhere: &Elsewhere) -> Result<Router> {
    let bucket = S3Storage::builder(client, BUCKET)
        .endpoint(elsewhere.endpoint())
        .region("us-east-1")
        .access_key_id("demo")
        .secret_access_key("of-no-use-elsewhere")
        .allow_http()
        .allow_private()
        .build()?;
    let redirect = Optimizer::without_proxy()
        .rule(Rule::url(elsewhere.store_url()).redirect())
        .build()?;
    let redirected = Router::new()
        .nest_service("/s3/redirect", view(StorageView::new(bucket.clone())))
        .layer(OptimizeLayer::new(redirect));
    Ok(Router::new()
        .nest_service("/s3/static-path", view(StorageView::new(bucket)))
        .merge(redirected))
}

/// Files that are simply there on disk: one, or any below a folder that no name can leave.
fn path_views(files: &Files) -> Result<Router> {
    let one = PathView::new(files.path("files/hello-world.txt"));
    let any = PathView::within(LocalStorage::new(files.path("files"))?, rest_of_path);
    Ok(Router::new()
        .route_service("/path/static-path/", one.into_service())
        .nest_service("/path/dynamic-path", view(any)))
}

/// Files of a storage: under their own name, and under one that depends on the request.
fn storage_views(files: &Files) -> Result<Router> {
    let media = media(files)?;
    let plain = StorageView::new(media.clone());
    let renamed = StorageView::new(media).options_with(|request, options| {
        Ok(options.basename(rest_of_path(request)?.basename().to_uppercase()))
    });
    Ok(Router::new()
        .nest_service("/storage/static-path", view(plain))
        .nest_service("/storage/dynamic-path", view(renamed)))
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

/// What exists only in the program: a text, a reader, and chunks that are made while they are sent. A key says that the
/// same bytes come again, so that one copy does for all; the reader has none, and is copied for each request alone.
fn virtual_views() -> Router {
    let text = VirtualView::new(|_: &Parts| async {
        let file = VirtualFile::from_text("hello-world.txt", HELLO);
        Ok(file.cache_key(CacheKey::of_content(["a text", HELLO])))
    });
    let reader = VirtualView::new(|_: &Parts| async {
        let file = VirtualFile::from_reader("hello-world.txt", Cursor::new(HELLO));
        Ok(file.size(HELLO.len() as u64))
    })
    .spooling(Spooling::Always);
    let generated = VirtualView::new(|_: &Parts| async {
        let words = ["Hello ", "world!", "\n"];
        let file = VirtualFile::from_chunks("hello-world.txt", words);
        Ok(file.cache_key(CacheKey::of_content(["the words of a greeting"])))
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
