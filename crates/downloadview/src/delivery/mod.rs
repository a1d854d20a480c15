//! Streams what nothing could delegate: the HTTP of a download, in one place.
//!
//! 1. metadata: open the file (for HEAD too, which reads nothing of it)
//! 2. preconditions: 304, 412
//! 3. range: 206, 416, or the whole
//! 4. head
//! 5. body: read as the client takes it
//!
//! Steps 2 and 3 are for a GET or HEAD that would be answered 200; the range of an error page or
//! of a form's answer is not asked for (RFC 9110, 14.2).

mod multipart;

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream as _;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header,
    response,
};

use crate::content::{ByteRange, ByteStream, Content, ETag, Exact, Metadata};
use crate::error::{Error, Result};
use crate::headers::{ConditionalRequest, Ranges, Verdict};
use crate::response::{Download, DownloadBody, DownloadResponse, refusal, with_headers_of};

/// Answers `request` with a download, streaming its file. Errors become responses.
///
/// This is for servers without a layer; [`OptimizeLayer`](crate::optimize::OptimizeLayer) and the
/// views' services do it themselves.
///
/// ```
/// # async fn handler(request: http::Request<()>) -> http::Response<downloadview::DownloadBody> {
/// use downloadview::{DownloadResponse, delivery, file::VirtualFile, headers::ConditionalRequest};
/// let response = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello world!\n"));
/// let request = ConditionalRequest::of(request.method(), request.headers());
/// delivery::deliver(&request, response).await
/// # }
/// ```
pub async fn deliver(
    request: &ConditionalRequest,
    response: DownloadResponse,
) -> Response<DownloadBody> {
    let (head, download) = response.into_parts();
    deliver_parts(request, head, &download, |_| None).await
}

/// Whether middleware may compress a response: everything but downloads. For tower-http it is a
/// `Predicate`, to be given to its `CompressionLayer`:
/// `compress_when(DefaultPredicate::new().and(may_be_compressed))`.
///
/// A download that is compressed on the way out keeps the strong entity tag of the bytes that it no
/// longer has (RFC 9110, 8.8.1), loses its length, and is resumed with bytes of the uncompressed file.
/// Nothing in this crate can see a layer outside its own, so no warning tells of a forgotten
/// predicate.
#[must_use]
pub fn may_be_compressed(
    _status: StatusCode,
    _version: Version,
    _headers: &HeaderMap,
    extensions: &Extensions,
) -> bool {
    extensions.get::<Delivered>().is_none() && extensions.get::<Download>().is_none()
}

/// In the extensions of a response: it is a download, streamed by the application.
#[derive(Debug, Clone, Copy)]
struct Delivered;

/// As [`deliver`], for a head that has come through middleware. `own_etag` is the tag that a proxy
/// would state for the file, if it insists on one.
pub(crate) async fn deliver_parts(
    request: &ConditionalRequest,
    head: response::Parts,
    download: &Download,
    own_etag: impl Fn(&Metadata) -> Option<ETag>,
) -> Response<DownloadBody> {
    let source = match Source::of(request, download).await {
        Ok(source) => source,
        Err(error) => return with_headers_of(head, error.into_response()),
    };
    answer(request, head, download, source, own_etag)
        .await
        .unwrap_or_else(Error::into_response)
}

/// Steps 2 to 5.
async fn answer(
    request: &ConditionalRequest,
    mut head: response::Parts,
    download: &Download,
    mut source: Source,
    own_etag: impl Fn(&Metadata) -> Option<ETag>,
) -> Result<Response<DownloadBody>> {
    download.disown_body(&mut head.headers);
    head.extensions.insert(Delivered);
    if let Some(etag) = own_etag(source.metadata()) {
        source.set_etag(etag);
    }
    let metadata = source.metadata();
    let conditional = head.status == StatusCode::OK && is_retrieval(request.method());
    let ranges = if conditional {
        let changed = |since| download.was_modified_since(metadata, since);
        match request.evaluate(metadata, changed) {
            Verdict::NotModified => return Ok(not_modified(head, metadata)),
            Verdict::Failed => {
                let failed = refusal(StatusCode::PRECONDITION_FAILED);
                return Ok(with_headers_of(head, failed));
            }
            Verdict::Proceed => {}
        }
        ranges(request, metadata)
    } else {
        Ranges::Whole
    };
    state(&mut head.headers, metadata, download);
    match (ranges, source) {
        (Ranges::Unsatisfiable, source) => {
            Ok(with_headers_of(head, unsatisfiable(source.metadata())))
        }
        (Ranges::Single(range), Source::Opened(content)) => single(head, content, range).await,
        (Ranges::Multiple(ranges), Source::Opened(content)) => {
            multipart::response(head, content, &ranges).await
        }
        // Whole; or a HEAD, which has no ranges: see `ConditionalRequest::ranges`.
        (_, source) => whole(head, source).await,
    }
}

/// What step 1 got hold of.
enum Source {
    Opened(Content),
    LookedAt(Metadata),
}

impl Source {
    async fn of(request: &ConditionalRequest, download: &Download) -> Result<Self> {
        let file = download.file();
        match *request.method() {
            // Opened as for GET, so that both say the same; nothing is read.
            Method::HEAD => Ok(Self::LookedAt(file.open().await?.metadata().clone())),
            _ => Ok(Self::Opened(file.open().await?)),
        }
    }

    fn metadata(&self) -> &Metadata {
        match self {
            Self::Opened(content) => content.metadata(),
            Self::LookedAt(metadata) => metadata,
        }
    }

    fn set_etag(&mut self, etag: ETag) {
        match self {
            Self::Opened(content) => content.metadata_mut().etag = Some(etag),
            Self::LookedAt(metadata) => metadata.etag = Some(etag),
        }
    }
}

fn is_retrieval(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn ranges(request: &ConditionalRequest, metadata: &Metadata) -> Ranges {
    match metadata.size() {
        Some(size) if metadata.ranges() => request.ranges(metadata, size),
        _ => Ranges::Whole,
    }
}

/// Adds to the head what the content says of itself.
fn state(headers: &mut HeaderMap, metadata: &Metadata, download: &Download) {
    download.describe(headers, metadata);
    if metadata.ranges() && metadata.size().is_some() {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    state_validators(headers, metadata);
}

fn state_validators(headers: &mut HeaderMap, metadata: &Metadata) {
    if let Some(etag) = metadata.etag() {
        headers.insert(header::ETAG, etag.to_header_value());
    }
    if let Some(modified) = metadata.last_modified() {
        set(
            headers,
            header::LAST_MODIFIED,
            httpdate::fmt_http_date(modified),
        );
    }
}

/// Replaces a header by a text made of digits, dates and constants, which is always a valid value.
fn set(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

async fn whole(mut head: response::Parts, source: Source) -> Result<Response<DownloadBody>> {
    let size = source.metadata().size();
    if let Some(size) = size {
        head.headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    }
    let body = match (source, size) {
        (Source::LookedAt(_), _) => DownloadBody::absent(),
        (Source::Opened(content), Some(0)) => {
            // No server asks for the bytes of an empty body: now or never.
            expect_end(content.into_stream()).await?;
            DownloadBody::empty()
        }
        // A failure before the first byte, a database that is down perhaps, is 500 or 503 and not a
        // 200 that breaks off.
        (Source::Opened(content), Some(size)) => {
            DownloadBody::sized(content.into_stream().begun().await?, size)
        }
        (Source::Opened(content), None) => {
            DownloadBody::unsized_stream(content.into_stream().begun().await?)
        }
    };
    Ok(Response::from_parts(head, body))
}

async fn expect_end(stream: ByteStream) -> Result<()> {
    let mut stream = Exact::new(stream, 0);
    match poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}

async fn single(
    mut head: response::Parts,
    content: Content,
    range: ByteRange,
) -> Result<Response<DownloadBody>> {
    let size = content.metadata().size();
    let stream = content.stream(range)?;
    drop(content);
    let body = DownloadBody::sized(stream.begun().await?, range.len());
    head.status = StatusCode::PARTIAL_CONTENT;
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(range.len()));
    let value = content_range(range, size);
    set(&mut head.headers, header::CONTENT_RANGE, value);
    Ok(Response::from_parts(head, body))
}

/// `bytes 0-9/100` (RFC 9110, 14.4).
fn content_range(range: ByteRange, size: Option<u64>) -> String {
    let size = size.map_or_else(|| "*".to_owned(), |size| size.to_string());
    format!("bytes {}-{}/{size}", range.start(), range.end() - 1)
}

/// 416 with the size, and nothing that would let a cache keep it.
fn unsatisfiable(metadata: &Metadata) -> Response<DownloadBody> {
    let mut response = refusal(StatusCode::RANGE_NOT_SATISFIABLE);
    if let Some(size) = metadata.size() {
        let value = format!("bytes */{size}");
        set(response.headers_mut(), header::CONTENT_RANGE, value);
    }
    response
}

/// 304: the validators and what governs caching, without the representation (RFC 9110, 15.4.5).
fn not_modified(mut head: response::Parts, metadata: &Metadata) -> Response<DownloadBody> {
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_DISPOSITION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        head.headers.remove(name);
    }
    state_validators(&mut head.headers, metadata);
    head.status = StatusCode::NOT_MODIFIED;
    Response::from_parts(head, DownloadBody::absent())
}
