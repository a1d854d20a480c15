//! Streams what no proxy sends: the HTTP of a download, in one place.
//!
//! 1. Open the file, for HEAD too, which then reads nothing of it.
//! 2. Judge the preconditions: 304 or 412.
//! 3. Resolve the range: 206, 416, or the whole content.
//! 4. Write the head.
//! 5. Send the body, read as the client takes it.
//!
//! Steps 2 and 3 are for a GET or HEAD that would be answered with 200. The range of an error page,
//! or of the answer to a form, is not meant (RFC 9110, 14.2). What fails before the first byte is
//! an answer of its own (404, 500, 503); what fails later ends the connection.

mod multipart;

use http::{
    Extensions, HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header, response,
};

use crate::content::{ByteRange, Content, ETag, Exact, Metadata, Settled};
use crate::error::{Denial, Error, Result, SignatureFault};
use crate::headers::{ConditionalRequest, PreconditionResult, Ranges};
use crate::permission::{self, Grant};
use crate::response::head::{self, Facts, Kind};
use crate::response::{About, Download, DownloadBody, DownloadResponse, refusal};

/// Answers `request` with a download by streaming its file. Errors become responses.
///
/// It is for servers without a layer. [`OptimizeLayer`](crate::optimize::OptimizeLayer) and the
/// services of views call it themselves, and [`optimize::answer`](crate::optimize::answer()) also
/// considers proxies.
///
/// ```
/// # async fn handler(request: http::Request<()>) -> http::Response<downloadview::DownloadBody> {
/// use downloadview::{DownloadResponse, delivery, file::VirtualFile, headers::ConditionalRequest};
/// let response = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello world!\n"));
/// let request = ConditionalRequest::of(request.method(), request.headers());
/// delivery::deliver(&request, response).await
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     let request = http::Request::get("/").header("range", "bytes=0-4").body(()).unwrap();
/// #     assert_eq!(handler(request).await.status(), 206);
/// # });
/// ```
pub async fn deliver(
    request: &ConditionalRequest,
    response: DownloadResponse,
) -> Response<DownloadBody> {
    deliver_granted(request, response, None).await
}

/// As [`deliver`], with what a permission states.
pub(crate) async fn deliver_granted(
    request: &ConditionalRequest,
    response: DownloadResponse,
    grant: Option<&Grant>,
) -> Response<DownloadBody> {
    match response.into_parts() {
        Ok((mut head, mut download)) => {
            if let Some(grant) = grant {
                download = permission::apply(grant, &mut head, download);
            }
            let (response, delivery) =
                deliver_parts(request, About::default(), head, &download, |_| None).await;
            let has_ended = grant.is_some_and(Grant::is_resuming_only);
            match has_ended && !delivery.is_partial() {
                true => Error::from(Denial::from(SignatureFault::Expired)).into_response(),
                false => response,
            }
        }
        Err(error) => error.into_response(),
    }
}

/// Whether middleware may compress a response: every response but downloads.
///
/// It is a `Predicate` for tower-http's `CompressionLayer`:
/// `compress_when(DefaultPredicate::new().and(may_be_compressed))`.
///
/// A download that is compressed on its way out keeps the strong entity tag of bytes that it no
/// longer has (RFC 9110, 8.8.1), loses its length, and is resumed with bytes of the uncompressed
/// file. This crate cannot see a layer outside its own, so nothing warns of a missing predicate.
///
/// ```
/// use downloadview::{DownloadResponse, delivery::may_be_compressed, file::VirtualFile};
///
/// let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "a")).into_http();
/// let (head, _) = response.into_parts();
/// assert!(!may_be_compressed(head.status, head.version, &head.headers, &head.extensions));
/// ```
#[must_use]
pub fn may_be_compressed(
    _status: StatusCode,
    _version: Version,
    _headers: &HeaderMap,
    extensions: &Extensions,
) -> bool {
    extensions.get::<Delivered>().is_none() && extensions.get::<Download>().is_none()
}

/// Marks a response: it is a download that the application streams.
#[derive(Debug, Clone, Copy)]
struct Delivered;

/// How the application answered a download itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Delivery {
    Whole,
    Part,
    Parts,
    NotModified,
    PreconditionFailed,
    RangeNotSatisfiable,
    Failed(StatusCode),
}

impl Delivery {
    /// Whether it is a part of the file, in one range or several.
    pub(crate) fn is_partial(self) -> bool {
        matches!(self, Self::Part | Self::Parts)
    }
}

/// As [`deliver`], for a head that has passed through middleware. `own_etag` is the tag that a
/// proxy would state for the file, if it always states its own; `about` is for the log.
pub(crate) async fn deliver_parts(
    request: &ConditionalRequest,
    about: About<'_>,
    mut head: response::Parts,
    download: &Download,
    own_etag: impl Fn(&Metadata) -> Option<ETag>,
) -> (Response<DownloadBody>, Delivery) {
    let want = match head.status {
        StatusCode::OK => request.want(),
        _ => request.want().without_headers(),
    };
    let mut content = match download.file().open(want).await {
        Ok(content) => content,
        Err(error) => return failed(about, head, download, error),
    };
    if let Some(etag) = own_etag(content.metadata()) {
        content.metadata_mut().etag = Some(etag);
    }
    head.extensions.insert(Delivered);
    let metadata = content.metadata().clone();
    let facts = Facts::of(download, &metadata);
    let content_type = head::type_of_content(&head.headers, &facts);
    let answered = match judge(request, head.status, &content) {
        Judged::NotModified => Ok(Answer::not_modified()),
        Judged::PreconditionFailed => {
            let refusal = refusal(StatusCode::PRECONDITION_FAILED);
            let response = head::refused(head, download, refusal);
            return (response, Delivery::PreconditionFailed);
        }
        Judged::RangeNotSatisfiable(size) => {
            let response = head::refused(head, download, unsatisfiable(size));
            return (response, Delivery::RangeNotSatisfiable);
        }
        Judged::Answered(ranges) => answer(request, content, ranges, content_type).await,
    };
    match answered {
        Ok(answer) => {
            let facts = Facts {
                length: answer.length,
                range: answer.range,
                content_type: answer.content_type,
                ..facts
            };
            head::render(&mut head, answer.kind, &facts);
            let body = answer.body.about(about);
            (Response::from_parts(head, body), answer.delivery)
        }
        Err(error) => failed(about, head, download, error),
    }
}

/// The answer to a file that cannot be opened or read.
fn failed(
    about: About<'_>,
    head: response::Parts,
    download: &Download,
    error: Error,
) -> (Response<DownloadBody>, Delivery) {
    let delivery = Delivery::Failed(error.status());
    let response = head::refused(head, download, error.into_response_about(about));
    (response, delivery)
}

/// The result of steps 2 and 3.
enum Judged {
    NotModified,
    PreconditionFailed,
    /// Of a content of this size.
    RangeNotSatisfiable(u64),
    Answered(Ranges),
}

/// Steps 2 and 3.
fn judge(request: &ConditionalRequest, status: StatusCode, content: &Content) -> Judged {
    if status != StatusCode::OK || !is_retrieval(request.method()) {
        return Judged::Answered(Ranges::Whole);
    }
    let metadata = content.metadata();
    match settled(request, content).unwrap_or_else(|| request.evaluate(metadata)) {
        PreconditionResult::NotModified => return Judged::NotModified,
        PreconditionResult::Failed => return Judged::PreconditionFailed,
        PreconditionResult::Proceed => {}
    }
    match metadata.size() {
        Some(size) if metadata.supports_ranges() => match request.ranges(metadata, size) {
            Ranges::Unsatisfiable => Judged::RangeNotSatisfiable(size),
            ranges => Judged::Answered(ranges),
        },
        _ => Judged::Answered(Ranges::Whole),
    }
}

/// How the server that has the file judged the request's conditions, if the request has such
/// conditions. That server knows its own tags and dates best.
fn settled(request: &ConditionalRequest, content: &Content) -> Option<PreconditionResult> {
    let (verdict, conditions) = match content.settled()? {
        Settled::NotModified => (
            PreconditionResult::NotModified,
            [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE],
        ),
        Settled::PreconditionFailed => (
            PreconditionResult::Failed,
            [header::IF_MATCH, header::IF_UNMODIFIED_SINCE],
        ),
    };
    let want = request.want();
    let stated = conditions.iter().any(|name| want.condition(name).is_some());
    stated.then_some(verdict)
}

fn is_retrieval(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// 416 with the size, and nothing that would let a cache keep it.
fn unsatisfiable(size: u64) -> Response<DownloadBody> {
    let mut response = refusal(StatusCode::RANGE_NOT_SATISFIABLE);
    let value = HeaderValue::try_from(format!("bytes */{size}"));
    let headers = response.headers_mut();
    headers.extend(value.map(|value| (header::CONTENT_RANGE, value)));
    response
}

/// A body, and what its head depends on.
struct Answer {
    kind: Kind,
    delivery: Delivery,
    body: DownloadBody,
    length: Option<u64>,
    range: Option<ByteRange>,
    content_type: Option<HeaderValue>,
}

impl Answer {
    fn new(kind: Kind, delivery: Delivery, length: Option<u64>, body: DownloadBody) -> Self {
        Self {
            kind,
            delivery,
            body,
            length,
            range: None,
            content_type: None,
        }
    }

    /// 304: no body.
    fn not_modified() -> Self {
        let body = DownloadBody::absent();
        Self::new(Kind::NotModified, Delivery::NotModified, None, body)
    }
}

/// Step 5. What fails here, before the first byte, is still an answer of its own: 500, 503.
async fn answer(
    request: &ConditionalRequest,
    content: Content,
    ranges: Ranges,
    content_type: Option<HeaderValue>,
) -> Result<Answer> {
    match ranges {
        Ranges::Single(range) => single(content, range).await,
        Ranges::Multiple(ranges) => {
            match multipart::answer(content, &ranges, content_type.as_ref()).await? {
                Ok(answer) => Ok(answer),
                // Longer than any length that can be stated.
                Err(content) => whole(request, content).await,
            }
        }
        Ranges::Whole | Ranges::Unsatisfiable => whole(request, content).await,
    }
}

/// The whole content; for HEAD, no body.
async fn whole(request: &ConditionalRequest, content: Content) -> Result<Answer> {
    let length = content.metadata().size();
    let body = if *request.method() == Method::HEAD {
        // Opened as for GET, so that both say the same; nothing is read.
        DownloadBody::absent()
    } else {
        let stream = content.into_stream().await?;
        match length {
            Some(0) => {
                // No server asks for the bytes of an empty body: now or never.
                Exact::new(stream, 0).expect_end().await?;
                DownloadBody::empty()
            }
            Some(length) => DownloadBody::sized(stream.begun().await?, length),
            None => DownloadBody::unsized_stream(stream.begun().await?),
        }
    };
    Ok(Answer::new(Kind::Whole, Delivery::Whole, length, body))
}

/// One range.
async fn single(content: Content, range: ByteRange) -> Result<Answer> {
    let stream = content.stream(range).await?;
    drop(content);
    let body = DownloadBody::sized(stream.begun().await?, range.len());
    let mut answer = Answer::new(Kind::Partial, Delivery::Part, Some(range.len()), body);
    answer.range = Some(range);
    Ok(answer)
}
