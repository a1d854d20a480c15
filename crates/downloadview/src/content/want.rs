//! What will be asked of a content once it is open.
//!
//! `delivery` and the decision on remote files make a [`Want`] of the client's request
//! (`ConditionalRequest::want`) and pass it to `File::open`. Only `fetch` reads it: it copies range
//! and conditions into its own request. Every other source ignores it and opens the whole content.

use http::{HeaderMap, HeaderValue, header};

/// What will be asked of a content once it is open: all of it, or the range and the conditions of a
/// client's request.
///
/// With it, a file that another server has costs one request to that server: the client's own, with
/// its range and its conditions. Without it, the file would have to be looked at first.
///
/// It is a hint. An implementation of [`File`](crate::File) or [`Storage`](crate::storage::Storage)
/// may ignore it and open the whole content; the answer is made from what the content states.
///
/// ```
/// use downloadview::content::Want;
/// use http::{HeaderMap, HeaderValue, header};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(header::RANGE, HeaderValue::from_static("bytes=100-199"));
/// headers.insert(header::IF_RANGE, HeaderValue::from_static("\"v1\""));
///
/// let want = Want::get(&headers);
/// assert_eq!(want.range().unwrap(), "bytes=100-199");
/// assert_eq!(want.condition(&header::IF_RANGE).unwrap(), "\"v1\"");
///
/// // For a file whose tag a record states: the server would judge by another tag.
/// let want = want.without_conditions();
/// assert_eq!(want.condition(&header::IF_RANGE), None);
/// ```
///
/// A storage that answers with the part which the client asks for, in one request:
///
/// ```
/// use std::sync::{Mutex, PoisonError};
///
/// use downloadview::content::{ByteRange, ByteStream, Content, Metadata, Want};
/// use downloadview::{Result, headers};
///
/// /// What a server says to a request for a part: the size of the whole, and the bytes.
/// struct Part { size: u64, range: ByteRange, bytes: ByteStream }
///
/// async fn open(want: Want<'_>) -> Result<Content> {
///     let part = fetch(want.range().map(|range| range.as_bytes())).await?;
///     let metadata = Metadata::new().with_size(part.size);
///     let begun = Mutex::new(Some((part.range, part.bytes)));
///     Ok(Content::ranged(metadata, move |range| {
///         // What was asked for is under way. Anything else, perhaps one of several ranges, is
///         // another request.
///         let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
///         let begun = begun.take_if(|(it, _)| *it == range);
///         async move {
///             if let Some((_, bytes)) = begun {
///                 return Ok(bytes);
///             }
///             let header = format!("bytes={}-{}", range.start(), range.end() - 1);
///             Ok(fetch(Some(header.as_bytes())).await?.bytes)
///         }
///     }))
/// }
/// #
/// # async fn fetch(range: Option<&[u8]>) -> Result<Part> {
/// #     let size = 10;
/// #     let whole = ByteRange::new(0, size).unwrap();
/// #     let value = range.and_then(|range| http::HeaderValue::from_bytes(range).ok());
/// #     let range = match value.map(|value| headers::resolve_range(&value, size)) {
/// #         Some(headers::Ranges::Single(range)) => range,
/// #         _ => whole,
/// #     };
/// #     let bytes = &b"0123456789"[range.start() as usize..range.end() as usize];
/// #     Ok(Part { size, range, bytes: ByteStream::from_bytes(bytes) })
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// #     let mut headers = http::HeaderMap::new();
/// #     headers.insert("range", "bytes=2-4".parse().unwrap());
/// #     let content = open(Want::get(&headers)).await.unwrap();
/// #     assert_eq!(content.metadata().size(), Some(10));
/// #     content.stream(ByteRange::new(2, 5).unwrap()).await.unwrap();
/// #     content.stream(ByteRange::new(2, 5).unwrap()).await.unwrap();
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Want<'a> {
    head: bool,
    headers: Option<&'a HeaderMap>,
    unconditional: bool,
    as_source: bool,
}

impl<'a> Want<'a> {
    /// The whole content, without any condition. The default.
    #[must_use]
    pub fn whole() -> Self {
        Self::default()
    }

    /// What a GET with these headers asks for. Only `Range` and the conditions are read.
    #[must_use]
    pub fn get(headers: &'a HeaderMap) -> Self {
        Self {
            headers: Some(headers),
            ..Self::default()
        }
    }

    /// What a HEAD with these headers asks for: the metadata, and none of the bytes.
    #[must_use]
    pub fn head(headers: &'a HeaderMap) -> Self {
        Self {
            head: true,
            headers: Some(headers),
            ..Self::default()
        }
    }

    /// The same without its conditions, `If-Range` included. The range stays.
    ///
    /// For a file that states another tag or date than its source does: its source would judge the
    /// conditions by the wrong ones.
    #[must_use]
    pub fn without_conditions(self) -> Self {
        Self {
            unconditional: true,
            ..self
        }
    }

    /// The same for a copy: the file is to be described as its source describes it, and not as a
    /// record or a view does. The conditions are meant by the tag and the date of the source.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn as_source(self) -> Self {
        Self {
            as_source: true,
            ..self
        }
    }

    /// Whether the file is to be described as its source describes it.
    pub(crate) fn is_as_source(&self) -> bool {
        self.as_source
    }

    /// The same without its range and its conditions.
    pub(crate) fn without_headers(self) -> Self {
        Self {
            headers: None,
            ..self
        }
    }

    /// The same asked for by HEAD: its conditions, and none of its bytes.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    pub(crate) fn as_head(self) -> Self {
        Self { head: true, ..self }
    }

    /// Whether only the metadata is asked for. A content is opened nevertheless, so that HEAD
    /// states what GET would; none of its bytes are read.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.head
    }

    /// The `Range` header of a GET. `None` for a HEAD, and where there are two of them.
    ///
    /// It may hold several ranges, or a text that is not valid;
    /// [`resolve_range`](crate::headers::resolve_range) reads it when the size is known. It counts
    /// only if `If-Range` holds, which [`condition`](Self::condition) returns.
    #[must_use]
    pub fn range(&self) -> Option<&'a HeaderValue> {
        let mut values = self.headers?.get_all(header::RANGE).iter();
        let first = values.next();
        first.filter(|_| values.next().is_none() && !self.head)
    }

    /// The value of a condition: `If-Match`, `If-None-Match`, `If-Modified-Since`,
    /// `If-Unmodified-Since` or `If-Range` (RFC 9110, 13.1). `None` where there are two of that
    /// name.
    #[must_use]
    pub fn condition(&self, name: &http::HeaderName) -> Option<&'a HeaderValue> {
        if self.unconditional {
            return None;
        }
        let mut values = self.headers?.get_all(name).iter();
        let first = values.next();
        first.filter(|_| values.next().is_none())
    }

    /// Whether this condition is stated, once or more often.
    #[cfg(feature = "remote")]
    pub(crate) fn states(&self, name: &http::HeaderName) -> bool {
        let stated = self.headers.filter(|_| !self.unconditional);
        stated.is_some_and(|headers| headers.contains_key(name))
    }
}
