//! A relay before a server: keeps what both sides say, and can forget their connections without telling either, as
//! firewalls do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::port;

/// How soon a quiet connection notices that it was forgotten.
const GLANCE: Duration = Duration::from_millis(20);

/// Passes bytes on, both ways, until dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    /// Connections of earlier generations are forgotten.
    generation: AtomicU64,
    ending: AtomicBool,
    /// Both ends of every connection.
    open: Mutex<Vec<TcpStream>>,
    /// Kept open, so that nobody is told of their end.
    forgotten: Mutex<Vec<TcpStream>>,
    asked: Mutex<Vec<u8>>,
    answered: Mutex<Vec<u8>>,
}

impl Relay {
    /// Starts one before `target`.
    ///
    /// # Panics
    /// When no port of loopback can be had.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        let address = port::free();
        let listener = TcpListener::bind(address).expect("a free port can be bound");
        let state = Arc::new(State {
            target,
            generation: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            open: Mutex::default(),
            forgotten: Mutex::default(),
            asked: Mutex::default(),
            answered: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || shared.listen(&listener));
        Self { address, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients have said so far. Connections at the same time are mixed, by reads.
    #[must_use]
    pub fn asked(&self) -> String {
        String::from_utf8_lossy(
            &self
                .state
                .asked
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
        .into_owned()
    }

    /// What the server has said so far.
    #[must_use]
    pub fn answered(&self) -> Vec<u8> {
        let answered = self.state.answered.lock();
        answered.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the connections that there are, in the middle of whatever passes. New ones are passed on.
    pub fn cut_connections(&self) {
        let open = self.state.open.lock();
        for stream in open.unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Passes nothing on any more for the connections that there are. New ones are passed on.
    pub fn forget_connections(&self) {
        self.state.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Release);
        // Wakes the thread, which is waiting for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.ending.load(Ordering::Acquire) {
                return;
            }
            // A server that is not there is a connection that ends at once.
            if let Ok(server) = TcpStream::connect(self.target) {
                let _ = self.pass_both_ways(&client, &server);
            }
        }
    }

    fn pass_both_ways(
        self: &Arc<Self>,
        client: &TcpStream,
        server: &TcpStream,
    ) -> std::io::Result<()> {
        let generation = self.generation.load(Ordering::Acquire);
        let both = [client.try_clone()?, server.try_clone()?];
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended.
        open.retain(|stream| stream.peer_addr().is_ok());
        open.extend(both);
        drop(open);
        for (from, to, is_asked) in [(client, server, true), (server, client, false)] {
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            from.set_read_timeout(Some(GLANCE))?;
            let state = Arc::clone(self);
            thread::spawn(move || state.pass(&mut from, &mut to, generation, is_asked));
        }
        Ok(())
    }

    fn pass(&self, from: &mut TcpStream, to: &mut TcpStream, generation: u64, is_asked: bool) {
        let transcript = if is_asked {
            &self.asked
        } else {
            &self.answered
        };
        let mut chunk = [0; 16 * 1024];
        while !self.ending.load(Ordering::Acquire) {
            let read = from.read(&mut chunk);
            if self.generation.load(Ordering::Acquire) != generation {
                self.keep(from);
                self.keep(to);
                return;
            }
            match read {
                Ok(0) => break,
                Ok(count) => {
                    // Before it is passed on: who has an answer finds the question here.
                    let mut kept = transcript.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&chunk[..count]);
                    drop(kept);
                    if to.write_all(&chunk[..count]).is_err() {
                        break;
                    }
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
        let _ = from.shutdown(std::net::Shutdown::Both);
    }

    fn keep(&self, stream: &TcpStream) {
        if let Ok(stream) = stream.try_clone() {
            let mut forgotten = self
                .forgotten
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            forgotten.push(stream);
        }
    }
}
