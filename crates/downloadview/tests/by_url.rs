//! Files that another server has: a proxy is told to fetch them, or the client is sent there.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use downloadview::backend::{Apache, Backend, Caddy, Escaping, Lighttpd, Nginx};
use downloadview::content::{BoxFuture, Content, ETag, Metadata, Want};
use downloadview::file::{ObjectFile, Places};
use downloadview::headers::Disposition;
use downloadview::optimize::{Announced, Asked, Front, Outcome, Reason, Step, Trace, answer};
use downloadview::permission::Grant;
use downloadview::storage::{LinkRequest, SignedUrl, Storage, StorageName};
use downloadview::view::StorageView;
use downloadview::{
    DownloadBody, DownloadResponse, DownloadView as _, Error, File, OptimizeLayer, Optimizer,
    Result, Rule,
};
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use tower::{Layer as _, ServiceExt as _};

const BUCKET: &str = "https://files.example/bucket/";

/// How the server of a [`Bucket`] lets others fetch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Access {
    Signed,
    Public,
    SignedElsewhere,
    Down,
    Gone,
}

/// What a link was asked for.
type Link = (Method, Option<HeaderMap>);

/// A storage that another server is: it signs, remembers for what, and cannot be looked at.
#[derive(Debug, Clone)]
struct Bucket {
    access: Access,
    asked: Arc<Mutex<Vec<Link>>>,
}

impl Bucket {
    fn new(access: Access) -> Self {
        Self {
            access,
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<Link> {
        std::mem::take(&mut self.asked.lock().expect("unpoisoned"))
    }

    fn sign(&self, name: &StorageName, ask: LinkRequest<'_>) -> Result<Option<SignedUrl>> {
        let asked = (ask.method().clone(), ask.headers().cloned());
        self.asked.lock().expect("unpoisoned").push(asked);
        let server = match self.access {
            Access::Signed => BUCKET,
            Access::SignedElsewhere => "https://other.example/bucket/",
            Access::Public => return Ok(None),
            Access::Down => return Err(Error::unavailable(io::Error::other("no credentials"))),
            Access::Gone => return Err(Error::NotFound),
        };
        let (name, method) = (name.to_url_path(), ask.method());
        let url = format!("{server}{name}?for={method}&signature=s3cr3t%2F+=");
        Ok(Some(SignedUrl::parse(&url)?))
    }
}

impl Storage for Bucket {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        panic!("looked at")
    }

    fn open<'a>(&'a self, _: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        let metadata = Metadata::new().with_size(8);
        Box::pin(async { Ok(Content::from_bytes(metadata, "streamed")) })
    }

    fn places(&self, name: &StorageName) -> Places {
        Places::new().with_url(format!("{BUCKET}{}", name.to_url_path()))
    }

    fn link<'a>(
        &'a self,
        name: &'a StorageName,
        ask: LinkRequest<'a>,
    ) -> BoxFuture<'a, Result<Option<SignedUrl>>> {
        Box::pin(async move { self.sign(name, ask) })
    }
}

/// A file of another server, known by its URL.
#[derive(Debug)]
struct At(String);

impl File for At {
    fn name(&self) -> &str {
        "a.txt"
    }

    fn places(&self) -> Places {
        Places::new().with_url(self.0.clone())
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        panic!("looked at")
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async { Ok(Content::from_bytes(Metadata::new(), "streamed")) })
    }
}

fn fetched() -> Rule {
    Rule::url(BUCKET).fetched_at("/_internal/files/")
}

fn redirect() -> Rule {
    Rule::url(BUCKET).redirect()
}

fn caddy() -> Caddy {
    Caddy::new().escaping(Escaping::Percent)
}

fn optimizer(backend: impl Backend, rules: impl IntoIterator<Item = Rule>) -> Optimizer {
    let builder = Optimizer::builder(backend);
    let builder = rules
        .into_iter()
        .fold(builder, |builder, rule| builder.rule(rule));
    builder.build().expect("valid")
}

fn redirecting() -> Optimizer {
    Optimizer::without_proxy()
        .rule(redirect())
        .build()
        .expect("valid")
}

fn request(method: &Method) -> http::request::Builder {
    Request::builder().method(method).uri("/a.txt")
}

/// The answer to a request with a download of `file`.
async fn answered(
    front: impl Into<Front>,
    request: http::request::Builder,
    file: impl File,
) -> Response<DownloadBody> {
    let asked = Asked::of(&mut request.body(()).expect("a request")).traced();
    answer(&asked, &[front.into()], DownloadResponse::new(file)).await
}

/// The answer to a request for `/a.txt` in a storage.
async fn from(
    front: impl Into<Front>,
    request: http::request::Builder,
    bucket: &Bucket,
) -> Response<DownloadBody> {
    let service = OptimizeLayer::new(front).layer(StorageView::new(bucket.clone()).into_service());
    let response = service.oneshot(request.body(()).expect("a request")).await;
    response.expect("infallible").map(Into::into)
}

fn outcome<B>(response: &Response<B>) -> &Outcome {
    response.extensions().get().expect("an outcome")
}

fn reason<B>(response: &Response<B>) -> Option<&Reason> {
    outcome(response).reason()
}

fn text<'a, B>(response: &'a Response<B>, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().expect("ASCII"))
}

async fn body(response: Response<DownloadBody>) -> String {
    let bytes = response.into_body().collect().await.expect("a body");
    String::from_utf8(bytes.to_bytes().to_vec()).expect("text")
}

#[tokio::test]
async fn nginx_and_caddy_are_told_the_signed_url_in_their_own_headers() {
    for nginx in [true, false] {
        let bucket = Bucket::new(Access::Signed);
        let front = match nginx {
            true => optimizer(Nginx::new(), [fetched()]),
            false => optimizer(caddy(), [fetched()]),
        };
        let conditional = request(&Method::GET)
            .header("range", "bytes=0-1")
            .header("if-none-match", "*");
        let response = from(front, conditional, &bucket).await;
        assert_eq!(response.status(), 200);
        let mut sent: Vec<_> = response.headers().iter().collect();
        sent.sort_by_key(|(name, _)| name.as_str());
        let sent = sent.iter().map(|(name, value)| {
            let value = value.to_str().expect("ASCII");
            format!("{name}: {value}")
        });
        assert_eq!(
            sent.collect::<Vec<_>>(),
            [
                "cache-control: private, no-cache",
                "content-disposition: attachment; filename=\"a.txt\"",
                "content-length: 0",
                "content-type: text/plain; charset=utf-8",
                "x-accel-redirect: /_internal/files/",
                "x-content-type-options: nosniff",
                "x-download-origin: https://files.example",
                "x-download-target: /bucket/a.txt?for=GET&signature=s3cr3t%2F+=",
            ]
        );
        assert!(matches!(outcome(&response), Outcome::Delegated { .. }));
        assert_eq!(bucket.asked(), [(Method::GET, None)]);
    }
}

#[tokio::test]
async fn a_file_without_a_link_is_fetched_by_its_plain_url_with_its_query() {
    let front = || {
        optimizer(
            Nginx::new(),
            [Rule::url("HTTP://a.example:80/get").fetched_at("/x")],
        )
    };
    for (url, expected) in [
        (
            "http://A.example/get?id=5%20&a=b/../c",
            Some("/get?id=5%20&a=b/../c"),
        ),
        ("http://a.example:80/get/%7Bb%7D", Some("/get/%7Bb%7D")),
        ("http://a.example/getter?id=5", None),
        ("http://a.example/get/../secret", None),
        ("http://a.example/get/%2E%2e%2fsecret", None),
        ("https://a.example/get?id=5", None),
        ("http://b.example/get?id=5", None),
        ("http://a.example.b.example/get?id=5", None),
        ("/get?id=5", None),
    ] {
        let response = answered(front(), request(&Method::GET), At(url.into())).await;
        assert_eq!(text(&response, "x-download-target"), expected, "{url}");
        let origin = expected.map(|_| "http://a.example");
        assert_eq!(text(&response, "x-download-origin"), origin, "{url}");
        let left = expected.is_none().then_some(&Reason::NoRuleMatched);
        assert_eq!(reason(&response), left, "{url}");
    }
}

#[tokio::test]
async fn of_two_servers_with_the_same_path_each_has_its_own_rule() {
    for (server, expected) in [("a.example", "/a"), ("b.example", "/b")] {
        let rules = [
            Rule::url("https://a.example/media/").fetched_at("/a"),
            Rule::url("https://b.example/media/").fetched_at("/b"),
        ];
        let url = format!("https://{server}/media/1");
        let front = optimizer(Nginx::new(), rules);
        let response = answered(front, request(&Method::GET), At(url)).await;
        assert_eq!(text(&response, "x-accel-redirect"), Some(expected));
    }
}

#[tokio::test]
async fn for_a_head_nginx_fetches_by_get_and_caddy_leaves_it_to_the_application() {
    let bucket = Bucket::new(Access::Signed);
    let front = optimizer(Nginx::new(), [fetched()]);
    let response = from(front, request(&Method::HEAD), &bucket).await;
    assert!(matches!(outcome(&response), Outcome::Delegated { .. }));
    assert_eq!(bucket.asked(), [(Method::GET, None)]);

    let front = optimizer(caddy(), [fetched()]);
    let response = from(front, request(&Method::HEAD), &bucket).await;
    assert_eq!(reason(&response), Some(&Reason::CannotFetchHead));
    assert_eq!(text(&response, "content-length"), Some("8"));
    assert!(!response.headers().contains_key("x-accel-redirect"));
    assert_eq!(bucket.asked(), []);

    let front = optimizer(caddy(), [fetched(), redirect()]);
    let response = from(front, request(&Method::HEAD), &bucket).await;
    assert!(matches!(outcome(&response), Outcome::Redirected { .. }));
    assert_eq!(bucket.asked()[0].0, Method::HEAD);
}

#[tokio::test]
async fn what_caddy_cannot_carry_falls_to_the_next_rule() {
    let old = || Caddy::new().escaping(Escaping::Raw);
    for target in ["/a{b}", "/a%zz", "/a%", "/a?", "/a?b={c}"] {
        let rules = [
            Rule::url("https://a.example/").fetched_at("/x"),
            Rule::url("https://a.example/").redirect(),
        ];
        let url = format!("https://a.example{target}");
        let front = optimizer(caddy(), rules.clone());
        let response = answered(front, request(&Method::GET), At(url.clone())).await;
        assert_eq!(text(&response, "location"), Some(&*url));
        let front = optimizer(caddy(), [rules[0].clone()]);
        let response = answered(front, request(&Method::GET), At(url)).await;
        let reason = reason(&response).expect("streamed");
        assert!(
            matches!(reason, Reason::CannotCarry(_)),
            "{target}: {reason}"
        );
    }
    for (target, carried_by_2_6) in [("/a(1)", false), ("/a%281%29?b=(1)", true)] {
        let front = optimizer(old(), [Rule::url("https://a.example/").fetched_at("/x")]);
        let url = format!("https://a.example{target}");
        let response = answered(front, request(&Method::GET), At(url)).await;
        let carried = response.headers().contains_key("x-accel-redirect");
        assert_eq!(carried, carried_by_2_6, "{target}");
    }
}

#[tokio::test]
async fn a_link_to_another_place_than_the_rules_is_not_given_to_its_proxy() {
    let bucket = Bucket::new(Access::SignedElsewhere);
    let front = optimizer(Nginx::new(), [fetched()]);
    let response = from(front, request(&Method::GET), &bucket).await;
    assert!(matches!(reason(&response), Some(Reason::CannotCarry(_))));
    assert!(!response.headers().contains_key("x-download-target"));
}

#[tokio::test]
async fn a_get_or_head_is_redirected_to_a_link_for_its_own_method_and_headers() {
    for method in [Method::GET, Method::HEAD] {
        for front in [redirecting(), optimizer(Lighttpd::new(), [redirect()])] {
            let bucket = Bucket::new(Access::Signed);
            let view = StorageView::new(bucket.clone())
                .inline()
                .basename("été.html")
                .cache_control("max-age=60")
                .header(header::CONTENT_ENCODING, "gzip")
                .header(header::ETAG, "\"a\"")
                .header(header::EXPIRES, "Thu, 01 Jan 2037 00:00:00 GMT")
                .header(header::SET_COOKIE, "seen=1")
                .into_service();
            let service = OptimizeLayer::new(front).layer(view);
            let conditional = request(&method)
                .header("range", "bytes=0-1")
                .header("if-none-match", "*")
                .body(())
                .expect("a request");
            let response = service.oneshot(conditional).await.expect("infallible");
            assert_eq!(response.status(), 302);
            let mut sent: Vec<_> = response.headers().iter().collect();
            sent.sort_by_key(|(name, _)| name.as_str());
            let sent = sent.iter().map(|(name, value)| {
                let value = value.to_str().expect("ASCII");
                format!("{name}: {value}")
            });
            let to = format!("{BUCKET}a.txt?for={method}&signature=s3cr3t%2F+=");
            assert_eq!(
                sent.collect::<Vec<_>>(),
                [
                    "cache-control: no-store",
                    "content-length: 0",
                    &*format!("location: {to}"),
                    "referrer-policy: no-referrer",
                    "set-cookie: seen=1",
                    "x-content-type-options: nosniff",
                ]
            );
            let Outcome::Redirected { url, .. } = outcome(&response) else {
                panic!("{:?}", outcome(&response));
            };
            assert_eq!(url.expose(), to);
            let asked = bucket.asked();
            let [(asked_method, Some(headers))] = &asked[..] else {
                panic!("{asked:?}");
            };
            assert_eq!(*asked_method, method);
            assert_eq!(headers.len(), 3, "{headers:?}");
            let disposition = headers["content-disposition"].to_str().expect("ASCII");
            assert!(
                disposition.starts_with("inline; filename="),
                "{disposition}"
            );
            assert!(disposition.contains("%C3%A9t%C3%A9.html"), "{disposition}");
            assert_eq!(headers["content-type"], "text/html; charset=utf-8");
            assert_eq!(headers["content-encoding"], "gzip");
            assert_eq!(body(response.map(Into::into)).await, "");
        }
    }
}

/// Whoever sends the file in our place is told what a permission states, not what the view states.
#[tokio::test]
async fn the_name_and_the_type_of_a_grant_go_along_to_the_other_server() {
    let grant = Grant::new()
        .basename("Annual report.html")
        .disposition(Disposition::Inline)
        .content_type("text/csv")
        .expect("a type")
        .private_for(std::time::Duration::from_secs(60));
    for front in [redirecting(), optimizer(Nginx::new(), [redirect()])] {
        let bucket = Bucket::new(Access::Signed);
        let mut request = request(&Method::GET).body(()).expect("a request");
        grant.clone().extend(request.extensions_mut());
        let view = StorageView::new(bucket.clone()).basename("a.bin");
        let service = OptimizeLayer::new(front).layer(view.into_service());
        let response = service.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), 302);
        assert_eq!(text(&response, "cache-control"), Some("no-store"));
        let asked = bucket.asked();
        let [(_, Some(headers))] = &asked[..] else {
            panic!("{asked:?}");
        };
        let disposition = "inline; filename=\"Annual report.html\"";
        assert_eq!(headers["content-disposition"], disposition);
        assert_eq!(headers["content-type"], "text/csv");
    }
    let bucket = Bucket::new(Access::Signed);
    let mut request = request(&Method::GET).body(()).expect("a request");
    grant.extend(request.extensions_mut());
    let service = OptimizeLayer::new(optimizer(Nginx::new(), [fetched()]))
        .layer(StorageView::new(bucket).into_service());
    let response = service.oneshot(request).await.expect("infallible");
    let disposition = "inline; filename=\"Annual report.html\"";
    assert_eq!(text(&response, "content-disposition"), Some(disposition));
    assert_eq!(text(&response, "content-type"), Some("text/csv"));
    assert_eq!(text(&response, "cache-control"), Some("private, no-cache"));
    assert!(response.headers().contains_key("x-accel-redirect"));
}

#[tokio::test]
async fn a_file_without_a_link_is_redirected_to_its_plain_url() {
    let bucket = Bucket::new(Access::Public);
    let response = from(redirecting(), request(&Method::GET), &bucket).await;
    let to = format!("{BUCKET}a.txt");
    assert_eq!(text(&response, "location"), Some(&*to));
}

#[tokio::test]
async fn other_methods_are_neither_redirected_nor_handed_to_a_proxy() {
    for front in [redirecting(), optimizer(Nginx::new(), [fetched()])] {
        let bucket = Bucket::new(Access::Signed);
        let name = StorageName::parse("a.txt").expect("a name");
        let file = downloadview::file::StorageFile::new(bucket.clone(), name);
        let response = answered(front, request(&Method::POST), file).await;
        assert_eq!(response.status(), 200);
        assert_eq!(reason(&response), Some(&Reason::OnlyGetAndHead));
        assert_eq!(bucket.asked(), []);
        assert!(!response.headers().contains_key("location"));
        assert_eq!(body(response).await, "streamed");
    }
}

#[tokio::test]
async fn a_redirect_needs_no_proof_of_an_announced_proxy_and_a_hand_off_does() {
    let secret = "0123456789abcdef";
    let announced = || {
        let nginx = optimizer(Nginx::new(), [fetched(), redirect()]);
        let apache = optimizer(Apache::new(), [redirect()]);
        let announced = Announced::new().proxy("nginx", secret, nginx);
        announced
            .and_then(|it| it.proxy("apache", "another-secret-0", apache))
            .expect("valid")
    };
    for (proof, delegated) in [
        (None, false),
        (Some("nginx wrong-secret-0123"), false),
        (Some("nginx 0123456789abcdef"), true),
        (Some("apache another-secret-0"), false),
    ] {
        let mut asked = request(&Method::GET);
        if let Some(proof) = proof {
            asked = asked.header("x-downloadview-proxy", proof);
        }
        let bucket = Bucket::new(Access::Signed);
        let response = from(announced(), asked, &bucket).await;
        assert_eq!(
            response.headers().contains_key("location"),
            !delegated,
            "{proof:?}"
        );
        let handed = response.headers().contains_key("x-download-target");
        assert_eq!(handed, delegated, "{proof:?}");
        let elsewhere = At("https://elsewhere.example/a".into());
        let response = answered(announced(), request(&Method::GET), elsewhere).await;
        assert_eq!(reason(&response), Some(&Reason::NotAnnounced));
    }
}

#[tokio::test]
async fn a_link_that_cannot_be_had_is_the_answer() {
    for (access, status) in [(Access::Down, 503), (Access::Gone, 404)] {
        for front in [
            redirecting(),
            optimizer(Nginx::new(), [fetched(), redirect()]),
        ] {
            let bucket = Bucket::new(access);
            let response = from(front, request(&Method::GET), &bucket).await;
            assert_eq!(response.status(), status);
            assert_eq!(bucket.asked().len(), 1, "the next rule is not tried");
            for name in ["x-accel-redirect", "x-download-target", "location"] {
                assert!(!response.headers().contains_key(name), "{name}");
            }
            assert_eq!(
                response.headers().contains_key("retry-after"),
                status == 503
            );
            match outcome(&response) {
                Outcome::NotFound => assert_eq!(status, 404),
                Outcome::Failed { status: failed, .. } => assert_eq!(*failed, status),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn records_and_restated_files_have_the_link_of_their_storage() {
    let bucket = Bucket::new(Access::Signed);
    let name = || StorageName::parse("a.txt").expect("a name");
    let record = ObjectFile::new(Arc::new(bucket.clone()), name(), Metadata::new());
    let file: Arc<dyn File> = Arc::new(record);
    let front = optimizer(Nginx::new(), [fetched()]);
    let response = answered(front, request(&Method::GET), file).await;
    let target = text(&response, "x-download-target").expect("delegated");
    assert!(target.contains("signature="), "{target}");

    let restated = StorageView::new(bucket.clone())
        .etag(ETag::strong("a").expect("a tag"))
        .into_service();
    let service = OptimizeLayer::new(optimizer(Nginx::new(), [fetched()])).layer(restated);
    let asked = request(&Method::GET).body(()).expect("a request");
    let response = service.oneshot(asked).await.expect("infallible");
    let target = text(&response, "x-download-target").expect("delegated");
    assert!(target.contains("signature="), "{target}");
}

#[tokio::test]
async fn a_handler_cannot_forge_what_is_fetched() {
    for front in [
        optimizer(Nginx::new(), [fetched()]),
        Optimizer::none(),
        redirecting(),
    ] {
        let handler = tower::service_fn(|_: Request<()>| async {
            let response = Response::builder()
                .header("x-download-origin", "http://169.254.169.254")
                .header("X-Download-Target", "/latest/meta-data/");
            Ok::<_, Infallible>(
                response
                    .body(Empty::<bytes::Bytes>::new())
                    .expect("a response"),
            )
        });
        let asked = request(&Method::GET).body(()).expect("a request");
        let layer = OptimizeLayer::new(front);
        let response = layer.layer(handler).oneshot(asked).await;
        let response = response.expect("infallible");
        assert_eq!(response.headers().len(), 0, "{:?}", response.headers());
    }
    // Beside a local hand-off too, which has no use for them.
    let view = StorageView::new(Bucket::new(Access::Signed))
        .header(
            http::HeaderName::from_static("x-download-origin"),
            "http://evil.example",
        )
        .into_service();
    let rule = Rule::url(BUCKET).to_uri("/local/");
    let service = OptimizeLayer::new(optimizer(Nginx::new(), [rule])).layer(view);
    let asked = request(&Method::GET).body(()).expect("a request");
    let response = service.oneshot(asked).await.expect("infallible");
    assert_eq!(text(&response, "x-accel-redirect"), Some("/local/a.txt"));
    assert!(!response.headers().contains_key("x-download-origin"));
}

#[tokio::test]
async fn no_query_is_shown_by_debug() {
    let bucket = Bucket::new(Access::Signed);
    let name = StorageName::parse("a.txt").expect("a name");
    for front in [redirecting(), optimizer(Nginx::new(), [fetched()])] {
        let file = downloadview::file::StorageFile::new(bucket.clone(), name.clone());
        let response = answered(front, request(&Method::GET), file).await;
        let outcome = outcome(&response);
        let trace = response.extensions().get::<Trace>().expect("traced");
        let shown = format!("{outcome:?} {trace:?} {:?}", response.headers());
        assert!(
            shown.contains("https://files.example/bucket/a.txt?…"),
            "{shown}"
        );
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
    let places = Places::new().with_url("/a?s3cr3t");
    assert!(!format!("{places:?}").contains("s3cr3t"));
    assert_eq!(places.shown_url().as_deref(), Some("/a?…"));
}

#[tokio::test]
async fn a_trace_tells_who_asks_the_other_server_for_what() {
    let bucket = Bucket::new(Access::Signed);
    let name = StorageName::parse("a.txt").expect("a name");
    let file = || downloadview::file::StorageFile::new(bucket.clone(), name.clone());
    let fetches = async |front: Optimizer| {
        let response = answered(front, request(&Method::HEAD), file()).await;
        let trace: &Trace = response.extensions().get().expect("traced");
        let steps = trace.steps().iter().filter_map(|step| match step {
            Step::Fetch {
                backend,
                method,
                url,
                ..
            } => Some((
                *backend,
                method.clone(),
                url.clone().map(|url| url.to_string()),
            )),
            _ => None,
        });
        steps.collect::<Vec<_>>()
    };
    let url = Ok(format!("{BUCKET}a.txt?…"));
    let by_nginx = fetches(optimizer(Nginx::new(), [fetched(), redirect()])).await;
    assert_eq!(by_nginx, [(Some("nginx"), Method::GET, url.clone())]);
    let by_client = fetches(optimizer(caddy(), [fetched(), redirect()])).await;
    assert_eq!(by_client, [(None, Method::HEAD, url)]);
}

#[test]
fn a_rule_that_nobody_can_carry_out_says_what_to_do() {
    let built = |backend: Arc<dyn Backend>, rule| {
        let optimizer = Optimizer::builder(backend).rule(rule).build();
        optimizer.expect_err("refused").to_string()
    };
    for backend in [
        Arc::new(Apache::new()) as Arc<dyn Backend>,
        Arc::new(Lighttpd::new()),
    ] {
        let complaint = built(Arc::clone(&backend), fetched());
        let name = backend.name();
        let expected = format!(
            "rule `{BUCKET}`: {name} cannot fetch a file from another server: use `redirect`, which sends \
             the client there, or leave the rule out and have the application stream it"
        );
        assert_eq!(complaint, expected);
    }
    for (rule, part) in [
        (
            Rule::url("/media/").fetched_at("/x/"),
            "a URL with scheme and host",
        ),
        (
            Rule::url("/media/").redirect(),
            "a URL with scheme and host",
        ),
        (
            Rule::url("https://a.example/?b").redirect(),
            "must not have a query",
        ),
        (Rule::dir("/srv").redirect(), "use `Rule::url`"),
        (
            Rule::url(BUCKET).fetched_at("/a b/"),
            "holds more than letters",
        ),
        (
            Rule::url(BUCKET).fetched_at("x/"),
            "does not start with `/`",
        ),
    ] {
        let complaint = built(Arc::new(Nginx::new()), rule);
        assert!(complaint.contains(part), "{complaint}");
    }
    let builder = Optimizer::without_proxy().rule(Rule::url("/media/").to_uri("/x/"));
    let complaint = builder.build().expect_err("refused").to_string();
    assert!(complaint.contains("without a proxy"), "{complaint}");
}

#[tokio::test]
async fn an_error_of_the_view_has_an_outcome_too() {
    let missing = |path: &str| Request::get(path).body(()).expect("a path");
    let layer = || OptimizeLayer::new(optimizer(Nginx::new(), [fetched()]));
    let service = || layer().layer(StorageView::new(Bucket::new(Access::Signed)).into_service());
    let response = service()
        .oneshot(missing("/a//b"))
        .await
        .expect("infallible");
    assert_eq!(response.status(), 404);
    assert!(matches!(outcome(&response), Outcome::NotFound));
    let response = service()
        .oneshot(missing("/a%00b"))
        .await
        .expect("infallible");
    assert!(matches!(outcome(&response), Outcome::Failed { status, .. } if *status == 400));

    let asked = Asked::of(&mut missing("/a"));
    let response = downloadview::optimize::answer_error(&asked, Error::Forbidden);
    assert!(matches!(outcome(&response), Outcome::Failed { status, .. } if *status == 403));
}
