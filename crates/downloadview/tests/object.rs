//! Files that belong to records, through rules and without.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use downloadview::backend::Nginx;
use downloadview::content::{BoxFuture, Content, Metadata, Want};
use downloadview::file::ObjectFile;
use downloadview::storage::{MemoryStorage, Places, Storage, StorageName};
use downloadview::testing::conformance;
use downloadview::view::{FileRecord, FindRecord, ObjectView, Permission};
use downloadview::{
    DownloadBody, DownloadView as _, Error, OptimizeLayer, Optimizer, Result, Rule,
};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};

#[derive(Clone, Default)]
struct Document {
    file: Option<&'static str>,
    basename: Option<&'static str>,
    metadata: Metadata,
}

impl FileRecord for Document {
    fn file(&self) -> Option<&str> {
        self.file
    }

    fn basename(&self) -> Option<String> {
        self.basename.map(str::to_owned)
    }

    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }
}

fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_600_000_000)
}

/// Slug to row, as a table would have it.
fn table() -> HashMap<&'static str, Document> {
    let row = |file| Document {
        file: Some(file),
        ..Document::default()
    };
    HashMap::from([
        ("plain", row("docs/hello.txt")),
        (
            "full",
            Document {
                file: Some("docs/hello.txt"),
                basename: Some("Grüße.txt"),
                metadata: Metadata::new()
                    .with_size(6)
                    .with_modified(modified())
                    .with_content_type(HeaderValue::from_static("text/x-own")),
            },
        ),
        (
            "titled",
            Document {
                basename: Some("A title"),
                ..row("docs/hello.txt")
            },
        ),
        (
            "outdated",
            Document {
                metadata: Metadata::new().with_size(999).with_modified(modified()),
                ..row("docs/hello.txt")
            },
        ),
        ("null", Document::default()),
        ("empty", row("")),
        ("climbing", row("../../secret")),
        ("absolute", row("/etc/passwd")),
        ("gone", row("docs/gone.txt")),
    ])
}

fn find() -> impl FindRecord<Record = Document> {
    let table = Arc::new(table());
    move |request: &Parts| {
        let found = table.get(request.uri.path().trim_matches('/')).cloned();
        std::future::ready(Ok::<_, Error>(found))
    }
}

/// Memory with a path, that counts what is asked of it.
#[derive(Debug)]
struct Counted {
    files: MemoryStorage,
    looks: AtomicUsize,
    opens: AtomicUsize,
}

impl Counted {
    fn new() -> Arc<Self> {
        let files = MemoryStorage::new();
        files.insert(
            StorageName::parse("docs/hello.txt").expect("a name"),
            "Hello\n",
        );
        Arc::new(Self {
            files,
            looks: AtomicUsize::new(0),
            opens: AtomicUsize::new(0),
        })
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.looks.load(Ordering::Relaxed),
            self.opens.load(Ordering::Relaxed),
        )
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

async fn ask(optimizer: Optimizer, storage: &Arc<Counted>, slug: &str) -> Response<DownloadBody> {
    let view = ObjectView::new(Arc::clone(storage), find());
    let service = OptimizeLayer::new(optimizer).layer(view.into_service());
    let request = Request::get(format!("/{slug}")).body(()).expect("a path");
    service
        .oneshot(request)
        .await
        .expect("infallible")
        .map(Into::into)
}

fn nginx() -> Optimizer {
    let rule = Rule::dir("/srv").to_uri("/x/");
    Optimizer::builder(Nginx::new())
        .rule(rule)
        .build()
        .expect("valid")
}

async fn bytes(response: Response<DownloadBody>) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .expect("whole")
        .to_bytes()
        .to_vec()
}

#[tokio::test]
async fn a_row_that_says_everything_is_delegated_after_one_look_at_the_file() {
    let storage = Counted::new();
    let response = ask(nginx(), &storage, "full").await;
    let headers = response.headers();
    assert_eq!(headers["x-accel-redirect"], "/x/docs/hello.txt");
    assert_eq!(headers["content-type"], "text/x-own");
    assert_eq!(headers["etag"], "\"5f5e1000-6\"");
    let name = "attachment; filename=\"Grusse.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt";
    assert_eq!(headers["content-disposition"], name);
    assert_eq!(storage.counts(), (1, 0));
    // As one that says nothing is.
    let response = ask(nginx(), &storage, "plain").await;
    assert_eq!(response.headers()["x-accel-redirect"], "/x/docs/hello.txt");
    assert_eq!(storage.counts(), (2, 0));
}

#[tokio::test]
async fn streamed_it_says_the_same() {
    let storage = Counted::new();
    let response = ask(Optimizer::none(), &storage, "full").await;
    assert_eq!(response.headers()["content-type"], "text/x-own");
    assert_eq!(
        response.headers()["last-modified"],
        "Sun, 13 Sep 2020 12:26:40 GMT"
    );
    assert_eq!(bytes(response).await, b"Hello\n");
    assert_eq!(storage.counts(), (0, 1));
}

#[tokio::test]
async fn an_outdated_row_does_not_lie_about_the_length() {
    let response = ask(Optimizer::none(), &Counted::new(), "outdated").await;
    assert_eq!(response.headers()["content-length"], "6");
    assert_eq!(bytes(response).await, b"Hello\n");
}

#[tokio::test]
async fn a_title_without_an_extension_keeps_the_type_of_the_file() {
    let response = ask(Optimizer::none(), &Counted::new(), "titled").await;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
}

#[tokio::test]
async fn a_name_is_made_of_several_columns_where_they_tell_one() {
    let with_extension = |row: &Document| {
        let (_, extension) = row.file?.rsplit_once('.')?;
        Some(format!("{}.{extension}", row.basename?))
    };
    for (slug, disposition) in [
        ("titled", "attachment; filename=\"A title.txt\""),
        ("plain", "attachment; filename=\"hello.txt\""),
    ] {
        let view = ObjectView::new(Counted::new(), find()).basename_with(with_extension);
        let service = view.into_service();
        let request = Request::get(format!("/{slug}")).body(()).expect("a path");
        let response = service.oneshot(request).await.expect("infallible");
        assert_eq!(response.headers()["content-disposition"], disposition);
    }
}

#[tokio::test]
async fn what_no_row_names_is_404() {
    let storage = Counted::new();
    for slug in [
        "unknown",
        "null",
        "empty",
        "climbing",
        "absolute",
        "gone",
        "'%20OR%201=1",
    ] {
        for optimizer in [Optimizer::none(), nginx()] {
            let response = ask(optimizer, &storage, slug).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{slug}");
            assert_eq!(bytes(response).await, b"Not Found\n");
        }
    }
}

#[tokio::test]
async fn permission_is_asked_before_anything_is_looked_at() {
    for (permission, status) in [
        (Permission::Allow, StatusCode::OK),
        (Permission::Forbid, StatusCode::FORBIDDEN),
        (Permission::Hide, StatusCode::NOT_FOUND),
    ] {
        let storage = Counted::new();
        let view = ObjectView::new(Arc::clone(&storage), find())
            .authorize(move |_: &Parts, _: &Document| permission);
        let request = Request::get("/plain").body(()).unwrap();
        let response = view.into_service().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        if permission != Permission::Allow {
            assert_eq!(storage.counts(), (0, 0));
        }
    }
}

#[tokio::test]
async fn an_object_file_conforms() {
    let storage = Counted::new();
    let name = || StorageName::parse("docs/hello.txt").unwrap();
    let stated = Metadata::new().with_size(6).with_modified(modified());
    for stated in [Metadata::new(), stated] {
        let storage: Arc<dyn Storage> = storage.clone();
        let file = || ObjectFile::new(Arc::clone(&storage), name(), stated.clone());
        conformance::file(file, b"Hello\n").await;
    }
}

/// What a row says of a file that is not there, or is another one, is not an answer to HEAD either.
#[tokio::test]
async fn head_says_what_get_says_of_a_described_row_in_a_storage_without_paths() {
    let storage = Arc::new(MemoryStorage::new());
    let name = StorageName::parse("docs/hello.txt").unwrap();
    for present in [true, false] {
        match present {
            true => storage.insert(name.clone(), "Hello\n"),
            false => assert!(storage.remove(&name)),
        }
        for slug in ["full", "outdated", "plain", "gone"] {
            let mut answers = Vec::new();
            for method in ["GET", "HEAD"] {
                let view = ObjectView::new(Arc::clone(&storage), find());
                let request = Request::builder().method(method).uri(format!("/{slug}"));
                let request = request.body(()).unwrap();
                let answer = view.into_service().oneshot(request).await.unwrap();
                answers.push((answer.status(), answer.headers().clone()));
            }
            assert_eq!(answers[0], answers[1], "{slug}, {present}");
            let found = present && slug != "gone";
            let length = found.then_some(HeaderValue::from(6));
            assert_eq!(answers[0].0.is_success(), found, "{slug}, {present}");
            if found {
                assert_eq!(answers[0].1.get("content-length"), length.as_ref());
            }
        }
    }
}
