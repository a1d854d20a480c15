//! Whole files and parts of them: what a client sees is what it sees of the same files in memory.

use downloadview::storage::{MemoryStorage, StorageName};
use downloadview::testing::conformance;
use proxy_tests::{Request, Response, S3s, noise};

use crate::served::{Counted, Served, Store, block_on, bucket};

const FILES: [(&str, usize); 3] = [("empty.txt", 0), ("one.bin", 1), ("sub/large.bin", 300_000)];

fn name(text: &str) -> StorageName {
    StorageName::parse(text).expect("a name")
}

fn fill(store: &Store, memory: &MemoryStorage) {
    for (file, size) in FILES {
        store.put(file, &noise(size));
        memory.insert(name(file), noise(size));
    }
}

/// All but the tag and the dates, which are the storage's own; and that of a file without bytes there are parts, which no
/// store shows.
fn comparable(answer: &Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
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
    (answer.status, headers, answer.body.clone())
}

#[test]
fn a_bucket_is_a_storage() {
    for store in Store::both() {
        for (file, size) in FILES {
            store.put(file, &noise(size));
            let storage = bucket(store.address()).build().expect("valid");
            let (file, missing, expected) = (name(file), name("missing"), noise(size));
            block_on(conformance::storage(storage, &file, &expected, &missing));
        }
    }
}

#[test]
fn every_range_comes_as_from_memory_and_with_one_request() {
    let ranges = [
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
    ];
    for store in Store::both() {
        let memory = MemoryStorage::new();
        fill(&store, &memory);
        let (remote, memory) = (Counted::new(&store), Served::new(memory));
        for (file, size) in FILES {
            for range in ranges {
                if matches!(store, Store::S3s(_)) && begins_before(range, size) {
                    continue;
                }
                let request = Request::get(&format!("/{file}"));
                let request = match range {
                    Some(range) => request.header("Range", range),
                    None => request,
                };
                let (answer, requests) = remote.send(&request);
                let expected = memory.send(&request);
                let case = format!("{} {file} {range:?}", store.name());
                assert!(
                    comparable(&answer) == comparable(&expected),
                    "{case}:\n{}\n{}",
                    answer.head(),
                    expected.head()
                );
                // An empty object has no range, and only a second question tells that it is empty.
                let most = if size == 0 || answer.status == 416 {
                    2
                } else {
                    1
                };
                assert!(
                    (1..=most).contains(&requests),
                    "{case}: {requests} requests"
                );
            }
        }
    }
}

/// A suffix longer than the file: s3s-fs 0.14 fails to cut it off.
fn begins_before(range: Option<&str>, size: usize) -> bool {
    let suffix = range.and_then(|range| range.strip_prefix("bytes=-"));
    suffix.is_some_and(|length| length.parse::<usize>().is_ok_and(|length| length > size))
}

#[test]
fn head_says_what_get_says() {
    for store in Store::both() {
        fill(&store, &MemoryStorage::new());
        let remote = Counted::new(&store);
        for (file, _) in FILES {
            let target = format!("/{file}");
            let (head, requests) = remote.send(&Request::head(&target));
            let (get, _) = remote.send(&Request::get(&target));
            let headers = |answer: &Response| {
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
                headers.sort();
                headers
            };
            assert_eq!(headers(&head), headers(&get), "{}", store.name());
            assert_eq!((head.status, requests), (200, 1));
            assert!(get.has("ETag"), "{}", get.head());
        }
    }
}

#[test]
fn several_ranges_come_as_one_multipart() {
    for store in Store::both() {
        fill(&store, &MemoryStorage::new());
        let remote = Counted::new(&store);
        let ranges = Request::get("/sub/large.bin").header("Range", "bytes=0-9,1000-1009,-5");
        let (answer, _) = remote.send(&ranges);
        assert_eq!(answer.status, 206, "{}", answer.head());
        assert!(
            answer
                .header("Content-Type")
                .starts_with("multipart/byteranges")
        );
        let all = noise(300_000);
        for part in [&all[..10], &all[1000..1010], &all[299_995..]] {
            assert!(answer.body.windows(part.len()).any(|it| it == part));
        }
    }
}

#[test]
fn the_end_of_an_object_of_five_gibibytes_takes_one_request() {
    let size = 5 * 1024 * 1024 * 1024_u64;
    let server = S3s::start();
    server.put_zeroes("large.bin", size, "d41d8cd98f00b204e9800998ecf8427e");
    let store = Store::S3s(server);
    let remote = Counted::new(&store);
    let range = format!("bytes={}-", size - 20);
    let (answer, requests) = remote.send(&Request::get("/large.bin").header("Range", &range));
    assert_eq!((answer.status, requests), (206, 1), "{}", answer.head());
    assert_eq!(answer.body, [0; 20]);
    let stated = format!("bytes {}-{}/{size}", size - 20, size - 1);
    assert_eq!(answer.header("Content-Range"), stated);
    let (head, _) = remote.send(&Request::head("/large.bin"));
    assert_eq!(head.header("Content-Length"), size.to_string());
}
