//! What is asked of an origin, and which of the client's headers go along: one range, the conditions, nothing else.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};

use super::Flavour;
use crate::content::{ByteRange, Metadata, Want};
use crate::headers::{ConditionalRequest, Ranges, first_range};

/// A request for a file or a part of it.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    range: Option<HeaderValue>,
    conditions: HeaderMap,
    if_range: IfRange,
    /// What the client's own range comes to, once the state of the file is known.
    judge: Option<ConditionalRequest>,
}

/// How the client's `If-Range` goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfRange {
    None,
    AsItIs,
    /// Stores do not know it: `If-Match` or `If-Unmodified-Since` stand in its place, and 412 means "the whole".
    AsCondition,
}

/// Those that a 304 or a 412 may answer.
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
            conditions: conditions(want),
            if_range: IfRange::None,
            judge: judge(want),
        };
        if let Some(value) = want.condition(&header::IF_RANGE)
            && ask.range.is_some()
        {
            ask.add_if_range(value, flavour);
        }
        ask
    }

    /// What is known only by name: its metadata.
    pub(super) fn look() -> Self {
        Self {
            method: Method::HEAD,
            ..Self::of(Want::whole(), Flavour::Http)
        }
    }

    /// A part of a file that is in this state, or all of it.
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

    /// `If-Range` goes along only with a range. A store gets a condition in its place, if the client has none that
    /// would stand there: whether it held is compared afterwards in any case.
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

    /// The same without a range, and without what concerned the range alone.
    pub(super) fn for_the_whole(&self) -> Self {
        let mut ask = self.clone();
        ask.range = None;
        ask.judge = None;
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

    /// Whether the client gets the whole file, now that its state is known: its `If-Range` does not hold.
    pub(super) fn comes_to_the_whole(&self, state: &Metadata) -> bool {
        let (Some(judge), Some(size)) = (&self.judge, state.size()) else {
            return false;
        };
        judge.ranges(state, size) == Ranges::Whole
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.conditions.contains_key(name)
    }

    /// Writes what goes along into the head of the request.
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

/// The conditions, but for `*`, which servers understand differently and which is judged here as well.
fn conditions(want: Want<'_>) -> HeaderMap {
    let stated = CONDITIONS.into_iter().filter_map(|name| {
        let value = want.condition(&name)?;
        (value.as_bytes().trim_ascii() != b"*").then(|| (name, value.clone()))
    });
    stated.collect()
}

fn judge(want: Want<'_>) -> Option<ConditionalRequest> {
    let mut headers = HeaderMap::new();
    headers.insert(header::RANGE, want.range()?.clone());
    if let Some(value) = want.condition(&header::IF_RANGE) {
        headers.insert(header::IF_RANGE, value.clone());
    }
    Some(ConditionalRequest::of(&Method::GET, &headers))
}
