//! What clients and Courier see.

use bytes::Bytes;
use downloadview::content::{BoxFuture, Content, Metadata, Want};
use downloadview::optimize::{Outcome, Reason};
use downloadview::storage::{LocalStorage, MemoryStorage, Places, Storage, StorageName};
use downloadview::testing::conformance;
use downloadview::{Error, Result};
use http::header::IF_MATCH;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use own_parts::file::Archive;
use own_parts::storage::{Packages, Version};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt as _;

const TOOL: &[u8] = b"0123456789";
const ACCENTS: &[u8] = b"another program";

/// Packages in a folder, with one name that Courier can be told, one that it cannot, and one
/// without bytes.
struct World {
    folder: tempfile::TempDir,
    packages: Arc<Packages<LocalStorage>>,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = LocalStorage::new(folder.path()).expect("it is there");
    let packages = Arc::new(Packages::new(files));
    for (name, bytes) in [
        ("sub/my \"tool\".bin", TOOL),
        ("été.txt", ACCENTS),
        ("none.txt", b""),
    ] {
        let version = version(bytes);
        let path = folder.path().join(&version.digest).join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
        std::fs::write(path, bytes).expect("writable");
        packages.publish(named(name), version);
    }
    World { folder, packages }
}

fn version(bytes: &[u8]) -> Version {
    let digest = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Version {
        digest,
        size: bytes.len() as u64,
    }
}

fn named(name: &str) -> StorageName {
    StorageName::parse(name).expect("a valid name")
}

impl World {
    /// The answer, and its whole body.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a valid request");
        let service = own_parts::service(Arc::clone(&self.packages), self.folder.path());
        let answer = service.expect("a rule that works").oneshot(request).await;
        let (head, body) = answer.expect("it never fails").into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        Response::from_parts(head, body)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
        self.ask(Method::GET, path, headers).await
    }
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("visible ASCII"))
}

#[tokio::test]
async fn courier_is_told_the_path_and_the_rate() {
    let world = world();
    let tag = format!("\"{}\"", version(TOOL).digest);
    for asked in [
        vec![],
        vec![("range", "bytes=2-3")],
        vec![("if-none-match", &*tag)],
    ] {
        let answer = world.get("/sub/my%20%22tool%22.bin", &asked).await;
        // Courier answers ranges and conditions itself.
        assert_eq!(answer.status(), StatusCode::OK);
        let (folder, digest) = (world.folder.path().display(), version(TOOL).digest);
        let sent = format!(r#""{folder}/{digest}/sub/my \"tool\".bin""#);
        assert_eq!(header(&answer, "x-courier-send"), sent);
        assert_eq!(header(&answer, "x-courier-rate"), "1048576");
        assert_eq!(header(&answer, "etag"), tag);
        assert_eq!(
            header(&answer, "content-disposition"),
            r#"attachment; filename="my 'tool'.bin"; filename*=UTF-8''my%20%22tool%22.bin"#
        );
        assert!(answer.body().is_empty());
        let outcome = answer.extensions().get::<Outcome>().expect("an outcome");
        assert!(matches!(outcome, Outcome::Delegated { rule, backend, .. }
            if &**rule == "packages" && backend.name() == "courier"));
    }
}

#[tokio::test]
async fn a_name_that_courier_cannot_be_told_is_streamed_with_that_reason() {
    let world = world();
    let answer = world.get("/%C3%A9t%C3%A9.txt", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, "x-courier-send"), "");
    assert_eq!(answer.body(), ACCENTS);
    let outcome = answer.extensions().get::<Outcome>().expect("an outcome");
    let why = Reason::CannotCarry("Courier takes visible ASCII only".into());
    assert_eq!(outcome.reason(), Some(&why));
}

#[tokio::test]
async fn what_is_streamed_has_ranges_and_conditions() {
    let world = world();
    let archive = world.get("/", &[]).await;
    assert_eq!(header(&archive, "content-type"), "application/x-tar");
    let accents = world.get("/%C3%A9t%C3%A9.txt", &[]).await;
    assert_eq!(
        header(&accents, "etag"),
        format!("\"{}\"", version(ACCENTS).digest)
    );
    for (path, whole) in [("/", archive), ("/%C3%A9t%C3%A9.txt", accents)] {
        let (tag, size) = (header(&whole, "etag"), whole.body().len());
        assert_eq!(header(&whole, "content-length"), size.to_string());

        let part = world
            .get(path, &[("range", "bytes=3-7"), ("if-range", tag)])
            .await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(header(&part, "content-range"), format!("bytes 3-7/{size}"));
        assert_eq!(part.body(), &whole.body()[3..8]);
        let changed = world
            .get(path, &[("range", "bytes=3-7"), ("if-range", "\"old\"")])
            .await;
        assert_eq!(changed.status(), StatusCode::OK);
        assert_eq!(changed.body(), whole.body());

        for (name, value, status) in [
            ("if-none-match", tag, StatusCode::NOT_MODIFIED),
            ("if-match", "\"old\"", StatusCode::PRECONDITION_FAILED),
            ("range", "bytes=999999-", StatusCode::RANGE_NOT_SATISFIABLE),
        ] {
            assert_eq!(
                world.get(path, &[(name, value)]).await.status(),
                status,
                "{path} {name}"
            );
        }

        let head = world.ask(Method::HEAD, path, &[]).await;
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(header(&head, "content-length"), size.to_string());
        assert_eq!(header(&head, "etag"), tag);
        assert!(head.body().is_empty());
        assert_eq!(world.ask(Method::POST, path, &[]).await.status(), 405);
    }
}

#[tokio::test]
async fn each_part_of_the_archive_is_that_part_of_the_whole() {
    let world = world();
    let whole = world.get("/", &[]).await.into_body();
    // A header, a block of content and padding; none.txt has a header only; two empty blocks.
    assert_eq!(whole.len(), 512 * (2 + 1 + 2 + 2));
    for start in (0..whole.len()).step_by(97) {
        for length in [1, 10, 511, 512, 1500] {
            let end = (start + length).min(whole.len());
            let range = format!("bytes={start}-{}", end - 1);
            let part = world.get("/", &[("range", &range)]).await;
            assert_eq!(part.body(), &whole[start..end], "{range}");
        }
    }
}

#[tokio::test]
async fn tar_reads_the_archive() {
    let world = world();
    let path = world.folder.path().join("packages.tar");
    std::fs::write(&path, world.get("/", &[]).await.body()).expect("writable");
    let listed = std::process::Command::new("tar")
        .arg("xOf")
        .arg(&path)
        .output();
    let listed = listed.expect("tar is installed");
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    assert_eq!(listed.stdout, [TOOL, ACCENTS].concat());
}

#[tokio::test]
async fn what_is_not_published_does_not_exist() {
    let world = world();
    let digest = version(ACCENTS).digest;
    for path in [
        "/missing.bin",
        "/sub",
        &format!("/{digest}/%C3%A9t%C3%A9.txt"),
        "/../etc/passwd",
    ] {
        let status = world.get(path, &[]).await.status();
        assert!(status.is_client_error(), "{path} {status}");
    }
    // Published, but the file is gone: our 404, not Courier's page.
    std::fs::remove_dir_all(world.folder.path().join(version(TOOL).digest)).expect("it was there");
    let answer = world.get("/sub/my%20%22tool%22.bin", &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&answer, "x-courier-send"), "");
}

#[tokio::test]
async fn storage_and_file_are_what_the_library_expects() {
    let world = world();
    let storage = Arc::clone(&world.packages);
    for (name, bytes) in [("sub/my \"tool\".bin", TOOL), ("été.txt", ACCENTS)] {
        conformance::storage(Arc::clone(&storage), &named(name), bytes, &named("no")).await;
    }
    let whole = world.get("/", &[]).await.into_body();
    let make = || Archive::new(Arc::clone(&storage)).expect("short names");
    conformance::file(make, &whole).await;

    // In memory no proxy finds them.
    let files = MemoryStorage::new();
    files.insert(named(&format!("{}/a.txt", version(TOOL).digest)), TOOL);
    let packages = Packages::new(files);
    packages.publish(named("a.txt"), version(TOOL));
    conformance::storage(packages, &named("a.txt"), TOOL, &named("no")).await;
}

/// A storage that judges conditions itself, by a tag of its own.
#[derive(Debug)]
struct Judging;

impl Storage for Judging {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(async { Ok(Metadata::new().with_size(TOOL.len() as u64).with_ranges()) })
    }

    fn open<'a>(&'a self, _: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            Ok(match want.condition(&IF_MATCH) {
                Some(_) => Content::precondition_failed(Metadata::new()),
                None => Content::from_bytes(Metadata::new(), TOOL),
            })
        })
    }
}

#[tokio::test]
async fn conditions_are_judged_by_the_digest() {
    let packages = Packages::new(Judging);
    packages.publish(named("a.txt"), version(TOOL));
    let service = own_parts::service(Arc::new(packages), Path::new("/srv"));
    let request = Request::get("/a.txt").header(IF_MATCH, format!("\"{}\"", version(TOOL).digest));
    let request = request.body(()).expect("a valid request");
    let answer = service.expect("a rule that works").oneshot(request).await;
    assert_eq!(answer.expect("it never fails").status(), StatusCode::OK);
}

/// A storage whose server does not answer.
#[derive(Debug)]
struct Down;

impl Storage for Down {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(async { Err(Error::unavailable(io::ErrorKind::TimedOut.into())) })
    }

    fn open<'a>(&'a self, _: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async { Err(Error::unavailable(io::ErrorKind::TimedOut.into())) })
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::new().with_path(Path::new("/srv").join(name.as_str().unwrap_or_default()))
    }
}

#[tokio::test]
async fn a_storage_that_fails_is_503() {
    let packages = Packages::new(Down);
    packages.publish(named("a.txt"), version(TOOL));
    let packages = Arc::new(packages);
    for folder in ["/srv", "/elsewhere"] {
        // Whether Courier would send the file, or the application.
        let service = own_parts::service(Arc::clone(&packages), Path::new(folder));
        let request = Request::get("/a.txt").body(()).expect("a valid request");
        let answer = service.expect("a rule that works").oneshot(request).await;
        let answer = answer.expect("it never fails");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "5");
        assert!(!answer.headers().contains_key("x-courier-send"));
    }

    let archive = |range: &'static str| {
        let request = Request::get("/")
            .header("range", range)
            .body(())
            .expect("a valid request");
        let service = own_parts::service(Arc::clone(&packages), Path::new("/srv"));
        service.expect("a rule that works").oneshot(request)
    };
    // The part that is asked for begins in the package: there is no head yet.
    let answer = archive("bytes=512-").await.expect("it never fails");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    // The head and the archive's first block are sent: the body ends with an error, and the
    // server closes the connection.
    let answer = archive("bytes=0-").await.expect("it never fails");
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert!(answer.into_body().collect().await.is_err());
}
