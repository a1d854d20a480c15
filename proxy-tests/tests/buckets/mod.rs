//! What every bucket must do as a storage, whichever server has it: the cases, and the application before it.

use std::sync::Arc;

use axum::Router;
use downloadview::storage::{MemoryStorage, Storage, StorageName};
use downloadview::testing::conformance;
use downloadview::view::StorageView;
use downloadview_axum::view;
use proxy_tests::{Application, Request, Response, Site, noise, strict};

/// A server with one bucket.
pub(crate) trait Cloud {
    fn start() -> Self;
    fn put(&self, key: &str, body: &[u8]);
    fn bucket(&self, prefix: &str) -> Arc<dyn Storage>;
    /// All requests for objects so far.
    fn asked(&self) -> String;
    /// How many requests the end of a file takes.
    const SUFFIX: usize = 1;
    /// Whether the server closes its connection after a 416, and does not say so.
    const CLOSES_AFTER_416: bool = false;
    /// Keys that the server takes for others.
    const MISTAKEN: &[&str] = &[];

    /// Whether the server has no valid answer to a request for a range of a file of this size.
    fn fails_at(range: &str, size: usize) -> bool;
}

/// The tests of files and parts of files, of one kind of bucket.
macro_rules! reading {
    ($cloud:ty) => {
        crate::buckets::cases!(
            $cloud:
            a_bucket_is_a_storage,
            every_range_comes_as_from_memory,
            several_ranges_come_as_one_multipart,
            head_says_what_get_says,
        );
    };
}

/// All tests of one kind of bucket.
macro_rules! all {
    ($cloud:ty) => {
        crate::buckets::reading!($cloud);
        crate::buckets::cases!(
            $cloud:
            conditions_are_judged_by_the_objects_own_state,
            an_odd_key_is_found_as_it_is,
            a_prefix_is_part_of_each_key,
            an_object_that_is_not_there_is_404_without_a_word_of_the_stores,
        );
    };
}

macro_rules! cases {
    ($cloud:ty: $($case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                crate::buckets::$case(&<$cloud as crate::buckets::Cloud>::start());
            }
        )*
    };
}

#[allow(unused_imports)] // Each test takes what it needs.
pub(crate) use {all, cases, reading};

/// The files of a storage under the paths that are their names.
pub(crate) struct Served {
    _app: Application,
    site: Site,
}

impl Served {
    pub(crate) fn new(storage: impl Storage) -> Self {
        let site = Site::new("");
        let router = Router::new().fallback_service(view(StorageView::new(storage)));
        Self {
            _app: Application::start(site.app(), async { router }),
            site,
        }
    }

    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        let answer = request.send(self.site.app());
        answer.unwrap_or_else(|error| panic!("{request:?}: {error:#}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// The answer, and how many requests it took.
    #[track_caller]
    fn count(&self, cloud: &impl Cloud, request: &Request) -> (Response, usize) {
        let requests = || cloud.asked().matches(" HTTP/1.1\r\n").count();
        let before = requests();
        let answer = self.send(request);
        (answer, requests() - before)
    }
}

/// Runs what the library does on its own.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

pub(crate) fn name(text: &str) -> StorageName {
    StorageName::parse(text).expect("a name")
}

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

pub(crate) fn conditions_are_judged_by_the_objects_own_state(cloud: &impl Cloud) {
    cloud.put("a.bin", &noise(1000));
    let remote = Served::new(cloud.bucket(""));
    let tag = remote.get("/a.bin").header("ETag").to_owned();
    let ask = |headers: &[(&str, &str)]| {
        let with = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        let request = headers.iter().fold(Request::get("/a.bin"), with);
        let (answer, requests) = remote.count(cloud, &request);
        ((answer.status, answer.body.len()), requests)
    };
    let range = ("Range", "bytes=10-19");
    for (headers, expected) in [
        (vec![("If-None-Match", tag.as_str())], (304, 0)),
        (vec![("If-None-Match", "\"x\"")], (200, 1000)),
        (vec![("If-Match", tag.as_str())], (200, 1000)),
        (vec![range, ("If-Range", tag.as_str())], (206, 10)),
    ] {
        let (found, requests) = ask(&headers);
        assert_eq!((found, requests), (expected, 1), "{headers:?}");
    }
    assert_eq!(ask(&[("If-Match", "\"x\"")]).0.0, 412);
    assert_eq!(ask(&[("If-Match", "*")]).0, (200, 1000));
    cloud.put("a.bin", &noise(2000)[500..]);
    let request = Request::get("/a.bin").header("Range", "bytes=10-19");
    let (answer, requests) = remote.count(cloud, &request.header("If-Range", &tag));
    assert_eq!(answer.status, 200, "{}", answer.head());
    assert!(answer.body == noise(2000)[500..], "the new state's bytes");
    assert_eq!(requests, 2);
}

/// Keys that a program between may decode, encode or cut.
pub(crate) const ODD: [&str; 13] = [
    "a b.txt",
    " both ends",
    "plus+plus",
    "100%",
    "a%2Fb",
    "%2e%2e",
    "who? me#1",
    "\"quoted\"",
    "été 汉 👩\u{200d}👧.txt",
    "a;b=c,d@e:f!$&'()*",
    "deep/er/and~/de_ep-er.txt",
    "back\\slash",
    "...",
];

pub(crate) fn an_odd_key_is_found_as_it_is<C: Cloud>(cloud: &C) {
    let odd = || ODD.into_iter().filter(|key| !C::MISTAKEN.contains(key));
    odd().for_each(|key| cloud.put(key, key.as_bytes()));
    let app = Served::new(cloud.bucket(""));
    for key in odd() {
        let answer = app.get(&format!("/{}", strict(key.as_bytes())));
        assert_eq!((answer.status, answer.text().as_str()), (200, key));
    }
    for target in [
        "//a",
        "/a%0Ab",
        "/%FF",
        "/a/../b",
        "/%2e%2e/a",
        "/..%5c..%5ca",
    ] {
        let status = app.get(target).status;
        assert!(matches!(status, 404 | 400), "{target}: {status}");
    }
}

pub(crate) fn a_prefix_is_part_of_each_key(cloud: &impl Cloud) {
    cloud.put("media/2026/a.txt", b"within");
    cloud.put("a.txt", b"without");
    let app = Served::new(cloud.bucket("media/2026"));
    assert_eq!(app.get("/a.txt").text(), "within");
    assert_eq!(app.get("/media/2026/a.txt").status, 404);
}

pub(crate) fn an_object_that_is_not_there_is_404_without_a_word_of_the_stores(cloud: &impl Cloud) {
    let answer = Served::new(cloud.bucket("")).get("/missing");
    assert_eq!(answer.status, 404);
    for word in ["NoSuchKey", "BlobNotFound", "<?xml", "Request"] {
        assert!(!answer.text().contains(word), "{}", answer.text());
    }
    assert!(answer.all("Server").is_empty(), "{}", answer.head());
}
