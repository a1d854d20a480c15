//! Conditions: some servers know most of them, some none, and the answer is the same.

use std::time::{Duration, Instant};

use proxy_tests::{Request, noise};

use super::{Cloud, Served};

/// An object and its state.
struct Case<'a, C> {
    cloud: &'a C,
    remote: Served,
    tag: String,
    date: String,
}

impl<'a, C: Cloud> Case<'a, C> {
    fn new(cloud: &'a C) -> Self {
        cloud.put("a.bin", &noise(1000));
        let remote = Served::new(cloud.bucket(""));
        let (tag, date) = settled(&remote);
        Self {
            cloud,
            remote,
            tag,
            date,
        }
    }

    /// Status and body's length, and the requests that it took.
    #[track_caller]
    fn ask(&self, headers: &[(&str, &str)]) -> (u16, usize, usize) {
        let with = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        let request = headers.iter().fold(Request::get("/a.bin"), with);
        let (answer, requests) = self.remote.count(self.cloud, &request);
        (answer.status, answer.body.len(), requests)
    }
}

/// Tag and date, once that is past: two states of one second would have the same.
fn settled(remote: &Served) -> (String, String) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = remote.get("/a.bin");
        let tag = answer.header("ETag").to_owned();
        if let [date] = answer.all("Last-Modified").as_slice() {
            return (tag, (*date).to_owned());
        }
        assert!(Instant::now() < deadline, "no date: {}", answer.head());
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn an_unchanged_object_is_304_with_one_request(cloud: &impl Cloud) {
    let case = Case::new(cloud);
    assert_eq!(case.ask(&[("If-None-Match", &case.tag)]), (304, 0, 1));
    assert_eq!(case.ask(&[("If-Modified-Since", &case.date)]), (304, 0, 1));
    let list = format!("\"x\", {}", case.tag);
    let (status, length, _) = case.ask(&[("If-None-Match", &list)]);
    assert_eq!((status, length), (304, 0));
    assert_eq!(case.ask(&[("If-None-Match", "\"x\"")]), (200, 1000, 1));
}

pub(crate) fn an_object_in_another_state_is_412(cloud: &impl Cloud) {
    let case = Case::new(cloud);
    assert_eq!(case.ask(&[("If-Match", &case.tag)]), (200, 1000, 1));
    let (status, _, _) = case.ask(&[("If-Match", "\"x\"")]);
    assert_eq!(status, 412);
    let before = "Mon, 01 Jan 2001 00:00:00 GMT";
    let (status, _, _) = case.ask(&[("If-Unmodified-Since", before)]);
    assert_eq!(status, 412);
    let (status, length, _) = case.ask(&[("If-Match", "*")]);
    assert_eq!((status, length), (200, 1000));
}

pub(crate) fn a_part_of_the_same_state_takes_one_request(cloud: &impl Cloud) {
    let case = Case::new(cloud);
    let range = ("Range", "bytes=10-19");
    assert_eq!(case.ask(&[range, ("If-Range", &case.tag)]), (206, 10, 1));
    assert_eq!(case.ask(&[range, ("If-Range", &case.date)]), (206, 10, 1));
}

pub(crate) fn a_part_of_a_state_that_is_gone_becomes_the_whole_new_file_with_two_requests(
    cloud: &impl Cloud,
) {
    let case = Case::new(cloud);
    let new = noise(2000);
    cloud.put("a.bin", &new[500..]);
    let request = Request::get("/a.bin").header("Range", "bytes=10-19");
    let (answer, requests) = case
        .remote
        .count(cloud, &request.header("If-Range", &case.tag));
    assert_eq!((answer.status, requests), (200, 2), "{}", answer.head());
    assert!(answer.body == new[500..], "the new state's bytes");
    assert_ne!(answer.header("ETag"), case.tag);
    // Amazon's S3 knows no If-Range, and would send the part of another state.
    let asked = cloud.asked().to_lowercase();
    assert!(
        asked.contains(&format!("if-match: {}\r\n", case.tag.to_lowercase())),
        "{asked}"
    );
    assert!(!asked.contains("if-range:"), "{asked}");
}
