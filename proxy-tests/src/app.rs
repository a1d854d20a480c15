//! An application that answers with given bytes and keeps what it was asked: shows what a proxy makes of either.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Listens on a thread of its own until dropped. Each connection carries one request and one answer.
#[derive(Debug)]
pub struct ScriptedApp {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    answer: Vec<u8>,
    requests: Mutex<Vec<String>>,
    ending: AtomicBool,
}

/// Another process may still hold a port on which it no longer answers: it is waited for.
fn bind(address: SocketAddr) -> TcpListener {
    let started = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && started.elapsed() < DEADLINE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            bound => return bound.expect("a free port can be bound"),
        }
    }
}

const DEADLINE: Duration = Duration::from_secs(10);

impl ScriptedApp {
    pub(crate) fn start(address: SocketAddr, answer: Vec<u8>) -> Self {
        let listener = bind(address);
        let state = Arc::new(State {
            answer,
            requests: Mutex::default(),
            ending: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || shared.listen(&listener));
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// The heads of the requests so far, as they came.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let requests = self.state.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ScriptedApp {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Release);
        // Wakes the thread, which is waiting for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn listen(&self, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.ending.load(Ordering::Acquire) {
                return;
            }
            // A peer that goes away early shows in its own test, not here.
            let _ = self.answer(stream);
        }
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            request.extend_from_slice(&chunk[..read]);
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).push(text);
        stream.write_all(&self.answer)
    }
}
