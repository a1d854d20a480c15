//! What this crate expects of every [`File`] and [`Storage`], as checks that you can run on your
//! own.
//!
//! ```
//! # async fn run() {
//! use downloadview::file::VirtualFile;
//! use downloadview::testing::conformance;
//! conformance::file(|| VirtualFile::from_text("a.txt", "some text"), b"some text").await;
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run());
//! ```

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures_core::Stream as _;

use crate::content::{ByteRange, ByteStream, Content, Want};
use crate::error::{Error, Result};
use crate::file::{File, StorageFile};
use crate::storage::{Storage, StorageName};

/// Checks a file against the bytes that it should hold: its name and places, that a look and an
/// opened file state the same, the whole content, parts of it, and that a second opening gives the
/// same.
///
/// `make` is called for each check, so that a file which can be read only once can be checked as
/// well. The future is `Send` if `make` is `Sync`.
///
/// # Panics
///
/// At the first expectation that does not hold. The message says which.
pub async fn file<F: File>(make: impl Fn() -> F, expected: &[u8]) {
    describes_itself(&make()).await;
    reads_whole(&make(), expected).await;
    reads_ranges(&make(), expected).await;
    repeats_itself(&make, expected).await;
}

/// Checks a storage that holds `expected` under `name`, and nothing under `missing`: the file as by
/// [`file()`], that the missing one is `NotFound`, and that a URL ends in the encoded name.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::testing::conformance;
///
/// let (name, missing) = (StorageName::parse("a.txt")?, StorageName::parse("b.txt")?);
/// let storage = MemoryStorage::new();
/// storage.insert(name.clone(), "some text");
/// conformance::storage(storage, &name, b"some text", &missing).await;
/// # Ok::<(), downloadview::Error>(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// At the first expectation that does not hold. The message says which.
pub async fn storage(
    storage: impl Storage,
    name: &StorageName,
    expected: &[u8],
    missing: &StorageName,
) {
    let storage: Arc<dyn Storage> = Arc::new(storage);
    file(
        || StorageFile::of(Arc::clone(&storage), name.clone()),
        expected,
    )
    .await;
    let looked = storage.look(missing).await;
    assert!(
        matches!(looked, Err(Error::NotFound)),
        "a look at a missing name is `NotFound`: {looked:?}"
    );
    let opened = storage.open(missing, Want::whole()).await;
    assert!(
        matches!(opened, Err(Error::NotFound)),
        "opening a missing name is `NotFound`: {opened:?}"
    );
    if let Some(url) = storage.places(name).url() {
        let encoded = name.to_url_path();
        assert!(
            url.ends_with(&encoded),
            "the URL {url} ends in the encoded name {encoded}"
        );
    }
}

/// A name of one segment, an absolute path, a look that works.
async fn describes_itself(file: &impl File) {
    let name = file.name();
    assert!(!name.is_empty(), "a file has a name");
    assert!(!name.contains('/'), "the name {name} is one segment");
    if let Some(path) = file.places().path() {
        assert!(
            path.is_absolute(),
            "the path {} is absolute",
            path.display()
        );
    }
    file.look().await.expect("a look needs no opening");
}

/// A look and an opened file state the same; the bytes are the expected ones.
async fn reads_whole(file: &impl File, expected: &[u8]) {
    let looked = file.look().await.expect("a look needs no opening");
    let content = file.open(Want::whole()).await.expect("the file opens");
    let opened = content.metadata();
    assert_eq!(
        looked.size(),
        opened.size(),
        "a look and an open file state the same size"
    );
    assert_eq!(
        looked.etag(),
        opened.etag(),
        "a look and an open file state the same tag"
    );
    assert_eq!(
        looked.supports_ranges(),
        opened.supports_ranges(),
        "a look and an open file agree on ranges"
    );
    if let Some(size) = opened.size() {
        assert_eq!(
            size,
            expected.len() as u64,
            "the stated size is the true one"
        );
    }
    let read = read(content).await.expect("the content reads to its end");
    assert!(
        read == expected,
        "the bytes are the expected ones, all of them, in order"
    );
}

/// Parts at the start, in the middle and at the end.
async fn reads_ranges(file: &impl File, expected: &[u8]) {
    let content = file.open(Want::whole()).await.expect("the file opens");
    if !content.metadata().supports_ranges() {
        let all = ByteRange::new(0, 1).expect("not empty");
        let part = content.stream(all).await;
        assert!(part.is_err(), "a content without ranges gives no part");
        return;
    }
    let length = expected.len() as u64;
    let middle = length / 2;
    for (start, end) in [
        (0, 1),
        (0, length),
        (middle, length),
        (middle, middle + 1),
        (length.saturating_sub(1), length),
    ] {
        let Some(range) = ByteRange::new(start, end.min(length)) else {
            continue;
        };
        let read = part(&content, range)
            .await
            .expect("a range reads to its end");
        let wanted = &expected[usize_of(range.start())..usize_of(range.end())];
        assert!(
            read == wanted,
            "the bytes of {range:?} are the expected ones"
        );
    }
}

/// A second opening gives the same tag and the same bytes.
async fn repeats_itself<F: File>(make: &impl Fn() -> F, expected: &[u8]) {
    let (first, second) = (make(), make());
    let mut tags = Vec::new();
    for file in [&first, &second] {
        tags.push(file.look().await.expect("a look needs no opening").etag());
    }
    assert_eq!(tags[0], tags[1], "an unchanged file keeps its tag");
    let content = second
        .open(Want::whole())
        .await
        .expect("the file opens a second time");
    let read = read(content).await.expect("and reads to its end");
    assert!(read == expected, "an unchanged file keeps its bytes");
}

async fn read(content: Content) -> Result<Vec<u8>> {
    collect(content.into_stream().await?).await
}

/// Without a hold on the content, which no two threads may share.
fn part(content: &Content, range: ByteRange) -> impl Future<Output = Result<Vec<u8>>> + use<> {
    let stream = content.stream(range);
    async move { collect(stream.await?).await }
}

async fn collect(stream: ByteStream) -> Result<Vec<u8>> {
    let mut stream = pin!(stream);
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        all.extend_from_slice(&frame?);
    }
    Ok(all)
}

fn usize_of(offset: u64) -> usize {
    usize::try_from(offset).expect("the expected bytes are in memory")
}
