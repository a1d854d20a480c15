//! What a permission states about the answer, wherever the middleware stands that gives it.

use std::convert::Infallible;
use std::time::Duration;

use downloadview::backend::Nginx;
use downloadview::error::{Denial, SignatureFault};
use downloadview::file::VirtualFile;
use downloadview::headers::Disposition;
use downloadview::optimize::{Asked, Outcome, Trace, answer_denied};
use downloadview::permission::Grant;
use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::{StorageView, VirtualView};
use downloadview::{
    Download, DownloadBody, DownloadResponse, DownloadView as _, OptimizeLayer, Optimizer, Rule,
};
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt as _;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

/// What a link to `/a.txt` might grant.
fn grant() -> Grant {
    let grant = Grant::new()
        .basename("Übersicht.csv")
        .disposition(Disposition::Inline)
        .private_for(Duration::from_secs(60))
        .unlisted();
    let cookie = HeaderValue::from_static("seen=1");
    grant
        .header(header::SET_COOKIE, cookie)
        .expect("a header of permissions")
}

fn request() -> Request<()> {
    Request::get("/a.txt").body(()).expect("a request")
}

fn storage() -> MemoryStorage {
    let storage = MemoryStorage::new();
    storage.insert(StorageName::parse("a.txt").expect("a name"), "Hello!\n");
    storage
}

fn assert_granted(head: &http::HeaderMap) {
    let disposition = head[header::CONTENT_DISPOSITION].to_str().expect("ASCII");
    assert!(
        disposition.starts_with("inline; filename=\"Ubersicht.csv\""),
        "{disposition}"
    );
    assert!(disposition.contains("%C3%9Cbersicht.csv"), "{disposition}");
    assert_eq!(head[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    assert_eq!(head[header::CACHE_CONTROL], "private, no-store");
    assert_eq!(head[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(head["x-robots-tag"], "noindex");
    // Once, and not by each layer that saw it.
    assert_eq!(head.get_all(header::SET_COOKIE).iter().count(), 1);
}

#[tokio::test]
async fn a_view_alone_applies_the_grant_of_its_request() {
    let mut request = request();
    grant().extend(request.extensions_mut());
    let view = StorageView::new(storage()).into_service();
    let response = view.oneshot(request).await.unwrap();
    assert_granted(response.headers());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Hello!\n");
}

#[tokio::test]
async fn a_grant_from_outside_of_the_layer_is_applied_once() {
    let mut request = request();
    grant().extend(request.extensions_mut());
    let view = StorageView::new(storage()).into_service();
    let layered = OptimizeLayer::new(Optimizer::none()).layer(view);
    let layered = OptimizeLayer::new(Optimizer::none()).layer(layered);
    assert_granted(layered.oneshot(request).await.unwrap().headers());
}

#[tokio::test]
async fn a_grant_from_inside_of_the_layer_is_applied_once() {
    let view = StorageView::new(storage()).into_service();
    let granting = service_fn(move |mut request: Request<()>| {
        grant().extend(request.extensions_mut());
        let view = view.clone();
        async move {
            let mut response = view.oneshot(request).await?;
            grant().pass_on(response.extensions_mut());
            Ok::<_, Infallible>(response)
        }
    });
    let layered = OptimizeLayer::new(Optimizer::none()).layer(granting);
    assert_granted(layered.oneshot(request()).await.unwrap().headers());
}

#[tokio::test]
async fn a_handler_behind_the_layer_gets_the_grant_too() {
    let mut request = request();
    grant().extend(request.extensions_mut());
    let handler = service_fn(|_: Request<()>| async {
        let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "Hello!\n"));
        Ok::<_, Infallible>(response.into_http())
    });
    let layered = OptimizeLayer::new(Optimizer::none()).layer(handler);
    assert_granted(layered.oneshot(request).await.unwrap().headers());
}

#[tokio::test]
async fn a_granted_file_is_handed_to_the_proxy_under_the_granted_name() {
    let optimizer = Optimizer::builder(Nginx::new())
        .rule(Rule::url("/media/").to_uri("/protected/"))
        .build()
        .unwrap();
    let mut request = request();
    grant().extend(request.extensions_mut());
    let view = StorageView::new(storage().base_url("/media/").unwrap()).into_service();
    let response = OptimizeLayer::new(optimizer)
        .layer(view)
        .oneshot(request)
        .await
        .unwrap();
    assert_granted(response.headers());
    assert_eq!(response.headers()["x-accel-redirect"], "/protected/a.txt");
}

#[tokio::test]
async fn a_type_that_is_granted_counts_more_than_that_of_the_content() {
    let file = |_: &Parts| {
        let file = VirtualFile::from_text("a.txt", "a")
            .content_type(HeaderValue::from_static("text/markdown"));
        std::future::ready(Ok(file))
    };
    let of = |grant: Grant| async move {
        let mut request = request();
        grant.extend(request.extensions_mut());
        let view = VirtualView::new(file).into_service();
        let response = view.oneshot(request).await.unwrap();
        response.headers()[header::CONTENT_TYPE].clone()
    };
    let granted = Grant::new().content_type("application/json").unwrap();
    assert_eq!(of(granted).await, "application/json");
    // A name alone does not change a type that the file states.
    assert_eq!(of(Grant::new().basename("a.csv")).await, "text/markdown");
    assert!(Grant::new().content_type("not a type").is_err());
}

#[tokio::test]
async fn a_refusal_is_not_kept_and_tells_its_reason_to_the_program_alone() {
    let asked = Asked::of(&mut request()).traced();
    let denial = Denial::Signature(SignatureFault::Mismatch);
    let response = answer_denied(&asked, denial.clone(), None);
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert_eq!(outcome.denial(), Some(&denial));
    assert_eq!(
        response.extensions().get::<Trace>().unwrap().steps().len(),
        1
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Forbidden\n");
}

#[tokio::test]
async fn a_refusal_of_somebody_else_hands_nothing_over_either() {
    let asked = Asked::of(&mut request());
    let theirs = Response::builder()
        .status(302)
        .header("location", "/login")
        .header("cache-control", "public, max-age=60")
        .header("x-accel-redirect", "/protected/a.txt")
        .body(DownloadBody::empty())
        .unwrap();
    let denial = Denial::Signature(SignatureFault::Missing);
    let response = answer_denied(&asked, denial, Some(theirs));
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()[header::LOCATION], "/login");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(!response.headers().contains_key("x-accel-redirect"));
}

#[tokio::test]
async fn a_layer_tells_the_outcome_of_a_refusal_further_in() {
    let refusing = service_fn(|_: Request<()>| async {
        let denial = Denial::Signature(SignatureFault::Expired);
        Ok::<_, Infallible>(downloadview::Error::from(denial).into_response())
    });
    let mut layered = OptimizeLayer::new(Optimizer::none()).layer(refusing);
    let response = layered.call(request()).await.unwrap();
    let outcome = response.extensions().get::<Outcome>().unwrap();
    assert_eq!(outcome.kind(), "denied");
    assert!(Download::of(response.extensions()).is_none());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "this link has expired\n");
}
