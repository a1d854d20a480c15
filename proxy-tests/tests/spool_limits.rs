//! The spool of a gateway whose files may not grow, and of one whose clock jumps.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use proxy_tests::{Answer, Asked, Origin, Proxy, Request, Server, Site, noise, spooled, until};

const SIZE: usize = 300_000;

fn origin(file: &[u8]) -> Origin {
    let file = file.to_vec();
    Origin::start(move |asked: &Asked| {
        let tag = asked.target().trim_start_matches('/');
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nETag: \"{tag}\"\r\nContent-Length: {SIZE}\r\n\r\n")
                .into_bytes();
        if asked.line.starts_with("GET ") {
            answer.extend(&file);
        }
        Answer::new(answer)
    })
}

fn configure(site: &Site, origin: &Origin, keys: &str, view: &str) {
    site.configure(&format!(
        "listen = \"@LISTEN@\"\n[optimize]\nbackend = \"nginx\"\n\
         [spool]\ndir = \"spool\"\nmin_free_bytes = 0\n{keys}\n\
         [[views]]\nroute = \"/{{*path}}\"\nkind = \"http\"\nurl = \"http://{}/{{path}}\"\nallow_private = true\n{view}\n",
        origin.address(),
    ));
}

/// Whether the gateway hands the file over.
fn is_handed_over(gateway: &Server, target: &str) -> bool {
    let answer = gateway.send(&Request::get(target));
    assert_eq!(answer.status, 200, "{}", answer.head());
    answer.has("X-Accel-Redirect")
}

fn warnings(gateway: &Server) -> usize {
    let output = gateway.output();
    let lines = output.lines();
    lines
        .filter(|line| line.contains("\"WARN\"") && line.contains("larger than a copy may be"))
        .count()
}

/// Sets how large the files of a gateway may become, as its own user may.
fn limit_files(gateway: &Server, bytes: &str) {
    let process = fs::metadata(format!("/proc/{}", gateway.id())).expect("it runs");
    let set = Command::new("prlimit")
        .args([
            "--pid",
            &gateway.id().to_string(),
            &format!("--fsize={bytes}:unlimited"),
        ])
        .uid(process.uid())
        .gid(process.gid())
        .status();
    assert!(set.is_ok_and(|set| set.success()), "prlimit works");
}

/// As `ulimit -f` sets it. The kernel would end the process by SIGXFSZ.
#[test]
fn files_that_may_not_grow_cost_no_download_and_are_spooled_again_when_they_may() {
    let file = noise(SIZE);
    let origin = origin(&file);
    let site = Site::new("");
    site.make_own_folder("spool");
    configure(&site, &origin, "", "");
    let gateway = site.start_gateway();
    let front = site.start_proxy(Proxy::Nginx);
    let limit = |bytes: &str| limit_files(&gateway, bytes);
    assert!(is_handed_over(&gateway, "/before"));
    // What it logs is a file too.
    let logged = gateway.output().len() as u64;
    assert!(logged < 50_000, "{logged}");
    limit("100000");
    for number in 0..5 {
        let target = format!("/small-{number}");
        assert!(!is_handed_over(&gateway, &target));
        assert!(front.get(&target).body == file, "{number}");
    }
    assert!(
        front.get("/before").body == file,
        "what is there is handed over"
    );
    assert_eq!(warnings(&gateway), 1, "{}", gateway.output());
    limit("unlimited");
    assert!(is_handed_over(&gateway, "/small-0"));
    assert!(front.get("/small-0").body == file);
    let left = spooled(&site.path("spool"));
    assert!(
        left.iter().all(|(_, length)| *length == SIZE as u64),
        "{left:?}"
    );
}

/// Sets the clock of a gateway that runs under libfaketime.
fn jump(clock: &Path, offset: &str) {
    // As a whole: it is read at any moment.
    let new = clock.with_extension("new");
    fs::write(&new, offset).expect("written");
    fs::rename(new, clock).expect("renamed");
}

/// A gateway whose clock on the wall is what the file says; its monotonic clock is the machine's.
fn under_faketime(site: &Site, clock: &Path) -> Server {
    jump(clock, "+0s");
    site.start_gateway_through(&format!(
        "set -- \"$@\"; for library in /usr/lib/*/faketime/libfaketime.so.1; do :; done\n\
         export LD_PRELOAD=\"$library\" FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_RESET=1 NO_FAKE_STAT=1\nexec \"$@\"",
        clock.display()
    ))
}

/// The hour that it is for a gateway: as it logs that it read its configuration anew.
fn hour(gateway: &Server) -> String {
    let times = || -> Vec<String> {
        let output = gateway.output();
        let lines = output.lines();
        let lines = lines.filter(|line| line.contains("configuration read anew"));
        let times = lines.filter_map(|line| line.split_once("\"timestamp\":\""));
        times.map(|(_, time)| time[..13].to_owned()).collect()
    };
    let before = times().len();
    gateway.hang_up();
    until("it is read anew", || times().len() > before);
    times().pop().expect("one more")
}

/// Its own clock, not the hours of files: an hour forward, back again, and an hour back.
#[test]
fn a_clock_that_jumps_an_hour_ends_no_lease_and_ages_no_copy() {
    let file = noise(SIZE);
    let origin = origin(&file);
    let site = Site::new("");
    site.make_own_folder("spool");
    site.make_own_folder("clock");
    let clock = site.path("clock").join("offset");
    let keys = format!(
        "max_age = \"30m\"\nlease = \"20m\"\nmax_bytes = {}",
        2 * SIZE
    );
    configure(&site, &origin, &keys, "");
    let gateway = under_faketime(&site, &clock);
    let front = site.start_proxy(Proxy::Nginx);
    for target in ["/a", "/b"] {
        assert!(is_handed_over(&gateway, target));
    }
    let mut hours = vec![hour(&gateway)];
    for offset in ["+3600s", "+0s", "-3600s", "+0s"] {
        jump(&clock, offset);
        hours.push(hour(&gateway));
        origin.forget();
        for target in ["/a", "/b"] {
            assert!(is_handed_over(&gateway, target), "{offset}");
            assert!(front.get(target).body == file, "{offset}");
        }
        assert!(origin.asked().is_empty(), "{offset}: they are fresh");
        // Both leases run: nothing makes room.
        assert!(!is_handed_over(&gateway, "/c"), "{offset}");
        assert!(front.get("/c").body == file);
        assert_eq!(spooled(&site.path("spool")).len(), 2, "{offset}");
    }
    hours.dedup();
    assert_eq!(hours.len(), 5, "its clock did jump: {hours:?}");
}

/// Neither does a lease last longer.
#[test]
fn a_clock_that_jumps_back_keeps_no_one_time_copy() {
    let file = noise(SIZE);
    let origin = origin(&file);
    for offset in ["-3600s", "+3600s"] {
        let site = Site::new("");
        site.make_own_folder("spool");
        site.make_own_folder("clock");
        let clock = site.path("clock").join("offset");
        configure(&site, &origin, "lease = \"2s\"", "delete_after_send = true");
        let gateway = under_faketime(&site, &clock);
        assert!(is_handed_over(&gateway, "/a"));
        assert_eq!(spooled(&site.path("spool")).len(), 1);
        jump(&clock, offset);
        until("it is gone", || spooled(&site.path("spool")).is_empty());
    }
}
