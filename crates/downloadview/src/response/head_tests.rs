//! A head that nobody touched is written without looking into it, and must be the same for that.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header};

use super::head::{Facts, Kind, emptied, render};
use super::{DownloadOptions, DownloadResponse};
use crate::content::{ByteRange, ETag, Metadata};
use crate::file::VirtualFile;

fn options() -> Vec<DownloadOptions> {
    let plain = DownloadOptions::new;
    vec![
        plain(),
        plain().inline(),
        plain().inline().basename("a.svg"),
        plain().cache_control("public"),
        plain().header(header::LINK, "</a.css>"),
        plain().content_type("text/html").inline(),
        plain().content_encoding("br"),
        plain().header(header::CONTENT_RANGE, "bytes 0-1/2"),
        plain().header(header::EXPIRES, "0"),
        plain().header(header::LOCATION, "/elsewhere"),
        plain().header(header::CONTENT_DISPOSITION, "inline"),
        plain().append_header(header::CONTENT_TYPE, "text/html"),
        plain().without_header(header::CONTENT_SECURITY_POLICY),
        plain().without_header(header::CONTENT_TYPE),
        plain().etag(ETag::strong("a").unwrap()),
    ]
}

fn contents() -> Vec<Metadata> {
    let modified = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let known = Metadata::new().with_size(9).with_modified(modified);
    let of_type = |text| {
        known
            .clone()
            .with_content_type(HeaderValue::from_static(text))
    };
    let mut hearsay = known.clone();
    hearsay.set_hearsay_type(Some(HeaderValue::from_static("text/html")));
    vec![
        Metadata::new(),
        of_type("text/html"),
        of_type("image/png").with_ranges(),
        known
            .clone()
            .with_content_encoding(HeaderValue::from_static("gzip")),
        known,
        hearsay,
    ]
}

#[test]
fn a_head_that_nobody_touched_is_written_as_any_other() {
    let mut compared = 0;
    for name in ["a.bin", "a.html", "a.txt", "a"] {
        for options in options() {
            for metadata in contents() {
                for kind in [
                    Kind::Delegated,
                    Kind::Redirected,
                    Kind::Whole,
                    Kind::Partial,
                    Kind::NotModified,
                    Kind::Refused,
                ] {
                    let head = |trusting: bool| {
                        let file = VirtualFile::from_text(name, "a");
                        let response = DownloadResponse::new(file).options(options.clone());
                        let (mut head, download) = response.into_parts().unwrap();
                        let mut facts = Facts::of(&download, &metadata);
                        facts.length = Some(9);
                        facts.range = ByteRange::new(0, 5);
                        facts.untouched = trusting && download.leaves_to_initial();
                        let trusted = facts.untouched;
                        render(&mut head, kind, &facts);
                        (trusted, head.status, head.headers)
                    };
                    let (trusted, status, headers) = head(true);
                    let (_, expected_status, expected) = head(false);
                    assert_eq!(status, expected_status);
                    assert_eq!(
                        headers, expected,
                        "{name} {kind:?} {options:?} {metadata:?}"
                    );
                    compared += usize::from(trusted);
                }
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

/// What a client sent is in no answer, and a client that sends much makes no map larger than usual.
#[test]
fn a_map_of_request_headers_is_reused_empty_and_only_in_its_usual_size() {
    let with = |count: usize, value: &str| {
        let mut headers = HeaderMap::with_capacity(count);
        headers.append(header::COOKIE, value.parse().unwrap());
        headers
    };
    let mut usual = with(12, "secret");
    let reused = emptied(&mut usual);
    assert_eq!((reused.len(), reused.capacity()), (0, 12));
    assert_eq!(usual.capacity(), 0, "it was taken");
    let mut twice = with(12, "a");
    twice.append(header::COOKIE, "b".parse().unwrap());
    for mut other in [with(100, "a"), with(1, "a"), twice] {
        let fresh = emptied(&mut other);
        assert_eq!((fresh.len(), fresh.capacity()), (0, 12));
        assert!(!other.is_empty());
    }
}
