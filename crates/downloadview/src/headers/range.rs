//! `Range`: which parts of a content a request asks for (RFC 9110, 14).
//!
//! 1. Parse; what is malformed, in another unit, or out of all proportion is ignored, as section
//!    14.2 allows: the whole content is a right answer to every request.
//! 2. Clamp to the size; if nothing is left the range is not satisfiable.
//! 3. Merge what overlaps or touches, so that no byte is sent twice. More than
//!    eight parts after that: the whole content.
//!
//! The work is linear in the header but for sorting at most 64 ranges
//! (Apache killer CVE-2011-3192, Starlette CVE-2025-62727).

use std::num::NonZeroUsize;

use http::HeaderValue;
use http_range_header::{SyntacticallyCorrectRange as Spec, parse_range_header_with_max_ranges};

use crate::content::ByteRange;

/// The most parts of one multipart answer.
const MAX_RANGES: usize = 8;
/// The most ranges that are looked at before merging.
const MAX_SPECS: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// The longest header that is looked at, in bytes.
const MAX_LENGTH: usize = 1024;

/// What a `Range` header comes to, for a content of known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Send the whole content, as if there were no header.
    Whole,
    /// Send one part, 206.
    Single(ByteRange),
    /// Send two to eight parts in ascending order, 206 `multipart/byteranges`.
    Multiple(Vec<ByteRange>),
    /// Nothing of the content was asked for: 416.
    Unsatisfiable,
}

/// Resolves the value of a `Range` header against a content of `size` bytes.
#[must_use]
pub fn resolve_range(header: &HeaderValue, size: u64) -> Ranges {
    // Some clients send a range with everything; an empty content has no part to show for it.
    if header.len() > MAX_LENGTH || size == 0 {
        return Ranges::Whole;
    }
    let Ok(text) = header.to_str() else {
        return Ranges::Whole;
    };
    let Ok(parsed) = parse_range_header_with_max_ranges(text, MAX_SPECS) else {
        return Ranges::Whole;
    };
    let specs = parsed.into_ranges();
    let parts = merge(
        specs
            .into_iter()
            .filter_map(|spec| clamp(spec, size))
            .collect(),
    );
    match parts[..] {
        [] => Ranges::Unsatisfiable,
        [one] => Ranges::Single(one),
        _ if parts.len() > MAX_RANGES => Ranges::Whole,
        _ => Ranges::Multiple(parts),
    }
}

fn clamp(spec: Spec, size: u64) -> Option<ByteRange> {
    match spec {
        Spec::FromStart(start) => ByteRange::new(start, size),
        Spec::FromLast(length) => ByteRange::new(size.saturating_sub(length), size),
        Spec::Indexed(start, last) => ByteRange::new(start, last.saturating_add(1).min(size)),
    }
}

fn merge(mut parts: Vec<ByteRange>) -> Vec<ByteRange> {
    parts.sort_unstable_by_key(ByteRange::start);
    let mut merged: Vec<ByteRange> = Vec::with_capacity(parts.len());
    for part in parts {
        match merged.last_mut() {
            Some(last) if part.start() <= last.end() => {
                let end = last.end().max(part.end());
                *last = ByteRange::new(last.start(), end).unwrap_or(*last);
            }
            _ => merged.push(part),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resolve(header: &str) -> Ranges {
        resolve_range(&HeaderValue::from_str(header).unwrap(), 100)
    }

    fn single(start: u64, end: u64) -> Ranges {
        Ranges::Single(ByteRange::new(start, end).unwrap())
    }

    fn multiple(parts: &[(u64, u64)]) -> Ranges {
        Ranges::Multiple(
            parts
                .iter()
                .map(|&(a, b)| ByteRange::new(a, b).unwrap())
                .collect(),
        )
    }

    #[test]
    fn resolves_against_a_hundred_bytes() {
        for (header, expected) in [
            ("bytes=0-9", single(0, 10)),
            ("Bytes=0-9", single(0, 10)),
            ("bytes=0-", single(0, 100)),
            ("bytes=99-", single(99, 100)),
            ("bytes=90-999", single(90, 100)),
            ("bytes=0-99999999999999999999999", single(0, 100)),
            ("bytes=-5", single(95, 100)),
            ("bytes=-1000", single(0, 100)),
            ("bytes=100-", Ranges::Unsatisfiable),
            ("bytes=-0", Ranges::Unsatisfiable),
            ("bytes=100-200,300-", Ranges::Unsatisfiable),
            ("bytes=0-0,200-300", single(0, 1)),
            ("bytes=0-0,5-6", multiple(&[(0, 1), (5, 7)])),
            ("bytes=50-59, 0-9", multiple(&[(0, 10), (50, 60)])),
            ("bytes=0-9, ,20-29", multiple(&[(0, 10), (20, 30)])),
            ("bytes=0-4,2-6", single(0, 7)),
            ("bytes=0-4,5-9", single(0, 10)),
            ("bytes=0-9,0-9,0-9", single(0, 10)),
            ("bytes=5-3", Ranges::Whole),
            ("bytes=0-9,abc", Ranges::Whole),
            ("bytes=", Ranges::Whole),
            ("bytes=-", Ranges::Whole),
            ("bytes=+1-2", Ranges::Whole),
            ("bytes 0-9", Ranges::Whole),
            ("lines=0-1", Ranges::Whole),
            ("", Ranges::Whole),
        ] {
            assert_eq!(resolve(header), expected, "{header:?}");
        }
    }

    #[test]
    fn an_empty_content_is_sent_whole() {
        for header in ["bytes=0-", "bytes=-5", "bytes=0-0"] {
            let header = HeaderValue::from_static(header);
            assert_eq!(resolve_range(&header, 0), Ranges::Whole);
        }
    }

    #[test]
    fn thousands_of_ranges_are_ignored() {
        let header = format!(
            "bytes={}",
            (0..5000).map(|i| format!("{i}-{i},")).collect::<String>()
        );
        assert_eq!(resolve(&header), Ranges::Whole);
        let nine: Vec<_> = (0..9).map(|i| format!("{}-{}", i * 10, i * 10)).collect();
        assert_eq!(resolve(&format!("bytes={}", nine.join(","))), Ranges::Whole);
    }

    #[test]
    fn overlaps_do_not_multiply_the_answer() {
        let header = format!("bytes={}0-", "0-,".repeat(40));
        assert_eq!(resolve(&header), single(0, 100));
    }

    proptest! {
        #[test]
        fn parts_lie_inside_ascend_and_never_touch(header in "bytes=([0-9]{0,3}-[0-9]{0,3},){0,12}[0-9]{0,2}-", size in 0u64..300) {
            let value = HeaderValue::from_str(&header).unwrap();
            let parts = match resolve_range(&value, size) {
                Ranges::Multiple(parts) => { prop_assert!((2..=MAX_RANGES).contains(&parts.len())); parts }
                Ranges::Single(part) => vec![part],
                _ => vec![],
            };
            prop_assert!(parts.iter().all(|part| part.end() <= size));
            prop_assert!(parts.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        }

        #[test]
        fn any_header_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64), size in any::<u64>()) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _ = resolve_range(&value, size);
            }
        }
    }
}
