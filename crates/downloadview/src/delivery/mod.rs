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

use crate::content::{ByteRange, ByteStream, Content, ETag, Exact, Metadata, Settled, Want};
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
            let deliver = Deliver {
                request,
                about: About::default(),
                untouched: grant.is_none() && download.leaves_to_initial(),
                download: &download,
                own_etag: |_: &Metadata| None,
            };
            let (response, delivery) = match deliver.respond_now(head) {
                Ok(answered) => answered,
                Err(head) => deliver.respond(head).await,
            };
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

/// A download that the application sends itself, and what its answer depends on.
pub(crate) struct Deliver<'a, OwnETag> {
    pub(crate) request: &'a ConditionalRequest,
    /// What was asked for, for the log.
    pub(crate) about: About<'a>,
    pub(crate) download: &'a Download,
    /// Whether the head is still as the options and the file's name made it, and the options state
    /// no header of its tables.
    pub(crate) untouched: bool,
    /// The tag that a proxy would state for the file, if it always states its own.
    pub(crate) own_etag: OwnETag,
}

/// The head, and an opened file of which these ranges have to be waited for.
type Unread = (response::Parts, Content, Ranges);

impl<OwnETag: Fn(&Metadata) -> Option<ETag>> Deliver<'_, OwnETag> {
    /// The answer that `head`, which may have passed through middleware, is made into.
    pub(crate) async fn respond(
        &self,
        head: response::Parts,
    ) -> (Response<DownloadBody>, Delivery) {
        let content = match self.download.file().open(self.want(&head)).await {
            Ok(content) => content,
            Err(error) => return self.failed(head, error),
        };
        let (head, content, ranges) = match self.respond_with(head, content) {
            Ok(answered) => return answered,
            Err(unread) => *unread,
        };
        let metadata = content.metadata().clone();
        let facts = self.facts(&metadata);
        let answer = match ranges {
            Ranges::Single(range) => single(content, range).await,
            Ranges::Multiple(ranges) => {
                let content_type = head::type_of_content(&head.headers, &facts);
                match multipart::answer(content, &ranges, content_type.as_ref()).await {
                    Ok(Ok(answer)) => Ok(answer),
                    // Longer than any length that can be stated.
                    Ok(Err(content)) => whole(content).await,
                    Err(error) => Err(error),
                }
            }
            Ranges::Whole | Ranges::Unsatisfiable => whole(content).await,
        };
        match answer {
            Ok(answer) => answer.with_head(head, facts, self.about),
            Err(error) => self.failed(head, error),
        }
    }

    /// As [`respond`](Self::respond), if nothing has to be waited for; else the head.
    pub(crate) fn respond_now(
        &self,
        head: response::Parts,
    ) -> Result<(Response<DownloadBody>, Delivery), response::Parts> {
        match self.download.file().open_now(self.want(&head)) {
            None => Err(head),
            Some(Ok(content)) => self.respond_with(head, content).map_err(|unread| unread.0),
            Some(Err(error)) => Ok(self.failed(head, error)),
        }
    }

    fn want(&self, head: &response::Parts) -> Want<'_> {
        match head.status {
            StatusCode::OK => self.request.want(),
            _ => self.request.want().without_headers(),
        }
    }

    /// Steps 2 to 5 for an opened file, up to where something has to be waited for.
    fn respond_with(
        &self,
        mut head: response::Parts,
        mut content: Content,
    ) -> Result<(Response<DownloadBody>, Delivery), Box<Unread>> {
        if let Some(etag) = (self.own_etag)(content.metadata()) {
            content.metadata_mut().set_etag(Some(etag));
        }
        head.extensions.insert(Delivered);
        let answer = match judge(self.request, head.status, &content) {
            Judged::NotModified => Ok(Answer::not_modified()),
            Judged::PreconditionFailed => {
                let refusal = refusal(StatusCode::PRECONDITION_FAILED);
                let response = head::refused(head, self.download, refusal);
                return Ok((response, Delivery::PreconditionFailed));
            }
            Judged::RangeNotSatisfiable(size) => {
                let response = head::refused(head, self.download, unsatisfiable(size));
                return Ok((response, Delivery::RangeNotSatisfiable));
            }
            Judged::Answered(ranges) => match at_hand(self.request, &content, &ranges) {
                Some(answer) => answer,
                None => return Err(Box::new((head, content, ranges))),
            },
        };
        Ok(match answer {
            Ok(answer) => answer.with_head(head, self.facts(content.metadata()), self.about),
            Err(error) => self.failed(head, error),
        })
    }

    fn facts<'f>(&'f self, metadata: &'f Metadata) -> Facts<'f> {
        let mut facts = Facts::of(self.download, metadata);
        facts.untouched = self.untouched;
        facts
    }

    /// The answer to a file that cannot be opened or read.
    fn failed(&self, head: response::Parts, error: Error) -> (Response<DownloadBody>, Delivery) {
        let delivery = Delivery::Failed(error.status());
        let refusal = error.into_response_about(self.about);
        (head::refused(head, self.download, refusal), delivery)
    }
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

    /// 200 with all that there is.
    fn whole(length: Option<u64>, body: DownloadBody) -> Self {
        Self::new(Kind::Whole, Delivery::Whole, length, body)
    }

    /// 206 with one range.
    fn single(range: ByteRange, stream: ByteStream) -> Self {
        let body = DownloadBody::sized(stream, range.len());
        let mut answer = Self::new(Kind::Partial, Delivery::Part, Some(range.len()), body);
        answer.range = Some(range);
        answer
    }

    /// 304: no body.
    fn not_modified() -> Self {
        let body = DownloadBody::absent();
        Self::new(Kind::NotModified, Delivery::NotModified, None, body)
    }

    /// Step 4.
    fn with_head(
        self,
        mut head: response::Parts,
        mut facts: Facts<'_>,
        about: About<'_>,
    ) -> (Response<DownloadBody>, Delivery) {
        facts.length = self.length;
        facts.range = self.range;
        facts.content_type = self.content_type;
        head::render(&mut head, self.kind, &facts);
        (
            Response::from_parts(head, self.body.about(about)),
            self.delivery,
        )
    }
}

/// Step 5 for a content whose bytes are at hand, or of which none are asked for. `None` for others,
/// for several ranges, and for an empty content.
fn at_hand(
    request: &ConditionalRequest,
    content: &Content,
    ranges: &Ranges,
) -> Option<Result<Answer>> {
    let size = content.metadata().size();
    match ranges {
        Ranges::Single(range) => {
            let stream = content.at_hand(*range)?;
            Some(stream.map(|stream| Answer::single(*range, stream)))
        }
        Ranges::Multiple(_) => None,
        // Opened as for GET, so that both say the same; nothing is read.
        _ if *request.method() == Method::HEAD => {
            Some(Ok(Answer::whole(size, DownloadBody::absent())))
        }
        Ranges::Whole | Ranges::Unsatisfiable => {
            let length = size?;
            let stream = content.at_hand(ByteRange::new(0, length)?)?;
            let body = stream.map(|stream| DownloadBody::sized(stream, length));
            Some(body.map(|body| Answer::whole(size, body)))
        }
    }
}

/// Step 5 for the whole of any content. What fails here, before the first byte, is still an answer
/// of its own: 500, 503.
async fn whole(content: Content) -> Result<Answer> {
    let length = content.metadata().size();
    let stream = content.into_stream().await?;
    let body = match length {
        Some(0) => {
            // No server asks for the bytes of an empty body: now or never.
            Exact::new(stream, 0).expect_end().await?;
            DownloadBody::empty()
        }
        Some(length) => DownloadBody::sized(stream.begun().await?, length),
        None => DownloadBody::unsized_stream(stream.begun().await?),
    };
    Ok(Answer::whole(length, body))
}

/// The same for one range.
async fn single(content: Content, range: ByteRange) -> Result<Answer> {
    let stream = content.stream(range).await?;
    drop(content);
    Ok(Answer::single(range, stream.begun().await?))
}
