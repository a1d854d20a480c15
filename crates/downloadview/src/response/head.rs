//! The head of an answer: one table says which header stands in which kind of answer, and this is
//! the only code that writes them.
//!
//! A head is written twice. [`initial`] makes the one that the view's options and the file's name
//! allow, for middleware to see and to change. [`render`] makes the final one, when it is known
//! what kind of answer it becomes and what the content states about itself.
//!
//! Who calls it: `DownloadResponse::into_parts` ([`initial`]), `delivery` ([`render`] for streamed
//! answers, [`refused`] for refusals), `optimize` ([`delegate`], [`redirect`], [`refused`]). No
//! function here fails, except that [`delegate`] passes on what the backend refuses.

use std::cell::Cell;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response};

use super::{Download, DownloadBody, DownloadOptions};
use crate::content::{ByteRange, ETag, Metadata};
use crate::file::{File, SignedUrl, TypeHint};
use crate::headers::hand_off::{self, HandOff};
use crate::headers::{ContentDisposition, Disposition, MediaTypes, guess, is_active_content};

/// The kinds of answers: the columns of the table, in this order.
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

/// Where the values of a head come from.
pub(crate) struct Facts<'a> {
    pub(crate) download: &'a Download,
    /// What the content states about itself; nothing if nobody looked.
    pub(crate) metadata: &'a Metadata,
    /// Bytes of the body, where they are known.
    pub(crate) length: Option<u64>,
    /// The part of the content that the body is.
    pub(crate) range: Option<ByteRange>,
    /// Where the client is sent.
    pub(crate) location: Option<&'a SignedUrl>,
    /// The type of a body that is not the content's own bytes: of several parts.
    pub(crate) content_type: Option<HeaderValue>,
    /// The tag that is stated in place of the content's own. It is taken when it is written: to share it
    /// costs more than to make it.
    pub(crate) etag: Cell<Option<ETag>>,
    /// Whether the head is still the one that [`initial`] made, and no option stated a header of the tables.
    pub(crate) untouched: bool,
}

/// What happens to a header that already stands in the head.
#[derive(Clone, Copy)]
enum Fate {
    /// It stays as it is.
    Kept,
    /// It is removed, and nothing takes its place.
    Removed,
    /// It is removed. Its true value takes its place, if there is one.
    Written,
    /// Its true value takes its place. If there is none, it stays.
    Stated,
    /// It stays. If it is missing, the value is added.
    Added,
}

use Fate::{Added, Kept, Removed, Stated, Written};

/// Whether a header stands in the head that [`initial`] makes, if no option states it. What is known of an untouched
/// head need not be looked up in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It does not.
    Later,
    /// It may.
    Initial,
    /// It may, and has its true value already, unless somebody else states the type of the body.
    ByType,
}

use Origin::{ByType, Initial, Later};

/// A header, its value, where it comes from, and what happens to it in each kind of answer.
type Row = (HeaderName, Value, Origin, [Fate; 6]);
/// The true value of a header, if there is one; it may depend on headers that were written before.
type Value = fn(&Facts<'_>, Kind, &HeaderMap) -> Option<HeaderValue>;

/// Length, ranges and framing are never kept from before: what middleware stated for its body is
/// not true for the one that is sent. `Content-Length: 0` is stated because nginx closes its
/// connection to the application after an answer without it.
#[rustfmt::skip]
static TABLE: [Row; 11] = [
    //                                                               delegated redirect whole    partial  304      refused
    (header::CONTENT_TYPE,            content_type,     ByType,  [Written, Removed, Written, Written, Removed, Removed]),
    (header::CONTENT_ENCODING,        content_encoding, Later,   [Written, Removed, Written, Written, Removed, Removed]),
    (header::CONTENT_DISPOSITION,     nothing,          Initial, [Kept,    Removed, Kept,    Kept,    Removed, Removed]),
    (header::CONTENT_SECURITY_POLICY, sandbox,          ByType,  [Added,   Removed, Added,   Added,   Kept,    Removed]),
    (header::CONTENT_LENGTH,          content_length,   Later,   [Written, Written, Written, Written, Removed, Removed]),
    (header::CONTENT_RANGE,           content_range,    Later,   [Removed, Removed, Removed, Written, Removed, Removed]),
    (header::ACCEPT_RANGES,           accept_ranges,    Later,   [Removed, Removed, Written, Written, Removed, Removed]),
    (header::TRANSFER_ENCODING,       nothing,          Later,   [Removed, Removed, Removed, Removed, Removed, Removed]),
    (header::LOCATION,                location,         Later,   [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
    (header::REFERRER_POLICY,         no_referrer,      Later,   [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
    (header::CACHE_CONTROL,           no_store,         Initial, [Kept,    Written, Kept,    Kept,    Kept,    Kept   ]),
];

/// The headers that caches rely on. They are written last, because a backend may refuse before.
#[rustfmt::skip]
static VALIDATORS: [Row; 3] = [
    (header::ETAG,                    etag,             Later,   [Stated,  Removed, Stated,  Stated,  Stated,  Removed]),
    (header::LAST_MODIFIED,           last_modified,    Later,   [Kept,    Removed, Stated,  Stated,  Stated,  Removed]),
    (header::EXPIRES,                 nothing,          Later,   [Kept,    Removed, Kept,    Kept,    Kept,    Removed]),
];

/// Whether a header stands in one of the tables.
fn is_in_a_table(name: &HeaderName) -> bool {
    let mut rows = TABLE.iter().chain(&VALIDATORS);
    rows.any(|(known, ..)| known == name)
}

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

/// Makes the head that hands the download to a proxy. `ask` sees what the proxy would be told about
/// the file, and may refuse; then the head is not handed off, and the caller goes on with it.
///
/// The status is always 200: nginx and Caddy turn any status into it, Apache ignores its header on
/// any other, and lighttpd sends the file with it.
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

/// Makes the head that sends the client to where the file is. It is valid for this request alone
/// (`no-store`), and the client tells the other server nothing about where it came from, since the
/// URL may be a permission.
pub(crate) fn redirect(head: &mut response::Parts, download: &Download, url: &SignedUrl) {
    let metadata = Metadata::new();
    let mut facts = Facts::of(download, &metadata);
    facts.location = Some(url);
    render(head, Kind::Redirected, &facts);
}

/// The headers of the file that the head states so far, and that whoever sends the file in our
/// place must state as well.
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

/// A refusal. It keeps what middleware stated for the answer, and nothing that was stated for the
/// file.
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

/// Writes these rows of the table for this kind of answer.
fn write(headers: &mut HeaderMap, rows: &[Row], kind: Kind, facts: &Facts<'_>) {
    for (name, value, origin, fates) in rows {
        let fate = fates[kind as usize];
        if facts.untouched {
            match (fate, origin) {
                (Kept, _) | (Removed, Later) => continue,
                (Written | Added, ByType) if !facts.others_state_the_type() => continue,
                (Written | Stated | Added, Later) => {
                    if let Some(value) = value(facts, kind, headers) {
                        headers.insert(name, value);
                    }
                    continue;
                }
                _ => {}
            }
        }
        let is_stated = facts.download.states(name);
        let value = |headers: &HeaderMap| value(facts, kind, headers);
        match fate {
            Kept => {}
            Stated | Added if is_stated => {}
            Added if headers.contains_key(name) => {}
            Removed => {
                headers.remove(name);
            }
            Written => match value(headers) {
                Some(value) if is_alone(headers, name, &value) => {}
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

/// Whether a header has this value and no other. To see that is cheaper than to write it again.
fn is_alone(headers: &HeaderMap, name: &HeaderName, value: &HeaderValue) -> bool {
    let mut stated = headers.get_all(name).iter();
    stated.next() == Some(value) && stated.next().is_none()
}

impl<'a> Facts<'a> {
    /// The facts of an answer without a body.
    pub(crate) fn of(download: &'a Download, metadata: &'a Metadata) -> Self {
        Self {
            download,
            metadata,
            length: None,
            range: None,
            location: None,
            content_type: None,
            etag: Cell::new(None),
            untouched: false,
        }
    }

    /// Whether the type of the body is stated by somebody else than the options, the file and its names.
    fn others_state_the_type(&self) -> bool {
        let metadata = self.metadata;
        self.content_type.is_some()
            || metadata.content_type().is_some()
            || (metadata.hearsay_type().is_some() && self.download.is_of_unknown_type())
    }
}

/// For headers whose value is not known here.
fn nothing(_: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    None
}

/// The type of the content's bytes, in an answer whose head states this so far: what the options
/// state, else what the content states, else what the name tells, else what another server states.
pub(crate) fn type_of_content(headers: &HeaderMap, facts: &Facts<'_>) -> Option<HeaderValue> {
    let so_far = headers.get(header::CONTENT_TYPE);
    if facts.download.states(&header::CONTENT_TYPE) {
        return so_far.cloned();
    }
    let nobody_knows = facts.download.is_of_unknown_type() && so_far == Some(&UNKNOWN);
    let hearsay = facts.metadata.hearsay_type();
    let found = facts.metadata.content_type();
    found
        .or(hearsay.filter(|_| nobody_knows))
        .or(so_far)
        .cloned()
}

/// The type of the body: of the multipart, or of the content.
fn content_type(facts: &Facts<'_>, _: Kind, headers: &HeaderMap) -> Option<HeaderValue> {
    let whole = || type_of_content(headers, facts);
    facts.content_type.clone().or_else(whole)
}

/// The coding that the options state, else that of the content.
fn content_encoding(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    if facts.download.states(&header::CONTENT_ENCODING) {
        return facts.download.content_encoding().cloned();
    }
    facts.metadata.content_encoding().cloned()
}

/// The length of the body; `0` where a proxy or another server sends the bytes.
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

/// The URL that the client is sent to. It may be a permission, so it is marked as sensitive.
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

/// `bytes`, where a part can be sent.
fn accept_ranges(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let offered = facts.metadata.supports_ranges() && facts.metadata.size().is_some();
    offered.then_some(HeaderValue::from_static("bytes"))
}

fn etag(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let stated = facts.etag.take().or_else(|| facts.metadata.etag());
    stated.map(ETag::into_header_value)
}

fn last_modified(facts: &Facts<'_>, _: Kind, _: &HeaderMap) -> Option<HeaderValue> {
    let modified = facts.metadata.last_modified()?;
    HeaderValue::try_from(httpdate::fmt_http_date(modified)).ok()
}

/// What a document of strangers may do in a browser: show itself with the styles, pictures and
/// fonts that it holds. No scripts, no forms, nothing from elsewhere, and an origin of its own.
const SANDBOX: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/// Stops scripts in what a browser would show and run, judged by the headers that are sent.
fn sandbox(_: &Facts<'_>, _: Kind, headers: &HeaderMap) -> Option<HeaderValue> {
    runs_in_browsers(headers).then_some(HeaderValue::from_static(SANDBOX))
}

/// Whether a browser shows the file and may run it. What does not begin with `attachment` is shown
/// (RFC 6266, 4.2).
fn runs_in_browsers(headers: &HeaderMap) -> bool {
    let disposition = headers.get(header::CONTENT_DISPOSITION);
    let saved = disposition.is_some_and(|value| {
        const SAVED: &[u8] = b"attachment";
        let value = value.as_bytes();
        // As this crate writes it, or in any other spelling.
        value.starts_with(SAVED)
            || value
                .trim_ascii_start()
                .get(..SAVED.len())
                .is_some_and(|kind| kind.eq_ignore_ascii_case(SAVED))
    });
    !saved
        && headers
            .get(header::CONTENT_TYPE)
            .is_none_or(is_active_content)
}

/// The type of a file of which nobody knows the type.
const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether the type of a file follows from what is known without looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeIs {
    /// The options, the file or a name tell it.
    Known,
    /// Neither the options nor the file nor a name tell it.
    Unknown,
}

/// Whether the options leave all headers of the tables to [`initial`].
pub(super) fn leaves_to_initial(options: &DownloadOptions) -> bool {
    !options.stated_headers().any(is_in_a_table)
}

/// How many headers an answer has, at most, as long as no option states further ones.
const USUAL: usize = 12;

/// An empty map, where `before` stood if it has room for a head, and no more: hyper keeps the map of an
/// answer as long as its connection, and a client that sends many headers must not make that a large one.
pub(super) fn emptied(before: &mut HeaderMap) -> HeaderMap {
    let has_single_values = before.len() == before.keys_len();
    if before.capacity() != USUAL || !has_single_values {
        return HeaderMap::with_capacity(USUAL);
    }
    before.clear();
    std::mem::take(before)
}

/// The headers that do not depend on the state of the file, written into an empty map. Hand-off headers
/// in the options are removed, with a warning.
pub(super) fn initial(
    file: &dyn File,
    options: &DownloadOptions,
    headers: &mut HeaderMap,
) -> TypeIs {
    let own_name = file.name();
    let name = options.basename.as_deref().unwrap_or(own_name);
    let disposition = options.disposition.unwrap_or_default();
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
    options.apply(headers);
    // The defaults hold none.
    let stripped = match options.stated_headers().next() {
        Some(_) => hand_off::strip(headers),
        None => None,
    };
    if let Some(name) = stripped {
        static TOLD: std::sync::Once = std::sync::Once::new();
        TOLD.call_once(|| {
            tracing::warn!(%name, "a download's options hold a hand-off header, which is not sent: a rule names the destination; said once");
        });
    }
    let is_saved =
        disposition == Disposition::Attachment && !options.mentions(&header::CONTENT_DISPOSITION);
    if !is_saved && !options.mentions(&header::CONTENT_SECURITY_POLICY) && runs_in_browsers(headers)
    {
        let sandbox = HeaderValue::from_static(SANDBOX);
        headers.insert(header::CONTENT_SECURITY_POLICY, sandbox);
    }
    type_is
}

/// The type that the file states, else that of the client's name, else that of the file's own
/// names.
pub(super) fn type_of(
    file: &dyn File,
    name: &str,
    table: Option<&MediaTypes>,
) -> Option<HeaderValue> {
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
