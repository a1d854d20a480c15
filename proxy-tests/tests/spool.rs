//! Copies of what only the gateway could stream, sent by the real proxies: a text of the configuration, and a file of
//! another server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_tests::{
    Answer, Asked, Backend, Origin, Proxy, Request, Response, Server, Site, noise, spooled,
};
use rustix::process::{Pid, Signal, kill_process};

const PROXIES: [Proxy; 6] = [
    Proxy::Nginx,
    Proxy::NewestNginx,
    Proxy::Apache,
    Proxy::Lighttpd,
    Proxy::Caddy,
    Proxy::NewestCaddy,
];

const TEXT: &str = "made for the occasion\n";
const FILE: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

/// A server with one file, in the state with this tag.
fn origin(tag: &'static str) -> Origin {
    Origin::start(move |asked: &Asked| {
        let head = format!("ETag: {tag}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n");
        if asked.header("If-None-Match") == Some(tag) {
            return Answer::new(format!("HTTP/1.1 304 Not Modified\r\n{head}\r\n"));
        }
        let length = FILE.len();
        Answer::new(format!(
            "HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n{FILE}"
        ))
    })
}

/// The gateway with a spool, behind a proxy.
struct Stand {
    // Dropped in this order.
    front: Server,
    gateway: Server,
    origin: Origin,
    site: Site,
    proxy: Proxy,
}

impl Stand {
    fn new(proxy: Proxy) -> Self {
        Self::with(proxy, "")
    }

    /// With these lines in `[spool]`.
    fn with(proxy: Proxy, keys: &str) -> Self {
        let origin = origin("\"v1\"");
        let site = Site::new("");
        site.make_own_folder("spool");
        site.configure(&format!(
            "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"{}\"\n\
             [spool]\ndir = \"spool\"\n{keys}\n\
             [[views]]\nroute = \"/text\"\nkind = \"virtual\"\ntext = '''\n{TEXT}'''\nbasename = \"a b.txt\"\n\
             [[views]]\nroute = \"/same\"\nkind = \"virtual\"\ntext = '''\n{TEXT}'''\nbasename = \"other.pdf\"\ndisposition = \"inline\"\n\
             [[views]]\nroute = \"/far/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n",
            proxy.backend().name(),
            origin.address(),
        ));
        let gateway = site.start_gateway();
        let front = site.start_proxy(proxy);
        Self {
            front,
            gateway,
            origin,
            site,
            proxy,
        }
    }

    /// The answer through the proxy, with a check that the gateway handed it over.
    #[track_caller]
    fn handed_over(&self, request: &Request) -> Response {
        let own = self.gateway.send(request);
        assert!(
            own.has(self.proxy.header()),
            "{:?}: {}",
            self.proxy,
            own.head()
        );
        assert!(own.body.is_empty());
        self.front.send(request)
    }

    fn copies(&self) -> Vec<PathBuf> {
        files_below(&self.site.path("spool"))
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    spooled(folder).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_text_and_a_file_of_another_server_are_sent_by_every_proxy() {
    for proxy in PROXIES {
        let stand = Stand::new(proxy);
        for (target, content, name) in [
            ("/text", TEXT, "a b.txt"),
            ("/far/report.csv", FILE, "report.csv"),
        ] {
            let whole = stand.handed_over(&Request::get(target));
            let head = whole.head();
            assert_eq!(
                (whole.status, &*whole.text()),
                (200, content),
                "{proxy:?} {head}"
            );
            assert!(whole.header("Content-Disposition").contains(name), "{head}");
            assert_eq!(whole.header("Content-Length"), content.len().to_string());
            assert!(whole.has("ETag"), "{proxy:?}: {head}");
            assert!(!whole.has(proxy.header()), "{head}");

            let range = Request::get(target).header("Range", "bytes=5-9");
            let part = stand.handed_over(&range);
            assert_eq!(
                (part.status, &*part.text()),
                (206, &content[5..10]),
                "{proxy:?}"
            );

            let tag = whole.header("ETag");
            let again = Request::get(target).header("If-None-Match", tag);
            let again = stand.front.send(&again);
            assert_eq!(again.status, 304, "{proxy:?}: {}", again.head());

            let resumed = range.header("If-Range", tag);
            assert_eq!(stand.front.send(&resumed).status, 206, "{proxy:?} {tag}");
        }
        let head = stand.front.send(&Request::head("/text"));
        assert_eq!((head.status, head.header("Content-Length")), (200, "22"));
        assert_eq!(stand.origin.asked().len(), 1, "it was fetched once");
        assert_eq!(stand.copies().len(), 2);
    }
}

#[test]
fn two_views_with_one_text_share_one_copy_and_keep_their_names() {
    for proxy in [Proxy::Nginx, Proxy::Apache] {
        let stand = Stand::new(proxy);
        let first = stand.handed_over(&Request::get("/text"));
        let second = stand.handed_over(&Request::get("/same"));
        assert_eq!((first.text(), second.text()), (TEXT.into(), TEXT.into()));
        assert!(second.header("Content-Disposition").starts_with("inline"));
        assert_eq!(second.header("Content-Type"), "application/pdf");
        assert_eq!(stand.copies().len(), 1);
    }
}

#[test]
fn a_copy_is_readable_for_the_group_and_writable_for_nobody() {
    let stand = Stand::new(Proxy::Nginx);
    let _ = stand.handed_over(&Request::get("/text"));
    let copy = stand.copies().pop().expect("a copy");
    let mode = |path: &Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&copy), 0o440);
    assert_eq!(mode(copy.parent().expect("a folder")), 0o750);
    let name = copy
        .strip_prefix(stand.site.path("spool"))
        .expect("below it");
    let name = name.to_str().expect("text");
    assert!(
        name.bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b"/-".contains(&byte)),
        "{name}"
    );
}

#[test]
fn a_copy_of_another_servers_file_is_asked_about_when_it_is_old_and_kept_by_a_304() {
    for proxy in [Proxy::Nginx, Proxy::Lighttpd] {
        let stand = Stand::with(proxy, "max_age = \"0s\"");
        for _ in 0..3 {
            let answer = stand.front.send(&Request::get("/far/a"));
            assert_eq!((answer.status, &*answer.text()), (200, FILE));
        }
        let asked = stand.origin.asked();
        let conditions: Vec<_> = asked.iter().map(|it| it.header("If-None-Match")).collect();
        assert_eq!(conditions, [None, Some("\"v1\""), Some("\"v1\"")]);
        assert_eq!(stand.copies().len(), 1);
    }
}

#[test]
fn a_gateway_that_starts_anew_finds_its_copies() {
    let mut stand = Stand::new(Proxy::Nginx);
    for target in ["/text", "/far/a"] {
        let _ = stand.handed_over(&Request::get(target));
    }
    let before = stand.copies();
    stand.gateway.terminate();
    stand.gateway = stand.site.start_gateway();
    stand.origin.forget();
    for (target, content) in [("/text", TEXT), ("/far/a", FILE)] {
        assert_eq!(stand.handed_over(&Request::get(target)).text(), content);
    }
    assert_eq!(stand.copies(), before);
    let methods = stand.origin.asked().len();
    assert_eq!(
        methods, 1,
        "the head of the file, to learn that the copy is still good"
    );
}

#[test]
fn the_folder_of_the_copies_has_no_url() {
    for proxy in PROXIES {
        let stand = Stand::new(proxy);
        let _ = stand.handed_over(&Request::get("/text"));
        let copy = stand.copies().pop().expect("a copy");
        let below = copy
            .strip_prefix(stand.site.path("spool"))
            .expect("below it");
        let below = below.to_str().expect("text");
        for target in [
            format!("/_downloadview/spool/{below}"),
            format!("/spool/{below}"),
        ] {
            assert_eq!(stand.front.get(&target).status, 404, "{proxy:?} {target}");
        }
        if proxy.backend() == Backend::Nginx {
            let bare = stand.front.get("/_downloadview/spool");
            assert_eq!(bare.status, 404);
        }
    }
}

/// The gateway is killed at twenty moments of a fill. Whatever has a copy's name then is whole, and the next start removes
/// the rest.
#[test]
fn a_gateway_that_is_killed_while_it_fills_leaves_nothing_that_is_not_whole() {
    const SIZE: usize = 24 << 20;
    let file: Arc<[u8]> = noise(SIZE).into();
    let sent = Arc::clone(&file);
    let origin = Origin::start(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\nETag: \"big\"\r\nContent-Length: {SIZE}\r\n\r\n");
        Answer::new(head).and_part(&sent, 0..SIZE)
    });
    let site = Site::new("");
    site.make_own_folder("spool");
    site.configure(&format!(
        "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"nginx\"\n[spool]\ndir = \"spool\"\nmin_free_bytes = 0\n\
         [[views]]\nroute = \"/far/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n",
        origin.address(),
    ));
    let spool = site.path("spool");
    let mut killed_amid = 0;
    for round in 0..20_u64 {
        let gateway = site.start_gateway();
        let parts = files_below(&spool).into_iter().filter(|path| is_part(path));
        assert_eq!(
            parts.count(),
            0,
            "the start removes what the one before left"
        );
        let copies = files_below(&spool).len();
        let address = gateway.address();
        let asking = std::thread::spawn(move || {
            let _ = Request::get(&format!("/far/{round}")).send(address);
        });
        // Each round lets a twentieth more arrive before.
        let enough = SIZE as u64 / 20 * round;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let files = files_below(&spool);
            let (parts, whole): (Vec<_>, Vec<_>) =
                files.into_iter().partition(|path| is_part(path));
            let length = |path: &PathBuf| fs::metadata(path).map_or(0, |found| found.len());
            if whole.len() > copies || parts.iter().any(|path| length(path) >= enough) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "round {round}: nothing is filled"
            );
            std::thread::yield_now();
        }
        let pid = Pid::from_raw(gateway.id().try_into().expect("an id")).expect("an id");
        kill_process(pid, Signal::KILL).expect("it runs");
        drop(gateway);
        asking.join().expect("the client ends");
        for path in files_below(&spool) {
            match is_part(&path) {
                true => killed_amid += 1,
                false => assert!(fs::read(&path).expect("it is there") == *file, "{path:?}"),
            }
        }
    }
    assert!(killed_amid > 0, "at least once it was killed amid a fill");
    let _gateway = site.start_gateway();
    let front = site.start_proxy(Proxy::Nginx);
    for round in 0..20 {
        let answer = front.get(&format!("/far/{round}"));
        assert!(answer.status == 200 && answer.body == *file, "{round}");
    }
    assert!(files_below(&spool).iter().all(|path| !is_part(path)));
}

fn is_part(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "part")
}
