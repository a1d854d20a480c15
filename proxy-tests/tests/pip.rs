//! pip, which reads the directory at a wheel's end by ranges before it downloads any wheel, behind an Apache that compresses
//! whatever it can.

use std::fs;

use proxy_tests::{Proxy, Relay, Request, Site, configuration, noise};

const LENGTH: usize = 3 << 20;

/// A wheel whose metadata stand near its end, after three MiB.
fn make_wheel(site: &Site, version: &str, requires: &str) {
    let about = format!("big-{version}.dist-info");
    site.write(format!("client/{version}/big/content"), noise(LENGTH));
    let metadata = format!("Metadata-Version: 2.1\nName: big\nVersion: {version}\n{requires}");
    site.write(format!("client/{version}/{about}/METADATA"), metadata);
    let wheel = "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    site.write(format!("client/{version}/{about}/WHEEL"), wheel);
    site.write(format!("client/{version}/{about}/RECORD"), "");
    let name = format!("big-{version}-py3-none-any.whl");
    let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n  for n in sys.argv[3:]: z.write(sys.argv[2] + '/' + n, n)";
    let zip = site.program("/usr/bin/python3", "python3").args([
        "-c",
        script,
        &name,
        version,
        "big/content",
    ]);
    let rest = ["METADATA", "WHEEL", "RECORD"].map(|file| format!("{about}/{file}"));
    zip.args(rest).run().expect("a wheel");
    let wheel = fs::read(site.path(format!("client/{name}"))).expect("it was made");
    site.remove(&format!("client/{name}"));
    site.write(format!("media/{name}"), wheel);
}

/// Everything is compressed that a client takes compressed.
fn compressing(printed: &str) -> String {
    let modules = "LoadModule deflate_module ${DOWNLOADVIEW_MODULES}/mod_deflate.so\n\
                   LoadModule filter_module ${DOWNLOADVIEW_MODULES}/mod_filter.so\nListen ";
    let site = "<Location \"/\">\nSetOutputFilter DEFLATE\n</Location>\nProxyPass \"/\"";
    printed
        .replacen("Listen ", modules, 1)
        .replacen("ProxyPass \"/\"", site, 1)
}

/// `Range: bytes=5-9` is 5 bytes.
fn length_of_range(head: &str) -> usize {
    let range = head.split("\r\nRange: bytes=").nth(1);
    let range = range.and_then(|rest| rest.split("\r\n").next());
    let ends = range.and_then(|range| range.split_once('-'));
    let (first, last) = ends.unwrap_or_else(|| panic!("the whole is asked for: {head}"));
    let number = |text: &str| text.parse::<usize>().expect("a number");
    number(last) + 1 - number(first)
}

#[test]
fn pip_looks_at_a_wheel_by_ranges_and_downloads_only_the_one_that_it_takes() {
    let site = Site::new(&configuration(Proxy::Apache));
    make_wheel(&site, "1.0", "");
    // Nobody has what it needs, which pip finds in its metadata, and goes back to the older.
    make_wheel(&site, "2.0", "Requires-Dist: absent-everywhere\n");
    let link = |version| format!("<a href=\"big-{version}-py3-none-any.whl\">big</a>\n");
    let filler = "<!-- filler -->\n".repeat(500);
    let page = format!("<!DOCTYPE html>\n{}{}{filler}", link("1.0"), link("2.0"));
    site.write("media/page\u{1}.html", &page);
    site.write("media/page.html", page);
    site.age("media/page.html");
    let _gateway = site.start_gateway();
    let front = site.start_proxy_amid(Proxy::Apache, |printed| compressing(&printed));
    let relay = Relay::start(front.address());

    let url = format!("http://{}/files/page.html", relay.address());
    let download = |to: &str| {
        let run = site.program("/usr/bin/pip3", "python3-pip");
        let run = run.args([
            "download",
            "--isolated",
            "--disable-pip-version-check",
            "--no-index",
        ]);
        let run = run.args([
            "--use-feature=fast-deps",
            "--trusted-host=127.0.0.1",
            "--find-links",
            &url,
            "--dest",
            to,
            "big",
        ]);
        run.run().expect("pip")
    };
    let said = download("first");
    let name = "big-1.0-py3-none-any.whl";
    let wheel = fs::read(site.path(format!("media/{name}"))).expect("it is there");
    let came = fs::read(site.path(format!("client/first/{name}"))).expect("it came");
    assert!(came == wheel, "other bytes: {said}");
    let (asked, answered) = (relay.asked(), relay.answered());
    let text = String::from_utf8_lossy(&answered);
    let requests = || asked.split("\r\n\r\n");
    let ranges = requests().filter(|head| head.contains("\r\nRange: bytes="));
    let parts = text.matches("HTTP/1.1 206 ").count();
    assert!(
        parts > 0 && parts == ranges.count(),
        "{parts} parts: {asked}"
    );
    // Of the wheel that it did not take no more than the end.
    let of_other = requests().filter(|head| head.starts_with("GET /files/big-2.0-"));
    let lengths: Vec<usize> = of_other.map(length_of_range).collect();
    let total: usize = lengths.iter().sum();
    assert!(total > 0 && total < LENGTH / 4, "{lengths:?}: {asked}");

    // It has the page, and asks whether it is still the same.
    download("second");
    let asked = relay.asked();
    assert!(asked.contains("\r\nIf-None-Match: "), "{asked}");
    let all = relay.answered();
    let later = String::from_utf8_lossy(&all[answered.len()..]).into_owned();
    assert!(later.starts_with("HTTP/1.1 304 "), "{later:.300}");

    // Handed off, and streamed: no hand-off of this proxy can hold a control character.
    for name in ["page.html", "page%01.html"] {
        let target = format!("/files/{name}");
        let packed = Request::get(&target).header("Accept-Encoding", "gzip");
        let answer = front.send(&packed);
        assert!(!answer.has("Content-Encoding"), "{}", answer.head());
        let tag = answer.header("ETag").to_owned();
        assert!(!tag.contains("-gzip"), "{tag}");
        let again = front.send(&packed.header("If-None-Match", &tag));
        assert_eq!(again.status, 304, "{tag}: {}", again.head());
    }
}
