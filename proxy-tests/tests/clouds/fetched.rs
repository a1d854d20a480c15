//! Blobs that nginx and Caddy fetch by signed URLs, on the word of an application with the library.

use axum::Router;
use downloadview::backend::{Caddy, Nginx};
use downloadview::view::StorageView;
use downloadview::{OptimizeLayer, Optimizer, Rule};
use downloadview_axum::view;
use proxy_tests::{
    Application, Azurite, BUCKET, Backend, Fetcher, Relay, Request, Response, Server, Site, strict,
};

use crate::Azure;
use crate::buckets::{Cloud as _, ODD};

const FETCHERS: [Fetcher; 6] = Fetcher::ALL;
const LOCATION: &str = "/_internal/blobs/";
const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A proxy before an application, whose every byte is heard.
struct Stand {
    // Dropped in this order.
    front: Server,
    wire: Relay,
    _app: Application,
    _site: Site,
}

impl Stand {
    fn new(proxy: Fetcher, cloud: &Azure) -> Self {
        let (account, address) = (Azurite::ACCOUNT, cloud.0.address());
        let backend = proxy.backend();
        // For the proxy it is a server like any other.
        let site = Site::new(&format!(
            "listen = \"@LISTEN@\"\n[storages.blobs]\nkind = \"http\"\nurl = \"http://{address}/{account}/{BUCKET}/\"\n\
             allow_private = true\n[optimize]\nbackend = \"{}\"\n[[optimize.rules]]\nstorage = \"blobs\"\n\
             destination_url = \"{LOCATION}\"\n\
             [[views]]\nroute = \"/{{*path}}\"\nkind = \"storage\"\nstorage = \"blobs\"\n",
            backend.name()
        ));
        let blobs = Rule::url(format!("{}/{BUCKET}/", cloud.0.url()));
        let blobs = blobs.fetched_at(LOCATION);
        let optimizer = match backend {
            Backend::Caddy => Optimizer::builder(Caddy::new()).rule(blobs),
            _ => Optimizer::builder(Nginx::new()).rule(blobs),
        };
        let layer = OptimizeLayer::new(optimizer.build().expect("valid"));
        let storage = cloud.builder().build().expect("valid");
        let router = Router::new().fallback_service(view(StorageView::new(storage)));
        let app = Application::start(site.app(), async { router.layer(layer) });
        let wire = Relay::start(site.app());
        let told = wire.address().to_string();
        let front = site.start_fetcher(proxy, &["--app", &told], |printed| printed);
        Self {
            front,
            wire,
            _app: app,
            _site: site,
        }
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Response {
        self.front.send(request)
    }
}

/// The lines of all requests for blobs since there were so many.
fn asked_since(cloud: &Azure, before: usize) -> Vec<String> {
    let asked = cloud.asked();
    let lines = asked.lines().filter(|line| line.ends_with(" HTTP/1.1"));
    lines.skip(before).map(str::to_owned).collect()
}

#[test]
fn every_key_is_fetched_by_the_proxy_and_no_byte_passes_through_the_application() {
    let cloud = Azure::start();
    let keys = || ODD.into_iter().filter(|key| !Azure::MISTAKEN.contains(key));
    keys().for_each(|key| cloud.put(key, key.repeat(1000).as_bytes()));
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, &cloud);
        for key in keys() {
            let before = asked_since(&cloud, 0).len();
            let said = stand.wire.answered().len();
            let answer = stand.send(&Request::get(&format!("/{}", strict(key.as_bytes()))));
            let what = format!("{proxy:?} {key:?}: {}", answer.head());
            assert_eq!(answer.status, 200, "{what}");
            assert!(answer.text() == key.repeat(1000), "{what}");
            let name = answer.header("Content-Disposition");
            assert!(name.starts_with("attachment; filename="), "{what}");
            for (name, _) in &answer.headers {
                let name = name.to_ascii_lowercase();
                assert!(
                    !name.starts_with("x-ms-") && !name.starts_with("x-download"),
                    "{what}"
                );
            }
            let asked = asked_since(&cloud, before);
            assert_eq!(asked.len(), 1, "{what}: {asked:#?}");
            assert!(
                asked[0].starts_with("GET ") && asked[0].contains("sig="),
                "{asked:#?}"
            );
            let said = stand.wire.answered().len() - said;
            assert!(said < 4096, "{what}: {said} bytes of the application's");
        }
    }
}

#[test]
fn parts_conditions_and_heads_of_blobs_work_and_a_missing_one_is_not_found() {
    let cloud = Azure::start();
    cloud.put("a.pdf", FILE);
    for proxy in FETCHERS {
        let stand = Stand::new(proxy, &cloud);
        let get = || Request::get("/a.pdf");
        let whole = stand.send(&get());
        let tag = whole.header("ETag").to_owned();
        let kind = whole.header("Content-Type");
        assert_eq!(
            (whole.status, kind),
            (200, "application/pdf"),
            "{}",
            whole.head()
        );

        let range = get().header("Range", "bytes=30-");
        let part = stand.send(&range);
        let what = format!("{proxy:?}: {}", part.head());
        assert_eq!((part.status, &part.body[..]), (206, &FILE[30..]), "{what}");
        assert_eq!(part.header("Content-Range"), "bytes 30-35/36", "{what}");

        let part = stand.send(&get().header("Range", "bytes=30-").header("If-Range", &tag));
        let what = format!("{proxy:?}: {}", part.head());
        assert_eq!((part.status, &part.body[..]), (206, &FILE[30..]), "{what}");
        let other = get()
            .header("Range", "bytes=30-")
            .header("If-Range", "\"other\"");
        let answer = stand.send(&other);
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, FILE),
            "{}",
            answer.head()
        );

        let beyond = stand.send(&get().header("Range", "bytes=99-"));
        assert_eq!(beyond.status, 416, "{proxy:?}: {}", beyond.head());
        let same = stand.send(&get().header("If-None-Match", &tag));
        assert_eq!(same.status, 304, "{proxy:?}: {}", same.head());
        assert!(same.body.is_empty());

        let head = stand.send(&Request::head("/a.pdf"));
        let length = head.header("Content-Length");
        assert_eq!(
            (head.status, length),
            (200, "36"),
            "{proxy:?}: {}",
            head.head()
        );
        let missing = stand.send(&Request::get("/b.pdf"));
        assert_eq!(missing.status, 404, "{proxy:?}: {}", missing.head());
        assert!(
            !missing.text().contains("BlobNotFound"),
            "{}",
            missing.text()
        );
    }
}
