//! A file that exists only in the program: generated, assembled, or passed through.
//!
//! Every source becomes a `ByteStream`. Bytes and text are kept and can be read again. What blocks
//! (a reader, an iterator) is called on tokio's blocking pool, one frame at a time, by
//! [`Blocking`]: while the client is slow, no thread waits for it. The size is unknown unless
//! stated.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::HeaderValue;
use tokio::io::{AsyncRead, DuplexStream};
use tokio::task::JoinHandle;
use tokio_util::io::ReaderStream;

use super::written::Written;
use super::{File, TypeHint};
use crate::content::{BoxFuture, ByteStream, CacheKey, Content, ETag, Metadata, Want};
use crate::error::{Error, Result};

/// How many bytes of a reader or an iterator go into one frame.
const FRAME: usize = 64 * 1024;
/// Up to this many bytes get a digest for a tag. More would take longer than a request may take.
const MOST_DIGESTED: usize = 64 * 1024 * 1024;
/// If a chunk took longer than this, the chunks of the iterator are sent one by one.
const QUICK: Duration = Duration::from_millis(1);
/// For how long chunks are gathered into one frame.
const PATIENCE: Duration = Duration::from_millis(10);

/// Content without a path and without a URL, made by the program. It is always streamed.
///
/// | source | constructor | read again, ranges |
/// |---|---|---|
/// | bytes, text | [`from_bytes`](Self::from_bytes), [`from_text`](Self::from_text) | yes |
/// | an iterator | [`from_chunks`](Self::from_chunks) | no |
/// | a reader | [`from_reader`](Self::from_reader), [`from_async_reader`](Self::from_async_reader) | no |
/// | a stream | [`from_stream`](Self::from_stream) | no |
/// | whatever writes, an archive for instance | [`from_writer`](Self::from_writer) | no |
///
/// What can be read only once is read from the start, as fast as the client takes it. Its size is
/// unknown unless stated ([`size`](Self::size)), and the answer is then sent in chunks. If a stated
/// size turns out to be wrong, the connection is closed.
///
/// ```
/// use downloadview::file::VirtualFile;
/// let hello = VirtualFile::from_text("hello-world.txt", "Hello world!\n");
///
/// let rows = (0..3).map(|row| format!("{row};{}\n", row * row));
/// let csv = VirtualFile::from_chunks("report.csv", rows);
/// ```
#[doc(alias = "BytesIteratorIO")]
#[doc(alias = "TextIteratorIO")]
pub struct VirtualFile {
    name: String,
    metadata: Metadata,
    source: Source,
    key: Option<CacheKey>,
}

/// Bytes that can be read again, or a stream that is taken by whoever opens the file first.
enum Source {
    Bytes(Bytes),
    Once(Mutex<Option<ByteStream>>),
}

impl VirtualFile {
    /// Bytes in memory. They can be read any number of times, and in ranges.
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            name: name.into(),
            metadata: Metadata::new().with_size(bytes.len() as u64).with_ranges(),
            source: Source::Bytes(bytes),
            key: None,
        }
    }

    /// Text in memory, sent as UTF-8. It can be read any number of times, and in ranges.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::from_bytes(name, text.into())
    }

    /// A reader that may block. It is read on tokio's blocking pool, in frames of 64 KiB.
    ///
    /// ```
    /// use downloadview::file::VirtualFile;
    /// let log = std::io::Cursor::new("line 1\nline 2\n"); // or the output of a program
    /// let file = VirtualFile::from_reader("today.log", log).size(14);
    /// # let _ = file;
    /// ```
    pub fn from_reader(
        name: impl Into<String>,
        mut reader: impl io::Read + Send + 'static,
    ) -> Self {
        Self::from_blocking(name, move || read_frame(&mut reader))
    }

    /// The chunks of an iterator, which may block: it runs on tokio's blocking pool. After the
    /// first chunk, small ones that come quickly are gathered into frames of up to 64 KiB.
    pub fn from_chunks<I>(name: impl Into<String>, chunks: I) -> Self
    where
        I: IntoIterator<IntoIter: Send + 'static, Item: Into<Bytes>>,
    {
        let mut chunks = chunks.into_iter().fuse();
        let mut gathering = false;
        Self::from_blocking(name, move || {
            let frame = gather(&mut chunks, gathering);
            gathering = true;
            Ok(frame)
        })
    }

    /// An asynchronous reader. It is read in frames of 64 KiB.
    ///
    /// Its end is the end of the file. So it must not be a pipe whose writer may fail: the client
    /// would take what was written until then for the whole file. Use
    /// [`from_writer`](Self::from_writer).
    pub fn from_async_reader(
        name: impl Into<String>,
        reader: impl AsyncRead + Send + 'static,
    ) -> Self {
        Self::from_stream(name, ReaderStream::with_capacity(reader, FRAME))
    }

    /// A stream of bytes, such as the body of another HTTP answer. Its errors are treated as by
    /// [`ByteStream::from_stream`].
    ///
    /// ```
    /// use downloadview::file::VirtualFile;
    /// use futures_util::stream;
    ///
    /// let parts = stream::iter(["one\n", "two\n"].map(Ok::<_, std::io::Error>));
    /// let file = VirtualFile::from_stream("parts.txt", parts);
    /// # let _ = file;
    /// ```
    pub fn from_stream<S, B, E>(name: impl Into<String>, stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            name: name.into(),
            metadata: Metadata::new(),
            source: Source::Once(Mutex::new(Some(ByteStream::from_stream(stream)))),
            key: None,
        }
    }

    /// What `write` writes into the pipe that it gets: for libraries that write, such as those for
    /// archives and spreadsheets. An error of it ends the download, as by
    /// [`from_stream`](Self::from_stream): a client never takes half an archive for a whole one.
    ///
    /// It is called when the bytes are read, waits while the client is slow (the pipe holds 64
    /// KiB), and is dropped where it waits if the client leaves. It must not block; use
    /// [`from_reader`](Self::from_reader) for what does.
    ///
    /// ```
    /// use downloadview::file::VirtualFile;
    /// use tokio::io::{AsyncWriteExt as _, DuplexStream};
    ///
    /// async fn export(mut to: DuplexStream) -> std::io::Result<()> {
    ///     for row in 0..3 {
    ///         to.write_all(format!("{row};{}\n", row * row).as_bytes()).await?;
    ///     }
    ///     to.shutdown().await
    /// }
    /// let csv = VirtualFile::from_writer("squares.csv", export);
    /// # let _ = csv;
    /// ```
    pub fn from_writer<W, F, E>(name: impl Into<String>, write: W) -> Self
    where
        W: FnOnce(DuplexStream) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::from_stream(name, Written::new(FRAME, write))
    }

    /// States the size in bytes, for a source that does not know it: a client then sees progress.
    /// No effect on bytes and text.
    ///
    /// If it turns out to be wrong, the connection is closed.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        if matches!(self.source, Source::Once(_)) {
            self.metadata = self.metadata.with_size(size);
        }
        self
    }

    /// States when the content last changed. Default: unknown. With it, a client's copy can be
    /// found to be still good (304).
    #[must_use]
    pub fn modified(mut self, modified: SystemTime) -> Self {
        self.metadata = self.metadata.with_modified(modified);
        self
    }

    /// States the entity tag.
    ///
    /// Default: one made of size and modification time, if both are known. Otherwise, for bytes and
    /// text, a digest of them (XXH3, 128 bits). More than 64 MiB are not digested, and offer no
    /// ranges unless a tag or a time is stated: nobody could resume safely.
    #[must_use]
    pub fn etag(mut self, etag: ETag) -> Self {
        self.metadata = self.metadata.with_etag(etag);
        self
    }

    /// States the media type. Default: by the name.
    #[must_use]
    pub fn content_type(mut self, content_type: HeaderValue) -> Self {
        self.metadata = self.metadata.with_content_type(content_type);
        self
    }

    /// States what names the content, so that a [spool](crate::spool) keeps a copy of it, which any
    /// proxy can send. Default: none.
    ///
    /// The key must be [of content](CacheKey::of_content) that never changes, and the source should
    /// do its work only when it is read: where there is a copy, it is not. Unless a tag is stated,
    /// the key becomes the tag, so that a client can resume, and is told when its copy is still
    /// good. A key [of a place](CacheKey::of_place) counts only with a stated tag or date.
    ///
    /// ```
    /// use downloadview::content::CacheKey;
    /// use downloadview::file::VirtualFile;
    ///
    /// let (year, revision) = (2026, 12);
    /// let rows = (0..3).map(move |row| format!("{year};{row}\n")); // made when it is read
    /// let key = CacheKey::of_content(["report", &year.to_string(), &revision.to_string()]);
    /// let report = VirtualFile::from_chunks("report.csv", rows).cache_key(key);
    /// # let _ = report;
    /// ```
    #[must_use]
    pub fn cache_key(mut self, key: CacheKey) -> Self {
        self.key = Some(key);
        self
    }

    /// A source that is called on the blocking pool for each frame.
    fn from_blocking(
        name: impl Into<String>,
        produce: impl FnMut() -> io::Result<Option<Bytes>> + Send + 'static,
    ) -> Self {
        Self::from_stream(name, Blocking::new(produce))
    }

    /// The metadata, with a digest as the tag of bytes that have no other.
    fn described(&self) -> Metadata {
        let mut metadata = self.metadata.clone();
        if metadata.stated_etag().is_none() {
            metadata.set_etag(self.key.as_ref().and_then(CacheKey::etag));
        }
        if let (Source::Bytes(bytes), None, None) =
            (&self.source, metadata.stated_etag(), metadata.modified)
        {
            metadata.set_etag(digest(bytes));
            metadata.ranges = metadata.stated_etag().is_some();
        }
        metadata
    }

    fn content(&self) -> Result<Content> {
        match &self.source {
            Source::Bytes(bytes) => {
                let metadata = self.described();
                let ranges = metadata.ranges;
                let mut content = Content::from_bytes(metadata, bytes.clone());
                content.metadata_mut().ranges = ranges;
                Ok(content)
            }
            Source::Once(stream) => {
                let taken = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                let stream = taken.ok_or(Error::Consumed)?;
                Ok(Content::from_stream(self.described(), stream))
            }
        }
    }
}

impl File for VirtualFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn type_hint(&self) -> TypeHint<'_> {
        match self.metadata.content_type() {
            Some(stated) => TypeHint::Stated(stated),
            None => TypeHint::ByName(&self.name),
        }
    }

    fn cache_key(&self) -> Option<CacheKey> {
        self.key.clone()
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(std::future::ready(Ok(self.described())))
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(std::future::ready(self.content()))
    }

    fn open_now(&self, _: Want<'_>) -> Option<Result<Content>> {
        match self.source {
            Source::Bytes(_) => Some(self.content()),
            Source::Once(_) => None,
        }
    }
}

impl fmt::Debug for VirtualFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualFile")
            .field("name", &self.name)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// The tag of bytes that have no other. It need not resist an attacker, who could only deceive
/// himself.
fn digest(bytes: &Bytes) -> Option<ETag> {
    let digest = || twox_hash::XxHash3_128::oneshot(bytes);
    (bytes.len() <= MOST_DIGESTED)
        .then(|| ETag::strong(&format!("{:032x}", digest())).ok())
        .flatten()
}

/// The next frame of a reader; `None` at its end.
fn read_frame(reader: &mut impl io::Read) -> io::Result<Option<Bytes>> {
    let mut frame = vec![0; FRAME];
    loop {
        match reader.read(&mut frame) {
            Ok(0) => return Ok(None),
            Ok(filled) => {
                frame.truncate(filled);
                return Ok(Some(Bytes::from(frame)));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The next chunk of an iterator. If `gathering`, and the iterator is quick, the chunks that follow
/// are added to it.
fn gather(chunks: &mut impl Iterator<Item: Into<Bytes>>, gathering: bool) -> Option<Bytes> {
    let started = Instant::now();
    let first: Bytes = chunks.next()?.into();
    if !gathering || first.len() >= FRAME || started.elapsed() > QUICK {
        return Some(first);
    }
    let mut frame = BytesMut::from(first);
    while frame.len() < FRAME && started.elapsed() < PATIENCE {
        match chunks.next() {
            Some(chunk) => frame.extend_from_slice(&chunk.into()),
            None => break,
        }
    }
    Some(frame.freeze())
}

/// Calls a blocking producer on the blocking pool, one frame at a time. While the client is slow,
/// no thread waits for it.
struct Blocking<F> {
    idle: Option<F>,
    running: Option<JoinHandle<(F, io::Result<Option<Bytes>>)>>,
}

impl<F> Blocking<F> {
    fn new(produce: F) -> Self {
        Self {
            idle: Some(produce),
            running: None,
        }
    }
}

impl<F> Blocking<F> {
    /// Keeps the producer for the next frame, unless this was the last one.
    fn keep(
        &mut self,
        produce: F,
        produced: io::Result<Option<Bytes>>,
    ) -> Option<io::Result<Bytes>> {
        if let Ok(Some(_)) = produced {
            self.idle = Some(produce);
        }
        produced.transpose()
    }
}

// The producer is moved, never pinned.
impl<F> Unpin for Blocking<F> {}

impl<F> Stream for Blocking<F>
where
    F: FnMut() -> io::Result<Option<Bytes>> + Send + 'static,
{
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(mut produce) = self.idle.take() {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                // No runtime whose threads it could block: in place.
                let produced = produce();
                return Poll::Ready(self.keep(produce, produced));
            };
            self.running = Some(runtime.spawn_blocking(move || {
                let produced = produce();
                (produce, produced)
            }));
        }
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        let finished = ready!(Pin::new(running).poll(cx));
        self.running = None;
        let (produce, produced) = match finished {
            Ok(finished) => finished,
            // The producer panicked, or the runtime is shutting down.
            Err(stopped) => return Poll::Ready(Some(Err(io::Error::other(stopped)))),
        };
        Poll::Ready(self.keep(produce, produced))
    }
}
