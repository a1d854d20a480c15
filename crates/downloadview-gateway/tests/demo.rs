//! The demonstration as a newcomer starts it: what every route answers, what the grid says, what is left afterwards.
//!
//! Bytes, type, file name and hand-off value are those of the demo project of django-downloadview 2.5.0.

#![cfg(feature = "demo")]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);
const HELLO: &str = "Hello world!\n";
const GOODBYE: &str = "Goodbye world!\n";
const TEXT: &str = "text/plain; charset=utf-8";

/// A route that streams without a proxy.
#[derive(Clone, Copy)]
struct Route {
    path: &'static str,
    disposition: &'static str,
    name: &'static str,
    text: &'static str,
    lies: Lies,
}

/// Where the file of a route lies.
#[derive(Clone, Copy)]
enum Lies {
    /// In the demonstration's folder, under this name.
    Here(&'static str),
    /// On another server: the location that fetches it. Proxies without one get a copy.
    Elsewhere(&'static str),
    /// It exists only in the program: every proxy gets a copy.
    Nowhere,
}

use Lies::{Elsewhere, Here, Nowhere};

#[rustfmt::skip] // A table.
const ROUTES: [Route; 12] = [
    route("/path/static-path/", "hello-world.txt", Here("files/hello-world.txt")),
    route("/path/dynamic-path/hello-world.txt", "hello-world.txt", Here("files/hello-world.txt")),
    route("/storage/static-path/1.txt", "1.txt", Here("media/1.txt")),
    route("/storage/dynamic-path/1.txt", "1.TXT", Here("media/1.txt")),
    route("/object/default-file/hello-world/", "file.txt", Here(FILE)),
    Route { text: GOODBYE, ..route("/object/another-file/hello-world/", "another_file.txt", Here(ANOTHER_FILE)) },
    route("/object/deserialized_basename/hello-world/", "hello-world.txt", Here(FILE)),
    Route { disposition: "inline", ..route("/object/inline-file/hello-world/", "file.txt", Here(FILE)) },
    route("/http/simple_url/", "hello-world.txt", Elsewhere("/_internal/origin/")),
    route("/virtual/text/", "hello-world.txt", Nowhere),
    route("/virtual/stringio/", "hello-world.txt", Nowhere),
    route("/virtual/generated/", "hello-world.txt", Nowhere),
];

/// The files of the document, which lie below the folders that Django's demo uploads to.
const FILE: &str = "media/object/file.txt";
const ANOTHER_FILE: &str = "media/object-other/another_file.txt";

/// Routes of a bucket: where a proxy fetches its objects, or else gets a copy; or the client is sent there, in any case.
const BUCKET: [(&str, Option<&str>); 2] = [
    ("/s3/static-path/1.txt", Some("/_internal/store/")),
    ("/s3/redirect/1.txt", None),
];

const fn route(path: &'static str, name: &'static str, lies: Lies) -> Route {
    Route {
        path,
        disposition: "attachment",
        name,
        text: HELLO,
        lies,
    }
}

impl Route {
    /// What a client gets.
    fn download(&self) -> (u16, &'static str, String, &'static str) {
        let disposition = format!("{}; filename=\"{}\"", self.disposition, self.name);
        (200, TEXT, disposition, self.text)
    }
}

/// The proxies, each on the port that many after the application's.
const PROXIES: [(&str, u16); 4] = [("nginx", 1), ("apache", 2), ("lighttpd", 3), ("caddy", 4)];

const ALL: &str = "nginx,apache,lighttpd,caddy";

const HAND_OFF: [&str; 2] = ["X-Accel-Redirect", "X-Sendfile"];

/// For each proxy: path of every route that always hands off to it, and the value of its header.
fn fixed(proxy: &str) -> [(String, String); 3] {
    [
        ("optimized-by-middleware", "optimized-by-middleware"),
        ("optimized-by-decorator", "optimized-by-decorator"),
        ("modified_headers", "modified-headers"),
    ]
    .map(|(path, value)| {
        (
            format!("/{proxy}/{path}/"),
            format!("/{proxy}-{value}/hello-world.txt"),
        )
    })
}

/// The header of a proxy, and the other's.
fn hand_off(proxy: &str) -> (&'static str, &'static str) {
    let [accel, sendfile] = HAND_OFF;
    match proxy {
        "nginx" | "caddy" => (accel, sendfile),
        _ => (sendfile, accel),
    }
}

#[test]
fn without_a_proxy_every_route_answers_as_djangos_demo() {
    let demo = Demo::start("none");
    for route in ROUTES {
        let answer = get(demo.direct, route.path);
        assert_eq!(download(&answer), route.download(), "{}", route.path);
        assert_no_hand_off(&answer, route.path);
    }
    let generated = get(demo.direct, "/virtual/generated/");
    assert_eq!(generated.header("transfer-encoding"), Some("chunked"));
    assert_eq!(get(demo.direct, "/storage/static-path/2.txt").status, 404);
    demo.stop();
}

#[test]
fn fixed_routes_show_their_hand_off_on_the_applications_own_port() {
    let demo = Demo::start("none");
    for (proxy, _) in PROXIES {
        let (header, other) = hand_off(proxy);
        for (path, value) in fixed(proxy) {
            let answer = get(demo.direct, &path);
            let expected = (200, TEXT, disposition("hello-world.txt"), "");
            assert_eq!(download(&answer), expected, "{path}");
            assert_eq!(answer.header(header), Some(&*value), "{path}");
            assert_eq!(answer.header(other), None, "{path}");
            assert_eq!(answer.header("content-length"), Some("0"), "{path}");
            let modified = path.ends_with("/modified_headers/");
            assert_eq!(
                answer.header("x-test"),
                modified.then_some("header"),
                "{path}"
            );
        }
    }
    demo.stop();
}

#[test]
fn through_every_proxy_every_route_is_the_same_download() {
    let demo = Demo::start(ALL);
    for (proxy, step) in PROXIES {
        let address = demo.proxy(step);
        let hello = (200, TEXT, disposition("hello-world.txt"), HELLO);
        let fixed = fixed(proxy).map(|(path, _)| (path, hello.clone()));
        let routes = ROUTES.map(|route| (route.path.to_owned(), route.download()));
        for (path, expected) in routes.into_iter().chain(fixed) {
            let answer = get(address, &path);
            assert_eq!(download(&answer), expected, "{proxy} {path}");
            assert_no_hand_off(&answer, &path);
        }
        let modified = get(address, &format!("/{proxy}/modified_headers/"));
        assert_eq!(modified.header("x-test"), Some("header"), "{proxy}");
        for file in ["media/1.txt", FILE, ANOTHER_FILE] {
            let internal = get(address, &format!("/_internal/{file}"));
            assert_eq!(internal.status, 404, "{proxy} {file}");
        }
    }
    demo.stop();
}

/// What the client is sent to is good for itself, and asks nothing of the application.
#[test]
fn a_redirect_leads_to_the_same_download_under_the_same_name() {
    let demo = Demo::start("none");
    for (path, _) in BUCKET {
        let answer = get(demo.direct, path);
        assert_eq!((answer.status, &*answer.body), (302, ""), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let location = answer.header("location").expect("a URL");
        let (address, target) = location
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .expect("a URL with a path");
        let object = get(address.parse().expect("an address"), &format!("/{target}"));
        let expected = (200, TEXT, disposition("1.txt"), HELLO);
        assert_eq!(download(&object), expected, "{path}");
        let (unsigned, _) = target.split_once('?').expect("a signature");
        let refused = get(
            address.parse().expect("an address"),
            &format!("/{unsigned}"),
        );
        assert_eq!(refused.status, 403, "{path}");
    }
    demo.stop();
}

/// The same files, once as rows of the database name them and once by their names in the storage.
#[test]
fn a_row_tells_of_its_file_what_a_look_at_it_would() {
    const STATED: [&str; 3] = ["etag", "last-modified", "content-type"];

    let demo = Demo::start(ALL);
    let through = PROXIES.map(|(proxy, step)| (proxy, demo.proxy(step)));
    for (proxy, address) in through.into_iter().chain([("none", demo.direct)]) {
        for (row, file) in [("default-file", FILE), ("another-file", ANOTHER_FILE)] {
            let name = file.trim_start_matches("media/");
            let told = get(address, &format!("/object/{row}/hello-world/"));
            let looked = get(address, &format!("/storage/static-path/{name}"));
            for header in STATED {
                let told = told.header(header);
                assert!(told.is_some(), "{proxy} {row} {header}");
                assert_eq!(told, looked.header(header), "{proxy} {row} {header}");
            }
        }
    }
    demo.stop();
}

#[test]
fn a_file_that_is_gone_is_not_delegated_whether_its_row_describes_it_or_not() {
    let demo = Demo::start(ALL);
    for file in [FILE, ANOTHER_FILE] {
        fs::remove_file(demo.folder().join(file)).expect("it was there");
    }
    let outcomes = |path: &str| -> Vec<_> {
        let cells = demo.grid().into_iter();
        let of_proxies = cells.filter(|cell| cell["proxy"] != "none");
        let of_route = of_proxies.filter(|cell| {
            let url = cell["url"].as_str().expect("a text");
            url.ends_with(path)
        });
        of_route.map(|cell| cell["outcome"].clone()).collect()
    };
    for row in [
        "default-file",
        "deserialized_basename",
        "inline-file",
        "another-file",
    ] {
        let path = format!("/object/{row}/hello-world/");
        assert_eq!(outcomes(&path), ["failed"; 4], "{row}");
    }
    demo.stop();
}

#[test]
fn a_slug_that_no_row_has_is_not_found_whatever_it_says() {
    const SLUGS: [&str; 9] = [
        "nobody",
        "Hello-World",
        "1",
        "%25",
        "hello-world'%20OR%20'1'='1",
        "'%20UNION%20SELECT%20'1.txt'%20--",
        "hello-world';%20DROP%20TABLE%20document;--",
        "..%2f..%2fobject%2ffile.txt",
        "%ff",
    ];
    let objects = || {
        let paths = ROUTES.map(|route| route.path).into_iter();
        paths.filter_map(|path| path.strip_suffix("hello-world/"))
    };
    assert_eq!(objects().count(), 4);

    let demo = Demo::start(ALL);
    for view in objects() {
        for slug in SLUGS {
            let answer = get(demo.direct, &format!("{view}{slug}/"));
            // An encoded slash may mean one, or not: the views for axum take neither.
            let expected = if slug.contains("%2f") { 400 } else { 404 };
            assert_eq!(answer.status, expected, "{view} {slug}");
        }
        for (proxy, step) in PROXIES {
            let answer = get(demo.proxy(step), &format!("{view}nobody/"));
            assert_eq!(answer.status, 404, "{proxy} {view}");
        }
        // And nothing of what they said was done.
        let answer = get(demo.direct, &format!("{view}hello-world/"));
        assert_eq!(answer.status, 200, "{view}");
    }
    demo.stop();
}

/// A guard on one of them would not see the other.
#[test]
fn a_path_has_one_spelling() {
    const SPELLINGS: [&str; 11] = [
        "/storage/static-path//1.txt",
        "/storage/dynamic-path//1.txt",
        "/path/dynamic-path//hello-world.txt",
        "/s3/static-path//1.txt",
        "/s3/redirect//1.txt",
        "/storage/static-path/./1.txt",
        "/storage/static-path/%31.txt",
        "/storage/static-path/1%2etxt",
        "/storage/static-path/object//file.txt",
        "/storage//static-path/1.txt",
        "//path/static-path/",
    ];
    let demo = Demo::start("none");
    for path in SPELLINGS {
        let answer = get(demo.direct, path);
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert_no_hand_off(&answer, path);
    }
    demo.stop();
}

/// Proxies come to the same port as everybody else, and prove themselves with secrets that nobody else has.
#[test]
fn beside_running_proxies_the_applications_own_port_keeps_hand_offs_to_itself() {
    let demo = Demo::start(ALL);
    for route in ROUTES {
        let path = route.path;
        let announcements = PROXIES.map(|(proxy, _)| {
            format!("X-Downloadview-Proxy: {proxy} 0123456789abcdef0123456789abcdef\r\n")
        });
        for announcement in announcements.iter().map(String::as_str).chain([""]) {
            let answer = get_with(demo.direct, path, announcement);
            assert_eq!(download(&answer), route.download(), "{path} {announcement}");
            assert_no_hand_off(&answer, path);
        }
    }
    demo.stop();
}

#[test]
fn secrets_are_new_at_every_start_and_kept_from_others() {
    let announced = [(); 2].map(|()| {
        let demo = Demo::start(ALL);
        let lines = PROXIES.map(|(proxy, _)| {
            let file = demo.folder().join(proxy).join("front.conf");
            let mode = fs::metadata(&file).expect("written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            let text = fs::read_to_string(&file).expect("ours, or we are root");
            let line = text
                .lines()
                .find(|line| line.contains("X-Downloadview-Proxy"));
            line.expect("it announces itself").to_owned()
        });
        demo.stop();
        lines
    });
    for (first, second) in announced[0].iter().zip(&announced[1]) {
        assert_ne!(first, second);
    }
}

#[test]
fn every_cell_of_the_grid_is_verified_and_each_proxy_gets_what_lies_on_disk() {
    let demo = Demo::start(ALL);
    let cells = demo.grid();
    let failed: Vec<_> = cells.iter().filter(|c| c["verified"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");

    let folder = demo.folder();
    let spool = folder.join("spool");
    let shown = |cell| without_copy(&summary(cell), &spool);
    let mut found: Vec<_> = cells.iter().map(shown).collect();
    let mut expected = Vec::new();
    for Route { path, lies, .. } in ROUTES {
        expected.push(format!("none {path} streamed, null"));
        for (proxy, _) in PROXIES {
            let (header, _) = hand_off(proxy);
            let value = match (lies, header) {
                (Here(file), "X-Accel-Redirect") => format!("/_internal/{file}"),
                (Here(file), _) => folder.join(file).display().to_string(),
                (Elsewhere(location), "X-Accel-Redirect") => location.to_owned(),
                (Elsewhere(_) | Nowhere, _) => A_COPY.to_owned(),
            };
            expected.push(format!("{proxy} {path} delegated, \"{header}: {value}\""));
        }
    }
    for (path, location) in BUCKET {
        expected.push(format!("none {path} redirected, null"));
        for (proxy, _) in PROXIES {
            let (header, _) = hand_off(proxy);
            let value = location.map(|fetched_at| match header {
                "X-Accel-Redirect" => fetched_at,
                _ => A_COPY,
            });
            expected.push(match value {
                Some(value) => format!("{proxy} {path} delegated, \"{header}: {value}\""),
                None => format!("{proxy} {path} redirected, null"),
            });
        }
    }
    // Apache and lighttpd get a folder that is there, where all others see the one of the route.
    let there = folder.join("media/hello-world.txt");
    for (proxy, _) in PROXIES {
        let (header, _) = hand_off(proxy);
        for (path, value) in fixed(proxy) {
            let value = match header {
                "X-Sendfile" => there.display().to_string(),
                _ => value,
            };
            expected.push(format!("{proxy} {path} delegated, \"{header}: {value}\""));
        }
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    demo.stop();
}

/// What stands for the place of a copy, whose name is a hash.
const A_COPY: &str = "(a copy)";

/// What was handed off, with words in the place of a copy's name; and the copy says what the file does.
fn without_copy(summary: &str, spool: &Path) -> String {
    let places = [
        format!("{}/", spool.display()),
        "/_internal/spool/".to_owned(),
    ];
    for place in places {
        let Some((before, name)) = summary.split_once(&place) else {
            continue;
        };
        let name = name.trim_end_matches('"');
        let text = fs::read_to_string(spool.join(name)).expect("the copy is there");
        assert_eq!(text, HELLO, "{summary}");
        return format!("{before}{A_COPY}\"");
    }
    summary.to_owned()
}

#[test]
fn without_a_proxy_the_grid_has_one_column_and_says_why() {
    let demo = Demo::start("none");
    let cells = demo.grid();
    assert_eq!(cells.len(), ROUTES.len() + BUCKET.len());
    for cell in &cells {
        assert_eq!(cell["proxy"], "none", "{cell}");
        assert_eq!(cell["verified"], true, "{cell}");
        let reason = cell["reason"].as_str().expect("a text");
        let why = match cell["outcome"] == "redirected" {
            true => "the client was sent to the store, ",
            false => "no proxy in front; ",
        };
        assert!(reason.starts_with(why), "{cell}");
    }
    let page = get(demo.direct, "/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_says(&page.body, "14 of 14 verified");
    let why = "nginx, apache, lighttpd, caddy were not asked for";
    assert_says(&page.body, why);
    demo.stop();
}

#[test]
fn a_large_file_costs_the_application_no_byte_behind_a_proxy() {
    let demo = Demo::start(ALL);
    let page = get(demo.direct, "/").body;
    let (_, rows) = page.split_once("class=\"cost\"").expect("the table");
    let (rows, _) = rows.split_once("</table>").expect("its end");
    let sent = |proxy: &str| {
        let (_, row) = rows.split_once(&format!("large.bin, {proxy}<"))?;
        let cells = row.split("<strong>").skip(1);
        let mut cells = cells.filter_map(|cell| Some(cell.split_once('<')?.0.to_owned()));
        cells.nth(1)
    };
    assert_eq!(sent("no proxy").as_deref(), Some("67108864"), "{rows}");
    for (proxy, _) in PROXIES {
        assert_eq!(sent(proxy).as_deref(), Some("0"), "{proxy} {rows}");
    }
    demo.stop();
}

#[test]
fn a_download_is_told_step_by_step_without_the_secret_of_its_proxy() {
    let demo = Demo::start("nginx");
    let page = get(demo.direct, "/").body.replace("&#x2f;", "/");
    for step in [
        "x-downloadview-proxy: nginx ••••••••",
        "as X-Accel-Redirect: /_internal/media/1.txt",
        "x-accel-redirect: /_internal/media/1.txt",
        "sent by nginx",
    ] {
        assert_says(&page, step);
    }
    let configuration = fs::read_to_string(demo.folder().join("nginx/front.conf")).expect("ours");
    let (_, announced) = configuration
        .split_once("X-Downloadview-Proxy \"nginx ")
        .expect("it announces itself");
    let secret = announced.split('"').next().expect("a secret");
    assert!(secret.len() >= 32, "{secret}");
    assert!(!page.contains(secret));
    demo.stop();
}

/// The header for each proxy, and the name that a client saves, of whatever somebody types.
#[test]
fn the_form_shows_what_becomes_of_any_file_name() {
    let demo = Demo::start("none");
    let shown = |typed: &str| {
        let page = get(demo.direct, &format!("/?name={typed}"));
        assert_eq!(page.status, 200, "{typed}");
        let body = page.body.replace("&#x2f;", "/").replace("&#x27;", "'");
        body.replace("<span class=\"whole\">UTF-8</span>", "UTF-8")
    };
    let page = shown("caf%C3%A9+%231.pdf");
    for expected in [
        "x-accel-redirect: /_internal/media/caf%C3%A9%20%231.pdf",
        "x-sendfile: /srv/media/café #1.pdf",
        "filename*=UTF-8''caf%C3%A9%20%231.pdf",
        "<strong>café #1.pdf</strong>",
    ] {
        assert_says(&page, expected);
    }
    for (bad, why) in [
        ("..%2Fa.txt", "This is not the name of a file"),
        ("a%00b", "This is not the name of a file"),
        ("", "This is not the name of a file"),
        (&"a".repeat(2000), "longer than 1024 bytes"),
    ] {
        assert_says(&shown(bad), why);
    }
    let page = shown("%3Cscript%3Ealert(1)%3C/script%3E.txt");
    assert_eq!(lines_with(&page, "<script>"), [""; 0]);
    assert_says(&page, "&lt;script&gt;");
    demo.stop();
}

#[test]
fn a_client_on_another_machine_gets_links_that_it_can_follow() {
    let demo = Demo::start("caddy,nginx");
    let page = get_as(demo.direct, "/", "192.0.2.7:1");
    for address in [demo.direct, demo.proxy(1), demo.proxy(4)] {
        let link = format!(
            "href=\"http://192.0.2.7:{}/storage/static-path/1.txt\"",
            address.port()
        );
        assert_says(&page.body.replace("&#x2f;", "/"), &link);
    }
    let why = "apache, lighttpd were not asked for";
    assert_says(&page.body, why);
    // What a client calls us is text, never markup.
    let page = get_as(demo.direct, "/", "\"><script>");
    assert_eq!(lines_with(&page.body, "<script>"), [""; 0]);
    demo.stop();
}

#[test]
fn sigterm_takes_the_proxies_and_the_files_along() {
    let demo = Demo::start(ALL);
    let proxies: Vec<_> = descendants(demo.child.id())
        .into_iter()
        .map(|pid| (pid, name_of(pid)))
        .collect();
    for program in ["nginx", "apache2", "lighttpd", "caddy"] {
        let is_there = proxies
            .iter()
            .any(|(_, name)| name.as_deref() == Some(program));
        assert!(is_there, "{program} in {proxies:?}");
    }
    let addresses = PROXIES.map(|(_, step)| demo.proxy(step));
    assert_eq!(entries(demo.temporary.path()), 1);

    let (ended, temporary) = demo.end();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    for (pid, name) in proxies {
        assert!(
            name.is_none() || name != name_of(pid),
            "{name:?} {pid} is still there"
        );
    }
    for address in addresses {
        assert!(TcpStream::connect(address).is_err(), "{address}");
    }
    assert_eq!(entries(temporary.path()), 0, "the folder is gone");
}

/// Nothing can catch SIGKILL, so another process has to.
#[test]
fn a_killed_demo_leaves_no_process_and_no_file_behind() {
    let mut demo = Demo::start(ALL);
    let mut others: Vec<_> = descendants(demo.child.id());
    let names: Vec<_> = others.iter().map(|pid| name_of(*pid)).collect();
    others.retain(|pid| name_of(*pid).is_some());
    assert!(others.len() > PROXIES.len(), "{names:?}");
    demo.child.kill().expect("it is ours");
    demo.child.wait().expect("it ends");
    let deadline = Instant::now() + DEADLINE;
    loop {
        let left: Vec<_> = others.iter().filter(|pid| is_running(**pid)).collect();
        let files = entries(demo.temporary.path());
        if left.is_empty() && files == 0 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{left:?} of {others:?} {names:?}, {files} folders"
        );
        thread::sleep(Duration::from_millis(10));
    }
    for (proxy, step) in PROXIES {
        assert!(TcpStream::connect(demo.proxy(step)).is_err(), "{proxy}");
    }
}

#[test]
fn ports_in_use_are_stepped_over() {
    let direct = free_ports();
    let taken = PROXIES.map(|(_, step)| TcpListener::bind(after(direct, step)));
    let demo = Demo::start_at(direct, &["--proxies", ALL], None);
    for (proxy, listener) in PROXIES.iter().zip(&taken) {
        listener.as_ref().expect(proxy.0);
    }
    demo.verified_grid();
    for (proxy, _) in PROXIES {
        let port = demo.port_of(proxy);
        assert!(port > after(direct, 4).port(), "{proxy} {port}");
    }
    demo.stop();
}

/// Caddy listens where another Caddy does (`SO_REUSEPORT`), and each would get half of the requests.
#[test]
fn two_that_start_at_once_share_no_port() {
    let first = free_ports();
    let second = after(first, 4);
    let _taken = [1, 2, 3].map(|step| TcpListener::bind(after(first, step)).expect("free"));
    let start = |direct| Demo::start_at(direct, &["--proxies", ALL], None);
    let demos = thread::scope(|threads| {
        [first, second]
            .map(|direct| threads.spawn(move || start(direct)))
            .map(|demo| demo.join().expect("it starts"))
    });
    let mut ports = HashSet::new();
    for demo in &demos {
        demo.verified_grid();
        ports.extend(PROXIES.map(|(proxy, _)| demo.port_of(proxy)));
    }
    assert_eq!(ports.len(), 2 * PROXIES.len(), "{ports:?}");
    for demo in demos {
        demo.stop();
    }
}

/// 8000 is everybody's favourite.
#[test]
fn without_an_address_the_next_free_port_after_8000_is_taken() {
    // If this fails somebody else has it, which is as good.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 8000));
    let demo = Demo::start_with(&["--proxies", "none"], None);
    let said = demo.said.iter().find(|line| line.contains("Open this:"));
    let url = said.and_then(|line| line.split_whitespace().last());
    let port = url.and_then(|url| url.trim_end_matches('/').rsplit_once(':'));
    let port: u16 = port.expect("a port").1.parse().expect("a number");
    assert!(port > 8000 && port < 8100, "{port}");
    let page = get((Ipv4Addr::LOCALHOST, port).into(), "/");
    assert_says(&page.body, "14 of 14 verified");
    demo.stop();
}

/// An address that was asked for is not exchanged for another.
#[test]
fn the_address_that_was_asked_for_is_an_error_when_it_is_taken() {
    let direct = free_ports();
    let _taken = TcpListener::bind(direct).expect("free a moment ago");
    let temporary = temporary();
    let listen = direct.to_string();
    let ended = command(&["--proxies", "none", "--listen", &listen], &temporary)
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    let error = format!("error: cannot listen on {direct}; choose another address with --listen");
    assert!(stderr.starts_with(&error), "{stderr}");
    assert_eq!(entries(temporary.path()), 0, "the folder is gone");
}

/// Programs in the folders of daemons are found whatever PATH says; caddy is a user's program.
fn path_with_caddy(mode: Option<u32>, script: &str) -> TempDir {
    let folder = temporary();
    if let Some(mode) = mode {
        let caddy = folder.path().join("caddy");
        fs::write(&caddy, script).expect("ours");
        fs::set_permissions(&caddy, fs::Permissions::from_mode(mode)).expect("ours");
    }
    folder
}

#[test]
fn a_proxy_that_is_missing_or_does_not_start_is_a_note_and_the_others_are_there() {
    let cases = [
        (
            None,
            "",
            "caddy is not installed; to see more columns: sudo apt-get install caddy",
        ),
        (None, "", "package of caddy starts a server on port 80"),
        (Some(0o644), "", "Permission denied"),
        (
            Some(0o755),
            "#!/bin/sh\necho no such luck >&2\nexit 3\n",
            "caddy says: no such luck",
        ),
        (
            Some(0o755),
            "#!/bin/sh\nexit 3\n",
            "caddy ended with exit status: 3",
        ),
    ];
    for (mode, script, why) in cases {
        let path = path_with_caddy(mode, script);
        let demo = Demo::start_with_free_ports(&["--proxies", "caddy,lighttpd"], Some(path.path()));
        assert!(
            demo.said.iter().any(|line| line.contains(why)),
            "{why}: {:#?}",
            demo.said
        );
        let page = get(demo.direct, "/").body;
        assert_says(&page.replace("&#x2f;", "/"), why);
        let cells = demo.verified_grid();
        let of = |proxy: &str| cells.iter().filter(|cell| cell["proxy"] == proxy).count();
        assert_eq!((of("caddy"), of("lighttpd") > 10), (0, true), "{why}");
        demo.stop();
    }
}

#[test]
fn a_demo_without_any_proxy_says_so() {
    let path = path_with_caddy(None, "");
    let demo = Demo::start_with_free_ports(&["--proxies", "caddy"], Some(path.path()));
    let why = "No proxy runs here: the application streams every file itself";
    assert!(
        demo.said.iter().any(|line| line.contains(why)),
        "{:#?}",
        demo.said
    );
    assert!(get(demo.direct, "/").body.contains(why));
    demo.stop();
    let demo = Demo::start("lighttpd");
    assert!(!get(demo.direct, "/").body.contains("No proxy runs here"));
    demo.stop();
}

#[test]
fn a_proxy_that_nobody_knows_is_refused_with_those_that_are_known() {
    let ended = command(&["--proxies", "nginx,squid"], &temporary())
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2));
    let why = format!(
        "`squid` is none of the proxies that this starts: {}",
        ALL.replace(',', ", ")
    );
    assert!(stderr.contains(&why), "{stderr}");
}

/// A page is long, and of what a test prints CI shows the end: where the text is missing, lines like it are shown.
#[track_caller]
fn assert_says(page: &str, text: &str) {
    let words = text.split(' ');
    let longest = words.max_by_key(|word| word.len()).unwrap_or(text);
    let alike = || lines_with(page, longest);
    assert!(page.contains(text), "no {text:?}: {:#?}", alike());
}

/// The first lines that have it, and of each what lies around it.
fn lines_with<'a>(page: &'a str, text: &str) -> Vec<&'a str> {
    let around = |line: &'a str| {
        let place = line.find(text)?;
        let begin = line.floor_char_boundary(place.saturating_sub(60));
        let end = line.ceil_char_boundary(place + text.len() + 60);
        Some(&line[begin..end])
    };
    page.lines().filter_map(around).take(5).collect()
}

/// A running demonstration with a temporary folder of its own.
struct Demo {
    child: Child,
    direct: SocketAddr,
    temporary: TempDir,
    /// What it said until it was there.
    said: Vec<String>,
}

impl Demo {
    /// Starts it and waits until it says that it is there.
    #[track_caller]
    fn start(proxies: &str) -> Self {
        Self::start_with_free_ports(&["--proxies", proxies], None)
    }

    #[track_caller]
    fn start_with_free_ports(arguments: &[&str], path: Option<&Path>) -> Self {
        Self::start_at(free_ports(), arguments, path)
    }

    #[track_caller]
    fn start_at(direct: SocketAddr, arguments: &[&str], path: Option<&Path>) -> Self {
        let listen = direct.to_string();
        let listen = ["--listen", listen.as_str()];
        let mut demo = Self::start_with(&[arguments, listen.as_slice()].concat(), path);
        demo.direct = direct;
        demo
    }

    /// With these arguments, and perhaps another PATH.
    #[track_caller]
    fn start_with(arguments: &[&str], path: Option<&Path>) -> Self {
        let direct = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let temporary = temporary();
        let mut command = command(arguments, &temporary);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let mut child = command.spawn().expect("it starts");
        let stdout = child.stdout.take().expect("piped");
        let (said, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
        let mut demo = Self {
            child,
            direct,
            temporary,
            said: Vec::new(),
        };
        loop {
            match heard.recv_timeout(DEADLINE) {
                Ok(line) if line.starts_with("Ctrl-C") => return demo,
                Ok(line) => demo.said.push(line),
                Err(_) => panic!("`demo {arguments:?}` did not start: {}", demo.stderr()),
            }
        }
    }

    /// Where a proxy listens.
    fn proxy(&self, step: u16) -> SocketAddr {
        after(self.direct, step)
    }

    /// On which port the grid says that a proxy listens.
    fn port_of(&self, proxy: &str) -> u16 {
        let cells = self.grid();
        let cell = cells.iter().find(|cell| cell["proxy"] == proxy);
        let url = cell.expect(proxy)["url"].as_str().expect("a text");
        let port = url.split(':').nth(2).and_then(|it| it.split('/').next());
        port.expect(url).parse().expect("a number")
    }

    /// The demonstration's own folder.
    fn folder(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.temporary.path()).expect("a folder");
        let entry = entries.next().expect("one entry").expect("readable");
        entry.path().canonicalize().expect("it is there")
    }

    /// The cells of `/grid.json`.
    fn grid(&self) -> Vec<Value> {
        let answer = get(self.direct, "/grid.json");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).expect("a list of cells")
    }

    /// The same, where every cell is as it should be.
    fn verified_grid(&self) -> Vec<Value> {
        let cells = self.grid();
        let others: Vec<_> = cells
            .iter()
            .filter(|cell| cell["verified"] != true)
            .collect();
        assert!(others.is_empty(), "{others:#?}");
        cells
    }

    fn stop(self) {
        let (ended, _) = self.end();
        assert!(ended.status.success(), "{ended:?}");
    }

    /// Sends SIGTERM; what was said on stderr, and the folder that the demonstration's own was made in.
    fn end(mut self) -> (Output, TempDir) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is ours");
        let deadline = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            assert!(Instant::now() < deadline, "it ignores SIGTERM");
            thread::sleep(Duration::from_millis(10));
        };
        let output = Output {
            status,
            stdout: Vec::new(),
            stderr: self.stderr().into_bytes(),
        };
        let temporary = std::mem::replace(&mut self.temporary, tempfile::tempdir().expect("made"));
        (output, temporary)
    }

    /// What it said on stderr, once it has ended or been killed.
    fn stderr(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("text");
        }
        text
    }
}

impl Drop for Demo {
    /// Asks first, so that the proxies go too when a test fails.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn command(arguments: &[&str], temporary: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_downloadview"));
    command
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", temporary.path())
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Where demonstrations make their folders; the proxies, which are not root, have to get through.
fn temporary() -> TempDir {
    let folder = tempfile::tempdir().expect("made");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    folder
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

/// The first of nine ports in a row, below the range that the kernel hands out by itself: the application's, one for each
/// proxy, and as many to step to. No other test that runs meanwhile gets one of them, of another process neither: a row
/// is taken by the name of a socket, which ends with the process. To try a port takes a connection that is refused: a
/// listener might live on for a moment in another thread's new child.
fn free_ports() -> SocketAddr {
    const ROW: u16 = 9;
    static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for port in (10_000..19_900).step_by(usize::from(ROW)) {
        let first = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let name = UnixAddr::from_abstract_name(format!("downloadview-demo-tests/{port}"));
        let Ok(row) = UnixListener::bind_addr(&name.expect("a name")) else {
            continue;
        };
        taken.push(row);
        if (0..ROW).all(|step| TcpStream::connect(after(first, step)).is_err()) {
            return first;
        }
    }
    panic!("no row of ports is free from 10000 on");
}

fn after(first: SocketAddr, step: u16) -> SocketAddr {
    SocketAddr::new(first.ip(), first.port() + step)
}

/// The processes below `pid`, children before grandchildren.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        found.extend(pids.filter(|&pid| parent_of(pid) == Some(parent)));
    }
    found.split_off(1)
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// Whether a process does anything: one that only waits for its parent does not.
fn is_running(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let state = status.lines().find(|line| line.starts_with("State:"));
    state.is_some_and(|state| !state.contains('Z') && !state.contains('X'))
}

fn name_of(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().to_owned())
}

#[track_caller]
fn assert_no_hand_off(answer: &Answer, path: &str) {
    for header in HAND_OFF {
        assert_eq!(answer.header(header), None, "{path}");
    }
}

fn summary(cell: &Value) -> String {
    let url = cell["url"].as_str().expect("a text");
    let path = url.splitn(4, '/').nth(3).expect("a URL with a path");
    let [proxy, outcome] = ["proxy", "outcome"].map(|key| cell[key].as_str().expect("a text"));
    format!("{proxy} /{path} {outcome}, {}", cell["header"])
}

fn disposition(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

/// Status, type, name and bytes of an answer.
fn download(answer: &Answer) -> (u16, &str, String, &str) {
    (
        answer.status,
        answer.header("content-type").unwrap_or_default(),
        answer
            .header("content-disposition")
            .unwrap_or_default()
            .to_owned(),
        &answer.body,
    )
}

/// An answer as it came over the wire, freed of its framing.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn get(address: SocketAddr, path: &str) -> Answer {
    get_as(address, path, &address.to_string())
}

fn get_as(address: SocketAddr, path: &str, host: &str) -> Answer {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
}

/// With header lines, each with its end.
fn get_with(address: SocketAddr, path: &str, lines: &str) -> Answer {
    send(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{lines}Connection: close\r\n\r\n"),
    )
}

fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("valid");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a whole answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let mut answer = Answer {
        status: head[9..12].parse().expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    };
    match answer.header("content-length") {
        Some(length) => assert_eq!(length, body.len().to_string(), "{head}"),
        None => answer.body = unchunked(body),
    }
    answer
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").expect("a chunk");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return body;
        }
        body.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
}
