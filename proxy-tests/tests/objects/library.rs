//! The library in an axum application of its own, in this process: over rows in memory, and over a SeaORM entity.

use axum::Router;
use downloadview::backend::Nginx;
use downloadview::storage::LocalStorage;
use downloadview::view::{FindRecord, ObjectView, RouteParameters};
use downloadview::{Error, OptimizeLayer, Optimizer, Rule};
use downloadview_axum::{normalize_escapes, view};
use downloadview_sea_orm::{EntityView, ObjectViewExt as _};
use http::request::Parts;
use proxy_tests::{Application, Site};
use sea_orm::{ColumnTrait as _, DatabaseConnection};

use crate::rows::{ROWS, Row};
use crate::stands::Mode;

/// Over rows in memory.
pub(crate) fn over_memory(site: &Site, mode: Mode) -> Application {
    let (media, layer) = (media(site), layer(site, mode));
    Application::start(site.app(), async move {
        normalize_escapes(in_memory(&media).layer(layer))
    })
}

/// Over the entity `document` of the database at `url`.
pub(crate) fn over_database(site: &Site, mode: Mode, url: String) -> Application {
    let (media, layer) = (media(site), layer(site, mode));
    Application::start(site.app(), async move {
        let db = sea_orm::Database::connect(url).await.expect("connected");
        let router = over_entity(&db, &media).expect("fitting");
        normalize_escapes(router.layer(layer))
    })
}

fn media(site: &Site) -> LocalStorage {
    LocalStorage::new(site.path("media")).expect("the folder is there")
}

fn layer(site: &Site, mode: Mode) -> OptimizeLayer {
    OptimizeLayer::new(match mode {
        Mode::Streamed => Optimizer::none(),
        Mode::Nginx => Optimizer::builder(Nginx::new())
            .rule(Rule::dir(site.path("media")).to_uri("/_internal/media/"))
            .build()
            .expect("valid"),
    })
}

fn in_memory(media: &LocalStorage) -> Router {
    let by_slug = |text: &str, row: &Row| row.slug == text;
    let by_id = |text: &str, row: &Row| row.id.to_string() == text;
    let published = |text: &str, row: &Row| row.slug == text && row.is_published();
    let named = |parameter, found| ObjectView::new(media.clone(), rows(parameter, found));
    let other_file = move |request: &Parts| {
        let row = found(request, "slug", by_slug).map(Row::with_other_file);
        std::future::ready(Ok::<_, Error>(row))
    };
    let other = ObjectView::new(media.clone(), other_file);
    Router::new()
        .route_service("/documents/{slug}", view(named("slug", by_slug)))
        .route_service("/by-id/{id}", view(named("id", by_id)))
        .route_service("/other/{slug}", view(other))
        .route_service("/inline/{slug}", view(named("slug", by_slug).inline()))
        .route_service("/published/{slug}", view(named("slug", published)))
}

type Found = fn(&str, &Row) -> bool;

fn rows(parameter: &'static str, is_found: Found) -> impl FindRecord<Record = Row> {
    move |request: &Parts| {
        let row = found(request, parameter, is_found);
        std::future::ready(Ok::<_, Error>(row))
    }
}

fn found(request: &Parts, parameter: &str, is_found: Found) -> Option<Row> {
    let text = RouteParameters::of(request)?.get(parameter)?;
    let mut sound = ROWS.into_iter().filter(Row::is_sound);
    sound.find(|row| is_found(text, row))
}

fn over_entity(db: &DatabaseConnection, media: &LocalStorage) -> downloadview::Result<Router> {
    use document::Column;

    let entity = || ObjectView::entity::<document::Entity>(db.clone());
    let described = |view: EntityView<document::Entity>| {
        view.basename(Column::Basename)
            .content_type(Column::ContentType)
            .content_encoding(Column::ContentEncoding)
            .size(Column::Size)
            .modified(Column::Modified)
            .etag(Column::Etag)
    };
    let by_slug = || described(entity().lookup(Column::Slug, "slug"));
    let documents = by_slug().file(Column::File).storage(media.clone())?;
    let other = by_slug().file(Column::OtherFile).storage(media.clone())?;
    let by_id = described(entity())
        .file(Column::File)
        .storage(media.clone())?;
    let published = by_slug()
        .file(Column::File)
        .filter(Column::Published.eq(true))
        .storage(media.clone())?;
    Ok(Router::new()
        .route_service("/documents/{slug}", view(documents.clone()))
        .route_service("/by-id/{id}", view(by_id))
        .route_service("/other/{slug}", view(other))
        .route_service("/inline/{slug}", view(documents.inline()))
        .route_service("/published/{slug}", view(published)))
}

#[allow(unreachable_pub)] // SeaORM's macros make everything public.
mod document {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "document")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(unique)]
        pub slug: String,
        pub file: Option<String>,
        pub other_file: Option<String>,
        pub basename: Option<String>,
        pub content_type: Option<String>,
        pub content_encoding: Option<String>,
        pub size: Option<i64>,
        pub modified: Option<DateTimeUtc>,
        pub etag: Option<String>,
        pub published: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
