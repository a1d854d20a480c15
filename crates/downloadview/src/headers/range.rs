//! `Range`: which parts of a content a request asks for (RFC 9110, 14).
//!
//! 1. Parse. A header that is malformed, in another unit, or much too long is ignored, as section
//!    14.2 allows: the whole content is a correct answer to every request.
//! 2. Limit each range to the size. If nothing is left, the header is not satisfiable.
//! 3. Merge ranges that overlap or touch, so that no byte is sent twice. The parts stay in the
//!    order in which they were asked for (RFC 9110, 15.3.7.2).
//!
//! The work grows linearly with the header, but for sorting at most 100 ranges (Apache killer
//! CVE-2011-3192, Starlette CVE-2025-62727).

use std::num::NonZeroUsize;

use http::HeaderValue;
use http_range_header::{SyntacticallyCorrectRange as Spec, parse_range_header_with_max_ranges};

use crate::content::ByteRange;

/// The most ranges of one header, and so parts of one answer. zsync asks for twenty at a time.
const MAX_RANGES: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");
/// The longest header that is read, in bytes: the unit, and 100 ranges of the largest numbers.
const MAX_LENGTH: usize = 101 * "18446744073709551615-18446744073709551615, ".len();

/// What a `Range` header asks for, of a content of known size: the result of [`resolve_range`].
///
/// ```
/// use downloadview::headers::{Ranges, resolve_range};
/// use http::HeaderValue;
///
/// let header = HeaderValue::from_static("bytes=0-9,50-");
/// match resolve_range(&header, 100) {
///     Ranges::Whole => { /* 200 */ }
///     Ranges::Single(part) => println!("206, {} bytes", part.len()),
///     Ranges::Multiple(parts) => assert_eq!(parts.len(), 2), // 206, multipart/byteranges
///     Ranges::Unsatisfiable => { /* 416 */ }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Send the whole content, as if there were no header: 200.
    Whole,
    /// Send one part: 206 with `Content-Range`.
    Single(ByteRange),
    /// Send several parts, in the order in which they were asked for: 206 as
    /// `multipart/byteranges`. No two of them overlap or touch.
    Multiple(Vec<ByteRange>),
    /// No byte of the content was asked for: 416 with `Content-Range: bytes */SIZE`.
    Unsatisfiable,
}

/// Resolves the value of a `Range` header against a content of `size` bytes.
///
/// A header that is not understood is [`Ranges::Whole`], and so is every header for an empty
/// content. At most 100 ranges are accepted; a header with more of them is ignored.
///
/// `If-Range` is not considered here:
/// [`ConditionalRequest::ranges`](super::ConditionalRequest::ranges) does that.
///
/// ```
/// use downloadview::content::ByteRange;
/// use downloadview::headers::{Ranges, resolve_range};
/// use http::HeaderValue;
///
/// let resolve = |range| resolve_range(&HeaderValue::from_static(range), 1000);
/// let part = |start, end| ByteRange::new(start, end).expect("not empty");
///
/// assert_eq!(resolve("bytes=0-99"), Ranges::Single(part(0, 100)));
/// assert_eq!(resolve("bytes=-100"), Ranges::Single(part(900, 1000)));
/// assert_eq!(resolve("bytes=0-9,5-19"), Ranges::Single(part(0, 20))); // merged
/// assert_eq!(resolve("bytes=0-9,90-99"), Ranges::Multiple(vec![part(0, 10), part(90, 100)]));
/// assert_eq!(resolve("bytes=1000-"), Ranges::Unsatisfiable);
/// assert_eq!(resolve("pages=1"), Ranges::Whole);
/// ```
#[must_use]
pub fn resolve_range(header: &HeaderValue, size: u64) -> Ranges {
    // Some clients send a range with everything; an empty content has no part to show for it.
    let Some(specs) = parse(header).filter(|_| size > 0) else {
        return Ranges::Whole;
    };
    let parts = merge(
        specs
            .into_iter()
            .filter_map(|spec| clamp(spec, size))
            .collect(),
    );
    match parts[..] {
        [] => Ranges::Unsatisfiable,
        [one] => Ranges::Single(one),
        _ => Ranges::Multiple(parts),
    }
}

/// The first range of a header, in a form that is sent to another server, which does not get the
/// others. `None` if the header asks for nothing.
#[cfg(feature = "remote")]
pub(crate) fn first_range(header: &HeaderValue) -> Option<HeaderValue> {
    const MOST: u64 = i64::MAX.unsigned_abs();
    let specs = parse(header)?;
    let text = match specs.into_iter().next()? {
        Spec::FromLast(0) => return None,
        Spec::FromLast(length) => format!("bytes=-{}", length.min(MOST)),
        Spec::FromStart(start) | Spec::Indexed(start, _) if start >= MOST => return None,
        Spec::FromStart(start) => format!("bytes={start}-"),
        Spec::Indexed(start, last) => format!("bytes={start}-{}", last.min(MOST - 1)),
    };
    HeaderValue::try_from(text).ok()
}

/// The ranges of a header, if it is valid and not too long.
fn parse(header: &HeaderValue) -> Option<Vec<Spec>> {
    let text = header
        .to_str()
        .ok()
        .filter(|text| text.len() <= MAX_LENGTH)?;
    let parsed = parse_range_header_with_max_ranges(text, MAX_RANGES);
    Some(parsed.ok()?.into_ranges())
}

/// The range within a content of `size` bytes; `None` if nothing of it is there.
fn clamp(spec: Spec, size: u64) -> Option<ByteRange> {
    match spec {
        Spec::FromStart(start) => ByteRange::new(start, size),
        Spec::FromLast(length) => ByteRange::new(size.saturating_sub(length), size),
        Spec::Indexed(start, last) => ByteRange::new(start, last.saturating_add(1).min(size)),
    }
}

/// Merges ranges that overlap or touch. A merged range takes the place of the first range in it.
fn merge(parts: Vec<ByteRange>) -> Vec<ByteRange> {
    let mut asked: Vec<_> = parts.into_iter().enumerate().collect();
    asked.sort_unstable_by_key(|(_, part)| part.start());
    let mut merged: Vec<(usize, ByteRange)> = Vec::with_capacity(asked.len());
    for (place, part) in asked {
        match merged.last_mut() {
            Some((first, last)) if part.start() <= last.end() => {
                let end = last.end().max(part.end());
                *last = ByteRange::new(last.start(), end).unwrap_or(*last);
                *first = place.min(*first);
            }
            _ => merged.push((place, part)),
        }
    }
    merged.sort_unstable_by_key(|(place, _)| *place);
    merged.into_iter().map(|(_, part)| part).collect()
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
            ("bytes=50-59, 0-9", multiple(&[(50, 60), (0, 10)])),
            ("bytes=50-59,0-9,60-64,20-", multiple(&[(20, 100), (0, 10)])),
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
    }

    /// zsync asks for twenty at a time, and gives up on the whole content.
    #[test]
    fn as_many_ranges_as_programs_ask_for_are_answered() {
        for count in [9, 20, 64, 100, 101] {
            let size = u64::MAX - 1;
            let start = |i: u64| size - 10 * (i + 1);
            let asked: Vec<_> = (0..count)
                .map(|i| format!("{}-{}", start(i), start(i)))
                .collect();
            let header = HeaderValue::from_str(&format!("bytes={}", asked.join(", "))).unwrap();
            let parts = (0..count).map(|i| ByteRange::new(start(i), start(i) + 1).unwrap());
            let expected = match count {
                101 => Ranges::Whole,
                _ => Ranges::Multiple(parts.collect()),
            };
            assert_eq!(resolve_range(&header, size), expected, "{count}");
        }
    }

    #[test]
    fn overlaps_do_not_multiply_the_answer() {
        let header = format!("bytes={}0-", "0-,".repeat(40));
        assert_eq!(resolve(&header), single(0, 100));
    }

    proptest! {
        #[test]
        fn parts_lie_inside_and_never_touch(header in "bytes=([0-9]{0,3}-[0-9]{0,3},){0,12}[0-9]{0,2}-", size in 0u64..300) {
            let value = HeaderValue::from_str(&header).unwrap();
            let mut parts = match resolve_range(&value, size) {
                Ranges::Multiple(parts) => { prop_assert!((2..=MAX_RANGES.get()).contains(&parts.len())); parts }
                Ranges::Single(part) => vec![part],
                _ => vec![],
            };
            parts.sort_unstable_by_key(ByteRange::start);
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
