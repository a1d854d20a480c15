//! `downloadview spool`, as an operator calls it: beside a gateway that hands copies out, and on folders in every state.

#![cfg(unix)]

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

/// A folder with a configuration, and perhaps a gateway.
struct Place {
    folder: TempDir,
    gateway: Option<Child>,
}

impl Place {
    /// With these lines in `[spool]`.
    fn new(keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Self {
            folder,
            gateway: None,
        };
        fs::create_dir(place.spool()).expect("made");
        place.set_mode("", 0o750);
        place.configure(keys);
        place
    }

    fn configure(&self, keys: &str) {
        let views = ["one", "two", "three"].map(|name| {
            format!(
                "[[views]]\nroute = \"/{name}\"\nkind = \"virtual\"\nbasename = \"a.txt\"\ntext = \"the text of {name}\"\n"
            )
        });
        let text = format!(
            "listen = \"unix:gateway.sock\"\n[optimize]\nbackend = \"nginx\"\n[spool]\ndir = \"spool\"\n\
             min_free_bytes = 0\n{keys}\n{}",
            views.concat()
        );
        fs::write(self.path("gateway.toml"), text).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    fn set_mode(&self, name: &str, mode: u32) {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.spool().join(name), mode).expect("it is there");
    }

    /// Something that lies in the folder.
    fn put(&self, name: &str, content: &str) -> PathBuf {
        let path = self.spool().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, content).expect("written");
        path
    }

    fn start(&mut self) {
        let log = File::create(self.path("log")).expect("made");
        let child = command(&["serve", "--config", "gateway.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("started");
        self.gateway = Some(child);
        wait("it listens", || self.connect().is_some());
    }

    fn signal(&self, signal: Signal) {
        let child = self.gateway.as_ref().expect("started");
        kill_process(Pid::from_child(child), signal).expect("it is ours");
    }

    /// The lines of its log about the spool.
    fn logged(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).expect("read");
        let lines = log
            .lines()
            .filter(|line| line.contains("the spool since its start"));
        lines.map(str::to_owned).collect()
    }

    /// The decision that `explain` tells, line by line, and the outcome.
    fn explained(&self, path: &str) -> Vec<String> {
        let mut command = command(&["explain", "--config", "gateway.toml", path]);
        let output = command
            .current_dir(self.folder.path())
            .output()
            .expect("started");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let (_, decision) = text
            .split_once("decision\n")
            .unwrap_or_else(|| panic!("{text}"));
        let (decision, _) = decision.split_once("\nanswer ").expect("an answer");
        decision
            .lines()
            .map(|line| line.trim().to_owned())
            .collect()
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.gateway.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.path("gateway.sock")).ok()
    }

    /// The copy that the gateway hands over for this view.
    fn copy_of(&self, view: &str) -> PathBuf {
        let mut stream = self.connect().expect("it answers");
        let request = format!("GET /{view} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("received");
        let told = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": /_downloadview/spool/")?;
            name.eq_ignore_ascii_case("x-accel-redirect")
                .then_some(value)
        });
        self.spool()
            .join(told.unwrap_or_else(|| panic!("no hand-off: {answer}")))
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = command(&["spool"]);
        command.args(arguments).args(["--config", "gateway.toml"]);
        command
            .current_dir(self.folder.path())
            .output()
            .expect("started")
    }

    /// What it says as JSON, and the code that it ends with.
    fn told(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.ask(&[arguments, &["--format", "json"]].concat());
        let code = output.status.code().expect("a code");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let error = String::from_utf8_lossy(&output.stderr);
        let told = serde_json::from_str(&text);
        (
            told.unwrap_or_else(|why| panic!("{why}: {text}{error}")),
            code,
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_downloadview"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Each entry by its name, with its kind and what was done to it.
fn entries(told: &Value) -> Vec<(String, String, Option<String>)> {
    let entries = told["entries"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found: Vec<_> = entries
        .map(|it| {
            let name = text(&it["name"]).expect("a name");
            (
                name,
                text(&it["kind"]).expect("a kind"),
                text(&it["result"]),
            )
        })
        .collect();
    found.sort();
    found
}

fn named<'a>(
    entries: &'a [(String, String, Option<String>)],
    name: &str,
) -> Option<&'a (String, String, Option<String>)> {
    entries.iter().find(|(it, ..)| it == name)
}

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789ab";

/// The process that lists and the one that hands out are two: what the one knows of the other's leases lies on the disk.
#[test]
fn a_copy_that_a_running_gateway_handed_out_is_leased_and_stays() {
    let mut place = Place::new("lease = \"1h\"");
    place.start();
    let copy = place.copy_of("one");
    let (told, code) = place.told(&["list"]);
    assert_eq!(
        (&told["copies"], &told["leased"], code),
        (&1.into(), &1.into(), 0),
        "{told}"
    );
    let entry = &told["entries"][0];
    assert_eq!(
        place.spool().join(entry["name"].as_str().expect("a name")),
        copy
    );
    let (kind, bytes, leased) = (&entry["kind"], &entry["bytes"], &entry["leased"]);
    assert_eq!(
        (kind, bytes, leased),
        (&"copy".into(), &15.into(), &true.into()),
        "{told}"
    );
    for what in [&["clear"][..], &["prune"], &["prune", "--unused-for", "0s"]] {
        let (told, code) = place.told(what);
        assert_eq!(
            (told["entries"].as_array().map(Vec::len), code),
            (Some(0), 0),
            "{told}"
        );
        assert_eq!(
            fs::read_to_string(&copy).expect("it stays"),
            "the text of one"
        );
    }
    let output = place.ask(&["clear"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let why = "1 copy stays, because the proxy may still have to open what was handed to it: the last lease ends in 7";
    assert!(text.contains(why), "{text}");
    // The lease goes on though the gateway has ended: the proxy may yet open the copy.
    place.stop();
    let _ = place.told(&["clear"]);
    assert!(copy.exists());
}

#[test]
fn a_copy_whose_lease_is_over_is_cleared_and_made_anew_when_it_is_asked_for() {
    let mut place = Place::new("lease = \"100ms\"");
    place.start();
    let copy = place.copy_of("one");
    wait("the lease ends", || {
        let (told, _) = place.told(&["clear", "--dry-run"]);
        let entries = entries(&told);
        assert!(copy.exists(), "a dry run removes nothing");
        entries
            .iter()
            .any(|(_, _, done)| done.as_deref() == Some("would be removed"))
    });
    let (told, code) = place.told(&["clear"]);
    let entries = entries(&told);
    assert_eq!((entries.len(), code), (1, 0), "{told}");
    assert_eq!(entries[0].2.as_deref(), Some("removed"), "{told}");
    assert!(!copy.exists());
    assert_eq!(place.copy_of("one"), copy);
    assert_eq!(
        fs::read_to_string(&copy).expect("made anew"),
        "the text of one"
    );
}

#[test]
fn what_is_left_over_or_damaged_goes_and_what_is_filled_or_somebody_elses_stays() {
    let place = Place::new("");
    let leftover = place.put(&format!("private/0001{KEY}.part"), "half");
    let damaged = place.put(&format!("00/02/{KEY}-ff"), "shorter than its name says");
    let filled = place.put(&format!("private/0003{KEY}.part"), "half");
    let file = File::open(&filled).expect("there");
    flock(&file, FlockOperation::LockExclusive).expect("locked");
    let notes = place.put("00/04/notes.txt", "of an operator");
    let readme = place.put("README", "of an operator");
    let link = place.spool().join(format!("00/04/{KEY}-e"));
    symlink(&notes, &link).expect("made");
    let odd = place.spool().join("not a text \u{e9}");
    fs::write(&odd, "").expect("written");

    let (told, _) = place.told(&["list"]);
    let listed = entries(&told);
    let kind = |path: &Path| {
        let name = path
            .strip_prefix(place.spool())
            .expect("below")
            .to_str()
            .expect("text");
        named(&listed, name).map(|(_, kind, _)| kind.as_str())
    };
    let kinds = [&leftover, &damaged, &filled, &notes, &readme, &link, &odd].map(|it| kind(it));
    let expected = [
        "leftover", "damaged", "part", "foreign", "foreign", "foreign", "foreign",
    ];
    assert_eq!(kinds, expected.map(Some), "{told}");

    let output = place.ask(&["prune"]);
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(!leftover.exists() && !damaged.exists(), "{told}");
    let end = "; 4 files that are not the spool's and stay\nremoved 2 files of the spool, 30 B\n";
    assert!(told.ends_with(end), "{told}");
    for stays in [&filled, &notes, &readme, &odd] {
        assert!(stays.exists(), "{stays:?}");
    }
    assert!(link.is_symlink());
    let (told, _) = place.told(&["clear"]);
    assert_eq!(entries(&told), [], "what is filled stays");
    drop(file);
    let (told, _) = place.told(&["clear"]);
    assert_eq!(
        entries(&told).len(),
        1,
        "and is a leftover when its process is gone: {told}"
    );
    assert!(!filled.exists() && readme.exists());
}

#[test]
fn copies_beyond_the_bounds_go_and_those_used_least_recently_go_first() {
    let mut place = Place::new("lease = \"100ms\"");
    place.start();
    let [one, two, three] = ["one", "two", "three"].map(|view| {
        let copy = place.copy_of(view);
        // The order of use is told by whole seconds.
        let used = used(&copy);
        wait("a second passes", || now() > used);
        copy
    });
    place.stop();
    wait("the leases end", || place.told(&["list"]).0["leased"] == 0);
    let (told, _) = place.told(&["prune"]);
    assert_eq!(entries(&told), [], "all three keep the bounds");
    // Of 15, 15 and 17 bytes.
    place.configure("lease = \"100ms\"\nmax_bytes = 40");
    let (told, _) = place.told(&["prune"]);
    assert_eq!(entries(&told).len(), 1, "{told}");
    assert!(!one.exists() && two.exists() && three.exists(), "{told}");
    place.configure("lease = \"100ms\"\nmax_files = 1");
    let _ = place.told(&["prune"]);
    assert!(!two.exists() && three.exists());
    let (told, _) = place.told(&["prune", "--unused-for", "1h"]);
    assert_eq!(entries(&told), []);
    let _ = place.told(&["prune", "--unused-for", "0s"]);
    assert!(!three.exists());
}

fn used(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    u64::try_from(fs::metadata(path).expect("there").ctime()).expect("after 1970")
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

#[test]
fn verify_reads_every_copy_and_says_what_is_wrong_and_how_to_fix_it() {
    let mut place = Place::new("");
    place.start();
    let [one, two] = ["one", "two"].map(|view| place.copy_of(view));
    let (told, code) = place.told(&["verify"]);
    assert_eq!((entries(&told), code), (Vec::new(), 0), "{told}");
    let output = place.ask(&["verify"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        text.contains("2 copies, 30 B of 10.0 GiB; 2 leased, 0 being made"),
        "{text}"
    );
    assert_eq!(output.stderr, b"", "no progress where no terminal is");

    fs::set_permissions(&one, fs::Permissions::from_mode(0o460)).expect("there");
    fs::set_permissions(&two, fs::Permissions::from_mode(0o400)).expect("there");
    place.put(&format!("private/0001{KEY}.part"), "half");
    place.put("notes", "of an operator");
    let (told, code) = place.told(&["verify"]);
    let mut faults = entries(&told);
    faults.retain(|(_, _, fault)| fault.is_some());
    assert_eq!((faults.len(), code), (4, 1), "{told}");
    let fault = |path: &Path| {
        let name = path
            .strip_prefix(place.spool())
            .expect("below")
            .to_str()
            .expect("text");
        named(&faults, name)
            .and_then(|(_, _, fault)| fault.clone())
            .expect("a fault")
    };
    assert!(
        fault(&one).contains("may write to it: chmod 0440"),
        "{told}"
    );
    assert!(fault(&two).contains("may not read it: chgrp"), "{told}");
    assert!(
        fault(&place.spool().join("notes")).contains("move it elsewhere"),
        "{told}"
    );
    let output = place.ask(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        text.contains("left by a process that has ended; prune removes it"),
        "{text}"
    );
}

/// As after the spool's folder was given to the group of the proxy when copies lay in it already.
#[test]
fn verify_says_which_copies_and_folders_the_group_of_the_folder_cannot_reach() {
    let mut place = Place::new("");
    place.start();
    let copy = place.copy_of("one");
    let folder = copy.parent().expect("a folder");
    let told = |place: &Place| {
        let (told, code) = place.told(&["verify"]);
        let faults = entries(&told).into_iter().filter_map(|(.., fault)| fault);
        (faults.collect::<Vec<_>>().concat(), code)
    };
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("there");
    let (closed, code) = told(&place);
    assert!(
        closed.contains("is not let into the folders within it: chgrp -R"),
        "{closed}"
    );
    assert_eq!(code, 1);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o750)).expect("there");
    assert_eq!(told(&place), (String::new(), 0));
    // It takes root to give a folder away.
    if std::os::unix::fs::chown(place.spool(), None, Some(12_345)).is_ok() {
        let (given, _) = told(&place);
        assert!(given.contains("may not read it: chgrp"), "{given}");
        assert!(
            given.contains("is not let into the folders within it"),
            "{given}"
        );
    }
}

#[test]
fn a_table_is_for_people() {
    let mut place = Place::new("lease = \"1h\"");
    place.start();
    let _ = place.copy_of("three");
    let output = place.ask(&["list"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(lines[0].split_whitespace().last(), Some("NAME"), "{text}");
    assert_eq!(
        (&words[..3], words[5]),
        (&["copy", "17", "B"][..], "runs"),
        "{text}"
    );
    assert!(
        lines[2].ends_with("1 copy, 17 B of 10.0 GiB; 1 leased, 0 being made"),
        "{text}"
    );
}

#[test]
fn a_file_without_a_spool_and_a_folder_that_all_may_write_are_errors_that_say_what_to_do() {
    let place = Place::new("");
    place.set_mode("", 0o777);
    let output = place.ask(&["list"]);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("every user of this machine may write into it: chmod o-w it"),
        "{error}"
    );

    fs::write(
        place.path("gateway.toml"),
        "[[views]]\nroute = \"/a\"\nkind = \"virtual\"\nbasename = \"a\"\ntext = \"a\"\n",
    )
    .expect("written");
    let output = place.ask(&["clear"]);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("there is no [spool]; add one with `dir`"),
        "{error}"
    );

    let output = place.ask(&["prune", "--unused-for", "long"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Another process made the copy: what `explain` says is decided anew, from what lies on the disk.
#[test]
fn explain_says_what_a_file_is_spooled_as_or_why_it_is_not() {
    let mut place = Place::new("");
    let origin = origin();
    // Bound, so that no other test is given the port, and not listening.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&nobody.into()).expect("a port");
    let nobody = socket.local_addr().expect("bound").as_socket();
    let nobody = nobody.expect("an address");
    let more = format!(
        "[storages.media]\nkind = \"local\"\nroot = \"media\"\n\
         [[views]]\nroute = \"/off\"\nkind = \"virtual\"\nbasename = \"a.txt\"\ntext = \"off\"\nspool = \"off\"\n\
         [[views]]\nroute = \"/prepared\"\nkind = \"virtual\"\nbasename = \"a.txt\"\ntext = \"later\"\nprepare = true\n\
         [[views]]\nroute = \"/local/{{*path}}\"\nkind = \"storage\"\nstorage = \"media\"\n\
         [[views]]\nroute = \"/far/{{*path}}\"\nkind = \"http\"\nurl = \"http://{origin}/{{path}}\"\nallow_private = true\n\
         [[views]]\nroute = \"/gone/{{*path}}\"\nkind = \"http\"\nurl = \"http://{origin}/gone/{{path}}\"\nallow_private = true\n\
         [[views]]\nroute = \"/nobody/{{*path}}\"\nkind = \"http\"\nurl = \"http://{nobody}/{{path}}\"\nallow_private = true\n"
    );
    fs::create_dir(place.path("media")).expect("made");
    fs::write(place.path("media/a.txt"), "a").expect("written");
    let mut config = OpenOptions::new()
        .append(true)
        .open(place.path("gateway.toml"))
        .expect("there");
    config.write_all(more.as_bytes()).expect("written");
    place.start();

    let not_yet =
        "not spooled yet: the GET of a client makes a copy, which is what its proxy sends";
    assert_eq!(place.explained("/one")[0], not_yet);
    let outcome = |path: &str| place.explained(path).pop().expect("an outcome");
    assert_eq!(
        outcome("/one"),
        "outcome   will be spooled: the first client waits while the copy is made, then its proxy sends it"
    );
    assert_eq!(
        outcome("/prepared"),
        "outcome   will be prepared: clients are told to ask again while the copy is made, then its proxy sends it"
    );
    assert_eq!(place.explained("/far/a")[0], not_yet);
    let copies = [place.copy_of("one"), place.copy_of("far/a")];
    let [one, far] = copies.map(|copy| copy.strip_prefix(place.spool()).expect("below").to_owned());
    let told = place.explained("/one");
    let expected = format!(
        "spooled as {}; what follows is said of that copy",
        one.display()
    );
    assert_eq!(told[0], expected, "{told:?}");
    assert!(
        told.iter()
            .any(|line| line.ends_with("for nginx: takes it: it decides")),
        "{told:?}"
    );
    assert!(
        told.last()
            .is_some_and(|line| line.starts_with("outcome   delegated to nginx by rule"))
    );
    let told = place.explained("/far/a");
    let known = format!(
        "there is a copy: {}. A gateway that asked the source within max_age (60s) hands it over; any other asks whether \
         it still holds, as was done now",
        far.display()
    );
    assert_eq!(told[0], known, "{told:?}");
    assert_eq!(
        told[1],
        "it holds, and is handed over; what follows is said of that copy"
    );
    let rest: Vec<_> = told.iter().skip(2).map(String::as_str).collect();
    assert!(
        matches!(rest[..], [_, rule, origin, outcome]
            if rule.starts_with("rule [spool] (line 4), for nginx: takes it")
                && origin == "origin    was asked, and says that the copy still holds"
                && outcome == "outcome   delegated to nginx by rule [spool] (line 4)"),
        "{told:?}"
    );
    // Nothing is said of the spool's own rule where there is no copy that it could take.
    let told = place.explained("/gone/b");
    assert!(!told.concat().contains("rule [spool]"), "{told:?}");
    assert_eq!(
        told.last().map(String::as_str),
        Some("outcome   not found"),
        "{told:?}"
    );
    assert_eq!(outcome("/nobody/b"), "outcome   failed");
    assert_eq!(place.told(&["list"]).0["copies"], 2, "none was made");
    let why = |path: &str| place.explained(path)[0].clone();
    assert_eq!(why("/off"), "not spooled: the view asks for no copies");
    let local = "not spooled: the file lies on this machine, where a rule can take it";
    assert_eq!(why("/local/a.txt"), local);
}

/// A server that has every file but those below `/gone/`, until the test ends.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a client"));
            let (mut line, mut gone) = (String::new(), false);
            while stream.read_line(&mut line).expect("a request") > 2 {
                gone |= line.contains(" /gone/");
                line.clear();
            }
            let status = if gone { "404 Not Found" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\nETag: \"v1\"\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
            );
            let _ = stream.get_mut().write_all(format!("{head}text").as_bytes());
        }
    });
    address
}

#[test]
fn what_the_copies_were_good_for_is_logged_at_reload_and_at_stop() {
    let mut place = Place::new("max_file_bytes = 16");
    place.start();
    for _ in 0..3 {
        let _ = place.copy_of("one");
    }
    place.signal(Signal::HUP);
    wait("it tells", || place.logged().len() == 1);
    let told = place.logged().remove(0);
    for field in [
        r#""hits":2,"#,
        r#""misses":1,"#,
        r#""fills":1,"#,
        r#""bytes_in":15,"#,
        r#""bytes_out":45,"#,
        r#""copies_held":1,"#,
        r#""streamed":"""#,
    ] {
        assert!(told.contains(field), "{field} in {told}");
    }
    let mut stream = place.connect().expect("it answers");
    let request = b"GET /three HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("received");
    assert!(answer.ends_with("the text of three"), "{answer}");
    place.signal(Signal::TERM);
    wait("it tells", || place.logged().len() == 2);
    let told = place.logged().remove(1);
    for field in [
        r#""hits":2,"#,
        r#""misses":2,"#,
        r#""streamed":"1: the file is larger than a copy may be""#,
    ] {
        assert!(
            told.contains(field),
            "{field} in {told}: what is known of the copies outlives a reload"
        );
    }
}

#[test]
fn every_printed_configuration_lets_its_proxy_send_the_copies() {
    let place = Place::new("destination_url = \"/_copies/\"");
    let text = fs::read_to_string(place.path("gateway.toml")).expect("there");
    let spool = place.spool().display().to_string();
    for proxy in ["nginx", "apache", "lighttpd", "caddy"] {
        let config = text.replace("backend = \"nginx\"", &format!("backend = \"{proxy}\""));
        fs::write(place.path("gateway.toml"), config).expect("written");
        for form in [&[][..], &["--standalone"]] {
            let mut command = command(&["proxy-config", proxy, "--config", "gateway.toml"]);
            let output = command.args(form).current_dir(place.folder.path()).output();
            let output = output.expect("started");
            let printed = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(printed.contains(&spool), "{proxy} {form:?}: {printed}");
            // Names of copies are read in one way by all.
            assert!(!printed.contains("escaping"), "{proxy}: {printed}");
            let has_location = printed.contains("/_copies/");
            let takes_urls = matches!(proxy, "nginx" | "caddy");
            assert_eq!(has_location, takes_urls, "{proxy} {form:?}: {printed}");
        }
    }
}
