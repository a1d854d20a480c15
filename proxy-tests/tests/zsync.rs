//! zsync, which fetches only the changed places of a file: twenty ranges in one request, and a parser of multiparts that
//! waits for a line break before the first boundary.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use proxy_tests::{Proxy, Server, Site, World};

const LENGTH: usize = 4 << 20;
const PLACES: usize = 40;
/// It loops for ever over an answer that it cannot read.
const DEADLINE: Duration = Duration::from_secs(60);

/// Bytes of which no block is like another.
fn original() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    words.take(LENGTH / 8).flat_map(u64::to_le_bytes).collect()
}

/// Changed in places that lie far apart, so that each is a range of its own.
fn changed(mut content: Vec<u8>) -> Vec<u8> {
    for place in 0..PLACES {
        content[place * (LENGTH / PLACES) + 1000] ^= 0xff;
    }
    content
}

fn run(site: &Site, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(site.path("."));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "{program}: {error}; it takes `apt-get install zsync`, which `cargo xtask test` does"
        )
    });
    let (mut out, mut err) = (
        child.stdout.take().expect("piped"),
        child.stderr.take().expect("piped"),
    );
    let out = std::thread::spawn(move || {
        let mut text = Vec::new();
        out.read_to_end(&mut text).map(|_| text)
    });
    let err = std::thread::spawn(move || {
        let mut text = Vec::new();
        err.read_to_end(&mut text).map(|_| text)
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("the child can be waited for") {
            Some(status) => break status,
            None if started.elapsed() > DEADLINE => {
                child.kill().expect("it can be ended");
                break child.wait().expect("it ends");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    Output {
        status,
        stdout: out.join().expect("read").expect("read"),
        stderr: err.join().expect("read").expect("read"),
    }
}

#[track_caller]
fn assert_fetches_the_changed_places(what: &str, site: &Site, server: &Server) {
    let (old, new) = (original(), changed(original()));
    site.write("old.bin", &old);
    site.write("media/new.bin", &new);
    let url = format!("http://{}/files/new.bin", server.address());
    let made = run(
        site,
        "zsyncmake",
        &["-u", &url, "-o", "new.zsync", "media/new.bin"],
    );
    assert!(made.status.success(), "{what}: {made:?}");
    let _ = fs::remove_file(site.path("got.bin"));

    let fetched = run(
        site,
        "zsync",
        &["-i", "old.bin", "-o", "got.bin", "new.zsync"],
    );
    let said = String::from_utf8_lossy(&fetched.stdout).into_owned()
        + &String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{what}: {said}");
    let got = fs::read(site.path("got.bin")).expect("the file is there");
    assert!(got == new, "{what}: other bytes: {said}");
    // `used 4112384 local, fetched 81920`
    let number = said
        .split("fetched ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    let number = number.and_then(|number| number.parse::<usize>().ok());
    let number = number.unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(number > 0 && number < LENGTH / 4, "{what}: {said}");
}

#[test]
fn zsync_fetches_forty_changed_places_from_the_gateway_and_through_nginx_and_apache() {
    for proxy in [Proxy::Nginx, Proxy::NewestNginx, Proxy::Apache] {
        let world = World::new(proxy);
        assert_fetches_the_changed_places(proxy.name(), &world.site, &world.front);
    }
    let site = Site::new(&proxy_tests::announced(&Proxy::ALL));
    let gateway = site.start_gateway();
    assert_fetches_the_changed_places("directly", &site, &gateway);
}
