//! Who sends the bytes, and whether all of them arrive.

use proxy_tests::{Proxy, Request, World};

use super::{MIB, assert_same_bytes, numbered};

/// More than one process reads by accident (libraries, `/proc`, its configuration), far less than the file.
const READS_OF_ITS_OWN: u64 = 256 * 1024;

pub(crate) fn a_large_file_arrives_whole_and_the_gateway_does_not_read_it(proxy: Proxy) {
    let world = World::new(proxy);
    let content = numbered(100 * MIB);
    world.site.write("media/large.bin", &content);

    let before = world.gateway.bytes_read();
    let answer = world.front.get("/files/large.bin");
    let read = world.gateway.bytes_read() - before;

    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_same_bytes(&answer.body, &content);
    assert!(read < READS_OF_ITS_OWN, "the gateway read {read} bytes");
}

pub(crate) fn a_range_of_a_large_file_is_answered_by_the_proxy(proxy: Proxy) {
    let world = World::new(proxy);
    let content = numbered(100 * MIB);
    world.site.write("media/large.bin", &content);
    let (first, last) = (40 * MIB + 1, 60 * MIB);
    let request =
        Request::get("/files/large.bin").header("Range", &format!("bytes={first}-{last}"));

    let before = world.gateway.bytes_read();
    let answer = world.front.send(&request);
    let read = world.gateway.bytes_read() - before;

    assert_eq!(answer.status, 206, "{}", answer.head());
    let expected = format!("bytes {first}-{last}/{}", content.len());
    assert_eq!(answer.header("Content-Range"), expected);
    assert_same_bytes(&answer.body, &content[first..=last]);
    assert!(read < READS_OF_ITS_OWN, "the gateway read {read} bytes");
}

pub(crate) fn head_tells_the_size_and_sends_no_body(proxy: Proxy) {
    let world = World::new(proxy);
    let answer = world.front.send(&Request::head("/files/plain.txt"));
    assert_eq!(answer.status, 200);
    let size = World::PLAIN.len().to_string();
    assert_eq!(answer.header("Content-Length"), size, "{}", answer.head());
    assert!(answer.body.is_empty());
    let get = world.front.get("/files/plain.txt");
    for name in [
        "ETag",
        "Last-Modified",
        "Content-Type",
        "Content-Disposition",
    ] {
        assert_eq!(answer.header(name), get.header(name), "{name}");
    }
}

pub(crate) fn the_gateways_own_answer_is_an_empty_200_whatever_part_is_asked_for(proxy: Proxy) {
    let world = World::new(proxy);
    let target = proxy.target(&world.site.path("media"), b"plain.txt");
    let plain = Request::get("/files/plain.txt");
    for request in [
        plain.clone(),
        plain.clone().header("Range", "bytes=2-5"),
        plain.header("If-None-Match", "*"),
        Request::head("/files/plain.txt"),
    ] {
        let answer = world.hand_off(&request);
        assert_eq!(answer.header(proxy.header()).as_bytes(), target);
        assert!(!answer.has("Content-Range"), "{}", answer.head());
        assert!(!answer.has("Accept-Ranges"), "{}", answer.head());
    }
}

pub(crate) fn an_empty_file_arrives(proxy: Proxy) {
    let world = World::new(proxy);
    world.site.write("media/empty.txt", "");
    let answer = world.front.get("/files/empty.txt");
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert_eq!(answer.header("Content-Length"), "0");
    assert!(answer.has("ETag"), "{}", answer.head());
}
