//! A file of your own, made while it is sent.

use crate::storage::Packages;
use bytes::Bytes;
use downloadview::content::{
    BoxFuture, ByteRange, ByteStream, CacheKey, Content, ETag, Metadata, Want,
};
use downloadview::storage::{Storage, StorageName};
use downloadview::{Error, File, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// All packages in one tar archive (POSIX ustar) that lies nowhere.
///
/// Its length and its tag are known without reading a file, and each byte can be told from its
/// offset. So a client sees progress and can resume, and nothing is held in memory.
#[derive(Debug)]
pub struct Archive<S> {
    packages: Arc<Packages<S>>,
    pieces: Arc<[Piece]>,
    size: u64,
    digest: String,
}

/// A part of the archive.
#[derive(Debug, Clone)]
struct Piece {
    /// Its offset in the archive.
    start: u64,
    size: u64,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// A header or padding.
    Bytes(Bytes),
    /// A package.
    Package(StorageName),
}

const BLOCK: u64 = 512;

impl<S: Storage> Archive<S> {
    /// The newest version of each package, as it is now.
    ///
    /// # Errors
    ///
    /// If a name is longer than 100 bytes, or a file larger than 8 GiB: a header holds no more.
    pub fn new(packages: Arc<Packages<S>>) -> Result<Self> {
        let (mut pieces, mut size, mut digest) = (Vec::new(), 0, Sha256::new());
        let mut add = |source, length| {
            if length > 0 {
                pieces.push(Piece {
                    start: size,
                    size: length,
                    source,
                });
                size += length;
            }
        };
        for (name, version) in packages.newest() {
            let header = header(&name, version.size)?;
            digest.update(&header);
            digest.update(&version.digest);
            add(Source::Bytes(header), BLOCK);
            add(Source::Package(name), version.size);
            let padding = version.size.next_multiple_of(BLOCK) - version.size;
            add(
                Source::Bytes(Bytes::from(vec![0; padding as usize])),
                padding,
            );
        }
        add(
            Source::Bytes(Bytes::from_static(&[0; 2 * BLOCK as usize])),
            2 * BLOCK,
        );
        let digest = digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            packages,
            pieces: pieces.into(),
            size,
            digest,
        })
    }

    fn metadata(&self) -> Result<Metadata> {
        let tag = ETag::strong(&self.digest).map_err(Error::other)?;
        Ok(Metadata::new()
            .with_size(self.size)
            .with_etag(tag)
            .with_ranges())
    }
}

impl<S: Storage> File for Archive<S> {
    fn name(&self) -> &str {
        "packages.tar"
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async { self.metadata() })
    }

    fn open<'a>(&'a self, _want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async {
            let (packages, pieces) = (Arc::clone(&self.packages), Arc::clone(&self.pieces));
            Ok(Content::ranged(self.metadata()?, move |range| {
                let stream = read(Arc::clone(&packages), &pieces, range);
                async { Ok(stream) }
            }))
        })
    }

    /// With it a spool can keep a copy, which any proxy can send.
    fn cache_key(&self) -> Option<CacheKey> {
        Some(CacheKey::of_content([&self.digest]))
    }
}

/// The bytes of the archive in `range`. A package is opened when its turn comes.
fn read<S: Storage>(packages: Arc<Packages<S>>, pieces: &[Piece], range: ByteRange) -> ByteStream {
    let parts: Vec<_> = pieces
        .iter()
        .filter_map(|piece| {
            // The part of the piece that is in the range, as offsets in the piece.
            let start = range.start().max(piece.start) - piece.start;
            let end = range.end().saturating_sub(piece.start).min(piece.size);
            Some((piece.source.clone(), ByteRange::new(start, end)?))
        })
        .collect();
    let streams = stream::iter(parts).then(move |(source, part)| {
        let packages = Arc::clone(&packages);
        async move {
            match source {
                Source::Bytes(bytes) => {
                    let part = part.start() as usize..part.end() as usize;
                    Ok(ByteStream::from_bytes(bytes.slice(part)))
                }
                Source::Package(name) => {
                    packages
                        .open(&name, Want::whole())
                        .await?
                        .stream(part)
                        .await
                }
            }
        }
    });
    ByteStream::from_stream(streams.try_flatten())
}

/// The header of one entry.
fn header(name: &StorageName, size: u64) -> Result<Bytes> {
    let name = name.as_bytes();
    if name.len() > 100 || size >= 1 << 33 {
        return Err(Error::other("a package that a tar header cannot describe"));
    }
    let mut block = [0; BLOCK as usize];
    let mut put = |offset: usize, value: &[u8]| {
        block[offset..offset + value.len()].copy_from_slice(value);
    };
    put(0, name);
    put(100, b"0000644"); // mode
    put(108, b"0000000"); // owner
    put(116, b"0000000"); // group
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000"); // date: the same archive for the same packages
    put(148, b"        "); // the checksum counts as spaces
    put(156, b"0"); // a regular file
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(Bytes::copy_from_slice(&block))
}
