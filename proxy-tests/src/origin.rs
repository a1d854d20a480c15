//! A server of files that a proxy fetches from: answers with exact bytes, keeps connections open, and remembers what it
//! was asked and how much of its answers was taken.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::patience::{patiently, until};
use crate::port;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request line.
    pub line: String,
    /// Name and value of each header line, in the order of the wire.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    /// The request target, byte for byte.
    #[must_use]
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of the first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.iter();
        let mut of_name = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        of_name.next().map(|(_, value)| value.as_str())
    }

    /// The names of all headers in lower case, in alphabetical order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .headers
            .iter()
            .map(|(name, _)| name.to_lowercase())
            .collect();
        names.sort_unstable();
        names
    }

    /// What a server of another kind was asked.
    pub(crate) fn of<B>(request: &axum::http::Request<B>) -> Self {
        let (method, target) = (request.method(), request.uri());
        let headers = request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        });
        Self {
            line: format!("{method} {target} HTTP/1.1"),
            headers: headers.collect(),
        }
    }

    fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let headers =
            lines.filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            line,
            headers: headers.collect(),
        }
    }
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
    Hang,
}

/// Bytes to answer with.
#[derive(Debug, Clone)]
pub struct Answer {
    bytes: Vec<u8>,
    /// A part of a large file after them.
    part: Option<(Arc<[u8]>, Range<usize>)>,
    /// So many bytes more of a body.
    more: u64,
    /// Bytes that come when this is set.
    later: Option<(Arc<AtomicBool>, Vec<u8>)>,
    then: Then,
}

impl Answer {
    /// These bytes. The connection stays open for the next request.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            part: None,
            more: 0,
            later: None,
            then: Then::Keep,
        }
    }

    /// More header lines, each with its end, after those that are there.
    #[must_use]
    pub fn and_headers(mut self, lines: &str) -> Self {
        let mut windows = self.bytes.windows(4);
        let end = windows.position(|window| window == b"\r\n\r\n");
        let end = end.map_or(0, |end| end + 2);
        self.bytes.splice(end..end, lines.bytes());
        self
    }

    /// So many bytes of a body after them.
    #[must_use]
    pub fn and_bytes(mut self, count: u64) -> Self {
        self.more = count;
        self
    }

    /// Further bytes when the gate is set.
    #[must_use]
    pub fn and_later(mut self, gate: &Arc<AtomicBool>, bytes: impl Into<Vec<u8>>) -> Self {
        self.later = Some((Arc::clone(gate), bytes.into()));
        self
    }

    /// A part of a file after them, which is not copied.
    #[must_use]
    pub fn and_part(mut self, file: &Arc<[u8]>, part: Range<usize>) -> Self {
        self.part = Some((Arc::clone(file), part));
        self
    }

    /// Nothing more after them, as long as the connection lasts.
    #[must_use]
    pub fn and_silence(mut self) -> Self {
        self.then = Then::Hang;
        self
    }

    /// The connection ends after them.
    #[must_use]
    pub fn and_close(mut self) -> Self {
        self.then = Then::Close;
        self
    }

    /// Nothing at all, as long as the connection lasts.
    #[must_use]
    pub fn silence() -> Self {
        Self {
            bytes: Vec::new(),
            part: None,
            more: 0,
            later: None,
            then: Then::Hang,
        }
    }
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

/// Listens until dropped.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    abandoned: AtomicUsize,
    taken: AtomicU64,
    ending: AtomicBool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// Starts one whose answers `script` gives.
    ///
    /// # Panics
    /// When no port of loopback can be had.
    #[must_use]
    pub fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(port::free(), script)
    }

    /// Starts one at an address.
    ///
    /// # Panics
    /// When the address cannot be had.
    #[must_use]
    pub fn start_at(
        address: SocketAddr,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("a free port can be bound");
        let state = Arc::new(State {
            script: Box::new(script),
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            ending: AtomicBool::new(false),
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

    /// The requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.state.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The only request so far.
    ///
    /// # Panics
    /// When there was none, or more than one.
    #[must_use]
    #[track_caller]
    pub fn only(&self) -> Asked {
        match self.asked().as_slice() {
            [asked] => asked.clone(),
            asked => panic!("{} requests: {asked:#?}", asked.len()),
        }
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        let asked = self.state.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many connections asked something.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Acquire)
    }

    /// Bytes of its answers that the kernel took from it so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.state.taken.load(Ordering::Acquire)
    }

    /// Waits until somebody has left in the middle of an answer.
    ///
    /// # Panics
    /// When nobody does for a minute.
    #[track_caller]
    pub fn await_abandoned(&self) {
        patiently(|| match self.state.abandoned.load(Ordering::Acquire) {
            0 => Err(format!("{} bytes were taken", self.taken())),
            _ => Ok(()),
        });
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::Release);
        // Wakes the thread, which is waiting for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.ending.load(Ordering::Acquire) {
                return;
            }
            let state = Arc::clone(self);
            // One that leaves shows in `abandoned`.
            thread::spawn(move || drop(state.serve(stream)));
        }
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut received = Vec::new();
        let mut chunk = [0; 16 * 1024];
        let mut is_new = true;
        loop {
            let end = received.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = end else {
                match stream.read(&mut chunk)? {
                    0 => return Ok(()),
                    count => received.extend_from_slice(&chunk[..count]),
                }
                continue;
            };
            let head: Vec<u8> = received.drain(..end + 4).collect();
            let asked = Asked::parse(&String::from_utf8_lossy(&head[..end]));
            if std::mem::take(&mut is_new) {
                self.connections.fetch_add(1, Ordering::AcqRel);
            }
            let answer = (self.script)(&asked);
            let list = self.asked.lock();
            list.unwrap_or_else(PoisonError::into_inner).push(asked);
            self.send(&mut stream, &answer)?;
            match answer.then {
                Then::Keep => {}
                Then::Close => return stream.shutdown(Shutdown::Both),
                // Until the other side ends it.
                Then::Hang => {
                    while stream.read(&mut chunk).is_ok_and(|count| count > 0) {}
                    self.abandoned.fetch_add(1, Ordering::AcqRel);
                    return Ok(());
                }
            }
        }
    }

    fn send(&self, stream: &mut TcpStream, answer: &Answer) -> std::io::Result<()> {
        self.send_all(stream, &answer.bytes)?;
        if let Some((file, part)) = &answer.part {
            for block in file[part.clone()].chunks(64 * 1024) {
                self.send_all(stream, block)?;
            }
        }
        let block = [b'x'; 64 * 1024];
        let mut more = answer.more;
        while more > 0 {
            let length = usize::try_from(more).unwrap_or(usize::MAX).min(block.len());
            self.send_all(stream, &block[..length])?;
            more -= length as u64;
        }
        if let Some((gate, bytes)) = &answer.later {
            until("the rest may be sent", || gate.load(Ordering::Acquire));
            self.send_all(stream, bytes)?;
        }
        Ok(())
    }

    fn send_all(&self, stream: &mut TcpStream, part: &[u8]) -> std::io::Result<()> {
        if let Err(error) = stream.write_all(part) {
            self.abandoned.fetch_add(1, Ordering::AcqRel);
            return Err(error);
        }
        self.taken.fetch_add(part.len() as u64, Ordering::AcqRel);
        Ok(())
    }
}
