//! apt against a flat repository, which its manual writes `deb URL ./`: every path that it asks for holds a `.` segment, and
//! an index that it has is asked for again only if it changed.

use std::fs;
use std::net::SocketAddr;

use proxy_tests::{Proxy, Relay, Site, World, noise};

const PACKAGE: &str = "tiny_1.0_all.deb";
const LENGTH: usize = 300_000;

/// A package and its index in `media`, and an apt in `client` that knows no other source and nothing of this machine.
fn make_repository(site: &Site, address: SocketAddr) {
    let control = "Package: tiny\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a file\n";
    site.write("client/tiny/DEBIAN/control", control);
    site.write("client/tiny/usr/share/tiny/content", noise(LENGTH));
    let build = site.program("dpkg-deb", "dpkg");
    let build = build.args(["--build", "--root-owner-group", "tiny", PACKAGE]);
    build.run().expect("dpkg-deb");
    let sum = site.program("sha256sum", "coreutils");
    let sum = sum.args([PACKAGE]).run().expect("sha256sum");
    let package = fs::read(site.path(format!("client/{PACKAGE}"))).expect("it was built");
    site.remove(&format!("client/{PACKAGE}"));
    let index = format!(
        "{control}Filename: ./{PACKAGE}\nSize: {}\nSHA256: {}\n",
        package.len(),
        sum.split(' ').next().expect("a sum")
    );
    site.write(format!("media/{PACKAGE}"), package);
    site.write("media/Packages", index);
    site.age("media/Packages");

    let folder = site.path("client").display().to_string();
    let source = format!("deb [trusted=yes] http://{address}/files/ ./\n");
    site.write("client/sources.list", source);
    site.write("client/status", "");
    let folders = [
        "etc/apt.conf.d",
        "state/lists/partial",
        "cache/archives/partial",
        "log",
    ];
    let made = site
        .program("mkdir", "coreutils")
        .args(["-p"])
        .args(folders);
    made.run().expect("mkdir");
    // `Dir::Etc` keeps it from reading the machine's own configuration.
    let settings = format!(
        "Dir::Etc \"{folder}/etc\";\nDir::Etc::SourceList \"{folder}/sources.list\";\nDir::State \"{folder}/state\";\nDir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}/cache\";\nDir::Log \"{folder}/log\";\nAcquire::Languages \"none\";\nAcquire::Retries \"0\";\n"
    );
    site.write("client/apt.conf", settings);
}

fn apt(site: &Site, arguments: &[&str]) -> String {
    let settings = site.path("client/apt.conf");
    let run = site.program("apt-get", "apt").env("APT_CONFIG", settings);
    run.args(arguments)
        .run()
        .expect(&format!("apt-get {arguments:?}"))
}

#[track_caller]
fn assert_is_a_repository(what: &str, site: &Site, server: SocketAddr) {
    let relay = Relay::start(server);
    make_repository(site, relay.address());

    let first = apt(site, &["update"]);
    assert!(first.contains("Get:"), "{what}: {first}");
    let second = apt(site, &["update"]);
    assert!(second.contains("\nHit:"), "{what}: {second}");
    assert!(!second.contains("Get:"), "{what}: {second}");
    let asked = relay.asked();
    assert!(asked.contains("GET /files/./Packages"), "{what}: {asked}");
    let answered = relay.answered();
    let answered = String::from_utf8_lossy(&answered);
    assert!(answered.contains("HTTP/1.1 304 "), "{what}");

    let package = fs::read(site.path(format!("media/{PACKAGE}"))).expect("it is there");
    apt(site, &["download", "tiny"]);
    apt(site, &["install", "--download-only", "--yes", "tiny"]);
    for place in ["client", "client/cache/archives"] {
        let came = fs::read(site.path(format!("{place}/{PACKAGE}")));
        let came = came.unwrap_or_else(|error| panic!("{what}: {place}: {error}"));
        assert!(came == package, "{what}: {place}: other bytes");
    }
    let asked = relay.asked();
    let path = format!("GET /files/./{PACKAGE} ");
    assert_eq!(asked.matches(&path).count(), 2, "{what}: {asked}");
}

#[test]
fn apt_reads_a_flat_repository_from_the_gateway_itself() {
    let site = Site::new(&proxy_tests::announced(&Proxy::ALL));
    let gateway = site.start_gateway();
    assert_is_a_repository("directly", &site, gateway.address());
}

#[test]
fn apt_reads_a_flat_repository_through_every_proxy() {
    for proxy in Proxy::ALL {
        let world = World::new(proxy);
        assert_is_a_repository(proxy.name(), &world.site, world.front.address());
    }
}
