//! What any content says of itself, and how its bytes are read: the floor below files and storages.
//!
//! A [`Content`] is a snapshot: metadata and bytes that belong together, because both come from the
//! same descriptor, the same answer or the same memory. It reads nothing until a part is asked for.

#[cfg(feature = "fs")]
mod buffers;
#[cfg(feature = "fs")]
mod bulkhead;
mod etag;
mod exact;
#[cfg(feature = "fs")]
mod local;
mod metadata;
#[cfg(feature = "fs")]
mod open;
#[cfg(feature = "fs")]
mod purpose;
mod range;
#[cfg(any(feature = "fs", feature = "remote"))]
mod slots;
mod stream;
mod want;

use std::fmt;
use std::pin::Pin;
#[cfg(feature = "fs")]
use std::sync::Arc;

use bytes::Bytes;

#[cfg(feature = "fs")]
pub(crate) use self::bulkhead::Bulkhead;
pub use self::etag::ETag;
pub(crate) use self::exact::Exact;
#[cfg(feature = "fs")]
pub(crate) use self::local::metadata_of;
#[cfg(all(feature = "fs", target_os = "linux"))]
pub(crate) use self::local::metadata_of_stat;
pub use self::metadata::Metadata;
pub(crate) use self::metadata::whole_seconds;
#[cfg(feature = "fs")]
pub(crate) use self::open::{FixedPath, is_local, on_blocking_pool};
#[cfg(feature = "fs")]
pub(crate) use self::purpose::Purpose;
pub use self::range::ByteRange;
#[cfg(feature = "remote")]
pub(crate) use self::slots::{Slots, unavailable};
pub use self::stream::ByteStream;
pub use self::want::Want;
use crate::error::{Error, Result};

/// A boxed future, as the traits that live behind `dyn` return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Metadata and bytes of one state of a file, opened and not yet read.
pub struct Content {
    metadata: Metadata,
    source: Source,
}

enum Source {
    Bytes(Bytes),
    #[cfg(feature = "fs")]
    Local(Arc<std::fs::File>, local::Manner),
    Ranged(Box<ReadPart>),
    Once(ByteStream),
    Settled(Settled),
}

/// What the server that has a file made of the conditions of a request: there are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    NotModified,
    PreconditionFailed,
}

type ReadPart = dyn Fn(ByteRange) -> BoxFuture<'static, Result<ByteStream>> + Send + Sync;

impl Content {
    /// Bytes in memory. The size is theirs, whatever `metadata` states; ranges are offered.
    #[must_use]
    pub fn from_bytes(metadata: Metadata, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            metadata: metadata.with_size(bytes.len() as u64).with_ranges(),
            source: Source::Bytes(bytes),
        }
    }

    /// An open local file: size and date from the descriptor, ranges offered.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it is not a regular file, and what `fstat` reports.
    #[cfg(feature = "fs")]
    pub fn from_file(file: std::fs::File) -> Result<Self> {
        Self::of_file(file, None)
    }

    /// As [`from_file`](Self::from_file); every read waits behind `bulkhead`, if there is one.
    #[cfg(feature = "fs")]
    pub(crate) fn of_file(file: std::fs::File, bulkhead: Option<Arc<Bulkhead>>) -> Result<Self> {
        let metadata = local::metadata_of(&file, Purpose::Read)?;
        let stamp = local::Stamp::of(&metadata);
        let manner = bulkhead.map_or(local::Manner::InPlace(stamp), local::Manner::Behind);
        Ok(Self {
            metadata,
            source: Source::Local(Arc::new(file), manner),
        })
    }

    /// A content whose parts are fetched by `read`, called once for each part (a store that takes
    /// ranges), and not for an empty content. `metadata` must state the size: without it no range is
    /// offered, and `read` is called once, with a range that ends at `u64::MAX`.
    ///
    /// What `read` fails with before it has a stream becomes the status of the answer
    /// ([`Error::Unavailable`]: 503); what the stream fails with later ends the connection.
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

    /// A content that can be read once, from the start: no ranges.
    #[must_use]
    pub fn from_stream(mut metadata: Metadata, stream: ByteStream) -> Self {
        metadata.ranges = false;
        Self {
            metadata,
            source: Source::Once(stream),
        }
    }

    /// No bytes, because the server that has them judged the conditions of the request: what the client
    /// has is still good. It becomes a 304 where the request had such a condition.
    #[must_use]
    pub fn not_modified(metadata: Metadata) -> Self {
        let source = Source::Settled(Settled::NotModified);
        Self { metadata, source }
    }

    /// As [`not_modified`](Self::not_modified): the state that the request was for is gone. It becomes a
    /// 412 where the request had such a condition.
    #[must_use]
    pub fn precondition_failed(metadata: Metadata) -> Self {
        let source = Source::Settled(Settled::PreconditionFailed);
        Self { metadata, source }
    }

    /// What was judged already.
    pub(crate) fn settled(&self) -> Option<Settled> {
        match self.source {
            Source::Settled(settled) => Some(settled),
            _ => None,
        }
    }

    /// What the content says of itself.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// All the bytes.
    ///
    /// # Errors
    ///
    /// What a store fails with before the first byte.
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

    /// The bytes of one part; may be called again for further parts.
    ///
    /// # Errors
    ///
    /// [`Error::Consumed`] if the content can only be read as a whole; what a store fails with before
    /// the first byte.
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

    /// As [`stream`](Self::stream), for who polls.
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

fn unasked() -> Error {
    Error::other("a file came without its bytes, by a condition that the request does not have")
}

/// The bytes of a part, or the promise of them.
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
