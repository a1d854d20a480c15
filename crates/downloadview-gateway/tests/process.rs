//! The process `downloadview serve` in an unkind world: logs that cannot be written, few descriptors, signals.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

/// A gateway over a Unix socket, with a text at `/text` that the configuration holds.
struct Gateway {
    folder: TempDir,
    child: Child,
}

fn config(text: &str, more: &str) -> String {
    format!(
        "listen = \"unix:gateway.sock\"\n{more}\n[[views]]\nroute = \"/text\"\nkind = \"virtual\"\n\
         basename = \"a.txt\"\ntext = \"{text}\"\n"
    )
}

/// What `explain` says of a bucket of which the file says only the name, with these variables.
fn explained(variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gateway.toml");
    let text = "[storages.archive]\nkind = \"s3\"\nbucket = \"archive\"\nallow_http = true\nallow_private = true\n\
                [[optimize.rules]]\nstorage = \"archive\"\nredirect = true\n\
                [[views]]\nroute = \"/{name}\"\nkind = \"storage\"\nstorage = \"archive\"\n";
    fs::write(&file, text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_downloadview"))
        .args(["explain", "/a.txt", "--config"])
        .arg(&file)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("started");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).expect("UTF-8")
}

/// What is printed stays what it is: the warning stands beside it.
#[test]
fn a_script_that_is_not_there_and_a_link_that_a_proxy_would_spoil_are_warned_of_on_stderr() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[optimize]\nbackend = \"nginx\"\n[signing]\n[[signing.keys]]\nid = \"a\"\n\
                secret = \"a-secret-of-the-tests-0123456789abcdef\"\n\
                [storages.media]\nkind = \"local\"\nroot = \".\"\n\
                [[optimize.rules]]\nstorage = \"media\"\ndestination_url = \"/_internal/media/\"\n\
                [[views]]\nroute = \"/{name}\"\nkind = \"storage\"\nstorage = \"media\"\nsignature = \"required\"\n";
    fs::write(folder.path().join("gateway.toml"), text).expect("written");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_downloadview"))
            .args(arguments)
            .args(["--config", "gateway.toml"])
            .current_dir(folder.path())
            .output();
        let output = output.expect("started");
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("UTF-8"))
    };
    let script = ["proxy-config", "nginx", "--script", "filter.js"];
    let [_, warned] = run(&script);
    let expected = "warning: filter.js is not on this machine";
    assert!(warned.starts_with(expected), "{warned}");
    fs::write(folder.path().join("filter.js"), "").expect("written");
    assert_eq!(run(&script)[1], "");

    let link = ["sign", "/a", "--expires", "1h", "--client", "192.0.2.7"];
    let [made, warned] = run(&link);
    assert!(made.starts_with("/a?X-Download-Key=a&"), "{made}");
    assert!(warned.contains("add trusted_proxies"), "{warned}");
    assert_eq!(run(&link[..4])[1], "");
}

#[test]
fn what_the_file_does_not_say_of_a_bucket_is_said_by_variables() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "hunter2too"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let text = explained(&keys);
    assert!(
        text.contains("https://s3.eu-central-1.amazonaws.com/archive/a.txt"),
        "{text}"
    );
    assert!(
        text.contains("302 Found") && !text.contains("hunter2"),
        "{text}"
    );

    let endpoints = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:10"),
    ];
    let text = explained(&[&keys[..], &endpoints[..]].concat());
    assert!(text.contains("http://127.0.0.1:10/archive/a.txt"), "{text}");

    let text = explained(&keys[..3]);
    assert!(text.contains("AWS_REGION"), "{text}");
    let text = explained(&[&keys[..], &[("AWS_ENDPOINT_URL", "http://a:hunter2@h")][..]].concat());
    assert!(
        text.contains("in the environment variable `AWS_ENDPOINT_URL`"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

impl Gateway {
    fn start(command: impl FnOnce(&TempDir) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("gateway.toml"), config("one", "")).expect("written");
        let mut command = command(&folder);
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("started");
        let gateway = Self { folder, child };
        wait("it listens", || gateway.connect().is_some());
        gateway
    }

    fn with_log(log: impl Into<Stdio>) -> Self {
        Self::start(|_| {
            let mut command = serve();
            command.stderr(log);
            command
        })
    }

    fn logging() -> Self {
        Self::start(|folder| {
            let log = File::create(folder.path().join("log")).expect("made");
            let mut command = serve();
            command.stderr(log);
            command
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("read")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.path("gateway.sock")).ok()
    }

    fn send(&self, request: &str) -> String {
        let mut stream = self.connect().expect("it answers");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("received");
        answer
    }

    fn text(&self) -> String {
        let answer = self.send("GET /text HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    fn ended(&mut self) -> ExitStatus {
        let mut ended = None;
        wait("it ends", || {
            ended = self.child.try_wait().expect("asked");
            ended.is_some()
        });
        ended.expect("just seen")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_downloadview"));
    command.args(["serve", "--config", "gateway.toml"]);
    command.env("RUST_LOG", "debug");
    command
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_log_on_a_full_disk_ends_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full");
    let mut gateway = Gateway::with_log(full.expect("there is one"));
    for _ in 0..3 {
        assert_eq!(gateway.text(), "one");
    }
    gateway.signal("TERM");
    assert!(gateway.ended().success());
}

#[test]
fn a_log_into_a_closed_pipe_ends_nothing() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut gateway = Gateway::with_log(writer);
    for _ in 0..3 {
        assert_eq!(gateway.text(), "one");
    }
    gateway.signal("TERM");
    assert!(gateway.ended().success());
}

#[test]
fn few_descriptors_lower_the_number_of_connections_with_a_warning() {
    let gateway = Gateway::start(|folder| {
        let log = File::create(folder.path().join("log")).expect("made");
        let mut command = Command::new("sh");
        let serve = format!(
            "ulimit -n 256; exec {} serve --config gateway.toml",
            env!("CARGO_BIN_EXE_downloadview")
        );
        command.args(["-c", &serve]).stderr(log);
        command
    });
    let log = gateway.log();
    assert!(log.contains("\"lowered_to\":96"), "{log}");
    let held: Vec<_> = (0..90).filter_map(|_| gateway.connect()).collect();
    assert_eq!(held.len(), 90);
    assert_eq!(gateway.text(), "one");
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    let gateway = Gateway::start(|_| {
        let mut command = Command::new("sh");
        let serve = format!(
            "ulimit -Sn 64; exec {} serve --config gateway.toml",
            env!("CARGO_BIN_EXE_downloadview")
        );
        command.args(["-c", &serve]).stderr(Stdio::null());
        command
    });
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.child.id()));
    let limits = limits.expect("read");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut numbers = line.expect("a limit").split_whitespace().skip(3);
    assert_eq!(numbers.next(), numbers.next(), "{limits}");
}

/// Whoever started it waits for its socket, and may ask for another configuration at once.
#[cfg(target_os = "linux")]
#[test]
fn signals_are_caught_before_the_socket_is_there() {
    const HUP_INT_TERM: u64 = 1 | 1 << 1 | 1 << 14;
    for _ in 0..30 {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("gateway.toml"), config("one", "")).expect("written");
        let mut command = serve();
        command.current_dir(folder.path()).stderr(Stdio::null());
        let child = command.spawn().expect("started");
        let gateway = Gateway { folder, child };
        let (socket, started) = (gateway.path("gateway.sock"), Instant::now());
        // No pause: what is looked for may last some microseconds.
        while !socket.exists() {
            assert!(started.elapsed() < DEADLINE, "it does not listen");
            std::hint::spin_loop();
        }
        let status = fs::read_to_string(format!("/proc/{}/status", gateway.child.id()));
        let status = status.expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.expect("a mask").trim(), 16).expect("a number");
        assert_eq!(caught & HUP_INT_TERM, HUP_INT_TERM, "{caught:x}");
    }
}

#[test]
fn hang_up_reads_the_configuration_anew() {
    let gateway = Gateway::logging();
    assert_eq!(gateway.text(), "one");
    fs::write(gateway.path("gateway.toml"), config("two", "")).expect("written");
    gateway.signal("HUP");
    wait("the new text", || gateway.text() == "two");
    // A mistake leaves what there was, and every mistake is named.
    let wrong = config("three", "nonsense = 1\nfurther = 2\n");
    fs::write(gateway.path("gateway.toml"), wrong).expect("written");
    gateway.signal("HUP");
    wait("the mistakes in the log", || {
        let log = gateway.log();
        ["not read anew", "nonsense", "further"]
            .iter()
            .all(|word| log.contains(word))
    });
    assert_eq!(gateway.text(), "two");
    // What takes a restart is said, the rest holds.
    let restart = config("four", "[server]\nthreads = 7\n");
    fs::write(gateway.path("gateway.toml"), restart).expect("written");
    gateway.signal("HUP");
    wait("the new text", || gateway.text() == "four");
    let log = gateway.log();
    assert!(log.contains("[server] changed in the file"), "{log}");
}

#[test]
fn a_rule_that_no_backend_carries_out_is_warned_of() {
    let gateway = Gateway::logging();
    assert!(!gateway.log().contains("WARN"), "{}", gateway.log());
    let rule = "[[optimize.rules]]\nsource_url = \"/media/\"\ndestination_url = \"/_internal/\"\n";
    fs::write(gateway.path("gateway.toml"), config("two", rule)).expect("written");
    gateway.signal("HUP");
    wait("the new text", || gateway.text() == "two");
    let log = gateway.log();
    assert!(
        log.contains("the rule never takes a file, because no backend"),
        "{log}"
    );
    assert!(log.contains("/media/ (line 2)"), "{log}");
}

#[test]
fn a_secret_that_changes_ends_no_download_and_the_old_one_proves_nothing() {
    let gateway = Gateway::logging();
    let bytes = vec![b'x'; 32 << 20];
    fs::write(gateway.path("big.txt"), &bytes).expect("written");
    fs::write(gateway.path("small.txt"), "small").expect("written");
    let secrets = ["an-old-secret-of-edge", "a-new-secret-of-edge!"];
    let change = |secret: &str| {
        let more = format!(
            "[storages.media]\nkind = \"local\"\nroot = \".\"\n[optimize]\nbackend = \"announced\"\n\
             [optimize.proxies.edge]\nbackend = \"nginx\"\nsecret = \"{secret}\"\n\
             [[optimize.proxies.edge.rules]]\nstorage = \"media\"\ndestination_url = \"/_internal/media/\"\n\
             [[views]]\nroute = \"/files/{{name}}\"\nkind = \"storage\"\nstorage = \"media\"\n"
        );
        fs::write(gateway.path("gateway.toml"), config("one", &more)).expect("written");
        gateway.signal("HUP");
    };
    let delegated = |secret: &str| {
        let answer = gateway.send(&format!(
            "GET /files/small.txt HTTP/1.1\r\nHost: a\r\nX-Downloadview-Proxy: edge {secret}\r\n\
             Connection: close\r\n\r\n"
        ));
        assert!(!answer.contains("edge"), "{answer}");
        let is_delegated = answer.contains("x-accel-redirect: /_internal/media/small.txt");
        assert_eq!(answer.ends_with("\r\n\r\nsmall"), !is_delegated, "{answer}");
        is_delegated
    };

    change(secrets[0]);
    wait("the view of files", || {
        let request = "GET /files/small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        gateway.send(request).ends_with("small")
    });
    assert!(delegated(secrets[0]));
    let mut running = gateway.connect().expect("it answers");
    let request = b"GET /files/big.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    running.write_all(request).expect("sent");
    let mut got = vec![0; 1000];
    running.read_exact(&mut got).expect("it begins");

    change(secrets[1]);
    wait("the new secret", || delegated(secrets[1]));
    assert!(!delegated(secrets[0]));
    running.read_to_end(&mut got).expect("it goes on");
    let body = got.windows(4).position(|part| part == b"\r\n\r\n");
    let body = &got[body.expect("a head") + 4..];
    assert!(body == bytes, "{} bytes", body.len());
    let log = gateway.log();
    assert!(secrets.iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn hang_up_ends_no_running_connection() {
    let gateway = Gateway::logging();
    let mut stream = gateway.connect().expect("it answers");
    let request = "GET /text HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut ask = |expected: &str| {
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(expected.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("received");
            answer.push(byte[0]);
        }
    };
    ask("one");
    fs::write(gateway.path("gateway.toml"), config("two", "")).expect("written");
    gateway.signal("HUP");
    wait("it was read", || gateway.log().contains("read anew"));
    ask("two");
}

#[test]
fn signals_of_log_rotation_end_nothing() {
    let gateway = Gateway::logging();
    for signal in ["USR1", "USR2"] {
        gateway.signal(signal);
        wait("it is noticed", || gateway.log().contains(signal));
        assert_eq!(gateway.text(), "one");
    }
}

#[test]
fn a_request_without_a_valid_host_is_400() {
    let gateway = Gateway::with_log(Stdio::null());
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host:\r\n"] {
        let request = format!("GET /text HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = gateway.send(&request);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
    }
    let old = gateway.send("GET /text HTTP/1.0\r\n\r\n");
    assert!(
        old.starts_with("HTTP/1.0 200 ") || old.starts_with("HTTP/1.1 200 "),
        "{old}"
    );
}
