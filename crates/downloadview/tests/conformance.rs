//! Every file and storage of the crate passes the suite that it offers to others.

use std::io::Cursor;

use bytes::Bytes;
use downloadview::content::{BoxFuture, ByteStream, Content, ETag, Metadata, Want};
use downloadview::file::{PathFile, StorageFile, VirtualFile};
use downloadview::headers::ConditionalRequest;
use downloadview::storage::{LocalStorage, MemoryStorage, Storage, StorageName};
use downloadview::testing::conformance;
use downloadview::{DownloadResponse, Error, File as _, Result, delivery};
use futures_util::{StreamExt as _, stream};
use tokio::io::AsyncWriteExt as _;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 256) as u8).collect()
}

fn name(text: &str) -> StorageName {
    StorageName::parse(text).expect("a valid name")
}

#[tokio::test]
async fn local_storage() {
    for length in [0, 1, 100, 70_000, 5_000_000] {
        let dir = tempfile::tempdir().unwrap();
        let bytes = pattern(length);
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/été 100%.bin"), &bytes).unwrap();
        let storage = LocalStorage::new(dir.path())
            .unwrap()
            .base_url("/media")
            .unwrap();
        let (present, missing) = (name("sub/été 100%.bin"), name("sub/none"));
        conformance::storage(storage, &present, &bytes, &missing).await;
    }
}

#[tokio::test]
async fn memory_storage() {
    let storage = MemoryStorage::new().base_url("/m/").unwrap();
    storage.insert(name("a/b"), pattern(1000));
    conformance::storage(storage, &name("a/b"), &pattern(1000), &name("a")).await;
}

/// A storage around another one, which knows a better tag.
#[derive(Debug)]
struct Tagged<S>(S, &'static str);

impl<S: Storage> Storage for Tagged<S> {
    fn look<'a>(&'a self, name: &'a StorageName) -> BoxFuture<'a, Result<Metadata>> {
        Box::pin(async { Ok(self.0.look(name).await?.with_etag(ETag::strong(self.1)?)) })
    }

    fn open<'a>(&'a self, name: &'a StorageName, want: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async move {
            let content = self.0.open(name, want.without_conditions()).await?;
            let tag = ETag::strong(self.1)?;
            // The size and the ranges are those of the bytes, whatever is stated.
            Ok(content.map_metadata(|found| found.with_etag(tag).with_size(7)))
        })
    }
}

#[tokio::test]
async fn a_storage_around_another_one() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = pattern(70_000);
    std::fs::write(dir.path().join("a.bin"), &bytes).unwrap();
    let (a, missing) = (name("a.bin"), name("none"));
    let tagged = || Tagged(LocalStorage::new(dir.path()).unwrap(), "v7");
    conformance::storage(tagged(), &a, &bytes, &missing).await;

    // The conditions are judged by its tag, and the bytes are still those of an open local file.
    let request = http::Request::get("/").header("if-none-match", "\"v7\"");
    let request = request.body(()).unwrap();
    let request = ConditionalRequest::of(request.method(), request.headers());
    let download = || DownloadResponse::new(StorageFile::new(tagged(), a.clone()));
    assert_eq!(delivery::deliver(&request, download()).await.status(), 304);
    let request = http::Request::get("/")
        .header("range", "bytes=10-")
        .body(())
        .unwrap();
    let request = ConditionalRequest::of(request.method(), request.headers());
    let answer = delivery::deliver(&request, download()).await;
    assert_eq!(answer.headers()["etag"], "\"v7\"");
    let part = answer.body().file_part().expect("a part of a local file");
    assert_eq!((part.range().start(), part.range().end()), (10, 70_000));

    // What can be read only once has no ranges, whatever is stated of it.
    let stream = ByteStream::from_bytes("text");
    let once = Content::from_stream(Metadata::new(), stream).map_metadata(Metadata::with_ranges);
    assert!(!once.metadata().supports_ranges());
}

#[tokio::test]
async fn path_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.bin");
    std::fs::write(&path, pattern(300_000)).unwrap();
    conformance::file(|| PathFile::new(&path), &pattern(300_000)).await;
    let root = LocalStorage::new(dir.path()).unwrap();
    conformance::file(|| PathFile::within(&root, name("a.bin")), &pattern(300_000)).await;
}

#[tokio::test]
async fn virtual_files_of_every_kind() {
    let bytes = pattern(200_000);
    let chunks = || {
        bytes
            .chunks(7_000)
            .map(Bytes::copy_from_slice)
            .collect::<Vec<_>>()
    };
    conformance::file(|| VirtualFile::from_bytes("a", bytes.clone()), &bytes).await;
    conformance::file(|| VirtualFile::from_text("a", "text"), b"text").await;
    conformance::file(
        || VirtualFile::from_reader("a", Cursor::new(bytes.clone())),
        &bytes,
    )
    .await;
    conformance::file(|| VirtualFile::from_chunks("a", chunks()), &bytes).await;
    conformance::file(
        || VirtualFile::from_async_reader("a", Cursor::new(bytes.clone())),
        &bytes,
    )
    .await;
    let frames = || stream::iter(chunks().into_iter().map(Ok::<_, std::io::Error>));
    conformance::file(|| VirtualFile::from_stream("a", frames()), &bytes).await;
    let written = || {
        let bytes = bytes.clone();
        VirtualFile::from_writer("a", |mut to| async move { to.write_all(&bytes).await })
    };
    conformance::file(written, &bytes).await;
    let tag = ETag::strong("v1").unwrap();
    let sized = || {
        VirtualFile::from_stream("a", frames())
            .size(200_000)
            .etag(tag.clone())
    };
    conformance::file(sized, &bytes).await;
}

/// Both run in tests that spawn them.
#[test]
fn the_futures_of_the_suite_are_send() {
    fn is_send(_: impl Send) {}

    is_send(conformance::file(|| VirtualFile::from_text("a", "a"), b"a"));
    let (storage, present, missing) = (MemoryStorage::new(), name("a"), name("b"));
    is_send(conformance::storage(storage, &present, b"a", &missing));
}

#[tokio::test]
async fn a_stream_can_be_taken_once() {
    let file = VirtualFile::from_chunks("a", ["x"]);
    let first: Content = file.open(Want::whole()).await.unwrap();
    drop(first);
    assert!(matches!(
        file.open(Want::whole()).await,
        Err(Error::Consumed)
    ));
}

#[tokio::test]
async fn the_first_chunk_does_not_wait_for_the_second() {
    // The second is only sent once the first has been taken.
    let (send, receive) = std::sync::mpsc::channel::<Bytes>();
    send.send(Bytes::from("first")).unwrap();
    let file = VirtualFile::from_chunks("a", receive);
    let content = file.open(Want::whole()).await.unwrap();
    let mut stream = content.into_stream().await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "first");
    send.send(Bytes::from("second")).unwrap();
    drop(send);
    assert_eq!(stream.next().await.unwrap().unwrap(), "second");
}

#[tokio::test]
async fn small_chunks_that_come_quickly_share_a_frame() {
    let chunks = (0..20_000).map(|row| format!("{row}\n"));
    let content = VirtualFile::from_chunks("a", chunks.clone())
        .open(Want::whole())
        .await
        .unwrap();
    let stream = content.into_stream().await.unwrap();
    let frames: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(frames.concat(), chunks.collect::<String>().into_bytes());
    assert!(frames.len() < 2_000, "{} frames", frames.len());
}
