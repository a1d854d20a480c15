//! What is asked of an origin, and which of the client's headers go along: one range and the
//! conditions, nothing else.
//!
//! An [`Ask`] is made of a client's `Want`, of nothing (`look`), or of a part of a known state
//! (`part`). `exchange` writes it into a request, and `answer` asks it which answers fit.
//! `Accept-Encoding: identity` always goes along, so that lengths and ranges are those of the file.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use super::Flavour;
use crate::content::{ByteRange, Metadata, Want};
use crate::headers::first_range;

/// A request for a file or a part of it.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    range: Option<HeaderValue>,
    /// Whether the client asks for more than that one range.
    several: bool,
    conditions: HeaderMap,
    if_range: IfRange,
}

/// How the client's `If-Range` goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfRange {
    /// There is none, or no range.
    None,
    /// As `If-Range`.
    AsItIs,
    /// Stores do not know it. `If-Match` or `If-Unmodified-Since` goes along in its place, and a
    /// 412 means that the whole is asked for.
    AsCondition,
}

/// The conditions that a 304 or a 412 may answer.
const CONDITIONS: [HeaderName; 4] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

impl Ask {
    /// What a client's request asks for.
    pub(super) fn of(want: Want<'_>, flavour: Flavour) -> Self {
        let method = match want.is_head() {
            true => Method::HEAD,
            false => Method::GET,
        };
        let mut ask = Self {
            method,
            range: want.range().and_then(first_range),
            several: want
                .range()
                .is_some_and(|range| range.as_bytes().contains(&b',')),
            conditions: conditions(want),
            if_range: IfRange::None,
        };
        if let Some(value) = want.condition(&header::IF_RANGE)
            && ask.range.is_some()
        {
            ask.add_if_range(value, flavour);
        }
        ask
    }

    /// A request for the metadata alone.
    pub(super) fn look() -> Self {
        Self {
            method: Method::HEAD,
            ..Self::of(Want::whole(), Flavour::Http)
        }
    }

    /// A request for a part of a file in this state, or for all of it.
    pub(super) fn part(range: Option<ByteRange>, state: &Metadata) -> Self {
        let mut ask = Self::of(Want::whole(), Flavour::Http);
        ask.range = range.and_then(|range| {
            let text = format!("bytes={}-{}", range.start(), range.end() - 1);
            HeaderValue::try_from(text).ok()
        });
        if let Some(tag) = state.etag().filter(|tag| tag.is_strong()) {
            ask.conditions
                .insert(header::IF_MATCH, tag.to_header_value());
        }
        ask
    }

    /// Adds the client's `If-Range`; it goes along only with a range. For a store a condition goes
    /// along in its place, unless the client already has such a condition. Whether it held is
    /// compared afterwards in any case.
    fn add_if_range(&mut self, value: &HeaderValue, flavour: Flavour) {
        let quoted = value.as_bytes().starts_with(b"\"");
        let weak = value.as_bytes().starts_with(b"W/");
        if weak {
            // It never holds (RFC 9110, 13.1.5).
            self.range = None;
        } else if flavour == Flavour::Http {
            self.conditions.insert(header::IF_RANGE, value.clone());
            self.if_range = IfRange::AsItIs;
        } else if !self.has(&header::IF_MATCH) && !self.has(&header::IF_UNMODIFIED_SINCE) {
            let name = match quoted {
                true => header::IF_MATCH,
                false => header::IF_UNMODIFIED_SINCE,
            };
            self.conditions.insert(name, value.clone());
            self.if_range = IfRange::AsCondition;
        }
    }

    /// The same request without its range, and without what concerned the range alone.
    pub(super) fn for_the_whole(&self) -> Self {
        let mut ask = self.clone();
        ask.range = None;
        ask.conditions.remove(header::IF_RANGE);
        if self.if_range == IfRange::AsCondition {
            ask.conditions.remove(header::IF_MATCH);
            ask.conditions.remove(header::IF_UNMODIFIED_SINCE);
        }
        ask.if_range = IfRange::None;
        ask
    }

    /// The range that is sent.
    pub(super) fn range(&self) -> Option<&HeaderValue> {
        self.range.as_ref()
    }

    /// Whether further parts of the same state will be asked for.
    pub(super) fn has_several_ranges(&self) -> bool {
        self.several
    }

    /// Whether a 200 in spite of the range may be the answer to `If-Range`.
    pub(super) fn has_if_range(&self) -> bool {
        self.if_range != IfRange::None
    }

    /// Whether a 412 is about the range alone.
    pub(super) fn fails_by_if_range(&self) -> bool {
        self.if_range == IfRange::AsCondition
    }

    /// Whether a 304 can be the answer.
    pub(super) fn can_be_current(&self) -> bool {
        self.has(&header::IF_NONE_MATCH) || self.has(&header::IF_MODIFIED_SINCE)
    }

    /// Whether a 412 can be the answer.
    pub(super) fn can_fail(&self) -> bool {
        self.has(&header::IF_MATCH) || self.has(&header::IF_UNMODIFIED_SINCE)
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.conditions.contains_key(name)
    }

    /// Writes the range and the conditions into the head of the request.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        headers.extend(self.conditions.clone());
        if let Some(range) = &self.range {
            headers.insert(header::RANGE, range.clone());
        }
    }
}

/// The conditions without those that are `*`: servers understand `*` differently, and it is judged
/// here as well.
///
/// A date counts only without tags (RFC 9110, 13.1.3 and 13.1.4). Beside tags it is not sent, even
/// where these are not sent either: the origin would judge by the date alone.
fn conditions(want: Want<'_>) -> HeaderMap {
    let stated = CONDITIONS.into_iter().filter_map(|name| {
        if tags_before(&name).is_some_and(|tags| want.states(&tags)) {
            return None;
        }
        let value = want.condition(&name)?;
        (value.as_bytes().trim_ascii() != b"*").then(|| (name, value.clone()))
    });
    stated.collect()
}

/// The condition on tags that makes one on a date void.
fn tags_before(date: &HeaderName) -> Option<HeaderName> {
    match *date {
        header::IF_MODIFIED_SINCE => Some(header::IF_NONE_MATCH),
        header::IF_UNMODIFIED_SINCE => Some(header::IF_MATCH),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::content::ETag;

    const DATE: &str = "Tue, 29 Oct 2019 00:00:00 GMT";

    /// What a GET with these headers sends on, but for `Accept-Encoding`.
    fn sent(flavour: Flavour, headers: &[(HeaderName, &str)]) -> Vec<String> {
        shown(&ask(flavour, headers))
    }

    fn ask(flavour: Flavour, headers: &[(HeaderName, &str)]) -> Ask {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        Ask::of(Want::get(&map), flavour)
    }

    fn shown(ask: &Ask) -> Vec<String> {
        let mut headers = HeaderMap::new();
        ask.write(&mut headers);
        assert_eq!(headers.remove(header::ACCEPT_ENCODING).unwrap(), "identity");
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        lines
    }

    const RANGE: (HeaderName, &str) = (header::RANGE, "bytes=2-4");

    #[test]
    fn a_store_gets_a_condition_in_the_place_of_if_range() {
        let with = |value| sent(Flavour::Store, &[RANGE, (header::IF_RANGE, value)]);
        assert_eq!(with("\"v1\""), ["if-match: \"v1\"", "range: bytes=2-4"]);
        assert_eq!(
            with(DATE),
            [&format!("if-unmodified-since: {DATE}"), "range: bytes=2-4"]
        );
        // What never holds is the whole at once.
        assert_eq!(with("W/\"v1\""), [""; 0]);
        // Without a range it means nothing.
        assert_eq!(
            sent(Flavour::Store, &[(header::IF_RANGE, "\"v1\"")]),
            [""; 0]
        );
        let ask = ask(Flavour::Store, &[RANGE, (header::IF_RANGE, "\"v1\"")]);
        assert!(ask.fails_by_if_range());
        assert_eq!(shown(&ask.for_the_whole()), [""; 0]);
    }

    #[test]
    fn a_condition_of_the_clients_own_is_not_replaced() {
        let headers = [
            RANGE,
            (header::IF_RANGE, "\"v1\""),
            (header::IF_MATCH, "\"v2\""),
        ];
        let ask = ask(Flavour::Store, &headers);
        assert_eq!(shown(&ask), ["if-match: \"v2\"", "range: bytes=2-4"]);
        assert!(!ask.fails_by_if_range());
        assert_eq!(shown(&ask.for_the_whole()), ["if-match: \"v2\""]);
    }

    /// The origin would answer 304 or 412 by the date, which is void beside tags, whether these go along or not.
    #[test]
    fn a_date_beside_tags_does_not_go_along() {
        let (since, unless) = (header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE);
        for (name, tags) in [(since, header::IF_NONE_MATCH), (unless, header::IF_MATCH)] {
            let dated = (name.clone(), DATE);
            let alone = sent(Flavour::Http, std::slice::from_ref(&dated));
            assert_eq!(alone, [format!("{name}: {DATE}")]);
            let beside = |tags: &[(HeaderName, &str)]| {
                sent(Flavour::Http, &[&[dated.clone()][..], tags].concat())
            };
            assert_eq!(beside(&[(tags.clone(), "*")]), [""; 0]);
            let one = (tags.clone(), "\"a\"");
            assert_eq!(
                beside(std::slice::from_ref(&one)),
                [format!("{tags}: \"a\"")]
            );
            let two = [one, (tags.clone(), "\"b\"")];
            assert_eq!(beside(&two), [""; 0]);
        }
    }

    #[test]
    fn a_server_of_http_gets_if_range_as_it_is() {
        let headers = [RANGE, (header::IF_RANGE, "\"v1\"")];
        assert_eq!(
            sent(Flavour::Http, &headers),
            ["if-range: \"v1\"", "range: bytes=2-4"]
        );
    }

    #[test]
    fn one_range_goes_along_and_only_one_that_can_be() {
        for (range, expected) in [
            ("bytes=2-4", Some("bytes=2-4")),
            ("Bytes=02-04", Some("bytes=2-4")),
            ("bytes=2-4,7-9", Some("bytes=2-4")),
            ("bytes=-5", Some("bytes=-5")),
            ("bytes=5-", Some("bytes=5-")),
            (
                "bytes=0-18446744073709551615",
                Some("bytes=0-9223372036854775806"),
            ),
            ("bytes=18446744073709551615-", None),
            ("bytes=-0", None),
            ("bytes=4-2", None),
            ("lines=1-2", None),
            ("bytes=a-b", None),
            ("bytes=", None),
        ] {
            let sent = sent(Flavour::Http, &[(header::RANGE, range)]);
            let expected: Vec<_> = expected
                .map(|range| format!("range: {range}"))
                .into_iter()
                .collect();
            assert_eq!(sent, expected, "{range}");
        }
        let two = [(header::RANGE, "bytes=0-1")];
        let headers: HeaderMap = two
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(
            shown(&Ask::of(Want::head(&headers), Flavour::Http)),
            [""; 0]
        );
    }

    #[test]
    fn a_further_part_is_of_the_state_that_is_known_by_a_strong_tag() {
        let range = ByteRange::new(5, 10);
        let state = Metadata::new().with_size(10);
        let tagged = |tag: &str| {
            let etag = ETag::parse(tag).unwrap();
            shown(&Ask::part(range, &state.clone().with_etag(etag)))
        };
        assert_eq!(tagged("\"v1\""), ["if-match: \"v1\"", "range: bytes=5-9"]);
        assert_eq!(tagged("W/\"v1\""), ["range: bytes=5-9"]);
        let mut dated = state.with_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000));
        dated.remote = true;
        assert_eq!(shown(&Ask::part(None, &dated)), [""; 0]);
    }
}
