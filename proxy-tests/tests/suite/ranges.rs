//! Parts of a file, which every proxy cuts out by itself.

use proxy_tests::{Proxy, Request, Response, World};

use super::{assert_same_bytes, numbered};

/// Long enough that no proxy joins the ranges asked for below.
const LENGTH: usize = 4096;

fn world(proxy: Proxy) -> (World, Vec<u8>) {
    let world = World::new(proxy);
    let content = numbered(LENGTH);
    world.site.write("media/file.bin", &content);
    (world, content)
}

fn ask(world: &World, range: &str) -> Response {
    let request = Request::get("/files/file.bin").header("Range", range);
    let _handed_off = world.hand_off(&request);
    world.front.send(&request)
}

pub(crate) fn a_single_range_is_206_with_its_bytes(proxy: Proxy) {
    let (world, content) = world(proxy);
    for (range, first, last) in [
        ("bytes=0-9", 0, 9),
        ("bytes=100-100", 100, 100),
        ("bytes=4000-", 4000, LENGTH - 1),
        ("bytes=-5", LENGTH - 5, LENGTH - 1),
        ("bytes=4090-999999", 4090, LENGTH - 1),
    ] {
        let answer = ask(&world, range);
        assert_eq!(answer.status, 206, "{range}: {}", answer.head());
        let expected = format!("bytes {first}-{last}/{LENGTH}");
        assert_eq!(answer.header("Content-Range"), expected, "{range}");
        assert_same_bytes(&answer.body, &content[first..=last]);
    }
}

pub(crate) fn several_ranges_are_one_multipart(proxy: Proxy) {
    let (world, content) = world(proxy);
    let answer = ask(&world, "bytes=0-9,2000-2009");
    assert_eq!(answer.status, 206, "{}", answer.head());
    let kind = answer.header("Content-Type");
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("the type of a multipart").trim_matches('"');
    let delimiter = format!("--{boundary}");
    let body = &answer.body;
    let starts: Vec<usize> = (0..body.len())
        .filter(|&at| body[at..].starts_with(delimiter.as_bytes()))
        .collect();
    assert_eq!(starts.len(), 3, "two parts and an end: {}", answer.text());
    for (part, first) in starts.windows(2).zip([0, 2000]) {
        let part = &body[part[0]..part[1]];
        let text = String::from_utf8_lossy(part).to_lowercase();
        let range = format!("content-range: bytes {first}-{}/{LENGTH}\r\n", first + 9);
        assert!(text.contains(&range), "{text}");
        let content = [b"\r\n\r\n", &content[first..first + 10], b"\r\n"].concat();
        assert!(part.ends_with(&content), "{text}");
    }
}

pub(crate) fn a_range_past_the_end_is_416(proxy: Proxy) {
    let (world, _) = world(proxy);
    let answer = ask(&world, "bytes=4096-");
    assert_eq!(answer.status, 416, "{}", answer.head());
    for name in [proxy.header(), "Location"] {
        assert!(!answer.has(name), "{}", answer.head());
    }
}
