//! One client: it asks, takes frames as steps allow, and holds what it gets against what the source had.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use downloadview::DownloadResponse;
use downloadview::optimize::{Asked, Front, Outcome, answer};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::source::{CLIENT, Source, Sources, changes, content};

/// The part that is asked for.
const PART: std::ops::Range<usize> = 5..15;

/// A client that has arrived.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) process: usize,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    sources: Arc<Sources>,
    key: usize,
    in_part: bool,
    frames: Semaphore,
    /// How often the source had failed as it arrived.
    faults: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    handed: Option<Handed>,
    broken: Option<String>,
}

/// A copy that a proxy was told of.
#[derive(Debug, Clone)]
pub(crate) struct Handed {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Client {
    pub(crate) fn arrive(
        runtime: &Runtime,
        process: usize,
        front: &Front,
        sources: &Arc<Sources>,
        (key, in_part): (usize, bool),
    ) -> Self {
        let shared = Arc::new(Shared {
            sources: Arc::clone(sources),
            key,
            in_part,
            frames: Semaphore::new(0),
            faults: sources.faults(key),
            state: Mutex::default(),
        });
        let asking = Arc::clone(&shared).ask(front.clone());
        let task = runtime.spawn(CLIENT.scope((), asking));
        Self {
            process,
            shared,
            task,
        }
    }

    pub(crate) fn read(&self, frames: usize) {
        self.shared.frames.add_permits(frames);
    }

    pub(crate) fn leave(&self) {
        self.task.abort();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// What it found wrong.
    pub(crate) fn broken(&self) -> Option<String> {
        self.shared.state().broken.clone()
    }

    /// What was handed to a proxy for it, told once.
    pub(crate) fn handed(&self) -> Option<Handed> {
        self.shared.state().handed.take()
    }

    pub(crate) fn key(&self) -> usize {
        self.shared.key
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(self: Arc<Self>, front: Front) {
        if let Err(broken) = self.ask_and_judge(front).await {
            self.state().broken = Some(format!("key {}: {broken}", self.key));
        }
    }

    async fn ask_and_judge(&self, front: Front) -> Result<(), String> {
        let mut request = Request::get("/a");
        if self.in_part {
            let range = format!("bytes={}-{}", PART.start, PART.end - 1);
            request = request.header("range", range);
        }
        let asked = Asked::of(&mut request.body(()).unwrap());
        let (sources, key) = (Arc::clone(&self.sources), self.key);
        let response = DownloadResponse::new(Source { sources, key });
        let response = answer(&asked, std::slice::from_ref(&front), response).await;
        let outcome: Outcome = response.extensions().get().cloned().unwrap();
        let tag = response.headers().get("etag");
        let tag = tag.map(|tag| tag.to_str().unwrap().to_owned());
        if outcome.kind() == "delegated" {
            let path = PathBuf::from(response.headers()["x-sendfile"].to_str().unwrap());
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(_) if self.sources.is_lost(self.key) => return Ok(()),
                Err(error) => return Err(format!("handed over: {error}")),
            };
            self.is_one_of(tag.as_deref(), |version| version == bytes, &bytes)?;
            self.state().handed = Some(Handed { path, bytes });
            return Ok(());
        }
        let part = match response.status() {
            StatusCode::OK => false,
            StatusCode::PARTIAL_CONTENT if self.in_part => true,
            status if self.may_fail() && status.is_server_error() => return Ok(()),
            status => {
                return Err(format!(
                    "answered {status}, and no source failed: {outcome:?}"
                ));
            }
        };
        let mut body = response.into_body();
        let mut got = Vec::new();
        loop {
            self.frames.acquire().await.unwrap().forget();
            let Some(frame) = body.frame().await else {
                break;
            };
            match frame {
                Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) if self.may_fail() => return Ok(()),
                Err(error) => {
                    return Err(format!("a body broke off, and no source failed: {error}"));
                }
            }
            let of = |version: Vec<u8>| {
                if part {
                    version[PART].to_vec()
                } else {
                    version
                }
            };
            let begins = |version| of(version).starts_with(&got);
            self.is_one_of(tag.as_deref(), begins, &got)?;
        }
        let of = |version: Vec<u8>| {
            if part {
                version[PART].to_vec()
            } else {
                version
            }
        };
        self.is_one_of(tag.as_deref(), |version| of(version) == got, &got)
    }

    /// Whether its source has failed since it arrived, or has ever changed: what it follows may be older.
    fn may_fail(&self) -> bool {
        self.sources.faults(self.key) > self.faults || self.sources.version(self.key) > 0
    }

    /// Whether a version is as `fits` says: the one that the tag names.
    fn is_one_of(
        &self,
        tag: Option<&str>,
        fits: impl Fn(Vec<u8>) -> bool,
        got: &[u8],
    ) -> Result<(), String> {
        let named = |version: &usize| match changes(self.key) {
            true => tag.is_none_or(|tag| tag == format!("\"v{version}\"")),
            false => true,
        };
        let mut versions = (0..=self.sources.version(self.key)).filter(named);
        match versions.any(|version| fits(content(self.key, version))) {
            true => Ok(()),
            false => Err(format!("wrong bytes under the tag {tag:?}: {got:?}")),
        }
    }
}
