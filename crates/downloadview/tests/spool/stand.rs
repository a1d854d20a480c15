//! A spool before a proxy, and files to copy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use downloadview::backend::Apache;
use downloadview::content::{BoxFuture, CacheKey, Content, Metadata, Want};
use downloadview::file::VirtualFile;
use downloadview::optimize::{Asked, Front, Outcome, Reason, answer};
use downloadview::spool::{NotSpooled, Spool, SpoolBuilder};
use downloadview::{DownloadBody, DownloadResponse, Error, File, Optimizer};
use futures_util::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A spool in a folder of its own, before Apache.
pub(crate) struct Stand {
    pub(crate) folder: TempDir,
    pub(crate) spool: Spool,
    pub(crate) front: Front,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(|spool| spool)
    }

    pub(crate) fn with(set: impl FnOnce(SpoolBuilder) -> SpoolBuilder) -> Self {
        Self::over(tempfile::tempdir().unwrap(), set)
    }

    pub(crate) fn over(folder: TempDir, set: impl FnOnce(SpoolBuilder) -> SpoolBuilder) -> Self {
        let builder = Spool::builder(folder.path()).min_free_bytes(0);
        let spool = set(builder).open().unwrap();
        let front = front(&spool);
        Self {
            folder,
            spool,
            front,
        }
    }

    pub(crate) async fn get(&self, download: DownloadResponse) -> Response<DownloadBody> {
        self.ask(Request::get("/x"), download).await
    }

    pub(crate) async fn ask(
        &self,
        request: http::request::Builder,
        download: DownloadResponse,
    ) -> Response<DownloadBody> {
        let asked = Asked::of(&mut request.body(()).unwrap());
        answer(&asked, std::slice::from_ref(&self.front), download).await
    }

    /// What lies in the folder, whatever it is, but for what is only there to be locked.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(self.folder.path())
    }
}

pub(crate) fn front(spool: &Spool) -> Front {
    let rule = spool.rule().to_path(spool.dir());
    let optimizer = Optimizer::builder(Apache::new()).rule(rule);
    optimizer.spool(spool.clone()).build().unwrap().into()
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false if is_lock(&path) => {}
            false => files.push(path),
        }
    }
    files
}

fn is_lock(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("lock-"))
}

pub(crate) fn outcome(response: &Response<DownloadBody>) -> &Outcome {
    response.extensions().get().unwrap()
}

pub(crate) fn why(response: &Response<DownloadBody>) -> Option<NotSpooled> {
    match outcome(response).reason() {
        Some(Reason::NotSpooled(why)) => Some(*why),
        _ => None,
    }
}

/// The bytes that Apache would send, read from the path that it was told.
pub(crate) fn delegated(response: &Response<DownloadBody>) -> Vec<u8> {
    let kind = outcome(response);
    assert_eq!(kind.kind(), "delegated", "{kind:?}");
    let path = response.headers()["x-sendfile"].to_str().unwrap();
    std::fs::read(path).unwrap()
}

pub(crate) async fn sent(response: Response<DownloadBody>) -> Result<Bytes, downloadview::Error> {
    Ok(response.into_body().collect().await?.to_bytes())
}

pub(crate) fn key(text: &str) -> CacheKey {
    CacheKey::of_content([text])
}

/// A report of many frames, and how often it was generated.
#[derive(Clone, Default)]
pub(crate) struct Report(pub(crate) Arc<AtomicUsize>);

pub(crate) const FRAME: usize = 10_000;

impl Report {
    /// Of so many frames, of which each is there at once.
    pub(crate) fn of(&self, frames: usize) -> VirtualFile {
        self.paced(frames, Duration::ZERO)
    }

    pub(crate) fn paced(&self, frames: usize, pause: Duration) -> VirtualFile {
        let generated = Arc::clone(&self.0);
        let begun = stream::once(async move {
            generated.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::new())
        });
        let rest = stream::iter(0..frames).then(move |number| async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(Bytes::from(frame(number)))
        });
        VirtualFile::from_stream("report.csv", Box::pin(begun.chain(rest)))
    }

    /// Of so many frames, which come when the gate is opened.
    pub(crate) fn gated(&self, frames: usize, gate: oneshot::Receiver<()>) -> VirtualFile {
        let generated = Arc::clone(&self.0);
        let begun = stream::once(async move {
            generated.fetch_add(1, Ordering::SeqCst);
            let _ = gate.await;
            Ok::<_, std::io::Error>(Bytes::new())
        });
        let rest = stream::iter((0..frames).map(|number| Ok(Bytes::from(frame(number)))));
        VirtualFile::from_stream("report.csv", Box::pin(begun.chain(rest)))
    }

    pub(crate) fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub(crate) fn frame(number: usize) -> Vec<u8> {
    (0..FRAME).map(|at| (number * 31 + at * 7) as u8).collect()
}

pub(crate) fn content(frames: usize) -> Vec<u8> {
    (0..frames).flat_map(frame).collect()
}

/// Waits for a condition, with a deadline.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .expect("it comes true");
}

/// A source that fails after some frames.
pub(crate) fn failing(frames: usize) -> VirtualFile {
    let good = (0..frames).map(|number| Ok(Bytes::from(frame(number))));
    let bad = std::iter::once(Err(std::io::Error::other("no more")));
    VirtualFile::from_stream(
        "report.csv",
        stream::iter(good.chain(bad).collect::<Vec<_>>()),
    )
}

/// A file of another server, whose content may change, and which may fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remote(Arc<RemoteState>);

#[derive(Debug, Default)]
struct RemoteState {
    asked: AtomicUsize,
    fails: AtomicBool,
    lost: AtomicBool,
}

impl Remote {
    pub(crate) fn content(&self) -> Vec<u8> {
        content(2)
    }

    /// How often it was asked.
    pub(crate) fn times(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.0.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn lose(&self) {
        self.0.lost.store(true, Ordering::SeqCst);
    }

    fn metadata() -> Metadata {
        let metadata = Metadata::new().with_size(2 * FRAME as u64);
        metadata.with_etag("\"v1\"".parse().unwrap())
    }
}

impl File for Remote {
    fn name(&self) -> &str {
        "far.bin"
    }

    fn cache_key(&self) -> Option<CacheKey> {
        Some(CacheKey::of_place(["far"]))
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata, Error>> {
        Box::pin(async { Ok(Self::metadata()) })
    }

    fn open<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Content, Error>> {
        Box::pin(async move {
            self.0.asked.fetch_add(1, Ordering::SeqCst);
            if self.0.lost.load(Ordering::SeqCst) {
                return Err(Error::NotFound);
            }
            if self.0.fails.load(Ordering::SeqCst) {
                let refused = std::io::ErrorKind::ConnectionRefused;
                return Err(Error::unavailable(refused.into()));
            }
            let metadata = Self::metadata();
            if want.condition(&http::header::IF_NONE_MATCH).is_some() {
                return Ok(Content::not_modified(metadata));
            }
            Ok(Content::from_bytes(metadata, content(2)))
        })
    }
}
