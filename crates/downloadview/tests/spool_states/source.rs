//! Files whose bytes come when a step says so, and who reads them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use downloadview::content::{BoxFuture, ByteStream, CacheKey, Content, Metadata, Want};
use downloadview::{Error, File, Result};
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::KEYS;

pub(crate) const FRAME: usize = 10;

tokio::task_local! {
    /// Set in the task of a client. What is read elsewhere is read by a fill.
    pub(crate) static CLIENT: ();
}

/// The sources of all keys.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    keys: [Key; KEYS],
    opened: AtomicUsize,
    broken: Mutex<Option<String>>,
}

/// What is at the place of one key.
#[derive(Debug)]
struct Key {
    version: AtomicUsize,
    refuses: AtomicBool,
    /// How often somebody met a failure of it.
    faults: AtomicUsize,
    /// Raised by each failure; whatever was opened before it fails.
    fails_before: AtomicUsize,
    /// Whether somebody has removed a copy of it.
    lost: AtomicBool,
    frames: Semaphore,
    /// The last fill that read something.
    filling: AtomicUsize,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            version: AtomicUsize::new(0),
            refuses: AtomicBool::new(false),
            faults: AtomicUsize::new(0),
            fails_before: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            frames: Semaphore::new(0),
            filling: AtomicUsize::new(0),
        }
    }
}

/// The bytes of a key in a version.
pub(crate) fn content(key: usize, version: usize) -> Vec<u8> {
    let frames = 2 + key % 3;
    let byte = |at: usize| (at * 7 + key * 31 + version * 101) as u8;
    (0..frames * FRAME).map(byte).collect()
}

/// Whether other bytes may come under the same key.
pub(crate) fn changes(key: usize) -> bool {
    key >= KEYS / 2
}

impl Sources {
    pub(crate) fn flow(&self, key: usize, frames: usize) {
        self.keys[key].frames.add_permits(frames);
    }

    pub(crate) fn fail(&self, key: usize) {
        let key = &self.keys[key];
        key.fails_before
            .store(self.opened.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Whoever waits for a frame learns of it.
        key.frames.add_permits(4);
    }

    pub(crate) fn refuse(&self, key: usize, refuses: bool) {
        self.keys[key].refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn change(&self, key: usize) {
        if changes(key) {
            self.keys[key].version.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn version(&self, key: usize) -> usize {
        self.keys[key].version.load(Ordering::SeqCst)
    }

    pub(crate) fn faults(&self, key: usize) -> usize {
        self.keys[key].faults.load(Ordering::SeqCst)
    }

    pub(crate) fn lose(&self, key: usize) {
        self.keys[key].lost.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_lost(&self, key: usize) -> bool {
        self.keys[key].lost.load(Ordering::SeqCst)
    }

    /// What a source saw that must not be.
    pub(crate) fn broken(&self) -> Option<String> {
        self.broken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A frame of the source that was opened as `number` is about to be read: by a fill, which must be the only one.
    fn read_by(&self, key: usize, number: usize) {
        if CLIENT.try_with(|()| ()).is_ok() {
            return;
        }
        let before = self.keys[key].filling.fetch_max(number, Ordering::SeqCst);
        if before > number {
            let broken = format!("key {key}: fill {number} reads after fill {before} has begun");
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(broken);
        }
    }
}

/// The file of a key.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) sources: Arc<Sources>,
    pub(crate) key: usize,
}

impl Source {
    fn metadata(&self, version: usize) -> Metadata {
        let key = self.cache_key().unwrap();
        let metadata = match key.etag() {
            Some(tag) => Metadata::new().with_etag(tag),
            None => Metadata::new().with_etag(format!("\"v{version}\"").parse().unwrap()),
        };
        // One of each kind does not know its length.
        match self.key % 2 {
            0 => metadata.with_size(content(self.key, version).len() as u64),
            _ => metadata,
        }
    }
}

impl File for Source {
    fn name(&self) -> &str {
        "a.bin"
    }

    fn cache_key(&self) -> Option<CacheKey> {
        let number = [self.key as u8];
        Some(match changes(self.key) {
            true => CacheKey::of_place([number]),
            false => CacheKey::of_content([number]),
        })
    }

    fn look(&self) -> BoxFuture<'_, Result<Metadata>> {
        Box::pin(async { Ok(self.metadata(self.sources.version(self.key))) })
    }

    fn open<'a>(&'a self, _: Want<'a>) -> BoxFuture<'a, Result<Content>> {
        Box::pin(async {
            let (sources, key) = (Arc::clone(&self.sources), self.key);
            if sources.keys[key].refuses.load(Ordering::SeqCst) {
                sources.keys[key].faults.fetch_add(1, Ordering::SeqCst);
                return Err(Error::other("refused"));
            }
            let version = sources.version(key);
            let metadata = self.metadata(version);
            let mut number = 0;
            let bytes = content(key, version);
            let frames = stream::unfold(0, move |at| {
                let sources = Arc::clone(&sources);
                let frame = bytes.get(at..at + FRAME).map(Bytes::copy_from_slice);
                if number == 0 {
                    // Numbered by the first read: a source that is only asked is read by nobody.
                    number = sources.opened.fetch_add(1, Ordering::SeqCst) + 1;
                }
                async move {
                    sources.read_by(key, number);
                    let frame = frame?;
                    let state = &sources.keys[key];
                    // A read that is given up takes no frame away.
                    let permit = pin!(state.frames.acquire()).await.unwrap();
                    permit.forget();
                    sources.read_by(key, number);
                    if number < state.fails_before.load(Ordering::SeqCst) {
                        state.faults.fetch_add(1, Ordering::SeqCst);
                        return Some((Err(std::io::Error::other("fails")), usize::MAX - FRAME));
                    }
                    Some((Ok(frame), at + FRAME))
                }
            });
            let stream = ByteStream::from_stream(Box::pin(frames));
            Ok(Content::from_stream(metadata, stream))
        })
    }
}
