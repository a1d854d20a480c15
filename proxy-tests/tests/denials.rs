//! Middleware of an application that refuses what a handler was ready to give.

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use downloadview::backend::Nginx;
use downloadview::storage::LocalStorage;
use downloadview::view::StorageView;
use downloadview::{DownloadView as _, Optimizer, Rule};
use downloadview_axum::optimize;
use http::{Response, StatusCode};
use proxy_tests::{Application, Proxy, Request, Site, configuration};

const SECRET: &str = "the whole secret file";

/// The body goes, the rest of the response stays: the download rides on in its extensions.
async fn over_quota(response: Response<Body>) -> Response<Body> {
    let mut denied = response.map(|_| Body::from("quota exceeded"));
    *denied.status_mut() = StatusCode::FORBIDDEN;
    denied
}

async fn closed(response: Response<Body>) -> Response<Body> {
    response.map(|_| Body::from("closed for maintenance"))
}

#[test]
fn a_denial_after_the_handler_sends_no_file_through_nginx_and_directly() {
    let site = Site::new(&configuration(Proxy::Nginx));
    site.write("media/a.txt", SECRET);
    let media = LocalStorage::new(site.path("media")).expect("the folder is there");
    let by_folder = Rule::dir(site.path("media")).to_uri("/_internal/media/");
    let optimizer = Optimizer::builder(Nginx::new()).rule(by_folder).build();
    let optimizer = optimizer.expect("a valid rule");
    let files = || Router::new().fallback_service(StorageView::new(media.clone()).into_service());
    let router = Router::new()
        .nest("/open", files())
        .nest("/denied", files().layer(map_response(over_quota)))
        .nest("/closed", files().layer(map_response(closed)))
        .layer(optimize(optimizer));
    let _application = Application::start(site.app(), async { router });
    let front = site.start_proxy(Proxy::Nginx);
    for (path, status, text) in [
        ("/open/a.txt", 200, SECRET),
        ("/denied/a.txt", 403, "quota exceeded"),
        ("/closed/a.txt", 200, "closed for maintenance"),
    ] {
        let answer = front.get(path);
        assert_eq!((answer.status, &*answer.text()), (status, text), "{path}");
        let answer = Request::get(path).send(site.app());
        let answer = answer.expect("an answer");
        let delegated = answer.has(Proxy::Nginx.header());
        assert_eq!(delegated, path.starts_with("/open"), "{}", answer.head());
        if !delegated {
            assert_eq!((answer.status, &*answer.text()), (status, text), "{path}");
        }
    }
}
