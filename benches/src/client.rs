//! The load: keep-alive connections that ask, check and discard, at as little cost to the machine as possible.
//!
//! The first and the last bytes of a body are read and compared; what lies between is discarded inside the kernel
//! (`recv` with `MSG_TRUNC`), so that the client is never slower than the server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{RecvFlags, recv};

use crate::request::{Expected, Head, Request};

/// Bytes at each end of a body that are compared.
const EDGE: u64 = 16;
/// Room for a head and the body of a small file.
const WINDOW: usize = 16 * 1024;
/// Most bytes discarded by one system call.
const SINK: usize = 1024 * 1024;
/// A server that is silent for so long is taken for broken.
const SILENCE: Duration = Duration::from_secs(30);

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    window: Vec<u8>,
    /// Only names an amount to the kernel; nothing is ever written to it.
    sink: Vec<u8>,
}

impl Connection {
    /// Connects to a server.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(Self {
            stream,
            window: vec![0; WINDOW],
            sink: vec![0; SINK],
        })
    }

    /// Asks.
    pub(crate) fn send(&mut self, request: &Request) -> Result<()> {
        self.stream
            .write_all(&request.bytes)
            .context("the server did not take the request")
    }

    /// Takes at most so many bytes of what has come, and waits for the first of them.
    pub(crate) fn sip(&mut self, most: usize) -> Result<usize> {
        let Self { stream, sink, .. } = self;
        let most = most.min(sink.len());
        unless_interrupted(|| stream.read(&mut sink[..most]))
    }

    /// Reads one whole answer and refuses a wrong one.
    pub(crate) fn receive(&mut self, expected: Expected) -> Result<()> {
        let mut filled = 0;
        let head = loop {
            filled += self.fill(filled)?;
            if let Some(head) = Head::parse(self.window.get(..filled).unwrap_or_default())? {
                break head;
            }
        };
        expected.check_head(&head)?;
        self.receive_body(expected, head.size, filled)
    }

    /// Asks and reads the whole answer.
    pub(crate) fn exchange(&mut self, request: &Request) -> Result<()> {
        self.send(request)?;
        self.receive(request.expected)
    }

    /// Asks and returns the answer's head as it came, without reading a body.
    pub(crate) fn fetch_head(&mut self, request: &Request) -> Result<Vec<u8>> {
        self.send(request)?;
        let mut filled = 0;
        loop {
            filled += self.fill(filled)?;
            let bytes = self.window.get(..filled).unwrap_or_default();
            if let Some(head) = Head::parse(bytes)? {
                return Ok(bytes.get(..head.size).unwrap_or_default().to_vec());
            }
        }
    }

    /// The first bytes of the answer, left in the socket; empty while there are none.
    pub(crate) fn peek(&self) -> Result<Vec<u8>> {
        let mut bytes = [0; EDGE as usize];
        match recv(
            &self.stream,
            &mut bytes,
            RecvFlags::PEEK | RecvFlags::DONTWAIT,
        ) {
            Ok((count, _)) => Ok(bytes.get(..count).unwrap_or_default().to_vec()),
            Err(rustix::io::Errno::AGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes up to `count` of the bytes that are there, without looking at them; how many that were.
    pub(crate) fn take(&mut self, count: u64) -> Result<u64> {
        let mut taken = 0;
        while taken < count {
            let want = (count - taken).min(SINK as u64) as usize;
            let sink = self.sink.get_mut(..want).unwrap_or_default();
            match recv(&self.stream, sink, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
                Ok((_, 0)) => bail!("the server closed the connection"),
                Ok((_, count)) => taken += count as u64,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(taken)
    }

    /// The window holds `filled` bytes, of which those from `start` on belong to the body.
    fn receive_body(&mut self, expected: Expected, start: usize, mut filled: usize) -> Result<()> {
        let length = expected.length();
        let edge = EDGE.min(length);
        while ((filled - start) as u64) < edge {
            filled += self.fill(filled)?;
        }
        let body = self.window.get(start..filled).unwrap_or_default();
        let read = body.len() as u64;
        ensure!(read <= length, "more bytes than announced");
        expected.check_bytes(body.get(..edge as usize).unwrap_or_default(), 0)?;

        let left = length - read;
        if left == 0 {
            let last = (length - edge) as usize;
            return expected.check_bytes(body.get(last..).unwrap_or_default(), last as u64);
        }
        let tail = EDGE.min(left);
        self.discard(left - tail)?;
        let end = self.window.get_mut(..tail as usize).unwrap_or_default();
        self.stream.read_exact(end).context("the body is short")?;
        expected.check_bytes(end, length - tail)
    }

    /// Reads what is there into the window behind its first `filled` bytes.
    fn fill(&mut self, filled: usize) -> Result<usize> {
        let room = self.window.get_mut(filled..).unwrap_or_default();
        ensure!(!room.is_empty(), "the answer's head is too long");
        let count = unless_interrupted(|| self.stream.read(room))?;
        ensure!(count > 0, "the server closed the connection");
        Ok(count)
    }

    fn discard(&mut self, mut left: u64) -> Result<()> {
        while left > 0 {
            let want = left.min(SINK as u64) as usize;
            let sink = self.sink.get_mut(..want).unwrap_or_default();
            let (_, count) =
                unless_interrupted(|| Ok(recv(&self.stream, &mut *sink, RecvFlags::TRUNC)?))?;
            ensure!(count > 0, "the body is {left} bytes short");
            left -= count as u64;
        }
        Ok(())
    }
}

/// Reads again when a signal came between: whoever takes that ends the process in good order.
fn unless_interrupted<T>(mut read: impl FnMut() -> io::Result<T>) -> Result<T> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome.context("the server fell silent"),
        }
    }
}

/// Opens `count` connections.
pub(crate) fn open(address: SocketAddr, count: usize) -> Result<Vec<Connection>> {
    (0..count).map(|_| Connection::open(address)).collect()
}

/// Keeps one request under way on every connection for about `span`; returns how many were answered.
pub(crate) fn load(
    connections: &mut [Connection],
    request: &Request,
    span: Duration,
) -> Result<u64> {
    let deadline = Instant::now() + span;
    for connection in &mut *connections {
        connection.send(request)?;
    }
    let mut answered = 0;
    let mut open = true;
    while open {
        open = Instant::now() < deadline;
        for connection in &mut *connections {
            connection.receive(request.expected)?;
            answered += 1;
            if open {
                connection.send(request)?;
            }
        }
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::files::{FILE_1_KIB, FILE_64_KIB, byte_at};

    /// What the client makes of these bytes as the answer to a request.
    fn verdict(request: &Request, answer: Vec<u8>) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            assert!(stream.read(&mut asked).unwrap() > 0);
            stream.write_all(&answer).unwrap();
        });
        let verdict = Connection::open(address).and_then(|mut it| it.exchange(request));
        server.join().unwrap();
        verdict
    }

    fn answer(length: u64, body: impl Iterator<Item = u64>) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        bytes.extend(body.map(byte_at));
        bytes
    }

    #[test]
    fn takes_the_right_bytes_of_small_and_large_files() {
        for file in [FILE_1_KIB, FILE_64_KIB] {
            verdict(&Request::file(file), answer(file.size, 0..file.size)).unwrap();
        }
    }

    #[test]
    fn refuses_a_body_that_ends_early() {
        let size = FILE_64_KIB.size;
        let short = answer(size, 0..size - 1);
        verdict(&Request::file(FILE_64_KIB), short).unwrap_err();
    }

    #[test]
    fn refuses_another_part_of_the_file() {
        let size = FILE_64_KIB.size;
        let shifted = answer(size, 1..=size);
        let error = verdict(&Request::file(FILE_64_KIB), shifted).unwrap_err();
        assert_eq!(error.to_string(), "wrong bytes at 0 of the body");
    }

    #[test]
    fn refuses_wrong_last_bytes() {
        for file in [FILE_1_KIB, FILE_64_KIB] {
            let mut wrong = answer(file.size, 0..file.size);
            *wrong.last_mut().unwrap() ^= 1;
            let error = verdict(&Request::file(file), wrong).unwrap_err();
            assert!(error.to_string().starts_with("wrong bytes"), "{error}");
        }
    }

    #[test]
    fn a_signal_ends_no_reading() {
        let mut outcomes = vec![Ok(7), Err(io::ErrorKind::Interrupted.into())];
        let read = unless_interrupted(|| outcomes.pop().unwrap());
        assert_eq!(read.unwrap(), 7);
    }

    #[test]
    fn refuses_more_bytes_than_announced() {
        let size = FILE_1_KIB.size;
        let error = verdict(&Request::file(FILE_1_KIB), answer(size, 0..size + 1)).unwrap_err();
        assert_eq!(error.to_string(), "more bytes than announced");
    }
}
