//! Conditional requests: whether the client's copy, or its half of a download, is still good (RFC
//! 9110, 13).
//!
//! `delivery` asks in the order of section 13.2.2:
//!
//! 1. `If-Match`, or else 2. `If-Unmodified-Since`: if it fails, the answer is 412.
//! 3. `If-None-Match`, or else 4. `If-Modified-Since`: if it matches, the answer is 304.
//! 5. `If-Range`: if it fails, the answer is the whole content in place of a range.
//!
//! Dates are compared in whole seconds, because that is what the headers hold. A date that is not a
//! date is ignored (13.1.3).

use std::sync::LazyLock;
use std::time::SystemTime;

use headers::Header as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::date::http_date;
use super::range::{Ranges, resolve_range};
use crate::content::{Metadata, Want, whole_seconds};

/// The headers that are remembered of a request.
static CAPTURED: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
];

/// The method of a request with its conditional and range headers: what must be remembered of it
/// until the file is known.
///
/// The views' services and [`OptimizeLayer`](crate::OptimizeLayer) capture it themselves. Use it
/// with [`delivery::deliver`](crate::delivery::deliver), or alone for an answer that you build
/// yourself.
///
/// ```
/// use downloadview::content::{ETag, Metadata};
/// use downloadview::headers::{ConditionalRequest, PreconditionResult, Ranges};
/// use http::{HeaderMap, HeaderValue, Method, header};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"v1\""));
/// headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-9"));
/// let request = ConditionalRequest::of(&Method::GET, &headers);
///
/// let metadata = Metadata::new().with_etag(ETag::strong("v1")?);
/// assert_eq!(request.evaluate(&metadata), PreconditionResult::NotModified);
///
/// let changed = Metadata::new().with_etag(ETag::strong("v2")?);
/// assert_eq!(request.evaluate(&changed), PreconditionResult::Proceed);
/// assert!(matches!(request.ranges(&changed, 100), Ranges::Single(part) if part.len() == 10));
/// # Ok::<(), downloadview::ParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConditionalRequest {
    method: Method,
    /// Apart, and not even there for most requests: an empty map costs time to move and to drop.
    captured: Option<Box<HeaderMap>>,
}

/// What most requests have captured.
static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// What the preconditions of a request require (RFC 9110, 13.2.2): the result of
/// [`ConditionalRequest::evaluate`].
///
/// ```
/// use downloadview::content::{ETag, Metadata};
/// use downloadview::headers::{ConditionalRequest, PreconditionResult};
///
/// let request = http::Request::get("/").header("if-none-match", "\"v7\"").body(()).unwrap();
/// let request = ConditionalRequest::of(request.method(), request.headers());
///
/// let now = |tag| Ok::<_, downloadview::ParseError>(Metadata::new().with_etag(ETag::strong(tag)?));
/// assert_eq!(request.evaluate(&now("v7")?), PreconditionResult::NotModified);
/// assert_eq!(request.evaluate(&now("v8")?), PreconditionResult::Proceed);
/// # Ok::<(), downloadview::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreconditionResult {
    /// Answer as if there were no preconditions: 200 or 206.
    Proceed,
    /// The client's copy is still good: 304.
    NotModified,
    /// The state that the client asked for is gone: 412.
    Failed,
}

impl ConditionalRequest {
    /// Copies the method and the six headers that matter: the five conditions and `Range`.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut captured: Option<Box<HeaderMap>> = None;
        // Most names are ruled out by their first letter.
        let matters =
            |name: &&HeaderName| name.as_str().starts_with(['i', 'r']) && CAPTURED.contains(name);
        for name in headers.keys().filter(matters) {
            let captured = captured.get_or_insert_default();
            for value in headers.get_all(name) {
                captured.append(name, value.clone());
            }
        }
        Self {
            method: method.clone(),
            captured,
        }
    }

    /// The headers that matter.
    fn headers(&self) -> &HeaderMap {
        self.captured.as_deref().unwrap_or_else(|| &NONE)
    }

    /// The method of the request.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What the request will ask of a content: the argument of [`File::open`](crate::File::open).
    #[must_use]
    pub fn want(&self) -> Want<'_> {
        match self.method {
            Method::HEAD => Want::head(self.headers()),
            Method::GET => Want::get(self.headers()),
            _ => Want::whole(),
        }
    }

    /// Judges steps 1 to 4: `If-Match`, `If-Unmodified-Since`, `If-None-Match`,
    /// `If-Modified-Since`.
    ///
    /// Methods other than GET and HEAD have no conditions here. A content without a tag fails every
    /// `If-Match` but `*`.
    #[must_use]
    pub fn evaluate(&self, metadata: &Metadata) -> PreconditionResult {
        if self.captured.is_none() || !matches!(self.method, Method::GET | Method::HEAD) {
            return PreconditionResult::Proceed;
        }
        if self.is_contradicted(metadata) {
            return PreconditionResult::Failed;
        }
        if self.is_current(metadata) {
            return PreconditionResult::NotModified;
        }
        PreconditionResult::Proceed
    }

    /// Judges `If-Range` and `Range`: which part of a content of `size` bytes a GET gets.
    ///
    /// A `Range` of any other method is ignored (RFC 9110, 14.2), and so are two `Range` headers.
    #[must_use]
    pub fn ranges(&self, metadata: &Metadata, size: u64) -> Ranges {
        // 14.2: a Range header with any other method is ignored. Two of them contradict each other.
        let mut values = self.headers().get_all(header::RANGE).iter();
        let (Some(range), None, &Method::GET) = (values.next(), values.next(), &self.method) else {
            return Ranges::Whole;
        };
        if !self.allows_range(metadata) {
            return Ranges::Whole;
        }
        resolve_range(range, size)
    }

    /// Steps 1 and 2: the content is not in the state that the client asked for.
    fn is_contradicted(&self, metadata: &Metadata) -> bool {
        if self.headers().contains_key(header::IF_MATCH) {
            return !self.any_tag_matches(metadata, header::IF_MATCH, Comparison::Strong);
        }
        let since = self.date(header::IF_UNMODIFIED_SINCE);
        let modified = metadata.last_modified();
        matches!((modified, since), (Some(modified), Some(since)) if whole_seconds(modified) > whole_seconds(since))
    }

    /// Steps 3 and 4: the client has the current state already.
    fn is_current(&self, metadata: &Metadata) -> bool {
        if self.headers().contains_key(header::IF_NONE_MATCH) {
            return self.any_tag_matches(metadata, header::IF_NONE_MATCH, Comparison::Weak);
        }
        self.date(header::IF_MODIFIED_SINCE)
            .is_some_and(|since| !metadata.changed_after(since))
    }

    /// Whether one tag of the list is the current one, or the list is `*`.
    fn any_tag_matches(
        &self,
        metadata: &Metadata,
        name: HeaderName,
        comparison: Comparison,
    ) -> bool {
        let mut values = self.headers().get_all(name).iter();
        let current = metadata
            .etag()
            .and_then(|etag| headers_etag(&etag.to_header_value()));
        // `*` matches whatever exists, tag or no tag. A list is only read where there is a tag.
        match (current, comparison) {
            (None, _) => values.any(|value| value.as_bytes().trim_ascii() == b"*"),
            (Some(tag), Comparison::Strong) => headers::IfMatch::decode(&mut values)
                .is_ok_and(|list| list.precondition_passes(&tag)),
            (Some(tag), Comparison::Weak) => headers::IfNoneMatch::decode(&mut values)
                .is_ok_and(|list| !list.precondition_passes(&tag)),
        }
    }

    /// A strong tag that is the current one, or exactly the current date (13.1.5). Anything else is
    /// the validator of another state.
    fn allows_range(&self, metadata: &Metadata) -> bool {
        if !self.headers().contains_key(header::IF_RANGE) {
            return true;
        }
        if let Some(date) = self.date(header::IF_RANGE) {
            let modified = metadata.last_modified();
            return modified.is_some_and(|modified| whole_seconds(modified) == whole_seconds(date));
        }
        let mut values = self.headers().get_all(header::IF_RANGE).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let current = metadata.etag();
        current.is_some_and(|tag| tag.is_strong() && value == tag.as_str())
    }

    /// The HTTP date of a header. `None` if there is none, if there are two, or if it is not a date
    /// (13.1.3: such a field is ignored).
    fn date(&self, name: HeaderName) -> Option<SystemTime> {
        let mut values = self.headers().get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        http_date(value.to_str().ok()?)
    }
}

/// How two tags are compared: RFC 9110, 8.8.3.2.
enum Comparison {
    Strong,
    Weak,
}

fn headers_etag(value: &HeaderValue) -> Option<headers::ETag> {
    headers::ETag::decode(&mut std::iter::once(value)).ok()
}
