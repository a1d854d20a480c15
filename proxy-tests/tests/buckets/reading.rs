//! Whole files and parts of them: what a client sees is what it sees of the same files in memory.

use downloadview::storage::MemoryStorage;
use downloadview::testing::conformance;
use proxy_tests::{Request, Response, noise};

use super::{Cloud, Served, block_on, name};

const FILES: [(&str, usize); 3] = [("empty.txt", 0), ("one.bin", 1), ("sub/large.bin", 300_000)];

fn fill(cloud: &impl Cloud) -> MemoryStorage {
    let memory = MemoryStorage::new();
    for (file, size) in FILES {
        cloud.put(file, &noise(size));
        memory.insert(name(file), noise(size));
    }
    memory
}

pub(crate) fn a_bucket_is_a_storage(cloud: &impl Cloud) {
    fill(cloud);
    for (file, size) in FILES {
        let storage = cloud.bucket("");
        let (file, missing) = (name(file), name("missing"));
        block_on(conformance::storage(storage, &file, &noise(size), &missing));
    }
}

/// All but the tag and the dates, which are the storage's own; and that of a file without bytes there are parts, which no
/// store shows.
fn comparable(answer: &Response) -> (u16, Vec<(String, String)>, &[u8]) {
    let mut own = vec!["etag", "last-modified", "date"];
    if answer.body.is_empty() {
        own.push("accept-ranges");
    }
    let mut headers = Vec::new();
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        if !own.contains(&name.as_str()) {
            headers.push((name, value.clone()));
        }
    }
    headers.sort();
    (answer.status, headers, &answer.body)
}

pub(crate) fn every_range_comes_as_from_memory<C: Cloud>(cloud: &C) {
    let memory = Served::new(fill(cloud));
    let remote = Served::new(cloud.bucket(""));
    let mut met_416_before = false;
    for (file, size) in FILES {
        for range in [
            None,
            Some("bytes=0-"),
            Some("bytes=0-0"),
            Some("bytes=1000-1999"),
            Some("bytes=299999-"),
            Some("bytes=299990-400000"),
            Some("bytes=-1"),
            Some("bytes=-1000"),
            Some("bytes=-400000"),
            Some("pages=1-2"),
            Some("bytes=9-3"),
        ] {
            let is_suffix = range.is_some_and(|range| range.starts_with("bytes=-"));
            if range.is_some_and(|range| C::fails_at(range, size)) {
                continue;
            }
            let request = Request::get(&format!("/{file}"));
            let request = match range {
                Some(range) => request.header("Range", range),
                None => request,
            };
            let (answer, requests) = remote.count(cloud, &request);
            let expected = memory.send(&request);
            assert!(
                comparable(&answer) == comparable(&expected),
                "{file} {range:?}:\n{}\n{}",
                answer.head(),
                expected.head()
            );
            // An empty object has no range, and only a second question tells that it is empty.
            let most = match is_suffix {
                true => C::SUFFIX.max(if size == 0 { 2 } else { 1 }),
                false if size == 0 || answer.status == 416 => 2,
                false => 1,
            };
            // Where the server closes its connection after a 416 without a word, the next question goes out once more: that
            // which tells of an empty object, or that of the next request.
            let met_416 = answer.status == 416 || (size == 0 && range.is_some());
            let again = C::CLOSES_AFTER_416 && (met_416 || met_416_before);
            met_416_before = met_416;
            let most = most + usize::from(again);
            let case = format!("{file} {range:?}: {requests} requests");
            assert!((1..=most).contains(&requests), "{case}");
        }
    }
}

pub(crate) fn several_ranges_come_as_one_multipart(cloud: &impl Cloud) {
    fill(cloud);
    let remote = Served::new(cloud.bucket(""));
    for (ranges, parts) in [
        (
            "bytes=0-9,1000-1009,-5",
            [0..10, 1000..1010, 299_995..300_000],
        ),
        (
            "bytes=-5,0-9,1000-1009",
            [0..10, 1000..1010, 299_995..300_000],
        ),
    ] {
        let answer = remote.send(&Request::get("/sub/large.bin").header("Range", ranges));
        assert_eq!(answer.status, 206, "{}", answer.head());
        let kind = answer.header("Content-Type");
        assert!(kind.starts_with("multipart/byteranges"), "{kind}");
        let all = noise(300_000);
        for part in parts {
            let part = &all[part];
            assert!(answer.body.windows(part.len()).any(|it| it == part));
        }
    }
}

pub(crate) fn head_says_what_get_says(cloud: &impl Cloud) {
    fill(cloud);
    let remote = Served::new(cloud.bucket(""));
    for (file, _) in FILES {
        let target = format!("/{file}");
        let (head, requests) = remote.count(cloud, &Request::head(&target));
        let (get, _) = remote.count(cloud, &Request::get(&target));
        let headers = |answer: &Response| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
            headers.sort();
            headers
        };
        assert_eq!(headers(&head), headers(&get));
        assert_eq!((head.status, requests), (200, 1));
        assert!(get.has("ETag"), "{}", get.head());
    }
}
