//! Streaming when things go wrong: contents that lie, files that change, names that attack.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use downloadview::content::{BoxFuture, Content, Metadata, Want};
use downloadview::file::{PathFile, Places, StorageFile, VirtualFile};
use downloadview::headers::MediaTypes;
use downloadview::optimize::{Outcome, Reason, Unmatched};
use downloadview::storage::{
    LocalStorage, MemoryStorage, Storage, StorageName, Symlinks, Unreadable,
};
use downloadview::view::{PathView, StorageView, VirtualView};
use downloadview::{
    DownloadBody, DownloadOptions, DownloadResponse, DownloadView, Error, OptimizeLayer, Optimizer,
    Result, Rule, backend::Nginx,
};
use futures_util::stream;
use http::header::{
    CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, LINK, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _};

async fn get(view: impl DownloadView, path: &str) -> Response<DownloadBody> {
    let request = Request::get(path).body(()).expect("a path");
    view.into_service()
        .oneshot(request)
        .await
        .expect("infallible")
}

async fn bytes(response: Response<DownloadBody>) -> Result<Bytes> {
    Ok(response.into_body().collect().await?.to_bytes())
}

fn storage_of(files: &[(&str, &str)]) -> (tempfile::TempDir, LocalStorage) {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let storage = LocalStorage::new(dir.path()).expect("opened");
    (dir, storage.base_url("/media/").expect("a base URL"))
}

fn stream_of(size: Option<u64>) -> VirtualView {
    VirtualView::new(move |_: &Parts| {
        let frames = ["abc", "def"].map(|frame| Ok::<_, io::Error>(Bytes::from(frame)));
        let file = VirtualFile::from_stream("a.bin", stream::iter(frames));
        let file = match size {
            Some(size) => file.size(size),
            None => file,
        };
        std::future::ready(Ok(file))
    })
}

#[tokio::test]
async fn an_unknown_size_is_chunked_and_offers_no_range() {
    let response = get(stream_of(None), "/").await;
    assert!(!response.headers().contains_key(CONTENT_LENGTH));
    assert!(!response.headers().contains_key("accept-ranges"));
    assert_eq!(response.body().size_hint().exact(), None);
    assert_eq!(bytes(response).await.unwrap(), "abcdef");
}

#[tokio::test]
async fn a_length_that_lies_aborts() {
    let honest = get(stream_of(Some(6)), "/").await;
    assert_eq!(honest.headers()[CONTENT_LENGTH], "6");
    assert_eq!(bytes(honest).await.unwrap(), "abcdef");
    let short = bytes(get(stream_of(Some(7)), "/").await).await;
    assert!(
        matches!(short, Err(Error::Truncated { missing: 1 })),
        "{short:?}"
    );
    let long = bytes(get(stream_of(Some(5)), "/").await).await;
    assert!(matches!(long, Err(Error::Overlong)), "{long:?}");
}

#[tokio::test]
async fn a_frame_too_many_is_noticed_before_the_last_promised_byte() {
    // A server stops asking once it has what was promised: the end must be known before that.
    let response = get(stream_of(Some(3)), "/").await;
    let mut body = response.into_body();
    let first = body.frame().await;
    assert!(matches!(first, Some(Err(Error::Overlong))), "{first:?}");
    // Nothing was promised, so nobody would ever ask.
    let response = get(stream_of(Some(0)), "/").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_reader_that_fails_on_the_way_aborts() {
    struct Failing(bool);
    impl io::Read for Failing {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("gone"));
            }
            room[0] = b'a';
            Ok(1)
        }
    }
    let view =
        VirtualView::new(|_: &Parts| async { Ok(VirtualFile::from_reader("a", Failing(false))) });
    let response = get(view, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(matches!(bytes(response).await, Err(Error::Other { .. })));
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_byte_is_500_or_503_and_no_cut_200() {
    let of_io = || Error::of_file(io::ErrorKind::WouldBlock.into());
    for size in [None, Some(6)] {
        for (down, status) in [
            (of_io(), StatusCode::SERVICE_UNAVAILABLE),
            (
                Error::other("a bug of the application"),
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        ] {
            // An empty frame says nothing.
            let frames = [Ok(Bytes::new()), Err(down)];
            let file = VirtualFile::from_stream("a.bin", stream::iter(frames));
            let file = match size {
                Some(size) => file.size(size),
                None => file,
            };
            let file = std::sync::Mutex::new(Some(file));
            let view = VirtualView::new(move |_: &Parts| {
                let file = file.lock().expect("not poisoned").take();
                std::future::ready(Ok(file.expect("asked once")))
            });
            let response = get(view, "/").await;
            assert_eq!(response.status(), status, "{size:?}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert!(bytes(response).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_stream_of_nothing_is_an_empty_200() {
    let view = VirtualView::new(|_: &Parts| {
        let nothing = stream::empty::<io::Result<Bytes>>();
        std::future::ready(Ok(VirtualFile::from_stream("a.bin", nothing)))
    });
    let response = get(view, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(bytes(response).await.unwrap(), "");
}

#[tokio::test]
async fn an_iterator_that_panics_is_a_500() {
    let chunks = || std::iter::from_fn(|| -> Option<Bytes> { panic!("in the application") });
    let view = VirtualView::new(move |_: &Parts| {
        std::future::ready(Ok(VirtualFile::from_chunks("a", chunks())))
    });
    let status = get(view, "/").await.status();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_replaced_file_is_finished_from_the_old_bytes() {
    let old = "old".repeat(100_000);
    let (dir, storage) = storage_of(&[("a.bin", &old)]);
    let response = get(StorageView::new(storage.clone()), "/a.bin").await;
    std::fs::write(dir.path().join("new"), "new").unwrap();
    std::fs::rename(dir.path().join("new"), dir.path().join("a.bin")).unwrap();
    let etag = response.headers()["etag"].clone();
    assert_eq!(bytes(response).await.unwrap(), old);
    let response = get(StorageView::new(storage), "/a.bin").await;
    assert_ne!(response.headers()["etag"], etag);
    assert_eq!(bytes(response).await.unwrap(), "new");
}

#[tokio::test]
async fn a_deleted_file_is_finished() {
    let (dir, storage) = storage_of(&[("a.bin", &"x".repeat(200_000))]);
    let response = get(StorageView::new(storage), "/a.bin").await;
    std::fs::remove_file(dir.path().join("a.bin")).unwrap();
    assert_eq!(bytes(response).await.unwrap().len(), 200_000);
}

#[tokio::test]
async fn a_truncated_file_aborts() {
    let (dir, storage) = storage_of(&[("a.bin", &"x".repeat(200_000))]);
    let response = get(StorageView::new(storage), "/a.bin").await;
    std::fs::File::options()
        .write(true)
        .open(dir.path().join("a.bin"))
        .unwrap()
        .set_len(10)
        .unwrap();
    assert!(matches!(
        bytes(response).await,
        Err(Error::Truncated { .. })
    ));
}

#[tokio::test]
async fn rejects_traversal_in_every_spelling() {
    let (dir, storage) = storage_of(&[("root/a.txt", "a"), ("secret", "secret")]);
    drop(storage);
    let storage = LocalStorage::new(dir.path().join("root")).unwrap();
    for path in [
        "/../secret",
        "/a.txt/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/%252e%252e%252fsecret",
        "/..%5csecret",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/a.txt%00",
        "/a.txt/",
        "/%",
        "/%c0%ae%c0%ae/secret",
        "/",
    ] {
        for _ in 0..2 {
            let view = StorageView::new(storage.clone());
            let response = get(view, path).await;
            let status = response.status();
            assert!(status.is_client_error(), "{path}: {status}");
            let page = bytes(response).await.unwrap();
            let page = String::from_utf8(page.to_vec()).unwrap();
            assert!(
                !page.contains('/') && !page.contains("secret"),
                "{path}: {page}"
            );
        }
    }
    let within = PathView::within(storage, |request: &Parts| {
        StorageName::from_url_path(request.uri.path())
    });
    assert_eq!(
        get(within, "/%2e%2e/secret").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_does_not_exist() {
    let (dir, storage) = storage_of(&[("sub/a.txt", "a")]);
    std::os::unix::fs::symlink("sub/a.txt", dir.path().join("link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("fifo"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let long = format!("/{}", "x".repeat(300));
    for path in [
        "/sub",
        "/sub/",
        "/fifo",
        "/socket",
        "/link",
        "/none",
        "/sub/a.txt/b",
        &long,
    ] {
        let response = get(StorageView::new(storage.clone()), path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let followed = storage.clone().symlinks(Symlinks::Within);
    assert_eq!(
        bytes(get(StorageView::new(followed), "/link").await)
            .await
            .unwrap(),
        "a"
    );
    // The program's own path may be a link, but no FIFO.
    let fixed = get(PathView::new(dir.path().join("link")), "/").await;
    assert_eq!(bytes(fixed).await.unwrap(), "a");
    let fifo = get(PathView::new(dir.path().join("fifo")), "/").await;
    assert_eq!(fifo.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_name_that_is_no_utf_8_is_served() {
    let storage = MemoryStorage::new();
    storage.insert(StorageName::parse(b"caf\xe9.txt").unwrap(), "coffee");
    let response = get(StorageView::new(storage), "/caf%E9.txt").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(bytes(response).await.unwrap(), "coffee");
}

/// Refuses to be read; counts how often it was tried.
#[derive(Debug, Default)]
struct Guarded {
    looks: AtomicUsize,
    opens: AtomicUsize,
}

impl Storage for Guarded {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Err(Error::Forbidden)))
    }

    fn open<'a>(&'a self, _: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Err(Error::Forbidden)))
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::new().with_path(format!("/srv/{name}"))
    }
}

async fn through(rule: Rule, storage: Arc<Guarded>) -> Response<DownloadBody> {
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(rule)
        .build()
        .expect("valid");
    let service = StorageView::new(storage).into_service();
    let request = Request::get("/a.txt").body(()).expect("a path");
    let response = OptimizeLayer::new(optimizer)
        .layer(service)
        .oneshot(request)
        .await;
    response.expect("infallible").map(Into::into)
}

#[tokio::test]
async fn a_proxied_file_is_opened_zero_times() {
    let storage = Arc::new(Guarded::default());
    let rule = Rule::dir("/srv").to_uri("/x/").without_stat();
    let response = through(rule, Arc::clone(&storage)).await;
    assert_eq!(response.headers()["x-accel-redirect"], "/x/a.txt");
    assert_eq!(storage.looks.load(Ordering::Relaxed), 0);
    assert_eq!(storage.opens.load(Ordering::Relaxed), 0);
    // With a look, what it tells is the answer.
    let response = through(Rule::dir("/srv").to_uri("/x/"), Arc::clone(&storage)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key("x-accel-redirect"));
    assert_eq!(storage.looks.load(Ordering::Relaxed), 1);
    assert_eq!(storage.opens.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_response_opens_nothing_until_it_is_polled() {
    let storage = Arc::new(Guarded::default());
    let name = StorageName::parse("a.txt").unwrap();
    let storage_dyn: Arc<dyn Storage> = storage.clone();
    let response = DownloadResponse::new(StorageFile::new(storage_dyn, name)).into_http();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(storage.opens.load(Ordering::Relaxed), 0);
    assert!(matches!(bytes(response).await, Err(Error::Forbidden)));
    assert_eq!(storage.opens.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_unreadable_file_is_404_or_403_as_configured() {
    let (dir, storage) = storage_of(&[("a.txt", "a")]);
    let rule = || Rule::url("/media/").to_uri("/x/");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    std::fs::set_permissions(dir.path().join("a.txt"), mode).unwrap();
    for (unreadable, status) in [(Unreadable::NotFound, 404), (Unreadable::Forbidden, 403)] {
        let optimizer = Optimizer::builder(Nginx::new())
            .rule(rule())
            .build()
            .unwrap();
        let service = StorageView::new(storage.clone().unreadable(unreadable)).into_service();
        let request = Request::get("/a.txt").body(()).unwrap();
        let response = OptimizeLayer::new(optimizer)
            .layer(service)
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("content-disposition"));
    }
}

#[tokio::test]
async fn a_streamed_download_says_why() {
    let (_dir, storage) = storage_of(&[("a.txt", "a")]);
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(Rule::url("/elsewhere/").to_uri("/x/"))
        .build()
        .unwrap();
    let service = OptimizeLayer::new(optimizer).layer(StorageView::new(storage).into_service());
    let request = Request::get("/a.txt").body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let outcome = response.extensions().get::<Outcome>().unwrap();
    let Outcome::Streamed { reason, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(reason.to_string(), "no rule takes this file's path or URL");
}

#[tokio::test]
async fn no_request_header_chooses_a_target() {
    // rack CVE-2025-61780, Plack CVE-2026-7381
    let (_dir, storage) = storage_of(&[("a.txt", "a")]);
    let service =
        OptimizeLayer::new(Optimizer::none()).layer(StorageView::new(storage).into_service());
    let request = Request::get("/a.txt")
        .header("x-sendfile-type", "X-Accel-Redirect")
        .header("x-accel-mapping", "/=/internal/")
        .header("x-accel-redirect", "/internal/secret")
        .body(())
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    let mut names = response.headers().keys().map(http::HeaderName::as_str);
    assert!(!names.any(|name| name.starts_with("x-accel") || name.starts_with("x-sendfile")));
    assert_eq!(response.version(), Version::HTTP_11);
}

#[tokio::test]
async fn inline_active_content_is_sandboxed() {
    for (name, inline, sandboxed) in [
        ("a.html", true, true),
        ("a.svg", true, true),
        ("a.xml", true, true),
        ("a.png", true, false),
        ("a.html", false, false),
    ] {
        let response = DownloadResponse::new(VirtualFile::from_text(name, "x"));
        let response = if inline { response.inline() } else { response }.into_http();
        assert_eq!(
            response.headers().contains_key(CONTENT_SECURITY_POLICY),
            sandboxed,
            "{name}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

fn text_view() -> VirtualView {
    VirtualView::new(|_: &Parts| async { Ok(VirtualFile::from_text("a.txt", "x")) })
}

#[tokio::test]
async fn options_are_fixed_or_follow_from_the_request() {
    let view = text_view()
        .content_type("text/x-own")
        .header(http::header::VARY, "cookie")
        .header(http::HeaderName::from_static("x-sendfile"), "/etc/passwd")
        .options_with(|request, options| {
            let name = request.uri.path().trim_matches('/').to_uppercase();
            Ok(options.basename(name).cache_control("public, max-age=60"))
        });
    let response = get(view, "/b.txt").await;
    let headers = response.headers();
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"B.TXT\""
    );
    assert_eq!(headers[CONTENT_TYPE], "text/x-own");
    assert_eq!(headers["cache-control"], "public, max-age=60");
    assert_eq!(headers["vary"], "cookie");
    assert!(!headers.contains_key("x-sendfile"));
}

#[tokio::test]
async fn of_two_settings_the_later_one_counts() {
    let named = |name: &'static str| {
        move |_: &Parts, options: DownloadOptions| Ok(options.basename(name).header(LINK, name))
    };
    let fixed = text_view().options_with(named("closure")).basename("fixed");
    let closure = text_view().basename("fixed").options_with(named("closure"));
    let again = text_view()
        .options_with(named("first"))
        .options(DownloadOptions::new().basename("fixed").inline())
        .options_with(named("second"));
    for (view, disposition) in [
        (fixed, "attachment; filename=\"fixed\""),
        (closure, "attachment; filename=\"closure\""),
        (again, "inline; filename=\"second\""),
    ] {
        let response = get(view, "/").await;
        assert_eq!(response.headers()["content-disposition"], disposition);
        assert_eq!(response.headers().get_all(LINK).iter().count(), 1);
    }
}

/// Written by hand or by setters, a disposition is one thing.
#[tokio::test]
async fn of_a_disposition_by_hand_and_a_name_the_later_one_counts() {
    use http::header::CONTENT_DISPOSITION as DISPOSITION;

    const BY_HAND: &str = "inline; filename=hand";
    let options = DownloadOptions::new;
    for (view, expected) in [
        (
            text_view().header(DISPOSITION, BY_HAND).basename("set"),
            "attachment; filename=\"set\"",
        ),
        (
            text_view().header(DISPOSITION, BY_HAND).inline(),
            "inline; filename=\"a.txt\"",
        ),
        (
            text_view().basename("set").header(DISPOSITION, BY_HAND),
            BY_HAND,
        ),
        (
            text_view()
                .header(DISPOSITION, BY_HAND)
                .options(options().basename("set")),
            "attachment; filename=\"set\"",
        ),
        (
            text_view()
                .basename("set")
                .options(options().basename("b").header(DISPOSITION, BY_HAND)),
            BY_HAND,
        ),
    ] {
        let response = get(view, "/").await;
        assert_eq!(response.headers()[DISPOSITION], expected);
    }
}

/// A validator has one value, and it is the one that conditions are judged by.
#[tokio::test]
async fn a_validator_that_is_appended_takes_the_place_of_the_one_before() {
    let view = text_view()
        .header(ETAG, "\"v1\"")
        .append_header(ETAG, "\"v2\"");
    let request = Request::get("/").header("if-none-match", "\"v2\"");
    let response = view.into_service().oneshot(request.body(()).unwrap());
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    let tags: Vec<_> = response.headers().get_all(ETAG).iter().collect();
    assert_eq!(tags, ["\"v2\""]);
}

#[tokio::test]
async fn a_header_may_have_several_values_or_none() {
    let view = text_view()
        .append_header(SET_COOKIE, "a=1")
        .append_header(SET_COOKIE, "b=2")
        .without_header(X_CONTENT_TYPE_OPTIONS)
        .without_header(http::header::CACHE_CONTROL)
        .without_header(ETAG);
    let response = get(view, "/").await;
    let headers = response.headers();
    let cookies: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    for name in [X_CONTENT_TYPE_OPTIONS, http::header::CACHE_CONTROL, ETAG] {
        assert!(!headers.contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn stated_validators_are_what_conditions_are_judged_by() {
    const DATE: &str = "Sun, 13 Sep 2020 12:26:40 GMT";
    let since = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    let by_header = || {
        text_view()
            .header(ETAG, "\"v1\"")
            .header(LAST_MODIFIED, DATE)
    };
    let by_setter = || {
        let etag = downloadview::content::ETag::strong("v1").unwrap();
        text_view().etag(etag).last_modified(since)
    };
    for view in [&by_header as &dyn Fn() -> VirtualView, &by_setter] {
        for (name, value, status) in [
            ("if-none-match", "\"v1\"", 304),
            ("if-none-match", "\"v2\"", 200),
            ("if-match", "\"v2\"", 412),
            ("if-modified-since", DATE, 304),
            ("if-unmodified-since", "Sun, 13 Sep 2020 12:26:39 GMT", 412),
        ] {
            let request = Request::get("/").header(name, value).body(()).unwrap();
            let response = view().into_service().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{name}: {value}");
            if response.status() != 412 {
                assert_eq!(response.headers()[ETAG], "\"v1\"");
                assert_eq!(response.headers()[LAST_MODIFIED], DATE);
            }
        }
    }
}

#[tokio::test]
async fn a_value_that_no_header_can_hold_is_a_500_and_never_sent() {
    for view in [
        text_view().header(LINK, "a\r\nSet-Cookie: b=1"),
        text_view().content_type("text/plain\n"),
        text_view().header(ETAG, "no quotes"),
        text_view().header(LAST_MODIFIED, "yesterday"),
    ] {
        let response = get(view, "/").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
}

#[tokio::test]
async fn a_disposition_written_by_hand_cannot_show_a_page_that_runs_scripts() {
    for (value, sandboxed) in [("inline", true), ("Attachment; filename=a", false)] {
        let page = |_: &Parts| async { Ok(VirtualFile::from_text("a.html", "x")) };
        let view = VirtualView::new(page).header(http::header::CONTENT_DISPOSITION, value);
        let response = get(view, "/").await;
        let headers = response.headers();
        assert_eq!(headers.contains_key(CONTENT_SECURITY_POLICY), sandboxed);
    }
}

#[tokio::test]
async fn own_media_types_and_charsets_are_stated() {
    let types = MediaTypes::new().extension("own", "text/x-own").unwrap();
    let types = types.charset("iso-8859-15").unwrap();
    let view = VirtualView::new(|request: &Parts| {
        let name = request.uri.path().trim_matches('/').to_owned();
        std::future::ready(Ok(VirtualFile::from_text(name, "x")))
    });
    let view = view.media_types(types);
    for (path, content_type) in [
        ("/a.OWN", "text/x-own; charset=iso-8859-15"),
        ("/a.txt", "text/plain; charset=iso-8859-15"),
        ("/a.png", "image/png"),
    ] {
        let response = get(view.clone(), path).await;
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
    }
}

#[tokio::test]
async fn a_missing_fixed_path_is_404() {
    let response = get(PathView::new("/nonexistent/file"), "/").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let looked = downloadview::File::look(&PathFile::new("/nonexistent/file")).await;
    assert!(matches!(looked, Err(Error::NotFound)));
}

/// A storage whose metadata states a type, whatever the name says.
#[derive(Debug)]
struct Typed(&'static str);

impl Typed {
    fn stated(&self) -> Metadata {
        Metadata::new().with_content_type(HeaderValue::from_static(self.0))
    }
}

impl Storage for Typed {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(std::future::ready(Ok(self
            .stated()
            .with_size(1)
            .with_ranges())))
    }

    fn open<'a>(&'a self, _: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(std::future::ready(Ok(Content::from_bytes(
            self.stated(),
            "x",
        ))))
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::new().with_path(format!("/srv/{name}"))
    }
}

fn nginx(rule: Rule) -> Optimizer {
    Optimizer::builder(Nginx::new())
        .rule(rule)
        .build()
        .expect("valid")
}

async fn layered(
    optimizer: Optimizer,
    view: impl DownloadView,
    request: http::request::Builder,
) -> Response<DownloadBody> {
    let service = OptimizeLayer::new(optimizer).layer(view.into_service());
    let request = request.body(()).expect("a request");
    service
        .oneshot(request)
        .await
        .expect("infallible")
        .map(Into::into)
}

#[tokio::test]
async fn the_sandbox_follows_the_type_that_is_sent() {
    for (stated, sandboxed) in [
        ("text/html", true),
        ("image/png, text/html", true),
        ("image/png", false),
    ] {
        for optimizer in [Optimizer::none(), nginx(Rule::dir("/srv").to_uri("/x/"))] {
            let view = StorageView::new(Typed(stated)).inline();
            let response = layered(optimizer, view, Request::get("/a.png")).await;
            assert_eq!(response.headers()[CONTENT_TYPE], stated);
            assert_eq!(
                response.headers().contains_key(CONTENT_SECURITY_POLICY),
                sandboxed,
                "{stated}"
            );
        }
    }
    let view = VirtualView::new(|_: &Parts| async { Ok(VirtualFile::from_text("a.png", "x")) })
        .inline()
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    let response = get(view, "/").await;
    assert!(response.headers().contains_key(CONTENT_SECURITY_POLICY));
}

#[tokio::test]
async fn a_delegated_head_says_all_that_a_proxy_may_keep() {
    let (_dir, storage) = storage_of(&[("a.svg", "x")]);
    let view = StorageView::new(storage)
        .inline()
        .cache_control(HeaderValue::from_static("private, max-age=9"))
        .header(http::header::VARY, HeaderValue::from_static("cookie"))
        .header(http::header::SET_COOKIE, HeaderValue::from_static("a=b"));
    let rule = Rule::url("/media/").to_uri("/x/");
    let response = layered(nginx(rule), view, Request::get("/a.svg")).await;
    let headers = response.headers();
    for (name, value) in [
        ("content-type", "image/svg+xml"),
        ("content-disposition", "inline; filename=\"a.svg\""),
        ("cache-control", "private, max-age=9"),
        ("vary", "cookie"),
        ("set-cookie", "a=b"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
        ),
        ("content-length", "0"),
        ("x-accel-redirect", "/x/a.svg"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(headers.contains_key("etag"));
    assert_eq!(headers.len(), 10);
}

#[tokio::test]
async fn head_says_what_get_says_of_any_file() {
    let (_dir, storage) = storage_of(&[("a.txt", "text")]);
    for path in ["/a.txt", "/none", "/a.txt/"] {
        let mut heads = Vec::new();
        for request in [Request::get(path), Request::head(path)] {
            let view = StorageView::new(storage.clone());
            let response = layered(Optimizer::none(), view, request).await;
            heads.push((response.status(), response.headers().clone()));
        }
        assert_eq!(heads[0], heads[1], "{path}");
    }
    let response = layered(Optimizer::none(), stream_of(None), Request::head("/")).await;
    assert_eq!(
        response.body().size_hint().exact(),
        None,
        "0 would be taken for its length"
    );
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn unmatched_counts_without_any_rule_too() {
    let (_dir, storage) = storage_of(&[("a.txt", "text")]);
    let refusing = Optimizer::builder(Nginx::new())
        .unmatched(Unmatched::Refuse)
        .build()
        .unwrap();
    let response = layered(refusing, StorageView::new(storage), Request::get("/a.txt")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_delegated_by_the_place_it_leads_to() {
    let (dir, storage) = storage_of(&[("real/a.txt", "text")]);
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    let storage = storage.symlinks(Symlinks::Within);
    let by_folder = nginx(Rule::dir(dir.path()).to_uri("/x/"));
    let view = StorageView::new(storage.clone());
    let response = layered(by_folder, view, Request::get("/link/a.txt")).await;
    assert_eq!(response.headers()["x-accel-redirect"], "/x/real/a.txt");
    // By URL nobody knows what the place is called: streamed, and said so.
    let by_url = nginx(Rule::url("/media/").to_uri("/x/"));
    let response = layered(
        by_url,
        StorageView::new(storage),
        Request::get("/link/a.txt"),
    )
    .await;
    let outcome = response.extensions().get::<Outcome>().unwrap().clone();
    assert!(
        matches!(
            outcome,
            Outcome::Streamed {
                reason: Reason::SymbolicLink,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(!response.headers().contains_key("x-accel-redirect"));
    assert_eq!(bytes(response).await.unwrap(), "text");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_answer_leaks_a_descriptor() {
    let (dir, storage) = storage_of(&[("a.txt", &"x".repeat(300_000))]);
    let file = dir.path().join("a.txt");
    let open = || {
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets =
            descriptors.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        targets.filter(|target| *target == file).count()
    };
    let requests = [
        Request::get("/a.txt"),
        Request::head("/a.txt"),
        Request::get("/a.txt").header("if-none-match", "*"),
        Request::get("/a.txt").header("if-match", "\"other\""),
        Request::get("/a.txt").header("range", "bytes=999999-"),
        Request::get("/a.txt").header("range", "bytes=0-1,5-6"),
    ];
    for request in requests {
        let view = StorageView::new(storage.clone());
        let response = layered(Optimizer::none(), view, request).await;
        let mut body = response.into_body();
        let _ = body.frame().await;
        drop(body);
        assert_eq!(open(), 0);
    }
    let view = StorageView::new(storage.clone());
    let rule = Rule::url("/media/").to_uri("/x/");
    let _response = layered(nginx(rule), view, Request::get("/a.txt")).await;
    assert_eq!(open(), 0);
}

/// Whoever reads outcomes, a log or a test, must not have to know who sent the bytes.
#[tokio::test]
async fn outcomes_say_what_happened_behind_a_proxy_and_without() {
    let (_dir, storage) = storage_of(&[("a.txt", "text")]);
    let tag = get(StorageView::new(storage.clone()), "/a.txt").await;
    let tag = tag.headers()[ETAG].to_str().unwrap().to_owned();
    for (path, name, value, streamed, delegated) in [
        (
            "/a.txt",
            "accept",
            "*/*",
            "streamed Some(Whole)",
            "delegated None",
        ),
        (
            "/a.txt",
            "range",
            "bytes=0-1",
            "streamed Some(Range)",
            "delegated None",
        ),
        (
            "/a.txt",
            "range",
            "bytes=0-0,2-2",
            "streamed Some(Ranges)",
            "delegated None",
        ),
        (
            "/a.txt",
            "if-none-match",
            &tag,
            "not modified None",
            "delegated None",
        ),
        (
            "/a.txt",
            "if-match",
            "\"b\"",
            "precondition failed None",
            "delegated None",
        ),
        (
            "/a.txt",
            "range",
            "bytes=9-",
            "range not satisfiable None",
            "delegated None",
        ),
        ("/none", "accept", "*/*", "not found None", "not found None"),
    ] {
        let rule = Rule::url("/media/").to_uri("/x/");
        for (optimizer, expected) in [(Optimizer::none(), streamed), (nginx(rule), delegated)] {
            let view = StorageView::new(storage.clone());
            let request = Request::get(path).header(name, value);
            let response = layered(optimizer, view, request).await;
            let outcome = response.extensions().get::<Outcome>().unwrap();
            let extent = match outcome {
                Outcome::Streamed { extent, .. } => Some(extent),
                _ => None,
            };
            let told = format!("{} {extent:?}", outcome.kind());
            assert_eq!(told, expected, "{path} {name}: {value}");
        }
    }
}

/// A store of which the parts are fetched, and that is down.
#[derive(Debug)]
struct Down;

impl Storage for Down {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(std::future::ready(Ok(Metadata::new().with_size(100))))
    }

    fn open<'a>(&'a self, _: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        assert!(want.range().is_some());
        let down = |_| async { Err(Error::unavailable(io::ErrorKind::ConnectionRefused.into())) };
        let content = Content::ranged(Metadata::new().with_size(100), down);
        Box::pin(std::future::ready(Ok(content)))
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_had_is_503_and_no_cut_206() {
    for range in ["bytes=0-9", "bytes=0-1,5-6", "bytes=0-"] {
        let view = StorageView::new(Down).name(StorageName::parse("a").unwrap());
        let request = Request::get("/a").header("range", range).body(()).unwrap();
        let response = view.into_service().oneshot(request).await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{range}"
        );
        assert_eq!(response.headers()["retry-after"], "5");
        assert!(!response.headers().contains_key("content-range"));
    }
}

/// Answered by `answer_now` where that needs no waiting, else by what it leaves; and whether it was at once.
async fn answered(file: impl downloadview::File, range: Option<&str>) -> (bool, StatusCode, Bytes) {
    use downloadview::optimize::{Asked, answer_now};

    let mut request = Request::get("/");
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let asked = Asked::of(&mut request.body(()).expect("a request"));
    let (at_once, response) = match answer_now(&asked, &[], Ok(DownloadResponse::new(file))) {
        Ok(response) => (true, response),
        Err(unanswered) => (false, unanswered.answer(&asked, &[]).await),
    };
    let outcome = response.extensions().get::<Outcome>().expect("an outcome");
    assert_eq!(outcome.reason(), Some(&Reason::NoBackend));
    let status = response.status();
    (at_once, status, bytes(response).await.expect("whole"))
}

#[tokio::test]
async fn what_is_at_hand_is_streamed_without_a_future() {
    let (_dir, storage) = storage_of(&[("a.txt", "abcdef"), ("empty.txt", "")]);
    let of_folder = |name| StorageFile::new(storage.clone(), StorageName::parse(name).unwrap());
    let in_memory = Arc::new(MemoryStorage::new());
    in_memory.insert(StorageName::parse("a.txt").unwrap(), "abcdef");
    let of_memory =
        || StorageFile::new(Arc::clone(&in_memory), StorageName::parse("a.txt").unwrap());
    let text = || VirtualFile::from_text("a.txt", "abcdef");

    // The first look at a new file may have to wait.
    let _ = answered(of_folder("a.txt"), None).await;
    let _ = answered(of_folder("empty.txt"), None).await;
    for (range, status, expected) in [
        (None, StatusCode::OK, "abcdef"),
        (Some("bytes=1-2"), StatusCode::PARTIAL_CONTENT, "bc"),
    ] {
        let expected = (true, status, Bytes::from(expected));
        assert_eq!(answered(of_folder("a.txt"), range).await, expected);
        assert_eq!(answered(of_memory(), range).await, expected);
        assert_eq!(answered(text(), range).await, expected);
    }
    let (at_once, status, _) = answered(text(), Some("bytes=9-")).await;
    assert_eq!((at_once, status), (true, StatusCode::RANGE_NOT_SATISFIABLE));

    // These have to wait, and are answered as ever.
    let (at_once, status, parts) = answered(of_folder("a.txt"), Some("bytes=0-0,4-5")).await;
    assert_eq!((at_once, status), (false, StatusCode::PARTIAL_CONTENT));
    assert!(parts.windows(2).any(|pair| pair == b"ef"));
    let (_, status, nothing) = answered(of_folder("empty.txt"), None).await;
    assert_eq!((status, nothing.len()), (StatusCode::OK, 0));
    let frames = stream::iter(["abc", "def"].map(|frame| Ok::<_, io::Error>(Bytes::from(frame))));
    let once = VirtualFile::from_stream("a.txt", frames);
    let expected = (false, StatusCode::OK, Bytes::from("abcdef"));
    assert_eq!(answered(once, None).await, expected);
}
