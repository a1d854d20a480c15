//! Further ways into the spool, through the real proxies: objects of a bucket, files that are prepared, one-time files; and
//! a folder that is not safe.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proxy_tests::{
    ACCESS_KEY_ID, Answer, Asked, BUCKET, Origin, Proxy, Request, S3s, SECRET_ACCESS_KEY, Server,
    Site,
};

const FILE: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // What goes meanwhile is not there.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A site whose gateway has this spool, behind `proxy`.
fn site(proxy: Proxy, spool: &str, views: &str) -> (Site, Server, Server) {
    let site = Site::new("");
    site.make_own_folder("spool");
    let backend = proxy.backend().name();
    site.configure(&format!(
        "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"{backend}\"\n[spool]\ndir = \"spool\"\n{spool}\n{views}"
    ));
    let gateway = site.start_gateway();
    let front = site.start_proxy(proxy);
    (site, gateway, front)
}

/// Apache and lighttpd can fetch from no other server.
#[test]
fn an_object_of_a_bucket_is_sent_by_proxies_that_cannot_fetch() {
    for proxy in [Proxy::Apache, Proxy::Lighttpd] {
        let store = S3s::start();
        store.put_tagged("reports/a b.csv", FILE.as_bytes(), "v1");
        let views = format!(
            "[storages.media]\nkind = \"s3\"\nbucket = \"{BUCKET}\"\nendpoint = \"http://{}\"\nallow_http = true\n\
             allow_private = true\naccess_key_id = \"{ACCESS_KEY_ID}\"\nsecret_access_key = \"{SECRET_ACCESS_KEY}\"\n\
             [[views]]\nroute = \"/files/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n",
            store.address()
        );
        let (site, gateway, front) = site(proxy, "max_age = \"1h\"", &views);
        let request = Request::get("/files/reports/a%20b.csv");
        for range in [None, Some("bytes=5-9")] {
            let request = range.map_or(request.clone(), |it| request.clone().header("Range", it));
            let own = gateway.send(&request);
            assert!(
                own.has(proxy.header()) && own.body.is_empty(),
                "{}",
                own.head()
            );
            let answer = front.send(&request);
            let expected = range.map_or((200, FILE), |_| (206, &FILE[5..10]));
            assert_eq!((answer.status, &*answer.text()), expected, "{proxy:?}");
            assert!(answer.header("Content-Disposition").contains("a b.csv"));
            assert!(!answer.has(proxy.header()), "{}", answer.head());
        }
        assert_eq!(store.asked().len(), 1, "{proxy:?}: it was fetched once");
        assert_eq!(files_below(&site.path("spool")).len(), 1);
        let gone = front.get("/files/reports/none.csv");
        assert_eq!(gone.status, 404, "{}", gone.head());
    }
}

/// A client polls one URL: 202 until the copy is there.
#[test]
fn a_file_that_takes_long_is_prepared() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let goes_on = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let gate = goes_on.clone();
        let origin = Origin::start(move |_: &Asked| {
            while !gate.load(std::sync::atomic::Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let length = FILE.len();
            Answer::new(format!(
                "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {length}\r\n\r\n{FILE}"
            ))
        });
        let views = format!(
            "[[views]]\nroute = \"/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n\
             prepare = true\n",
            origin.address()
        );
        let (_site, _gateway, front) = site(proxy, "max_age = \"1h\"", &views);
        for request in [
            Request::head("/a.csv"),
            Request::get("/a.csv"),
            Request::get("/a.csv"),
        ] {
            let answer = front.send(&request);
            assert_eq!(answer.status, 202, "{proxy:?}: {}", answer.head());
            let seconds: u64 = answer.header("Retry-After").parse().expect("seconds");
            assert!((1..=30).contains(&seconds));
            assert_eq!(answer.header("Refresh"), answer.header("Retry-After"));
            assert_eq!(answer.header("Cache-Control"), "no-store");
            assert!(!answer.has("Content-Disposition") && !answer.has(proxy.header()));
        }
        goes_on.store(true, std::sync::atomic::Ordering::Release);
        until("it is there", || front.get("/a.csv").status == 200);
        let head = front.send(&Request::head("/a.csv"));
        assert_eq!((head.status, head.header("Content-Length")), (200, "36"));
        assert_eq!(front.get("/a.csv").text(), FILE);
        assert_eq!(origin.asked().len(), 1, "{proxy:?}");
    }
}

#[test]
fn a_one_time_copy_is_gone_after_its_lease() {
    let views = "[[views]]\nroute = \"/once\"\nkind = \"virtual\"\ntext = \"for you\"\nbasename = \"a.txt\"\n\
        delete_after_send = true\n[[views]]\nroute = \"/often\"\nkind = \"virtual\"\ntext = \"for all\"\n\
        basename = \"a.txt\"\n";
    let (site, _gateway, front) = site(Proxy::Nginx, "lease = \"2s\"", views);
    assert_eq!(front.get("/once").text(), "for you");
    assert_eq!(front.get("/often").text(), "for all");
    until("one is left", || {
        files_below(&site.path("spool")).len() == 1
    });
    assert_eq!(front.get("/once").text(), "for you");
}

/// Whoever can write there decides what clients get.
#[test]
fn a_folder_that_others_may_write_is_an_error_at_the_start() {
    let refusal = |prepare: &dyn Fn(&Path)| {
        let site = Site::new("");
        site.make_own_folder("spool");
        prepare(&site.path("spool"));
        site.configure(
            "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"nginx\"\n[spool]\ndir = \"spool\"\n\
             [[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"a\"\nbasename = \"a\"\n",
        );
        site.refusal_of_gateway()
    };
    let mode = |path: &Path, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).expect("it is there");
    };
    let text = refusal(&|path| mode(path, 0o770));
    assert!(text.contains("chmod g-w"), "{text}");
    let text = refusal(&|path| mode(path, 0o757));
    assert!(text.contains("chmod o-w"), "{text}");
    let text = refusal(&|path| {
        chown(path, Some(12_345), None).expect("root may");
        mode(path, 0o755);
    });
    assert!(text.contains("belongs to another user"), "{text}");
}
