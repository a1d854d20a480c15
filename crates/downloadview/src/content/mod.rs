//! What every content states about itself, and how its bytes are read. Files and storages are made
//! of these types.
//!
//! A [`Content`] is a snapshot: metadata and bytes that belong together, because both come from the
//! same descriptor, the same answer of a server or the same memory. It reads nothing until a part
//! is asked for.
//!
//! | type | what it is |
//! |---|---|
//! | [`Content`] | an opened file: its metadata, and its bytes on demand |
//! | [`Metadata`] | size, dates, entity tag, media type |
//! | [`CacheKey`] | what names a content, for copies of it |
//! | [`ETag`] | an entity tag, strong or weak |
//! | [`ByteRange`] | a part of a content, as offsets |
//! | [`ByteStream`] | bytes, frame by frame |
//! | `FilePart` | bytes of an open local file, for servers that send files themselves |
//! | [`Want`] | what a request will ask of a content |
//!
//! An application needs them for a [`File`](crate::File) or a [`Storage`](crate::storage::Storage)
//! of its own, and to state tags and dates.

#[cfg(feature = "fs")]
mod buffers;
#[cfg(feature = "fs")]
mod bulkhead;
mod cache_key;
mod etag;
mod exact;
#[cfg(all(feature = "fs", unix))]
mod identity;
#[cfg(feature = "fs")]
mod local;
mod metadata;
#[cfg(feature = "fs")]
mod open;
#[cfg(feature = "fs")]
mod part;
#[cfg(feature = "fs")]
mod purpose;
mod range;
#[cfg(any(feature = "fs", feature = "remote"))]
mod slots;
#[cfg(feature = "fs")]
mod state;
mod stream;
mod want;

use std::fmt;
use std::pin::Pin;
#[cfg(feature = "fs")]
use std::sync::Arc;

use bytes::Bytes;

#[cfg(feature = "fs")]
pub(crate) use self::bulkhead::Bulkhead;
pub use self::cache_key::CacheKey;
pub use self::etag::ETag;
pub(crate) use self::exact::Exact;
#[cfg(all(feature = "fs", unix))]
pub(crate) use self::identity::Identity;
pub use self::metadata::Metadata;
pub(crate) use self::metadata::whole_seconds;
#[cfg(feature = "fs")]
pub(crate) use self::open::{FixedPath, is_local, on_blocking_pool};
#[cfg(feature = "fs")]
pub use self::part::FilePart;
#[cfg(feature = "fs")]
pub(crate) use self::purpose::Purpose;
pub use self::range::ByteRange;
#[cfg(feature = "remote")]
pub(crate) use self::slots::{Slots, unavailable};
#[cfg(feature = "fs")]
pub(crate) use self::state::metadata_of;
#[cfg(all(feature = "fs", target_os = "linux"))]
pub(crate) use self::state::metadata_of_stat;
pub use self::stream::ByteStream;
pub use self::want::Want;
use crate::error::{Error, Result};

/// A boxed future, as the methods of [`File`](crate::File) and [`Storage`](crate::storage::Storage)
/// return it: traits that are used as `dyn` cannot have `async fn`.
///
/// ```
/// use downloadview::content::{BoxFuture, Metadata};
///
/// fn metadata(text: &str) -> BoxFuture<'_, downloadview::Result<Metadata>> {
///     Box::pin(async move { Ok(Metadata::new().with_size(text.len() as u64)) })
/// }
/// # let _ = metadata("a");
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Metadata and bytes of one state of a file, opened and not yet read.
///
/// Make one in the `open` of a [`File`](crate::File) or a [`Storage`](crate::storage::Storage) of
/// your own:
///
/// | what you have | constructor | ranges |
/// |---|---|---|
/// | bytes in memory | [`from_bytes`](Self::from_bytes) | yes |
/// | an open local file | [`from_file`](Self::from_file) | yes |
/// | a store that can read a part | [`ranged`](Self::ranged) | yes |
/// | a stream that can be read once | [`from_stream`](Self::from_stream) | no |
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use bytes::Bytes;
/// use downloadview::content::{ByteRange, Content, Metadata};
/// use futures_util::TryStreamExt as _;
///
/// let content = Content::from_bytes(Metadata::new(), "Hello world!");
/// assert_eq!(content.metadata().size(), Some(12));
///
/// let world = ByteRange::new(6, 11).expect("not empty");
/// let frames: Vec<Bytes> = content.stream(world).await?.try_collect().await?;
/// assert_eq!(frames.concat(), b"world");
/// # Ok::<(), downloadview::Error>(())
/// # }).unwrap();
/// ```
pub struct Content {
    metadata: Metadata,
    source: Source,
}

/// How the bytes are read.
enum Source {
    Bytes(Bytes),
    #[cfg(feature = "fs")]
    Local(Arc<std::fs::File>, local::Manner),
    Ranged(Box<ReadPart>),
    Once(ByteStream),
    Settled(Settled),
}

/// How the server that has the file judged the conditions of the request. There are no bytes then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    NotModified,
    PreconditionFailed,
}

/// Fetches one part of a content.
type ReadPart = dyn Fn(ByteRange) -> BoxFuture<'static, Result<ByteStream>> + Send + Sync;

impl Content {
    /// Bytes in memory. The size is their number, whatever `metadata` states, and ranges are
    /// offered.
    #[must_use]
    pub fn from_bytes(metadata: Metadata, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            metadata: metadata.with_size(bytes.len() as u64).with_ranges(),
            source: Source::Bytes(bytes),
        }
    }

    /// An open local file. Size and dates come from its descriptor, and ranges are offered.
    ///
    /// The caller chose the path and opened it, so nothing is confined here. For a path of which
    /// any part comes from outside use [`LocalStorage`](crate::storage::LocalStorage).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it is not a regular file (a folder, a FIFO, a device), and the error
    /// of `fstat`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("report.txt");
    /// # std::fs::write(&path, "ten bytes\n")?;
    /// use downloadview::content::Content;
    /// let content = Content::from_file(std::fs::File::open(path)?)?;
    /// assert_eq!(content.metadata().size(), Some(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "fs")]
    pub fn from_file(file: std::fs::File) -> Result<Self> {
        Self::of_file(file, None)
    }

    /// As [`from_file`](Self::from_file). With a `bulkhead`, every read waits on one of its
    /// threads.
    #[cfg(feature = "fs")]
    pub(crate) fn of_file(file: std::fs::File, bulkhead: Option<Arc<Bulkhead>>) -> Result<Self> {
        let metadata = state::metadata_of(&file, Purpose::Read)?;
        let stamp = state::Stamp::of(&metadata);
        let manner = bulkhead.map_or(local::Manner::InPlace(stamp), local::Manner::Behind);
        Ok(Self {
            metadata,
            source: Source::Local(Arc::new(file), manner),
        })
    }

    /// A content whose parts are fetched by `read`: an object store, a database of large objects.
    ///
    /// `read` is called once for each part, and never for an empty content. `metadata` must state
    /// the size. Without a size no range is offered, and `read` is called once with a range that
    /// ends at `u64::MAX`.
    ///
    /// If `read` fails before it has a stream, its error is the status of the answer
    /// ([`Error::Unavailable`]: 503). If the stream fails later, the connection is closed.
    ///
    /// ```
    /// use downloadview::content::{ByteRange, ByteStream, Content, Metadata};
    ///
    /// use std::sync::Arc;
    ///
    /// async fn fetch(key: Arc<str>, part: ByteRange) -> downloadview::Result<ByteStream> {
    ///     Ok(ByteStream::from_bytes(vec![b'x'; part.len() as usize])) // of the object `key`
    /// }
    /// let key: Arc<str> = "reports/2026.pdf".into();
    /// let read = move |part| fetch(Arc::clone(&key), part);
    /// let content = Content::ranged(Metadata::new().with_size(1 << 40), read);
    /// ```
    pub fn ranged<F, Fut>(metadata: Metadata, read: F) -> Self
    where
        F: Fn(ByteRange) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ByteStream>> + Send + 'static,
    {
        let metadata = match metadata.size() {
            Some(_) => metadata.with_ranges(),
            None => metadata,
        };
        Self {
            metadata,
            source: Source::Ranged(Box::new(move |part| Box::pin(read(part)))),
        }
    }

    /// A content that can be read once and from the start. No ranges are offered, whatever
    /// `metadata` states. State the size if it is known: then the answer has a length.
    ///
    /// ```
    /// use downloadview::content::{ByteStream, Content, Metadata};
    /// use futures_util::stream;
    ///
    /// let rows = ["id;name\n", "1;Ada\n"].map(Ok::<_, std::io::Error>);
    /// let rows = ByteStream::from_stream(stream::iter(rows));
    /// let content = Content::from_stream(Metadata::new(), rows);
    /// assert!(!content.metadata().supports_ranges());
    /// ```
    #[must_use]
    pub fn from_stream(mut metadata: Metadata, stream: ByteStream) -> Self {
        metadata.ranges = false;
        Self {
            metadata,
            source: Source::Once(stream),
        }
    }

    /// No bytes: the server that has the file answered 304, so the client's copy is still good.
    ///
    /// For a store of your own that passes the conditions of a [`Want`] on. The answer to the
    /// client is a 304 if its request had such a condition.
    #[must_use]
    pub fn not_modified(metadata: Metadata) -> Self {
        let source = Source::Settled(Settled::NotModified);
        Self { metadata, source }
    }

    /// No bytes: the server that has the file answered 412, so the state that the client asked for
    /// is gone. The answer to the client is a 412 if its request had such a condition.
    ///
    /// See [`not_modified`](Self::not_modified).
    #[must_use]
    pub fn precondition_failed(metadata: Metadata) -> Self {
        let source = Source::Settled(Settled::PreconditionFailed);
        Self { metadata, source }
    }

    /// How the server that has the file judged the conditions, if it did.
    pub(crate) fn settled(&self) -> Option<Settled> {
        match self.source {
            Source::Settled(settled) => Some(settled),
            _ => None,
        }
    }

    /// What the content states about itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The same bytes, of which something else is stated: for a storage or a file around another
    /// one, which knows a better tag, date or type than that one does.
    ///
    /// `change` gets what the content states so far. A size that is known and whether there are
    /// ranges follow from the bytes, and stay as they are.
    ///
    /// State the same in `look`. Where a tag or a date is changed, open the inner file with
    /// [`Want::without_conditions`]: its source would judge them by its own.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use downloadview::content::{Content, ETag, Metadata, Want};
    /// use downloadview::{Result, storage::{Storage, StorageName}};
    ///
    /// /// Files of which a table knows the digests.
    /// struct Digested<S> { files: S, digest: ETag }
    ///
    /// impl<S: Storage> Digested<S> {
    ///     async fn look(&self, name: &StorageName) -> Result<Metadata> {
    ///         Ok(self.files.look(name).await?.with_etag(self.digest.clone()))
    ///     }
    ///     async fn open(&self, name: &StorageName, want: Want<'_>) -> Result<Content> {
    ///         let content = self.files.open(name, want.without_conditions()).await?;
    ///         Ok(content.map_metadata(|found| found.with_etag(self.digest.clone())))
    ///     }
    /// }
    /// # let files = downloadview::storage::MemoryStorage::new();
    /// # let (name, digest) = (StorageName::parse("a.txt")?, ETag::strong("9f86d081")?);
    /// # files.insert(name.clone(), "text");
    /// # let files = Digested { files, digest: digest.clone() };
    /// # assert_eq!(files.look(&name).await?.etag().as_ref(), Some(&digest));
    /// # let opened = files.open(&name, Want::whole()).await?;
    /// # assert_eq!(opened.metadata().etag(), Some(digest));
    /// # Ok::<(), downloadview::Error>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn map_metadata(mut self, change: impl FnOnce(Metadata) -> Metadata) -> Self {
        let Metadata {
            size,
            ranges,
            remote,
            ..
        } = self.metadata;
        self.metadata = change(self.metadata);
        self.metadata.size = size.or(self.metadata.size);
        self.metadata.ranges = ranges;
        self.metadata.remote = remote;
        self
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// All the bytes, from the first to the last.
    ///
    /// # Errors
    ///
    /// The error of a store that fails before its first byte. [`Error::Other`] for a content
    /// without bytes ([`not_modified`](Self::not_modified)).
    pub async fn into_stream(self) -> Result<ByteStream> {
        let Self { metadata, source } = self;
        let content = match source {
            Source::Once(stream) => return Ok(stream),
            Source::Settled(_) => return Err(unasked()),
            source => Self { metadata, source },
        };
        match ByteRange::new(0, content.metadata.size.unwrap_or(u64::MAX)) {
            Some(all) => {
                let stream = content.stream(all);
                drop(content);
                stream.await
            }
            None => Ok(ByteStream::from_bytes(Bytes::new())),
        }
    }

    /// The bytes of one part. It may be called again for further parts.
    ///
    /// # Errors
    ///
    /// [`Error::Consumed`] if the content can only be read as a whole
    /// ([`from_stream`](Self::from_stream)), and the error of a store that fails before its first
    /// byte.
    pub fn stream(
        &self,
        range: ByteRange,
    ) -> impl Future<Output = Result<ByteStream>> + Send + use<> {
        let part = self.part(range);
        async move {
            match part {
                Part::Ready(stream) => stream,
                Part::Fetched(stream) => stream.await,
            }
        }
    }

    /// As [`stream`](Self::stream), if the bytes need not be fetched from elsewhere.
    pub(crate) fn at_hand(&self, range: ByteRange) -> Option<Result<ByteStream>> {
        match &self.source {
            Source::Ranged(_) | Source::Once(_) => None,
            _ => match self.part(range) {
                Part::Ready(stream) => Some(stream),
                Part::Fetched(_) => None,
            },
        }
    }

    /// As [`stream`](Self::stream), for a caller that polls (`delivery::multipart`): what needs no
    /// waiting comes without a future.
    pub(crate) fn part(&self, range: ByteRange) -> Part {
        Part::Ready(match &self.source {
            Source::Bytes(bytes) => {
                let end =
                    usize::try_from(range.end()).map_or(bytes.len(), |end| end.min(bytes.len()));
                let start = usize::try_from(range.start()).map_or(end, |start| start.min(end));
                Ok(ByteStream::from_bytes(bytes.slice(start..end)))
            }
            #[cfg(feature = "fs")]
            Source::Local(file, manner) => {
                let reader = local::LocalReader::new(Arc::clone(file), range);
                Ok(ByteStream::from_local(reader.in_manner(manner)))
            }
            Source::Ranged(read) => return Part::Fetched(read(range)),
            Source::Once(_) => Err(Error::Consumed),
            Source::Settled(_) => Err(unasked()),
        })
    }
}

/// A source answered 304 or 412 to a request that had no such condition.
fn unasked() -> Error {
    Error::other("a file came without its bytes, by a condition that the request does not have")
}

/// The bytes of a part, or a future that fetches them.
pub(crate) enum Part {
    Ready(Result<ByteStream>),
    Fetched(BoxFuture<'static, Result<ByteStream>>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
