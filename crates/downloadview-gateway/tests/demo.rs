//! The demonstration as a newcomer starts it: what every route answers, what the grid says, what is left afterwards.
//!
//! Bytes, type, file name and hand-off value are those of the demo project of django-downloadview 2.5.0.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);
const HELLO: &str = "Hello world!\n";
const TEXT: &str = "text/plain; charset=utf-8";

/// Path and client name of every route that streams without a proxy.
const ROUTES: [(&str, &str); 7] = [
    ("/path/static-path/", "hello-world.txt"),
    ("/path/dynamic-path/hello-world.txt", "hello-world.txt"),
    ("/storage/static-path/1.txt", "1.txt"),
    ("/storage/dynamic-path/1.txt", "1.TXT"),
    ("/virtual/text/", "hello-world.txt"),
    ("/virtual/stringio/", "hello-world.txt"),
    ("/virtual/generated/", "hello-world.txt"),
];

/// Path of every route that always hands off, and the value that nginx gets.
const FIXED: [(&str, &str); 3] = [
    (
        "/nginx/optimized-by-middleware/",
        "/nginx-optimized-by-middleware/hello-world.txt",
    ),
    (
        "/nginx/optimized-by-decorator/",
        "/nginx-optimized-by-decorator/hello-world.txt",
    ),
    (
        "/nginx/modified_headers/",
        "/nginx-modified-headers/hello-world.txt",
    ),
];

#[test]
fn without_a_proxy_every_route_answers_as_djangos_demo() {
    let demo = Demo::start("none");
    for (path, name) in ROUTES {
        let answer = get(demo.direct, path);
        assert_eq!(
            download(&answer),
            (200, TEXT, disposition(name), HELLO),
            "{path}"
        );
        assert_eq!(answer.header("x-accel-redirect"), None, "{path}");
    }
    let generated = get(demo.direct, "/virtual/generated/");
    assert_eq!(generated.header("transfer-encoding"), Some("chunked"));
    assert_eq!(get(demo.direct, "/storage/static-path/2.txt").status, 404);
    demo.stop();
}

#[test]
fn fixed_routes_show_their_hand_off_on_the_applications_own_port() {
    let demo = Demo::start("none");
    for (path, value) in FIXED {
        let answer = get(demo.direct, path);
        let expected = (200, TEXT, disposition("hello-world.txt"), "");
        assert_eq!(download(&answer), expected, "{path}");
        assert_eq!(answer.header("x-accel-redirect"), Some(value), "{path}");
        assert_eq!(answer.header("content-length"), Some("0"), "{path}");
    }
    let modified = get(demo.direct, "/nginx/modified_headers/");
    assert_eq!(modified.header("x-test"), Some("header"));
    demo.stop();
}

#[test]
fn through_nginx_every_route_is_the_same_download() {
    let demo = Demo::start("nginx");
    let routes = ROUTES.into_iter();
    let fixed = FIXED.map(|(path, _)| (path, "hello-world.txt"));
    for (path, name) in routes.chain(fixed) {
        let answer = get(demo.nginx, path);
        assert_eq!(
            download(&answer),
            (200, TEXT, disposition(name), HELLO),
            "{path}"
        );
        assert_eq!(answer.header("server"), Some("nginx"), "{path}");
        assert_eq!(answer.header("x-accel-redirect"), None, "{path}");
    }
    let modified = get(demo.nginx, "/nginx/modified_headers/");
    assert_eq!(modified.header("x-test"), Some("header"));
    // The same process, asked directly, keeps nginx's locations to itself.
    let direct = get(demo.direct, "/storage/static-path/1.txt");
    assert_eq!(direct.header("x-accel-redirect"), None);
    assert_eq!(get(demo.nginx, "/_internal/media/1.txt").status, 404);
    demo.stop();
}

#[test]
fn every_cell_of_the_grid_is_verified_and_nginx_gets_what_lies_on_disk() {
    let demo = Demo::start("nginx");
    let cells = demo.grid();
    let failed: Vec<_> = cells.iter().filter(|c| c["verified"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");

    let found: Vec<_> = cells.iter().map(summary).collect();
    let mut expected = Vec::new();
    for (path, _) in ROUTES {
        expected.push(format!("none {path} streamed, null"));
        let target = match path {
            _ if path.starts_with("/path/") => "/_internal/files/hello-world.txt",
            _ if path.starts_with("/storage/") => "/_internal/media/1.txt",
            _ => {
                expected.push(format!("nginx {path} streamed, null"));
                continue;
            }
        };
        expected.push(format!(
            "nginx {path} delegated, \"X-Accel-Redirect: {target}\""
        ));
    }
    for (path, value) in FIXED {
        expected.push(format!(
            "nginx {path} delegated, \"X-Accel-Redirect: {value}\""
        ));
    }
    assert_eq!(found, expected);
    demo.stop();
}

#[test]
fn without_a_proxy_the_grid_has_one_column_and_says_why() {
    let demo = Demo::start("none");
    let cells = demo.grid();
    assert_eq!(cells.len(), ROUTES.len());
    for cell in &cells {
        assert_eq!(cell["proxy"], "none", "{cell}");
        assert_eq!(cell["verified"], true, "{cell}");
        let reason = cell["reason"].as_str().expect("a text");
        assert!(reason.starts_with("no proxy in front; "), "{cell}");
    }
    let page = get(demo.direct, "/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.body.contains("7 of 7 verified"), "{}", page.body);
    assert!(
        page.body.contains("nginx was not asked for"),
        "{}",
        page.body
    );
    demo.stop();
}

#[test]
fn a_client_on_another_machine_gets_links_that_it_can_follow() {
    let demo = Demo::start("nginx");
    let page = get_as(demo.direct, "/", "192.0.2.7:1");
    for address in [demo.direct, demo.nginx] {
        let link = format!(
            "href=\"http://192.0.2.7:{}/storage/static-path/1.txt\"",
            address.port()
        );
        assert!(
            page.body.replace("&#x2f;", "/").contains(&link),
            "{link} in {}",
            page.body
        );
    }
    // What a client calls us is text, never markup.
    let page = get_as(demo.direct, "/", "\"><script>");
    assert!(!page.body.contains("<script>"), "{}", page.body);
    demo.stop();
}

#[test]
fn sigterm_takes_nginx_and_the_files_along() {
    let demo = Demo::start("nginx");
    let nginx = descendants(demo.child.id());
    assert!(nginx.len() >= 2, "a master and a worker: {nginx:?}");
    let (address, temporary) = (demo.nginx, demo.temporary.path().to_owned());
    assert_eq!(entries(&temporary), 1);

    let (ended, _kept) = demo.end();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    for pid in nginx {
        assert!(!is_nginx(pid), "process {pid} is still there");
    }
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(entries(&temporary), 0, "the folder is gone");
}

#[test]
fn a_demo_whose_nginx_cannot_start_leaves_nothing_behind() {
    let (direct, nginx) = free_ports();
    let _taken = TcpListener::bind(nginx).expect("free a moment ago");
    let temporary = temporary();
    let ended = command(direct, "nginx", &temporary)
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        stderr.starts_with(&format!("error: cannot start nginx on {nginx}: ")),
        "{stderr}"
    );
    assert!(stderr.contains("--listen"), "{stderr}");
    assert_eq!(entries(temporary.path()), 0, "the folder is gone");
}

/// A running demonstration with a temporary folder of its own.
struct Demo {
    child: Child,
    direct: SocketAddr,
    nginx: SocketAddr,
    temporary: TempDir,
}

impl Demo {
    /// Starts it and waits until it says that it is there.
    #[track_caller]
    fn start(proxies: &str) -> Self {
        let (direct, nginx) = free_ports();
        let temporary = temporary();
        let mut child = command(direct, proxies, &temporary)
            .spawn()
            .expect("it starts");
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
            nginx,
            temporary,
        };
        loop {
            match heard.recv_timeout(DEADLINE) {
                Ok(line) if line.starts_with("Ctrl-C") => return demo,
                Ok(_) => {}
                Err(_) => panic!(
                    "`demo --proxies {proxies}` did not start: {}",
                    demo.stderr()
                ),
            }
        }
    }

    /// The cells of `/grid.json`.
    fn grid(&self) -> Vec<Value> {
        let answer = get(self.direct, "/grid.json");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).expect("a list of cells")
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
    /// Asks first, so that nginx goes too when a test fails.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn command(listen: SocketAddr, proxies: &str, temporary: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_downloadview"));
    command
        .args(["demo", "--proxies", proxies, "--listen"])
        .arg(listen.to_string())
        .env("TMPDIR", temporary.path())
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Where demonstrations make their folders; nginx, which is not root, has to get through.
fn temporary() -> TempDir {
    let folder = tempfile::tempdir().expect("made");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    folder
}

fn entries(folder: &std::path::Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

/// Two ports in a row, below the range that the kernel hands out by itself.
fn free_ports() -> (SocketAddr, SocketAddr) {
    static HANDED_OUT: AtomicU16 = AtomicU16::new(0);

    let start = u16::try_from(std::process::id() % 5_500).expect("small") * 2;
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    loop {
        let step = HANDED_OUT.fetch_add(2, Ordering::Relaxed);
        let port = 20_000 + start.wrapping_add(step) % 11_000;
        let pair = (address(port), address(port + 1));
        if TcpListener::bind(pair.0).is_ok() && TcpListener::bind(pair.1).is_ok() {
            return pair;
        }
    }
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

fn is_nginx(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "nginx")
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
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("valid");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
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
