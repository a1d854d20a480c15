//! Which requests resume a download: a range of the state that the client has a part of (RFC 9110,
//! 13.1.5). Whether it is that state, whoever answers finds out.
//!
//! The range does not begin at the first byte: whoever has nothing yet does not resume, and would get
//! the whole file for a tag that it only guessed.

use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};

use crate::content::ETag;

/// Whether a request asks for what follows a part of the file, and only if the file still has a state
/// with a strong tag.
pub(super) fn asks_to_resume(request: &Parts) -> bool {
    let tag = only(&request.headers, &header::IF_RANGE);
    let strong = tag.and_then(|tag| ETag::parse(tag).ok());
    request.method == Method::GET
        && only(&request.headers, &header::RANGE).is_some_and(follows)
        && strong.is_some_and(|tag| tag.is_strong())
}

/// Whether it is one range behind the first byte.
fn follows(range: &str) -> bool {
    let range = range
        .split_once('=')
        .filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let first = range.and_then(|(_, range)| range.trim().split_once('-'));
    first.is_some_and(|(first, last)| {
        first.parse::<u64>().is_ok_and(|first| first > 0) && !last.contains(',')
    })
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_follows_a_part_is_resumed() {
        for range in ["bytes=1-", "bytes=5-9", "Bytes= 7-"] {
            assert!(follows(range), "{range}");
        }
        for range in [
            "bytes=0-",
            "bytes=00-",
            "bytes=-5",
            "bytes=5-9,0-4",
            "bytes=5-,0-",
            "bytes=",
            "5-",
            "items=5-",
            "bytes=x-",
            "bytes=5",
        ] {
            assert!(!follows(range), "{range}");
        }
    }
}
