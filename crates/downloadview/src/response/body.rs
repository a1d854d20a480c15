//! The body of a download: bytes on demand, held to the length that the head promised.
//!
//! Who makes one: `DownloadResponse::into_http` (lazy: it opens the file when it is first polled),
//! `delivery` (sized, or unsized where nobody knows the length), `response::head` (handed off:
//! empty), `response::error` (a short text). The server polls it. What goes wrong after the head is
//! sent can only be logged; the body then ends with an error, and the server closes the connection.
//!
//! [`carries`] tells whether a response still has the body that came with its download, through any
//! wrappers that middleware put around it.

use std::cell::Cell;
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream as _;
use http_body::{Body, Frame, SizeHint};

use super::{About, Download};
#[cfg(feature = "fs")]
use crate::content::FilePart;
use crate::content::{BoxFuture, ByteStream, Exact, Want};
use crate::error::{Error, Result};

/// The body of every response of this crate. It implements [`http_body::Body`].
///
/// It fails, and the server then closes the connection, if the content is shorter or longer than
/// its stated size: a client must never take half a file for a whole one. The reason is logged.
///
/// The bytes are read as the client takes them, so a slow client costs one frame of memory. The
/// body of a delegated download is empty.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::{DownloadResponse, file::VirtualFile};
/// use http_body_util::BodyExt as _;
///
/// let response = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello world!\n"));
/// let body = response.into_http().into_body();
/// let bytes = body.collect().await?.to_bytes();
/// assert_eq!(bytes, "Hello world!\n");
/// # Ok::<(), downloadview::Error>(())
/// # }).unwrap();
/// ```
pub struct DownloadBody {
    inner: Inner,
    /// Bytes handed out since others on this thread had their turn.
    handed: usize,
    /// What was asked for, for the log.
    told: Option<Box<Told>>,
}

/// What was asked for, kept until the body ends.
struct Told {
    path: Box<str>,
    route: Option<Box<str>>,
}

/// A body that is always ready would keep its thread for as many frames as tokio lets one task
/// have, 128, and every other answer on it waiting. After this many bytes the others have a turn.
const TURN: usize = 512 * 1024;

/// The kinds of body, from none at all to a file that a proxy sends.
enum Inner {
    Absent,
    Full(Option<Bytes>),
    // Boxed, since every answer is moved a dozen times, and most have no such body.
    Sized(Box<Exact>),
    Unsized(Box<ByteStream>),
    Lazy(Lazy),
    HandedOff(Download),
}

/// A file that is opened when the body is first polled.
enum Lazy {
    Closed(Download),
    Opening(BoxFuture<'static, Result<Inner>>),
}

impl DownloadBody {
    fn of(inner: Inner) -> Self {
        Self {
            inner,
            handed: 0,
            told: None,
        }
    }

    /// A body without bytes, for an answer of your own beside downloads.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(Inner::Full(None))
    }

    /// No bytes, and no word on how many a GET would bring: for HEAD and 304. (axum states the
    /// length of a body that knows it, and `Content-Length: 0` would be a lie.)
    pub(crate) fn absent() -> Self {
        Self::of(Inner::Absent)
    }

    /// Bytes that are in memory: the text of a refusal.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::of(Inner::Full(Some(bytes.into())))
    }

    /// The bytes of `stream`, which must be `length` of them.
    pub(crate) fn sized(stream: ByteStream, length: u64) -> Self {
        Self::of(Inner::Sized(Box::new(Exact::new(stream, length))))
    }

    /// The bytes of `stream`, however many there are.
    pub(crate) fn unsized_stream(stream: ByteStream) -> Self {
        Self::of(Inner::Unsized(Box::new(stream)))
    }

    /// Opens the file when it is first polled.
    pub(crate) fn lazy(download: Download) -> Self {
        Self::of(Inner::Lazy(Lazy::Closed(download)))
    }

    /// No bytes, because a proxy sends them. A layer further out can still tell whose body it is.
    pub(crate) fn handed_off(download: Download) -> Self {
        Self::of(Inner::HandedOff(download))
    }

    /// Remembers what was asked for, where the bytes come from somewhere that may fail. Those of a
    /// local file seldom do, and are what has to be quick.
    pub(crate) fn about(mut self, about: About<'_>) -> Self {
        let may_fail = match &self.inner {
            #[cfg(feature = "fs")]
            Inner::Sized(stream) => stream.file_part().is_none(),
            #[cfg(not(feature = "fs"))]
            Inner::Sized(_) => true,
            Inner::Unsized(_) => true,
            _ => false,
        };
        self.told = about.path.filter(|_| may_fail).map(|path| {
            let route = about.route.map(Into::into);
            let path = path.into();
            Box::new(Told { path, route })
        });
        self
    }

    /// What is left of this body, if that is one part of an open local file: for a server that can
    /// send files itself, by `sendfile` for instance. `None` for everything else: generated bytes,
    /// remote files, several ranges in one answer, bodies that are not begun by
    /// [`delivery`](crate::delivery) yet, and empty ones.
    ///
    /// The body stays as it is. A server that sends the part drops the body, and does what the table
    /// of [`FilePart`] says. It must hold the very `DownloadBody`: what a wrapper did to the bytes
    /// (compression, say) would be lost.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    /// # runtime.unwrap().block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("report.txt");
    /// # std::fs::write(&path, "0123456789")?;
    /// use downloadview::{DownloadResponse, delivery, file::PathFile, headers::ConditionalRequest};
    ///
    /// let request = http::Request::get("/").header("range", "bytes=2-4").body(())?;
    /// let request = ConditionalRequest::of(request.method(), request.headers());
    /// let answer = delivery::deliver(&request, DownloadResponse::new(PathFile::new(path))).await;
    ///
    /// let part = answer.body().file_part().expect("one range of a local file");
    /// assert_eq!((part.range().start(), part.range().end()), (2, 5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[cfg(feature = "fs")]
    #[must_use]
    pub fn file_part(&self) -> Option<FilePart> {
        match &self.inner {
            Inner::Sized(stream) => stream.file_part(),
            _ => None,
        }
    }

    /// The download that this body would send, as long as nothing of it was asked for.
    fn untouched(&self) -> Option<&Download> {
        match &self.inner {
            Inner::Lazy(Lazy::Closed(download)) | Inner::HandedOff(download) => Some(download),
            _ => None,
        }
    }

    /// The next bytes; a file that is not open yet is opened first.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            let opened = match &mut self.inner {
                Inner::Absent | Inner::HandedOff(_) => return Poll::Ready(None),
                Inner::Full(bytes) => return Poll::Ready(bytes.take().map(Ok)),
                Inner::Sized(stream) => return Pin::new(&mut **stream).poll_next(cx),
                Inner::Unsized(stream) => return Pin::new(&mut **stream).poll_next(cx),
                Inner::Lazy(Lazy::Closed(download)) => {
                    Inner::Lazy(Lazy::Opening(Box::pin(open(download.clone()))))
                }
                Inner::Lazy(Lazy::Opening(opening)) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(opened) => opened,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                },
            };
            self.inner = opened;
        }
    }
}

/// Opens the file of a download and takes all of it.
async fn open(download: Download) -> Result<Inner> {
    let content = download.file().open(Want::whole()).await?;
    let size = content.metadata().size();
    let stream = content.into_stream().await?;
    Ok(match size {
        Some(size) => Inner::Sized(Box::new(Exact::new(stream, size))),
        None => Inner::Unsized(Box::new(stream)),
    })
}

impl Body for DownloadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        if self.handed >= TURN {
            self.handed = 0;
            let _ = pin!(tokio::task::yield_now()).poll(cx);
            return Poll::Pending;
        }
        let Poll::Ready(bytes) = self.poll_bytes(cx) else {
            self.handed = 0;
            return Poll::Pending;
        };
        if let Some(Ok(bytes)) = &bytes {
            self.handed += bytes.len();
        }
        if let Some(Err(error)) = &bytes {
            // The head is out: all that is left is to cut the connection, and to say why here.
            let source = std::error::Error::source(error).map(ToString::to_string);
            let told = self.told.as_deref();
            let (path, route) = (
                told.map(|told| &*told.path),
                told.and_then(|told| told.route.as_deref()),
            );
            tracing::warn!(reason = %error, source, path, route, "download aborted");
            self.inner = Inner::Full(None);
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Absent | Inner::HandedOff(_) => true,
            Inner::Full(bytes) => bytes.is_none(),
            Inner::Sized(stream) => stream.left() == 0,
            Inner::Unsized(_) | Inner::Lazy(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(download) = self.untouched() {
            Question::answer(download);
        }
        match &self.inner {
            Inner::HandedOff(_) => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Inner::Sized(stream) => SizeHint::with_exact(stream.left()),
            Inner::Absent | Inner::Unsized(_) | Inner::Lazy(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for DownloadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.inner {
            Inner::Absent => "absent",
            Inner::Full(_) => "full",
            Inner::Sized(_) => "sized",
            Inner::Unsized(_) => "unsized",
            Inner::Lazy(_) => "lazy",
            Inner::HandedOff(_) => "handed off",
        };
        f.debug_tuple("DownloadBody").field(&kind).finish()
    }
}

/// Whether `body`, wrapped in whatever middleware put around it, is still the one that came with
/// `download`, with nothing read of it.
///
/// It is asked for its size, which a wrapper passes on as long as it leaves the bytes alone. A body
/// that took the place of the download's own never gets to the answer, wherever that one is kept.
pub(crate) fn carries<B: Body>(body: &B, download: &Download) -> bool {
    let question = Question::ask();
    let _ = body.size_hint();
    question.is_answered_by(download)
}

/// A question that only the body of a download understands. It is asked through a thread-local
/// while the body is asked for its size, because that call reaches the innermost body through any
/// wrapper.
struct Question {
    /// The question of somebody further up this thread's stack.
    before: Asked,
}

/// The state of the question on this thread.
#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    WhoseBody,
    /// The body of the download at this address.
    Answered(usize),
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked::Nothing) };
}

impl Question {
    /// Begins to ask: the next body of a download that is asked for its size answers.
    fn ask() -> Self {
        let before = ASKED.replace(Asked::WhoseBody);
        Self { before }
    }

    /// Answers, if the question was asked.
    fn answer(download: &Download) {
        if let Asked::WhoseBody = ASKED.get() {
            ASKED.set(Asked::Answered(download.address()));
        }
    }

    /// Whether the body of this very download answered.
    fn is_answered_by(&self, download: &Download) -> bool {
        matches!(ASKED.get(), Asked::Answered(address) if address == download.address())
    }
}

/// Ends the question, even if a foreign body panics.
impl Drop for Question {
    fn drop(&mut self) {
        ASKED.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::StreamExt as _;

    use super::*;
    use crate::File as _;
    use crate::content::{ByteRange, Content};
    use crate::file::VirtualFile;
    use crate::response::DownloadResponse;

    fn download() -> (Download, DownloadBody) {
        let response = DownloadResponse::new(VirtualFile::from_text("a.txt", "a")).into_http();
        let download = Download::of(response.extensions()).unwrap().clone();
        (download, response.into_body())
    }

    #[tokio::test]
    async fn a_body_carries_its_own_download_until_it_is_read() {
        let (download, mut body) = download();
        assert!(carries(&body, &download));
        assert!(!carries(&body, &self::download().0));
        let _ = http_body_util::BodyExt::frame(&mut body).await;
        assert!(!carries(&body, &download));
    }

    /// One fast download must not keep every other answer on its thread waiting.
    #[tokio::test]
    async fn a_body_that_is_always_ready_gives_others_a_turn() {
        const FRAME: usize = 64 * 1024;
        let frames = futures_util::stream::repeat(Bytes::from(vec![0; FRAME])).take(100);
        let stream = ByteStream::from_boxed(frames.map(Ok).boxed());
        let mut body = DownloadBody::unsized_stream(stream);
        let (mut turns, mut frames) = (Vec::new(), 0);
        loop {
            let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx)));
            match polled.await {
                Poll::Ready(Some(frame)) => {
                    assert!(frame.is_ok());
                    frames += 1;
                }
                Poll::Ready(None) => break,
                Poll::Pending => {
                    turns.push(frames * FRAME);
                    frames = 0;
                }
            }
        }
        assert_eq!(turns, [TURN; 100 * FRAME / TURN]);
    }

    #[tokio::test]
    async fn a_file_overwritten_in_place_is_noticed() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 200_000]).unwrap();
        let content = Content::from_file(file.try_clone().unwrap()).unwrap();
        let written = content.metadata().modified().unwrap();
        let body = DownloadBody::sized(content.into_stream().await.unwrap(), 200_000);
        let part = body.file_part().unwrap();
        assert_eq!(part.range(), ByteRange::new(0, 200_000).unwrap());
        part.check().unwrap();
        file.set_modified(written + Duration::from_millis(4))
            .unwrap();
        assert!(matches!(part.check(), Err(Error::Overwritten)));
    }

    #[tokio::test]
    async fn what_may_hang_runs_behind_its_bulkhead() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let bulkhead = Arc::new(crate::content::Bulkhead::new());
        let content = Content::of_file(file, Some(bulkhead)).unwrap();
        let body = DownloadBody::sized(content.into_stream().await.unwrap(), 10);
        let part = body.file_part().unwrap();
        assert!(part.may_hang());
        part.check().unwrap();
        let length = part.run(|file| file.metadata().unwrap().len()).await;
        assert_eq!(length.unwrap(), 10);
    }

    #[tokio::test]
    async fn what_is_no_file_or_of_another_length_has_no_part() {
        let text = VirtualFile::from_text("a.txt", "0123456789");
        let content = text.open(Want::whole()).await.unwrap();
        let body = DownloadBody::sized(content.into_stream().await.unwrap(), 10);
        assert!(body.file_part().is_none());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let content = Content::from_file(file).unwrap();
        let body = DownloadBody::sized(content.into_stream().await.unwrap(), 9);
        assert!(body.file_part().is_none(), "the body must fail, not be cut");
    }

    #[test]
    fn a_body_is_asked_in_vain_once_the_question_has_panicked() {
        struct Panics;
        impl Body for Panics {
            type Data = Bytes;
            type Error = Error;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>>>> {
                Poll::Ready(None)
            }

            fn size_hint(&self) -> SizeHint {
                panic!("of its own making")
            }
        }

        let (download, body) = download();
        let asks = std::panic::AssertUnwindSafe(|| carries(&Panics, &download));
        std::panic::catch_unwind(asks).unwrap_err();
        let _ = body.size_hint();
        assert!(matches!(ASKED.get(), Asked::Nothing));
    }
}
