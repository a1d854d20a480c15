//! Layers around one another, and what middleware between them and the view may do to a download.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use downloadview::backend::{Apache, Backend, CannotCarry, HandOff, Nginx, percent_encoded};
use downloadview::file::VirtualFile;
use downloadview::optimize::{Announced, Front, Outcome};
use downloadview::rule::{Target, TargetKind};
use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::{StorageView, VirtualView};
use downloadview::{DownloadBody, DownloadView as _, OptimizeLayer, Optimizer, Refusal, Rule};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, Full, Limited, StreamBody};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

const SECRET: &str = "SECRET";
const DENIAL: &str = "quota exceeded";

fn files()
-> impl Service<Request<()>, Response = Response<DownloadBody>, Error = Infallible, Future: Send> + Clone
{
    view().into_service()
}

fn view() -> StorageView {
    let storage = MemoryStorage::new()
        .base_url("/media/")
        .expect("a base URL");
    let name = StorageName::parse("a.txt").expect("a name");
    storage.insert(name, SECRET);
    StorageView::new(storage)
}

fn nginx(source: &str, destination: &str) -> Optimizer {
    Optimizer::builder(Nginx::new())
        .rule(Rule::url(source).to_uri(destination))
        .build()
        .expect("valid")
}

/// Every front that could send the file.
fn fronts() -> [Front; 2] {
    [
        Optimizer::none().into(),
        nginx("/media/", "/internal/").into(),
    ]
}

async fn sent(response: Response<impl Body<Data = Bytes>>) -> (StatusCode, HeaderMap, String) {
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        panic!("the body failed");
    };
    let text = String::from_utf8(body.to_bytes().to_vec()).expect("text");
    (head.status, head.headers, text)
}

/// A GET of `/a.txt` through what `around` makes of the view.
async fn get<L, B>(around: L) -> (StatusCode, HeaderMap, String)
where
    L: Layer<BoxedFiles>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let service = around.layer(BoxedFiles::new(files()));
    let request = Request::get("/a.txt").body(()).expect("a path");
    sent(service.oneshot(request).await.expect("infallible")).await
}

fn boxed<B>(body: B) -> http_body_util::combinators::UnsyncBoxBody<Bytes, B::Error>
where
    B: Body<Data = Bytes> + Send + 'static,
{
    body.boxed_unsync()
}

type BoxedFiles = tower::util::BoxCloneService<Request<()>, Response<DownloadBody>, Infallible>;

#[tokio::test]
async fn a_denial_after_the_view_is_what_the_client_gets() {
    for front in fronts() {
        let deny = |response: Response<DownloadBody>| {
            let (mut head, _) = response.into_parts();
            head.status = StatusCode::FORBIDDEN;
            Response::from_parts(head, Full::new(Bytes::from(DENIAL)))
        };
        let stack = ServiceBuilder::new()
            .layer(OptimizeLayer::new(front))
            .map_response(deny);
        let (status, headers, text) = get(stack).await;
        assert_eq!((status, &*text), (StatusCode::FORBIDDEN, DENIAL));
        assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_download_is_what_the_client_gets() {
    for front in fronts() {
        let replace = |response: Response<DownloadBody>| {
            response.map(|_| Full::new(Bytes::from("maintenance")))
        };
        let stack = ServiceBuilder::new()
            .layer(OptimizeLayer::new(front))
            .map_response(replace);
        let (status, headers, text) = get(stack).await;
        assert_eq!((status, &*text), (StatusCode::OK, "maintenance"));
        assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
    }
}

/// Whoever keeps the body that was there, and so its token, cannot speak for another.
#[tokio::test]
async fn the_body_of_a_download_that_is_kept_elsewhere_speaks_for_no_other() {
    for front in fronts() {
        let kept: Arc<Mutex<Vec<DownloadBody>>> = Arc::default();
        let keep = {
            let kept = Arc::clone(&kept);
            move |response: Response<DownloadBody>| {
                response.map(|body| {
                    kept.lock().expect("unpoisoned").push(body);
                    Full::new(Bytes::from(DENIAL))
                })
            }
        };
        let stack = ServiceBuilder::new()
            .layer(OptimizeLayer::new(front))
            .map_response(keep);
        assert_eq!(get(stack).await.2, DENIAL);
        assert_eq!(kept.lock().expect("unpoisoned").len(), 1);
    }
}

/// The body of another download is not this one's either.
#[tokio::test]
async fn a_download_that_took_the_body_of_another_is_not_delegated_as_the_first() {
    let other = |response: Response<DownloadBody>| {
        let file = VirtualFile::from_text("b.txt", "other");
        let (_, body) = downloadview::DownloadResponse::new(file)
            .into_http()
            .into_parts();
        response.map(|_| body)
    };
    let stack = ServiceBuilder::new()
        .layer(OptimizeLayer::new(nginx("/media/", "/internal/")))
        .map_response(other);
    let (_, headers, text) = get(stack).await;
    assert_eq!(text, "other");
    assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
}

#[tokio::test]
async fn a_one_shot_download_that_middleware_buffered_arrives() {
    for front in fronts() {
        let view = VirtualView::new(|_: &Parts| {
            let frames = ["abc", "def"].map(|frame| Ok::<_, std::io::Error>(Bytes::from(frame)));
            let file = VirtualFile::from_stream("a.bin", stream::iter(frames));
            std::future::ready(Ok(file))
        });
        let buffered = ServiceExt::<Request<()>>::then(
            view.into_service(),
            |response: Result<Response<DownloadBody>, _>| async {
                let (head, body) = response?.into_parts();
                let bytes = body.collect().await.expect("read").to_bytes();
                Ok::<_, Infallible>(Response::from_parts(head, Full::new(bytes)))
            },
        );
        let service = OptimizeLayer::new(front).layer(buffered);
        let request = Request::get("/").body(()).expect("a path");
        let (status, _, text) = sent(service.oneshot(request).await.expect("infallible")).await;
        assert_eq!((status, &*text), (StatusCode::OK, "abcdef"));
    }
}

#[tokio::test]
async fn a_wrapper_that_leaves_the_bytes_alone_changes_nothing() {
    let wrap = |response: Response<DownloadBody>| {
        response.map(|body| Limited::new(body.map_err(|error| error), 1 << 20).boxed_unsync())
    };
    let stack = ServiceBuilder::new()
        .layer(OptimizeLayer::new(nginx("/media/", "/internal/")))
        .map_response(wrap);
    let (status, headers, text) = get(stack).await;
    assert_eq!((status, &*text), (StatusCode::OK, ""));
    assert_eq!(headers["x-accel-redirect"], "/internal/a.txt");
    assert_eq!(headers["content-length"], "0");
}

#[tokio::test]
async fn a_wrapper_that_changes_the_bytes_is_not_passed_by() {
    for front in fronts() {
        let stamp = |response: Response<DownloadBody>| {
            response.map(|body| {
                body.map_frame(|frame| {
                    frame.map_data(|bytes| [b"stamped ", &*bytes].concat().into())
                })
            })
        };
        let stack = ServiceBuilder::new()
            .layer(OptimizeLayer::new(front))
            .map_response(stamp);
        let (_, headers, text) = get(stack).await;
        assert_eq!(text, "stamped SECRET");
        assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
    }
}

/// Routers drop the body of an answer to HEAD, and axum's does so before an outer layer sees it.
#[tokio::test]
async fn head_is_answered_as_get_though_a_router_dropped_the_body() {
    for front in fronts() {
        let files = files();
        let mut heads = Vec::new();
        for method in ["GET", "HEAD"] {
            let drops = |response: Response<DownloadBody>| response.map(|_| Empty::<Bytes>::new());
            let request = Request::builder().method(method).uri("/a.txt");
            let request = request.body(()).expect("a request");
            let response = if method == "HEAD" {
                let stack = ServiceBuilder::new()
                    .layer(OptimizeLayer::new(front.clone()))
                    .map_response(drops);
                sent(
                    stack
                        .service(files.clone())
                        .oneshot(request)
                        .await
                        .expect("infallible"),
                )
                .await
            } else {
                let service = OptimizeLayer::new(front.clone()).layer(files.clone());
                sent(service.oneshot(request).await.expect("infallible")).await
            };
            heads.push((response.0, response.1));
        }
        assert_eq!(heads[0], heads[1]);
    }
}

fn announced(name: &str, secret: &str, optimizer: Optimizer) -> Announced {
    let announced = Announced::new().proxy(name, secret, optimizer);
    announced.expect("a good secret")
}

/// What a request that announces itself like this gets through `outer` around `inner`.
async fn nested(
    outer: impl Into<Front>,
    inner: impl Into<Front>,
    announcement: &str,
) -> (HeaderMap, Option<Outcome>) {
    let service = ServiceBuilder::new()
        .layer(OptimizeLayer::new(outer))
        .layer(OptimizeLayer::new(inner))
        .service(files());
    let request = Request::get("/a.txt").header("x-downloadview-proxy", announcement);
    let response = service.oneshot(request.body(()).expect("a request")).await;
    let (head, _) = response.expect("infallible").into_parts();
    let outcome = head.extensions.get::<Outcome>().cloned();
    (head.headers, outcome)
}

#[tokio::test]
async fn an_inner_announced_layer_delegates_under_an_outer_fixed_one() {
    let inner = announced("front", "0123456789abcdef", nginx("/media/", "/inner/"));
    let (headers, _) = nested(Optimizer::none(), inner, "front 0123456789abcdef").await;
    assert_eq!(headers["x-accel-redirect"], "/inner/a.txt");
}

#[tokio::test]
async fn an_inner_announced_layer_asks_for_its_own_secret() {
    let outer = announced("front", "0123456789abcdef", Optimizer::none());
    let inner = announced("front", "another-secret-01", nginx("/media/", "/inner/"));
    let (headers, outcome) = nested(outer, inner, "front 0123456789abcdef").await;
    assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
    assert!(
        matches!(outcome, Some(Outcome::Streamed { .. })),
        "{outcome:?}"
    );
}

/// What one proxy gets for a header that it announces itself by, no other may get from a cache.
#[tokio::test]
async fn an_announced_answer_that_caches_may_share_varies_by_the_announcement() {
    for (cache_control, varies) in [
        ("public, max-age=60", true),
        ("max-age=60", true),
        ("private, no-cache", false),
        ("no-store", false),
    ] {
        let fronts = announced("front", "0123456789abcdef", nginx("/media/", "/x/"));
        for (announcement, front) in [
            ("front 0123456789abcdef", Front::from(fronts)),
            ("nobody", nginx("/media/", "/x/").into()),
        ] {
            let is_announced = matches!(front, Front::Announced(_));
            let view = view().cache_control(cache_control).into_service();
            let service = OptimizeLayer::new(front).layer(view);
            let request = Request::get("/a.txt").header("x-downloadview-proxy", announcement);
            let response = service.oneshot(request.body(()).expect("a request")).await;
            let headers = response.expect("infallible").headers().clone();
            let vary = headers
                .get("vary")
                .is_some_and(|vary| vary == "x-downloadview-proxy");
            assert_eq!(vary, varies && is_announced, "{cache_control}: {headers:?}");
        }
    }
}

#[tokio::test]
async fn the_rules_of_an_inner_layer_come_first() {
    for (inner, expected) in [("/media/", "/inner/a.txt"), ("/elsewhere/", "/outer/a.txt")] {
        let outer = nginx("/media/", "/outer/");
        let (headers, _) = nested(outer, nginx(inner, "/inner/"), "nobody").await;
        assert_eq!(headers["x-accel-redirect"], expected);
    }
}

/// A proxy that cannot have the name leaves the file to the next layer's.
#[tokio::test]
async fn what_an_inner_proxy_cannot_carry_is_left_to_the_outer_one() {
    let apache = Optimizer::builder(Apache::new())
        .rule(Rule::url("/media/").to_path("/srv\n/media"))
        .build()
        .expect("valid");
    let (headers, _) = nested(nginx("/media/", "/outer/"), apache, "nobody").await;
    assert_eq!(headers["x-accel-redirect"], "/outer/a.txt");
    assert!(!headers.contains_key("x-sendfile"), "{headers:?}");
}

/// Something between two layers made a new request, so that the inner one knows of no other.
#[tokio::test]
async fn an_answer_of_a_layer_that_stood_alone_is_decided_anew() {
    let alone = || {
        let layer = OptimizeLayer::new(nginx("/media/", "/inner/"));
        let inner = layer.layer(files());
        tower::service_fn(move |request: Request<()>| {
            let anew = Request::get(request.uri().clone())
                .body(())
                .expect("a path");
            inner.clone().oneshot(anew)
        })
    };
    let request = || Request::get("/a.txt").body(()).expect("a path");
    let outer = OptimizeLayer::new(nginx("/media/", "/outer/"));
    let (_, headers, _) = sent(
        outer
            .layer(alone())
            .oneshot(request())
            .await
            .expect("infallible"),
    )
    .await;
    assert_eq!(headers["x-accel-redirect"], "/outer/a.txt");
    // And a denial between the two is a denial.
    let denied = alone().map_response(|response| {
        let (mut head, _) = response.into_parts();
        head.status = StatusCode::FORBIDDEN;
        Response::from_parts(head, Full::new(Bytes::from(DENIAL)))
    });
    let (status, headers, text) = sent(
        outer
            .layer(denied)
            .oneshot(request())
            .await
            .expect("infallible"),
    )
    .await;
    assert_eq!((status, &*text), (StatusCode::FORBIDDEN, DENIAL));
    assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
}

#[tokio::test]
async fn trailers_of_a_handler_pass_without_hand_off_headers() {
    let handler = tower::service_fn(|_: Request<()>| async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-accel-redirect", HeaderValue::from_static("/internal/a"));
        trailers.insert("x-checksum", HeaderValue::from_static("1"));
        let frames = [
            Ok::<_, Infallible>(Frame::data(Bytes::from("page"))),
            Ok(Frame::trailers(trailers)),
        ];
        let response = Response::new(StreamBody::new(stream::iter(frames)));
        Ok::<_, Infallible>(response)
    });
    for layers in 1..=2 {
        let layer = || OptimizeLayer::new(Optimizer::none());
        let request = Request::get("/").body(()).expect("a path");
        let response = if layers == 1 {
            let service = layer().layer(handler);
            service
                .oneshot(request)
                .await
                .expect("infallible")
                .map(boxed)
        } else {
            let service = layer().layer(layer().layer(handler));
            service
                .oneshot(request)
                .await
                .expect("infallible")
                .map(boxed)
        };
        let Ok(body) = response.into_body().collect().await else {
            panic!("the body failed");
        };
        let trailers = body.trailers().expect("trailers").clone();
        let names: Vec<_> = trailers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-checksum"]);
    }
}

fn page(word: &'static str) -> impl Fn(&Refusal) -> Option<Response<Bytes>> + Clone {
    move |refusal| {
        let text = format!("{word}: {} {}", refusal.status().as_u16(), refusal.reason());
        let page = Response::builder()
            .header("content-type", "text/html")
            .header("x-accel-redirect", "/secret")
            .body(text.into());
        (refusal.status() != 412).then(|| page.expect("a page"))
    }
}

#[tokio::test]
async fn an_application_shows_error_pages_of_its_own() {
    for (method, path, condition, status, text) in [
        // The view finds no such name, the storage no such file; conditions and methods.
        (
            "GET",
            "/a%00b",
            "",
            400,
            "own: 400 not a file name: it holds a NUL byte",
        ),
        ("GET", "/none.txt", "", 404, "own: 404 Not Found"),
        ("POST", "/a.txt", "", 405, "own: 405 Method Not Allowed"),
        ("GET", "/a.txt", "\"other\"", 412, "Precondition Failed\n"),
    ] {
        let layer = OptimizeLayer::new(Optimizer::none()).error_pages(page("own"));
        let mut request = Request::builder().method(method).uri(path);
        if !condition.is_empty() {
            request = request.header("if-match", condition);
        }
        let request = request.body(()).expect("a request");
        let response = layer.layer(files()).oneshot(request).await;
        let (got, headers, body) = sent(response.expect("infallible")).await;
        assert_eq!((got.as_u16(), &*body), (status, text), "{method} {path}");
        assert!(!headers.contains_key("x-accel-redirect"), "{headers:?}");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn of_two_error_pages_that_of_the_inner_layer_counts() {
    for path in ["/a%00b", "/none.txt"] {
        let service = ServiceBuilder::new()
            .layer(OptimizeLayer::new(Optimizer::none()).error_pages(page("outer")))
            .layer(OptimizeLayer::new(Optimizer::none()).error_pages(page("inner")))
            .service(files());
        let request = Request::get(path).body(()).expect("a request");
        let (_, _, text) = sent(service.oneshot(request).await.expect("infallible")).await;
        assert!(text.starts_with("inner: "), "{path}: {text}");
    }
}

/// A proxy of which this crate knows nothing but what its backend says.
#[derive(Debug)]
struct Courier;

impl Backend for Courier {
    fn name(&self) -> &'static str {
        "courier"
    }

    fn accepts(&self) -> TargetKind {
        TargetKind::Uri
    }

    fn hand_off_headers(&self) -> Vec<HeaderName> {
        vec![HeaderName::from_static("x-courier-file")]
    }

    fn hand_off(&self, target: &Target, _: &HeaderMap) -> Result<HandOff, CannotCarry> {
        let uri = target.to_uri().expect("checked when built");
        let name = HeaderName::from_static("x-courier-file");
        Ok(HandOff::new(name, percent_encoded(uri)))
    }
}

#[tokio::test]
async fn the_header_of_a_backend_from_elsewhere_cannot_be_forged() {
    let name = HeaderName::from_static("x-courier-file");
    for (source, expected) in [("/media/", Some("/x/a.txt")), ("/elsewhere/", None)] {
        let courier = Optimizer::builder(Courier).rule(Rule::url(source).to_uri("/x/"));
        let layer = OptimizeLayer::new(courier.build().expect("valid"));
        let view = view().header(name.clone(), "/etc/passwd").into_service();
        let request = Request::get("/a.txt").body(()).expect("a request");
        let response = layer
            .layer(view)
            .oneshot(request)
            .await
            .expect("infallible");
        let told: Vec<_> = response.headers().get_all(&name).iter().collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{source}");

        let handler = tower::service_fn(|_: Request<()>| async {
            let response = Response::builder().header("x-courier-file", "/etc/passwd");
            Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).expect("a response"))
        });
        let request = Request::get("/a.txt").body(()).expect("a request");
        let response = layer
            .layer(handler)
            .oneshot(request)
            .await
            .expect("infallible");
        assert!(!response.headers().contains_key(&name));
    }
}
