//! Entity tags and dates: revalidation, and resumption that never joins two files.

use proxy_tests::{Proxy, Request, World};

pub(crate) fn the_etag_that_the_gateway_states_is_the_one_that_clients_see(proxy: Proxy) {
    let world = World::new(proxy);
    let direct = world.hand_off(&Request::get("/files/plain.txt"));
    let through = world.front.get("/files/plain.txt");
    assert_eq!(direct.header("ETag"), through.header("ETag"));
    assert!(through.header("ETag").starts_with('"'), "a strong one");
}

pub(crate) fn a_received_validator_revalidates(proxy: Proxy) {
    let world = World::new(proxy);
    let first = world.front.get("/files/plain.txt");
    for (condition, validator) in [
        ("If-None-Match", "ETag"),
        ("If-Modified-Since", "Last-Modified"),
    ] {
        let request = Request::get("/files/plain.txt").header(condition, first.header(validator));
        let second = world.front.send(&request);
        assert_eq!(second.status, 304, "{condition}: {}", second.head());
        assert!(second.body.is_empty());
    }
}

pub(crate) fn a_download_resumes_while_the_file_is_the_same_and_starts_over_when_it_changed(
    proxy: Proxy,
) {
    let world = World::new(proxy);
    world.site.age("media/plain.txt");
    let first = world.front.get("/files/plain.txt");
    let rest = Request::get("/files/plain.txt").header("Range", "bytes=6-");
    for validator in ["ETag", "Last-Modified"] {
        let request = rest.clone().header("If-Range", first.header(validator));
        let resumed = world.front.send(&request);
        assert_eq!(resumed.status, 206, "{validator}: {}", resumed.head());
        assert_eq!(resumed.text(), "content\n");
    }

    let changed = "another content, longer\n";
    world.site.replace("media/plain.txt", changed);
    let request = rest.header("If-Range", first.header("ETag"));
    let restarted = world.front.send(&request);
    assert_eq!(restarted.status, 200, "{}", restarted.head());
    assert_eq!(restarted.text(), changed);
}

/// mod_xsendfile on its own says `"0"` for every file, and a condition on it is true of any content.
pub(crate) fn two_files_have_two_etags(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("media/other.txt", "of another length\n");
    let etag = |name: &str| {
        let answer = world.front.get(&format!("/files/{name}"));
        answer.header("ETag").to_owned()
    };
    assert_ne!(etag("plain.txt"), etag("other.txt"));
}
