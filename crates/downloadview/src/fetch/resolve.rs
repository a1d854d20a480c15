//! Resolves names on threads of its own: `getaddrinfo` may hang for half a minute, and tokio's
//! blocking pool is needed for reading files.
//!
//! Four threads serve a queue of 64 names; if it is full, the answer is an error at once. A name
//! that nobody waits for any more is not looked up.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::content::BoxFuture;

/// How many threads resolve names.
const THREADS: usize = 4;
/// How many names may wait for one of these threads.
const QUEUE: usize = 64;

/// Finds the addresses of a name.
pub(crate) trait Resolve: fmt::Debug + Send + Sync {
    /// Every address of `host`, with this port.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The system's own resolver, with its hosts file and search list.
#[derive(Debug)]
pub(super) struct System {
    queue: SyncSender<Job>,
}

/// A name to be resolved, and who waits for it.
struct Job {
    host: String,
    port: u16,
    answer: oneshot::Sender<io::Result<Vec<SocketAddr>>>,
}

impl System {
    /// Starts the threads. They end when the resolver is dropped.
    pub(super) fn start() -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..THREADS {
            let jobs = Arc::clone(&jobs);
            let named = thread::Builder::new().name("downloadview-dns".to_owned());
            named.spawn(move || work(&jobs))?;
        }
        Ok(Self { queue })
    }
}

/// What each thread does: resolves one name after the other.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // Nobody may be waiting any more.
        if !job.answer.is_closed() {
            let found = (job.host.as_str(), job.port).to_socket_addrs();
            let _ = job.answer.send(found.map(Iterator::collect));
        }
    }
}

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let (answer, found) = oneshot::channel();
        let host = host.to_owned();
        let queued = self.queue.try_send(Job { host, port, answer });
        Box::pin(async move {
            queued.map_err(|_| io::Error::other("too many names wait to be resolved"))?;
            found.await.map_err(io::Error::other)?
        })
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
