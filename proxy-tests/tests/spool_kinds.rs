//! Further ways into the spool, through the real proxies: objects of a bucket, files that are prepared, one-time files; and
//! a folder that is not safe.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proxy_tests::{
    ACCESS_KEY_ID, Answer, Asked, BUCKET, Origin, Proxy, Request, S3s, SECRET_ACCESS_KEY, Server,
    Site, spooled, until,
};

use rustix::process::{Pid, Signal, kill_process};

const FILE: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

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
        assert_eq!(spooled(&site.path("spool")).len(), 1);
        let gone = front.get("/files/reports/none.csv");
        assert_eq!(gone.status, 404, "{}", gone.head());
    }
}

/// A client polls one URL: 202 until the copy is there.
#[test]
fn a_file_that_takes_long_is_prepared() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let goes_on = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&goes_on);
        let origin = Origin::start(move |asked: &Asked| {
            let length = FILE.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {length}\r\n\r\n");
            match (asked.target(), asked.line.starts_with("HEAD ")) {
                ("/a.csv", true) => Answer::new(head),
                ("/a.csv", false) => Answer::new(head).and_later(&gate, FILE),
                _ => Answer::new("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            }
        });
        let views = format!(
            "[[views]]\nroute = \"/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n\
             prepare = true\n",
            origin.address()
        );
        let (_site, _gateway, front) = site(proxy, "max_age = \"1h\"", &views);
        for request in [Request::head("/none.csv"), Request::get("/none.csv")] {
            assert_eq!(
                front.send(&request).status,
                404,
                "{proxy:?}: nothing is promised"
            );
        }
        // One that begins nothing, one that begins the copy, and those that ask for it.
        for request in [
            Request::head("/a.csv"),
            Request::get("/a.csv"),
            Request::head("/a.csv"),
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
        goes_on.store(true, Ordering::Release);
        until("it is there", || front.get("/a.csv").status == 200);
        let head = front.send(&Request::head("/a.csv"));
        assert_eq!((head.status, head.header("Content-Length")), (200, "36"));
        assert_eq!(front.get("/a.csv").text(), FILE);
        let made = origin.asked();
        let made = made
            .iter()
            .filter(|asked| asked.line.starts_with("GET /a.csv"));
        assert_eq!(made.count(), 1, "{proxy:?}");
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
    until("one is left", || spooled(&site.path("spool")).len() == 1);
    assert_eq!(front.get("/once").text(), "for you");
}

/// Whoever made it, and whatever became of that.
#[test]
fn a_one_time_copy_goes_with_its_lease_after_a_reload_a_kill_and_at_a_second_gateway() {
    let views = "[[views]]\nroute = \"/once\"\nkind = \"virtual\"\ntext = \"for you\"\nbasename = \"a.txt\"\n\
        delete_after_send = true\n";
    let configure = |site: &Site, spool: &Path| {
        site.configure(&format!(
            "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"nginx\"\n[spool]\ndir = \"{}\"\nlease = \"2s\"\n{views}",
            spool.display()
        ));
    };
    let hand_over = |gateway: &Server| {
        let answer = gateway.get("/once");
        assert!(answer.has("X-Accel-Redirect"), "{}", answer.head());
    };
    let [site, second] = [(); 2].map(|()| Site::new(""));
    site.make_own_folder("spool");
    site.make_own_folder("other");
    let spool = site.path("spool");
    let is_gone = || until("it is gone", || spooled(&spool).is_empty());
    configure(&site, &spool);
    configure(&second, &spool);

    let gateway = site.start_gateway();
    hand_over(&gateway);
    configure(&site, &site.path("other"));
    gateway.hang_up();
    until("it is read anew", || {
        gateway.output().contains("configuration read anew")
    });
    assert_eq!(spooled(&spool).len(), 1, "nginx may still open it");
    is_gone();
    configure(&site, &spool);
    gateway.hang_up();
    until("it is read anew", || {
        let output = gateway.output();
        output.matches("configuration read anew").count() == 2
    });

    hand_over(&gateway);
    kill(&gateway);
    drop(gateway);
    assert_eq!(spooled(&spool).len(), 1);
    let gateway = second.start_gateway();
    is_gone();

    // One that made it and does not run, while another one has handed it out.
    let first = site.start_gateway();
    hand_over(&first);
    hand_over(&gateway);
    assert_eq!(spooled(&spool).len(), 1);
    kill(&first);
    is_gone();
}

fn kill(gateway: &Server) {
    let pid = Pid::from_raw(gateway.id().try_into().expect("an id")).expect("an id");
    kill_process(pid, Signal::KILL).expect("it runs");
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
