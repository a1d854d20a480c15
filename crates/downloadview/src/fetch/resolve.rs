//! Resolves names on threads of its own: `getaddrinfo` may hang for half a minute, and tokio's
//! blocking pool is needed for reading files.
//!
//! A few threads serve a queue of 64 names; if it is full, the answer is an error at once. A name
//! that nobody waits for any more is not looked up. A name is looked up once for all who wait for it:
//! one whose name server does not answer keeps one thread busy, and other names have the rest.
//!
//! A server that redirects can name ever new hosts, none of which answers. [`Names`] has two
//! resolvers for that: hosts of origins never wait behind hosts of redirects.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::content::BoxFuture;

/// How many threads resolve the hosts of origins.
const THREADS: usize = 4;
/// How many threads resolve hosts that only a redirect names.
const STRANGERS: usize = 2;
/// How many names may wait for one of these threads.
const QUEUE: usize = 64;

/// Finds the addresses of a name.
pub(crate) trait Resolve: fmt::Debug + Send + Sync {
    /// Every address of `host`, with this port.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// Who resolves which names.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The hosts of origins, which somebody configured.
    pub(super) ours: Arc<dyn Resolve>,
    /// Hosts that the answer of a server names.
    pub(super) strangers: Arc<dyn Resolve>,
}

impl Names {
    /// By the system, on threads for each. They end when the resolvers are dropped.
    pub(super) fn start() -> io::Result<Self> {
        Ok(Self {
            ours: Arc::new(System::start(THREADS)?),
            strangers: Arc::new(System::start(STRANGERS)?),
        })
    }
}

/// The system's own resolver, with its hosts file and search list.
struct System {
    queue: SyncSender<Name>,
    waiting: Arc<Waiting>,
}

/// A host and a port.
type Name = (String, u16);
type Found = io::Result<Vec<SocketAddr>>;
type Lookup = dyn Fn(&Name) -> Found + Send + Sync;

impl System {
    /// Starts the threads.
    fn start(threads: usize) -> io::Result<Self> {
        Self::with(threads, |(host, port)| {
            let found = (host.as_str(), *port).to_socket_addrs();
            found.map(Iterator::collect)
        })
    }

    fn with(
        threads: usize,
        lookup: impl Fn(&Name) -> Found + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let lookup: Arc<Lookup> = Arc::new(lookup);
        let (queue, names) = sync_channel(QUEUE);
        let names = Arc::new(Mutex::new(names));
        let waiting = Arc::<Waiting>::default();
        for _ in 0..threads {
            let (names, waiting, lookup) = (
                Arc::clone(&names),
                Arc::clone(&waiting),
                Arc::clone(&lookup),
            );
            let named = thread::Builder::new().name("downloadview-dns".to_owned());
            named.spawn(move || work(&names, &waiting, &*lookup))?;
        }
        Ok(Self { queue, waiting })
    }
}

/// What each thread does: resolves one name after the other.
fn work(names: &Mutex<Receiver<Name>>, waiting: &Waiting, lookup: &Lookup) {
    loop {
        let next = names.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(name) = next else { return };
        if waiting.has_any(&name) {
            waiting.tell(&name, &lookup(&name));
        }
    }
}

impl Resolve for System {
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<'static, Found> {
        let (answer, found) = oneshot::channel();
        let name = (host.to_owned(), port);
        if self.waiting.join(&name, answer) && self.queue.try_send(name.clone()).is_err() {
            let full = io::Error::other("too many names wait to be resolved");
            self.waiting.tell(&name, &Err(full));
        }
        Box::pin(async move { found.await.map_err(io::Error::other)? })
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

/// Who waits for which name.
#[derive(Default)]
struct Waiting(Mutex<HashMap<Name, Vec<oneshot::Sender<Found>>>>);

impl Waiting {
    /// Whether the name must be looked up: nobody waited for it yet.
    fn join(&self, name: &Name, answer: oneshot::Sender<Found>) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.contains_key(name);
        let waiting = all.entry(name.clone()).or_default();
        waiting.retain(|answer| !answer.is_closed());
        waiting.push(answer);
        is_new
    }

    /// Whether anybody still waits; else the name is forgotten.
    fn has_any(&self, name: &Name) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.get(name);
        let any = waiting.is_some_and(|all| all.iter().any(|answer| !answer.is_closed()));
        if !any {
            all.remove(name);
        }
        any
    }

    fn tell(&self, name: &Name, found: &Found) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in all.remove(name).into_iter().flatten() {
            let _ = answer.send(match found {
                Ok(found) => Ok(found.clone()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A resolver for which `hung.example` hangs until the sender is gone, and which tells of each name that it looks up.
    fn system() -> (System, Sender<()>, Receiver<String>) {
        let (release, hung) = channel();
        let (say, looked_up) = channel();
        let hung = Mutex::new(hung);
        let lookup = move |(host, port): &Name| {
            let _ = say.send(host.clone());
            if host == "hung.example" {
                let _ = hung.lock().unwrap().recv();
            }
            Ok(vec![SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                *port,
            )])
        };
        (System::with(THREADS, lookup).unwrap(), release, looked_up)
    }

    #[tokio::test]
    async fn a_name_that_hangs_keeps_no_other_name_waiting() {
        let (system, release, looked_up) = system();
        let hanging: Vec<_> = (0..2 * THREADS + QUEUE)
            .map(|_| system.resolve("hung.example", 80))
            .collect();
        looked_up.recv_timeout(PATIENCE).unwrap();
        let other = timeout(PATIENCE, system.resolve("other.example", 80)).await;
        assert_eq!(other.unwrap().unwrap().len(), 1);
        drop(release);
        for hung in hanging {
            assert_eq!(timeout(PATIENCE, hung).await.unwrap().unwrap().len(), 1);
        }
        assert_eq!(looked_up.try_iter().collect::<Vec<_>>(), ["other.example"]);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_anew_after_each_answer() {
        let (system, _release, looked_up) = system();
        for _ in 0..2 {
            let found = timeout(PATIENCE, system.resolve("a.example", 80)).await;
            assert!(found.unwrap().is_ok());
        }
        assert_eq!(looked_up.try_iter().count(), 2);
    }
}
