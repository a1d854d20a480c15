//! What a connection is doing, and how long that may take: shared by its stream and its service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crate::config::ServerSettings;
use crate::server::outbox::Outbox;
use crate::server::unsent::Reserve;

/// How long a connection may wait for its client.
#[derive(Debug)]
pub(in crate::server) struct Limits {
    pub(super) header: Duration,
    pub(super) idle: Duration,
    pub(super) write: Option<Duration>,
    pub(super) answer: Option<Duration>,
    /// What connections may have the kernel hold.
    pub(super) reserve: Arc<Reserve>,
}

/// What a connection is doing, shared by its stream and its service.
#[derive(Debug)]
pub(in crate::server) struct Activity {
    phase: AtomicU8,
    /// How many answers were begun.
    pub(super) answers: AtomicU64,
    /// Whether the last request has a body, which nobody reads.
    pub(super) body_left: AtomicBool,
    /// Whether an answer broke off.
    pub(super) broken: AtomicBool,
    /// Whether the kernel may send files.
    sendfile: bool,
    /// What it still has to send.
    pub(in crate::server) outbox: Outbox,
}

/// What the connection is waiting for: each phase has its own time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing was received yet.
    New,
    /// The head of a request is coming in.
    Head,
    /// The service has the request, or its answer is on the way.
    Answering,
    /// The last answer is complete.
    Idle,
}

impl Limits {
    pub(in crate::server) fn new(settings: &ServerSettings) -> Self {
        Self {
            header: settings.header_timeout,
            idle: settings.idle_timeout,
            write: settings.write_timeout,
            answer: settings.download_timeout,
            reserve: Arc::new(Reserve::new(settings)),
        }
    }

    /// How long a phase may be silent; the answering side may take its time.
    pub(super) fn silence(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::New | Phase::Head => Some(self.header),
            Phase::Idle => Some(self.idle),
            Phase::Answering => None,
        }
    }
}

impl Activity {
    pub(in crate::server) fn new(settings: &ServerSettings) -> Self {
        Self {
            phase: AtomicU8::new(Phase::New as u8),
            answers: AtomicU64::new(0),
            body_left: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            sendfile: settings.sendfile,
            outbox: Outbox::default(),
        }
    }

    /// Whether files may be given to the stream, for the kernel to send.
    pub(in crate::server) fn sends_files(&self) -> bool {
        self.sendfile && cfg!(target_os = "linux")
    }

    /// The service has answered; `body` says whether bytes of the request are still unread.
    pub(in crate::server) fn answer_begins(&self, body: bool) {
        self.body_left.store(body, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.set(Phase::Answering);
    }

    /// The answer is complete: the next thing that comes is another request.
    pub(in crate::server) fn answer_ends(&self) {
        self.set(Phase::Idle);
    }

    /// The body of an answer failed, and nothing of it may look complete.
    pub(in crate::server) fn answer_breaks(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    pub(super) fn set(&self, phase: Phase) {
        // One task has both sides; the atomic is there for `Send` alone.
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        let phases = [Phase::New, Phase::Head, Phase::Answering, Phase::Idle];
        phases[usize::from(self.phase.load(Ordering::Relaxed)) % phases.len()]
    }
}
