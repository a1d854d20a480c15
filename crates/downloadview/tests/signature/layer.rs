//! The layer: who gets past it, and what the answer states then.

use std::convert::Infallible;
use std::net::IpAddr;

use downloadview::backend::Nginx;
use downloadview::content::{BoxFuture, Content, ETag, Metadata, Want};
use downloadview::error::{Denial, SignatureFault};
use downloadview::file::VirtualFile;
use downloadview::optimize::Outcome;
use downloadview::permission::Caller;
use downloadview::signature::{Audience, AudienceUser, RequireSignature, SignedStorage};
use downloadview::storage::{MemoryStorage, Places, Storage, StorageName};
use downloadview::view::StorageView;
use downloadview::{
    DownloadBody, DownloadResponse, DownloadView as _, OptimizeLayer, Optimizer, Result, Rule,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn signed(target: &str) -> String {
    let link = signer()
        .link(target)
        .expires_in(MINUTE)
        .name("B.txt")
        .sign();
    link.expect("a link")
}

fn storage() -> MemoryStorage {
    let storage = MemoryStorage::new().base_url("/media/").expect("a URL");
    storage.insert(StorageName::parse("a.txt").expect("a name"), "Hello!\n");
    storage
}

fn layer() -> RequireSignature {
    RequireSignature::new(verifier())
}

fn nginx() -> OptimizeLayer {
    let optimizer =
        Optimizer::builder(Nginx::new()).rule(Rule::url("/media/").to_uri("/protected/"));
    OptimizeLayer::new(optimizer.build().expect("rules"))
}

fn request(method: Method, target: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(target);
    request.body(()).expect("a request")
}

fn get(target: &str) -> Request<()> {
    request(Method::GET, target)
}

fn assert_granted(headers: &HeaderMap) {
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"B.txt\""
    );
    assert_eq!(headers["cache-control"], "private, no-cache");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-robots-tag"], "noindex");
}

async fn text<B: http_body::Body>(response: Response<B>) -> String
where
    B::Error: std::fmt::Debug,
{
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn get_and_head_are_good_with_the_same_link_and_other_methods_are_405() {
    let service = layer().layer(StorageView::new(storage()).into_service());
    let link = signed("/a.txt");
    for method in [Method::GET, Method::HEAD] {
        let response = service
            .clone()
            .oneshot(request(method, &link))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_granted(response.headers());
    }
    for method in [Method::POST, Method::OPTIONS, Method::DELETE] {
        let response = service
            .clone()
            .oneshot(request(method, &link))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET, HEAD");
    }
}

/// A storage that fails the test when somebody asks it anything.
#[derive(Debug)]
struct Untouched;

impl Storage for Untouched {
    fn look<'a>(&'a self, _: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        panic!("looked at")
    }

    fn open<'a>(&'a self, _: &'a StorageName, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        panic!("opened")
    }

    fn places(&self, _: &StorageName) -> Places {
        panic!("asked where it is")
    }
}

#[tokio::test]
async fn a_refusal_comes_before_anything_is_looked_at_or_handed_over() {
    let good = signed("/a.txt");
    for target in [
        "/a.txt".to_owned(),
        good.replace("/a.txt", "/b.txt"),
        format!("{good}x"),
    ] {
        let view = || StorageView::new(Untouched).into_service();
        let outside = layer().layer(nginx().layer(view()));
        let inside = nginx().layer(layer().layer(view()));
        for response in [
            outside
                .oneshot(get(&target))
                .await
                .unwrap()
                .map(DownloadBody::from),
            inside
                .oneshot(get(&target))
                .await
                .unwrap()
                .map(DownloadBody::from),
        ] {
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert!(!response.headers().contains_key("x-accel-redirect"));
            let outcome = response.extensions().get::<Outcome>().unwrap();
            assert!(
                matches!(outcome.denial(), Some(Denial::Signature(_))),
                "{outcome:?}"
            );
            assert_eq!(text(response).await, "Forbidden\n");
        }
    }
}

#[tokio::test]
async fn a_good_link_is_delegated_whether_the_layer_stands_inside_or_outside() {
    let view = || StorageView::new(storage()).into_service();
    let link = signed("/a.txt");
    let outside = layer().layer(nginx().layer(view()));
    let outside = outside.oneshot(get(&link)).await.unwrap();
    let inside = nginx().layer(layer().layer(view()));
    let inside = inside.oneshot(get(&link)).await.unwrap();
    for headers in [outside.headers(), inside.headers()] {
        assert_eq!(headers["x-accel-redirect"], "/protected/a.txt");
        assert_granted(headers);
    }
}

#[tokio::test]
async fn a_handler_with_and_without_a_layer_around_gets_the_grant_once() {
    let handler = || {
        service_fn(|_: Request<()>| async {
            let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "Hello!\n"));
            Ok::<_, Infallible>(response.into_http())
        })
    };
    let link = signed("/a.txt");
    let alone = layer().layer(handler()).oneshot(get(&link)).await.unwrap();
    assert_granted(alone.headers());
    assert_eq!(text(alone).await, "Hello!\n");
    let inside = nginx().layer(layer().layer(handler()));
    assert_granted(inside.oneshot(get(&link)).await.unwrap().headers());
    let outside = layer().layer(nginx().layer(handler()));
    assert_granted(outside.oneshot(get(&link)).await.unwrap().headers());
}

#[tokio::test]
async fn caching_is_limited_to_the_rest_of_the_link() {
    let view = StorageView::new(storage()).cache_control("public, max-age=86400");
    let service = layer().layer(view.into_service());
    let response = service.oneshot(get(&signed("/a.txt"))).await.unwrap();
    let stated = response.headers()["cache-control"].to_str().unwrap();
    let age = stated.strip_prefix("private, max-age=").expect(stated);
    assert!((1..=60).contains(&age.parse::<u64>().unwrap()), "{stated}");
}

#[tokio::test]
async fn only_a_link_that_was_good_is_told_to_have_expired() {
    let before = SystemTime::now() - Duration::from_secs(7200);
    let link = signer()
        .link("/a.txt")
        .dated(before)
        .expires_in(MINUTE)
        .sign();
    let link = link.expect("a link");
    let service = layer().layer(StorageView::new(Untouched).into_service());
    let response = service.clone().oneshot(get(&link)).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(text(response).await, "this link has expired\n");
    let forged = link.replace("/a.txt", "/b.txt");
    let response = service.oneshot(get(&forged)).await.unwrap();
    assert_eq!(text(response).await, "Forbidden\n");
}

#[tokio::test]
async fn optional_lets_unsigned_requests_pass_and_no_bad_link() {
    let view = StorageView::new(storage()).into_service();
    let service = layer().optional().layer(view);
    for (target, status) in [
        ("/a.txt".to_owned(), 200),
        ("/a.txt?v=2".to_owned(), 200),
        (signed("/a.txt"), 200),
        (signed("/a.txt").replace("B.txt", "C.txt"), 403),
        ("/a.txt?X-Download-Key=1".to_owned(), 403),
        ("/a.txt?x-download-signature=1".to_owned(), 403),
        ("/a.txt?X%2DDownload-Signature=1".to_owned(), 403),
    ] {
        let response = service.clone().oneshot(get(&target)).await.unwrap();
        assert_eq!(response.status(), status, "{target}");
    }
}

#[tokio::test]
async fn an_audience_is_the_user_or_the_network_of_the_request() {
    let service = layer().layer(StorageView::new(storage()).into_service());
    let link = |audience: Audience| {
        let link = signer().link("/a.txt").expires_in(MINUTE);
        link.audience(audience).sign().expect("a link")
    };
    let alice = link(Audience::user("alice").unwrap());
    let office = link(Audience::of_client([192, 0, 2, 1].into()));
    let home = link(Audience::of_client("2001:db8::1".parse().unwrap()));
    let user = |name: &str, target: &str| {
        let mut request = get(target);
        request.extensions_mut().insert(AudienceUser::new(name));
        request
    };
    let from = |address: &str, target: &str| {
        let mut request = get(target);
        let address: IpAddr = address.parse().unwrap();
        let caller = Caller::new().address(address);
        request.extensions_mut().insert(caller);
        request
    };
    for (request, status) in [
        (user("alice", &alice), 200),
        (user("bob", &alice), 403),
        (get(&alice), 403),
        (from("192.0.2.200", &office), 200),
        (from("192.0.3.1", &office), 403),
        (from("2001:db8::1", &office), 403),
        (from("2001:db8::ffff", &home), 200),
        (from("2001:db8:0:1::1", &home), 403),
        (get(&office), 403),
    ] {
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn a_router_that_takes_a_prefix_off_says_what_was_asked_for() {
    #[derive(Clone)]
    struct Original(Uri);
    let layer = layer().public_uri(|it| it.get::<Original>().map(|it| it.0.clone()));
    let service = layer.layer(StorageView::new(storage()).into_service());
    let link = signed("/files/a.txt");
    let mut nested = get(link.strip_prefix("/files").unwrap());
    let original = Original(link.parse().unwrap());
    nested.extensions_mut().insert(original);
    let response = service.clone().oneshot(nested).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let inner = signed("/a.txt");
    assert_eq!(
        service.oneshot(get(&inner)).await.unwrap().status(),
        StatusCode::OK
    );
}

/// The state of the file that is resumed.
fn tag() -> ETag {
    ETag::strong("v1").expect("a tag")
}

/// A link that expired an hour ago, behind a layer with this grace.
async fn resumed(grace: Duration, headers: &[(&'static str, &str)]) -> Vec<Response<DownloadBody>> {
    let before = SystemTime::now() - Duration::from_secs(3600);
    let link = signer()
        .link("/a.txt")
        .dated(before)
        .expires_in(MINUTE)
        .sign();
    let link = link.expect("a link");
    let require = RequireSignature::new(verifier().resume_grace(grace));
    let view = || StorageView::new(storage()).etag(tag()).into_service();
    let asked = || {
        let mut request = get(&link);
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a value"));
        }
        request
    };
    let alone = require.layer(view()).oneshot(asked()).await.unwrap();
    let outside = require.layer(nginx().layer(view()));
    let outside = outside.oneshot(asked()).await.unwrap();
    let inside = nginx().layer(require.layer(view()));
    let inside = inside.oneshot(asked()).await.unwrap();
    vec![
        alone.map(DownloadBody::from),
        outside.map(DownloadBody::from),
        inside.map(DownloadBody::from),
    ]
}

#[tokio::test]
async fn an_expired_link_resumes_the_same_state_within_its_grace_and_nothing_else() {
    let tag = "\"v1\"";
    let day = Duration::from_secs(86_400);
    let resuming = [("range", "bytes=3-"), ("if-range", tag)];
    for response in resumed(day, &resuming).await {
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert!(!response.headers().contains_key("x-accel-redirect"));
        assert_eq!(text(response).await, "lo!\n");
    }
    let weak = format!("W/{tag}");
    for (grace, headers) in [
        (Duration::ZERO, &resuming[..]),
        (MINUTE, &resuming),
        (day, &[]),
        (day, &[("range", "bytes=3-")]),
        (day, &[("if-range", tag)]),
        (day, &[("range", "bytes=3-"), ("if-range", "\"another\"")]),
        (day, &[("range", "bytes=3-"), ("if-range", &*weak)]),
        (day, &[("range", "bytes=9-"), ("if-range", tag)]),
        // Nobody has a part of which the first byte is missing.
        (day, &[("range", "bytes=0-"), ("if-range", tag)]),
        (day, &[("range", "bytes=3-,0-2"), ("if-range", tag)]),
        (day, &[("range", "bytes=-7"), ("if-range", tag)]),
        (day, &[("range", "nonsense"), ("if-range", tag)]),
        (
            day,
            &[
                ("range", "bytes=3-"),
                ("if-range", "Thu, 26 Nov 2026 08:00:00 GMT"),
            ],
        ),
    ] {
        for response in resumed(grace, headers).await {
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
            assert_eq!(text(response).await, "this link has expired\n");
        }
    }
}

#[tokio::test]
async fn a_handler_may_check_by_itself() {
    let (request, ()) = get("/a.txt").into_parts();
    let refused = verifier().check(&request).unwrap_err();
    assert_eq!(refused, Denial::Signature(SignatureFault::Missing));
    let (request, ()) = get(&signed("/a.txt")).into_parts();
    assert!(verifier().check(&request).is_ok());
}

#[tokio::test]
async fn a_storage_knows_the_links_of_its_files() {
    let media = SignedStorage::new(storage(), signer(), "/files/").expect("a storage");
    let name = StorageName::parse("a.txt").unwrap();
    let link = media.link_to(&name).expires_in(MINUTE).sign().unwrap();
    assert!(link.starts_with("/files/a.txt?"));
    // Rules go by the URL of the storage inside.
    assert_eq!(media.places(&name).url(), Some("/media/a.txt"));
    let service = layer().layer(StorageView::new(media).into_service());
    let nested = link.replacen("/files", "", 1);
    assert_eq!(
        service.oneshot(get(&nested)).await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    for base in ["files", "/a//b", "/é/", "/a/../b"] {
        assert!(
            SignedStorage::new(storage(), signer(), base).is_err(),
            "{base}"
        );
    }
}
