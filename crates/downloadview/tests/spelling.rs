//! A guarded route within what an open one serves, under a tower router that compares paths as text.

use std::convert::Infallible;

use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::view::{NormalizeEscapes, StorageView};
use downloadview::{DownloadBody, DownloadView as _, Error, OptimizeLayer, Optimizer};
use http::{Request, Response};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

/// `/private/…` is for nobody, all else for everybody.
fn router()
-> impl Service<Request<()>, Response = Response<DownloadBody>, Error = Infallible> + Clone {
    let storage = MemoryStorage::new();
    for name in ["open/a.txt", "private/s.txt"] {
        storage.insert(StorageName::parse(name).expect("a name"), "text");
    }
    let files =
        OptimizeLayer::new(Optimizer::none()).layer(StorageView::new(storage).into_service());
    service_fn(move |request: Request<()>| {
        let files = files.clone();
        async move {
            match request.uri().path().starts_with("/private/") {
                true => Ok(Error::Forbidden.into_response()),
                false => files
                    .oneshot(request)
                    .await
                    .map(|response| response.map(Into::into)),
            }
        }
    })
}

async fn status(
    service: impl Service<Request<()>, Response = Response<DownloadBody>, Error = Infallible>,
    path: &str,
) -> u16 {
    let request = Request::get(path).body(()).expect("a request");
    let answered = service.oneshot(request).await;
    answered.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn another_spelling_does_not_lead_past_the_guarded_route() {
    for path in [
        "/%70rivate/s.txt",
        "/privat%65/s.txt",
        "/./private/s.txt",
        "/%2e/private/s.txt",
        "/open/../private/s.txt",
        "/private%2Fs.txt",
        "//private/s.txt",
    ] {
        let refused = status(router(), path).await;
        assert!((400..500).contains(&refused), "{path}: {refused}");
        let normalized = NormalizeEscapes::new().layer(router());
        let refused = status(normalized, path).await;
        assert!((400..500).contains(&refused), "{path}: {refused}");
    }
    assert_eq!(status(router(), "/open/a.txt").await, 200);
}

#[tokio::test]
async fn under_the_layer_a_path_leads_where_its_one_spelling_does() {
    for (path, expected) in [
        ("/%70rivate/s.txt", 403),
        ("/./private/s.txt", 403),
        ("/open/%61.txt", 200),
        ("/open/./a.txt", 200),
        ("/%6Fpen/a%2Etxt?x=%61", 200),
    ] {
        let normalized = NormalizeEscapes::new().layer(router());
        assert_eq!(status(normalized, path).await, expected, "{path}");
    }
}
