//! A database in memory with documents, a storage that counts what is asked of it, and requests to a view.

// Each test file takes what it needs; SeaORM's macros make everything public.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use downloadview::backend::Nginx;
use downloadview::content::{BoxFuture, Content, Metadata, Want};
use downloadview::storage::{MemoryStorage, Places, Storage, StorageName};
use downloadview::view::RouteParameters;
use downloadview::{DownloadBody, DownloadView, OptimizeLayer, Optimizer, Result, Rule};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use tower::{Layer as _, ServiceExt as _};

pub mod document {
    //! The entity.

    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
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
        pub owner: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `slug` is not unique, so that a lookup can be ambiguous.
const TABLE: &str = "
    CREATE TABLE document (
        id INTEGER PRIMARY KEY, slug VARCHAR(80), file VARCHAR(200), other_file VARCHAR(200), basename TEXT,
        content_type TEXT, content_encoding TEXT, size BIGINT, modified DATETIME, etag TEXT, published BOOLEAN,
        owner TEXT, picture BLOB
    );
    INSERT INTO document (id, slug, file, other_file, basename, content_type, size, modified, published, owner) VALUES
        (1, 'hello-world', 'docs/hello.txt', 'docs/other.txt', 'Grüße.txt', 'text/x-own', 6, '2020-09-13 12:26:40', 1, 'ada'),
        (2, 'plain', 'docs/hello.txt', NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (3, 'draft', 'docs/hello.txt', NULL, NULL, NULL, NULL, NULL, 0, NULL),
        (4, 'null', NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (5, 'empty', '', NULL, '', '', NULL, NULL, 1, NULL),
        (6, 'climbing', '../../secret', NULL, NULL, NULL, 6, '2020-09-13 12:26:40', 1, NULL),
        (7, 'absolute', '/etc/passwd', NULL, NULL, NULL, 6, '2020-09-13 12:26:40', 1, NULL),
        (8, 'negative', 'docs/hello.txt', NULL, NULL, NULL, -1, NULL, 1, NULL),
        (9, 'no-number', 'docs/hello.txt', NULL, NULL, NULL, 'six', NULL, 1, NULL),
        (10, 'no-date', 'docs/hello.txt', NULL, NULL, NULL, NULL, 'yesterday', 1, NULL),
        (11, 'forging', 'docs/hello.txt', NULL, NULL, 'text/html' || char(13, 10) || 'X-Evil: 1', NULL, NULL, 1, NULL),
        (12, 'blob', x'ff00ff', NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (13, 'twice', 'docs/hello.txt', NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (14, 'twice', 'docs/other.txt', NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (15, 'gone', 'docs/gone.txt', NULL, NULL, NULL, NULL, NULL, 1, NULL),
        (16, 'strange-name', 'docs/hello.txt', NULL, '../a' || char(13, 10) || 'b\"c.txt', NULL, NULL, NULL, 1, NULL);
    INSERT INTO document (id, slug, file, etag, content_encoding, published) VALUES
        (17, 'tagged', 'docs/hello.txt', 'v1', 'gzip', 1);
";

/// Slugs of rows whose file is named well and described badly.
pub const BADLY_DESCRIBED: [&str; 4] = ["negative", "no-number", "no-date", "forging"];

/// Slugs whose rows cannot be right, or are not there.
pub const NOT_FOUND: [&str; 11] = [
    "unknown",
    "null",
    "empty",
    "climbing",
    "absolute",
    "blob",
    "twice",
    "gone",
    "' OR 1=1 --",
    "a\0b",
    "",
];

/// The statements that ran.
pub type Log = Arc<Mutex<Vec<String>>>;

pub async fn database() -> (DatabaseConnection, Log) {
    let mut options = ConnectOptions::new("sqlite::memory:");
    // Each connection has a database of its own.
    options.max_connections(1).min_connections(1);
    let mut db = Database::connect(options).await.expect("opened");
    db.execute_unprepared(TABLE).await.expect("created");
    let log = Log::default();
    let seen = Arc::clone(&log);
    db.set_metric_callback(move |info| {
        let statement = info.statement.sql.clone();
        seen.lock().expect("unpoisoned").push(statement);
    });
    (db, log)
}

/// Memory with a path, that counts what is asked of it.
#[derive(Debug)]
pub struct Counted {
    files: MemoryStorage,
    looks: AtomicUsize,
    opens: AtomicUsize,
}

impl Counted {
    pub fn new() -> Arc<Self> {
        let files = MemoryStorage::new();
        for (name, content) in [("docs/hello.txt", "Hello\n"), ("docs/other.txt", "Other\n")] {
            files.insert(StorageName::parse(name).expect("a name"), content);
        }
        Arc::new(Self {
            files,
            looks: AtomicUsize::new(0),
            opens: AtomicUsize::new(0),
        })
    }

    /// Looks at files, and files opened.
    pub fn counts(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(&self.looks), count(&self.opens))
    }
}

impl Storage for Counted {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.files.look(name)
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        self.files.open(name, want)
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::new().with_path(format!("/srv/{name}"))
    }
}

pub fn nginx() -> Optimizer {
    let rule = Rule::dir("/srv").to_uri("/x/");
    let builder = Optimizer::builder(Nginx::new());
    builder.rule(rule).build().expect("valid")
}

/// A GET whose route has this parameter.
pub fn request(parameter: &str, value: &str) -> Request<()> {
    let parameters = RouteParameters::from_iter([(parameter, value)]);
    let request = Request::get("/documents").extension(parameters);
    request.body(()).expect("a request")
}

pub async fn ask<V: DownloadView>(
    view: V,
    optimizer: Optimizer,
    request: Request<()>,
) -> Response<DownloadBody> {
    let service = OptimizeLayer::new(optimizer).layer(view.into_service());
    let response = service.oneshot(request).await.expect("infallible");
    response.map(Into::into)
}

pub async fn bytes(response: Response<DownloadBody>) -> Vec<u8> {
    let body = response.into_body().collect().await.expect("whole");
    body.to_bytes().to_vec()
}
