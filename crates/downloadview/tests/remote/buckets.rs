//! What a store says of a bucket, and what of it the log tells.

use std::sync::Arc;

use downloadview::fetch::Client;
use downloadview::storage::{S3Storage, Storage, StorageName};
use downloadview::{DownloadView as _, view::StorageView};
use http::{Method, Request};
use tower::ServiceExt as _;

use super::origin::{Server, Step, answer, logged, saying, server};

const NO_BUCKET: &str = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code></Error>";
const NO_KEY: &str = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>";

fn not_found(further: &[&str], body: &str) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut lines = vec!["HTTP/1.1 404 Not Found", &length];
    lines.extend(further);
    answer(&lines, body)
}

/// The status of a request for a file of the bucket `archive`, which the log calls `vault`.
async fn asked(storage: &Arc<dyn Storage>, method: Method) -> u16 {
    let name = StorageName::parse("a.txt").expect("a name");
    let view = StorageView::new(Arc::clone(storage)).name(name);
    let request = Request::builder().method(method).uri("/");
    let request = request.body(()).expect("a request");
    let answered = view.into_service().oneshot(request).await;
    answered.expect("infallible").status().as_u16()
}

fn bucket(server: &Server) -> Arc<dyn Storage> {
    let client = Client::new().expect("a client");
    let builder = S3Storage::builder(&client, "archive")
        .endpoint(server.url())
        .allow_http()
        .allow_private()
        .anonymous()
        .origin(|origin| origin.logged_as("vault"));
    Arc::new(builder.build().expect("a bucket"))
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_told_once_with_the_name_of_its_storage() {
    let of_azure = ["x-ms-error-code: ContainerNotFound"];
    for (method, bytes) in [
        (Method::GET, not_found(&[], NO_BUCKET)),
        (Method::HEAD, not_found(&of_azure, "")),
    ] {
        let (log, _guard) = logged();
        let server = saying(bytes).await;
        let storage = bucket(&server);
        for _ in 0..3 {
            assert_eq!(asked(&storage, method.clone()).await, 404);
        }
        let [line] = &log.lines()[..] else {
            panic!("{:?}", log.lines());
        };
        assert!(line.contains("WARN"), "{line}");
        assert!(line.contains("the bucket does not exist"), "{line}");
        assert!(line.contains("storage=\"vault\""), "{line}");
        assert!(!line.contains("a.txt"), "{line}");
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_not_told() {
    let (log, _guard) = logged();
    let server = saying(not_found(&[], NO_KEY)).await;
    let storage = bucket(&server);
    assert_eq!(asked(&storage, Method::GET).await, 404);
    assert_eq!(asked(&storage, Method::HEAD).await, 404);
    assert_eq!(log.lines(), [""; 0]);
}

/// Its error may be as long as it likes, and never end.
#[tokio::test]
async fn a_store_that_never_ends_its_error_is_404_all_the_same() {
    let head = answer(&["HTTP/1.1 404 Not Found", "Content-Length: 400000000"], "");
    let steps = [
        vec![Step::Send(head.clone()), Step::Stall],
        vec![Step::Send(head), Step::Repeat(vec![b'x'; 65536], 6000)],
    ];
    for steps in steps {
        let server = server(move |_, _| steps.clone()).await;
        assert_eq!(asked(&bucket(&server), Method::GET).await, 404);
        server.until_gone(1).await;
        assert!(server.sent() < 50_000_000, "{}", server.sent());
    }
}
