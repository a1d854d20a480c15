//! The head of an answer: which header stands in which kind of answer, as one table, and the only code
//! that writes them.
//!
//! A head is written twice. [`initial`] makes that which the view's options and the file's name allow,
//! for middleware to see and to change. [`render`] makes the final one, when it is known what kind of
//! answer it becomes and what the content says of itself.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response};

use super::{Download, DownloadBody, DownloadOptions};
use crate::content::{ByteRange, Metadata};
use crate::file::{File, SignedUrl, TypeHint};
use crate::headers::hand_off::{self, HandOff};
use crate::headers::{ContentDisposition, MediaTypes, guess, is_active_content};

/// The kinds of answers: the columns of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A plain 200 without a body, which makes a proxy send the file.
    Delegated,
    /// 302 without a body, which sends the client to where the file is.
    Redirected,
    /// The whole content. The status stays as it is.
    Whole,
    /// 206, one part or several.
    Partial,
    /// 304: the validators and what governs caching (RFC 9110, 15.4.5).
    NotModified,
    /// A short text in place of the file.
    Refused,
}

/// What the values of a head follow from.
pub(crate) struct Facts<'a> {
    pub(crate) download: &'a Download,
    /// What the content says of itself; nothing where nobody looked.
    pub(crate) metadata: &'a Metadata,
    /// Bytes of the body, where they are known.
    pub(crate) length: Option<u64>,
    /// The part of the content that the body is.
    pub(crate) range: Option<ByteRange>,
    /// Where the client is sent.
    pub(crate) location: Option<&'a SignedUrl>,
    /// The type of a body that is not the content's own bytes: of several parts.
    pub(crate) content_type: Option<HeaderValue>,
}

/// What becomes of a header that stands in the head already.
#[derive(Clone, Copy)]
enum Fate {
    /// It stays as it is.
    Kept,
    /// It goes, and nothing takes its place.
    Removed,
    /// It goes, and its true value takes its place, if there is one.
    Written,
    /// Its true value takes its place; without one it stays.
    Stated,
    /// It stays; where there is none, the value is added.
    Added,
}

use Fate::{Added, Kept, Removed, Stated, Written};

/// A header, its value, and what becomes of it in each kind of answer.
type Row = (HeaderName, Value, [Fate; 6]);
type Value = fn(&Facts<'_>, Kind, &HeaderMap) -> Option<HeaderValue>;

/// Length, ranges and framing never survive from before: what middleware said of a body is not true of
/// the one that is sent. nginx closes its connection to the application after an answer without
/// `Content-Length: 0`.
#[rustfmt::skip]
static TABLE: [Row; 11] = [
    //                                                         delegated redirect whole    partial  304      refused
    (header::CONTENT_TYPE,            content_type,           [Written, Removed, Written, Written, Removed, Removed]),
    (header::CONTENT_ENCODING,        content_encoding,       [Written, Removed, Written, Written, Removed, Removed]),
    (header::CONTENT_DISPOSITION,     nothing,                [Kept,    Removed, Kept,    Kept,    Removed, Removed]),
    (header::CONTENT_SECURITY_POLICY, sandbox,                [Added,   Removed, Added,   Added,   Kept,    Removed]),
    (header::CONTENT_LENGTH,          content_length,         [Written, Written, Written, Written, Removed, Removed]),
    (header::CONTENT_RANGE,           content_range,          [Removed, Removed, Removed, Written, Removed, Removed]),
    (header::ACCEPT_RANGES,           accept_ranges,          [Removed, Removed, Written, Written, Removed, Removed]),
    (header::TRANSFER_ENCODING,       nothing,                [Removed, Removed, Removed, Removed, Removed, Removed]),
    (header::LOCATION,                location,               [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
    (header::REFERRER_POLICY,         no_referrer,            [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
    (header::CACHE_CONTROL,           no_store,               [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
];

/// What caches go by.
#[rustfmt::skip]
static VALIDATORS: [Row; 3] = [
    (header::ETAG,                    etag,                   [Stated,  Removed, Stated,  Stated,  Stated,  Removed]),
    (header::LAST_MODIFIED,           last_modified,          [Kept,    Removed, Stated,  Stated,  Stated,  Removed]),
    (header::EXPIRES,                 nothing,                [Kept,    Removed, Kept,    Kept,    Kept,    Removed]),
];

/// Makes the head of an answer of this kind.
pub(crate) fn render(head: &mut response::Parts, kind: Kind, facts: &Facts<'_>) {
    write(&mut head.headers, &TABLE, kind, facts);
    write(&mut head.headers, &VALIDATORS, kind, facts);
    match kind {
        Kind::Delegated => head.status = StatusCode::OK,
        Kind::Redirected => head.status = StatusCode::FOUND,
        Kind::Partial => head.status = StatusCode::PARTIAL_CONTENT,
        Kind::NotModified => head.status = StatusCode::NOT_MODIFIED,
        Kind::Whole | Kind::Refused => {}
    }
}

/// Makes the head that hands the download to a proxy, unless `ask`, which sees what the proxy would be
/// told of the file, refuses.
///
/// Always 200: nginx and Caddy turn any status into it, Apache ignores its header on any other, and
/// lighttpd sends the file with it.
pub(crate) fn delegate<E>(
    head: &mut response::Parts,
    facts: &Facts<'_>,
    ask: impl FnOnce(&HeaderMap) -> Result<HandOff, E>,
) -> Result<(), E> {
    write(&mut head.headers, &TABLE, Kind::Delegated, facts);
    let hand_off = ask(&head.headers)?;
    write(&mut head.headers, &VALIDATORS, Kind::Delegated, facts);
    // In the place of any that came from elsewhere.
    for (name, value) in hand_off {
        head.headers.insert(name, value);
    }
    head.status = StatusCode::OK;
    Ok(())
}

/// Makes the head that sends the client to where the file is: for this request alone, and without a word
/// of where it came from, since the URL may be a permission.
pub(crate) fn redirect(head: &mut response::Parts, download: &Download, url: &SignedUrl) {
    let metadata = Metadata::new();
    let mut facts = Facts::of(download, &metadata);
    facts.location = Some(url);
    render(head, Kind::Redirected, &facts);
}

/// What the head says of the file so far that whoever sends it in our place must say.
pub(crate) fn of_the_file(headers: &HeaderMap, download: &Download) -> HeaderMap {
    let metadata = Metadata::new();
    let facts = Facts::of(download, &metadata);
    let stated = [
        (
            header::CONTENT_DISPOSITION,
            headers.get(header::CONTENT_DISPOSITION).cloned(),
        ),
        (header::CONTENT_TYPE, type_of_content(headers, &facts)),
        (
            header::CONTENT_ENCODING,
            content_encoding(&facts, Kind::Whole, headers),
        ),
    ];
    let stated = stated.into_iter();
    stated
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// A refusal with what middleware said of the answer, and nothing that was said of the file.
pub(crate) fn refused(
    mut head: response::Parts,
    download: &Download,
    refusal: Response<DownloadBody>,
) -> Response<DownloadBody> {
    render(
        &mut head,
        Kind::Refused,
        &Facts::of(download, &Metadata::new()),
    );
    let (of_refusal, body) = refusal.into_parts();
    head.status = of_refusal.status;
    head.extensions.extend(of_refusal.extensions);
    for (name, value) in &of_refusal.headers {
        head.headers.insert(name, value.clone());
    }
    Response::from_parts(head, body)
}

fn write(headers: &mut HeaderMap, rows: &[Row], kind: Kind, facts: &Facts<'_>) {
    for (name, value, fates) in rows {
        let is_stated = facts.download.states(name);
        let value = |headers: &HeaderMap| value(facts, kind, headers);
        match fates[kind as usize] {
            Kept => {}
            Stated | Added if is_stated => {}
            Added if headers.contains_key(name) => {}
            Removed => {
                headers.remove(name);
            }
            Written => match value(headers) {
                Some(value) => drop(headers.insert(name, value)),
                None => drop(headers.remove(name)),
            },
            Stated | Added => {
                if let Some(value) = value(headers) {
                    headers.insert(name, value);
                }
            }
        }
    }
}

impl<'a> Facts<'a> {
    /// Without a body.
    pub(crate) fn of(download: &'a Download, metadata: &'a Metadata) -> Self {
        Self {
            download,
            metadata,
            length: None,
            range: None,
            location: None,
            content_type: None,
        }
    }
}

fn nothing(_: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    None
}

/// The type of the content's bytes, in an answer whose head says this so far.
pub(crate) fn type_of_content(headers: &HeaderMap, facts: &Facts<'_>) -> Option<HeaderValue> {
    let so_far = headers.get(header::CONTENT_TYPE);
    if facts.download.states(&header::CONTENT_TYPE) {
        return so_far.cloned();
    }
    let nobody_knows = facts.download.is_of_unknown_type() && so_far == Some(&UNKNOWN);
    let hearsay = facts.metadata.hearsay_type.as_ref();
    let found = facts.metadata.content_type();
    found
        .or(hearsay.filter(|_| nobody_knows))
        .or(so_far)
        .cloned()
}

fn content_type(facts: &Facts<'_>, _: Kind, headers: &HeaderMap) -> Option<HeaderValue> {
    let whole = || type_of_content(headers, facts);
    facts.content_type.clone().or_else(whole)
}

fn content_encoding(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    if facts.download.states(&header::CONTENT_ENCODING) {
        return facts.download.content_encoding().cloned();
    }
    facts.metadata.content_encoding().cloned()
}

fn content_length(facts: &Facts<'_>, kind: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    match kind {
        Kind::Delegated | Kind::Redirected => Some(HeaderValue::from_static("0")),
        _ => facts.length.map(HeaderValue::from),
    }
}

/// `bytes 0-9/100` (RFC 9110, 14.4).
fn content_range(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let text = content_range_of(facts.range?, facts.metadata.size());
    HeaderValue::try_from(text).ok()
}

/// Never shown: it may be a permission.
fn location(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(facts.location?.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn no_referrer(_: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    Some(HeaderValue::from_static("no-referrer"))
}

fn no_store(_: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    Some(HeaderValue::from_static("no-store"))
}

/// The text of `Content-Range`, for one part of a content of this size.
pub(crate) fn content_range_of(range: ByteRange, size: Option<u64>) -> String {
    let size = size.map_or_else(|| "*".to_owned(), |size| size.to_string());
    format!("bytes {}-{}/{size}", range.start(), range.end() - 1)
}

fn accept_ranges(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let offered = facts.metadata.supports_ranges() && facts.metadata.size().is_some();
    offered.then_some(HeaderValue::from_static("bytes"))
}

fn etag(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    facts.metadata.etag().map(|etag| etag.to_header_value())
}

fn last_modified(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let modified = facts.metadata.last_modified()?;
    HeaderValue::try_from(httpdate::fmt_http_date(modified)).ok()
}

/// What a document of strangers may do in a browser: show itself, with the styles, pictures and fonts
/// that it brings along. No scripts, no forms, nothing from elsewhere, and an origin of its own.
const SANDBOX: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/// Takes scripts away from what a browser would show and run, judged by the headers that are sent.
fn sandbox(_: &Facts<'_>, _: Kind, headers: &HeaderMap) -> Option<HeaderValue> {
    runs_in_browsers(headers).then_some(HeaderValue::from_static(SANDBOX))
}

/// Shown rather than saved: whatever does not begin with `attachment` (RFC 6266, 4.2).
fn runs_in_browsers(headers: &HeaderMap) -> bool {
    let disposition = headers.get(header::CONTENT_DISPOSITION);
    let saved = disposition.is_some_and(|value| {
        let value = value.as_bytes().trim_ascii_start();
        value
            .get(..10)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"attachment"))
    });
    !saved
        && headers
            .get(header::CONTENT_TYPE)
            .is_none_or(is_active_content)
}

/// What is said of a file whose type nobody knows.
const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether the type of a file follows from what is known without looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeIs {
    Known,
    /// Neither the options nor a name nor the file say anything of it.
    Unknown,
}

/// The headers that do not depend on the state of the file.
pub(super) fn initial(file: &dyn File, options: &DownloadOptions) -> (HeaderMap, TypeIs) {
    let name = options.basename.as_deref().unwrap_or(file.name());
    let disposition = options.disposition.unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(14);
    headers.insert(
        header::CONTENT_DISPOSITION,
        ContentDisposition::new(disposition, name).into_header_value(),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let mut type_is = TypeIs::Known;
    if !options.mentions(&header::CONTENT_TYPE) {
        let by_name = type_of(file, name, options.media_types.as_deref());
        if by_name.is_none() {
            type_is = TypeIs::Unknown;
        }
        headers.insert(header::CONTENT_TYPE, by_name.unwrap_or(UNKNOWN));
    }
    options.apply(&mut headers);
    if let Some(name) = hand_off::strip(&mut headers) {
        static TOLD: std::sync::Once = std::sync::Once::new();
        TOLD.call_once(|| {
            tracing::warn!(%name, "a download's options hold a hand-off header, which is not sent: a rule names the destination; said once");
        });
    }
    if !options.mentions(&header::CONTENT_SECURITY_POLICY) && runs_in_browsers(&headers) {
        let sandbox = HeaderValue::from_static(SANDBOX);
        headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
    }
    (headers, type_is)
}

/// The type that a file states, else that of the client's name, else that of the file's own names.
fn type_of(file: &dyn File, name: &str, table: Option<&MediaTypes>) -> Option<HeaderValue> {
    let by_name = |name: &str| match table {
        Some(table) => table.guess(name),
        None => guess(name),
    };
    let hint = file.type_hint();
    match hint {
        TypeHint::Stated(stated) => Some(stated.clone()),
        TypeHint::ByName(stored) => by_name(name)
            .or_else(|| by_name(file.name()))
            .or_else(|| by_name(stored)),
    }
}
