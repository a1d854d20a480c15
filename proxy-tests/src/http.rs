//! HTTP/1.1 by hand over one connection a request: exact bytes out, everything that came back in.
//!
//! A client library would follow, decode, merge or drop; here order, duplicates and framing stay visible.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// A server that says nothing for this long hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// A request under construction. `Host` and `Connection: close` are always sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: String,
    body: Vec<u8>,
}

impl Request {
    /// Any method and request target, both sent as they are.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: String::new(),
            body: Vec::new(),
        }
    }

    /// `GET target`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `HEAD target`.
    #[must_use]
    pub fn head(target: &str) -> Self {
        Self::new("HEAD", target)
    }

    /// One more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        // Writing to a String cannot fail.
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    /// A body, and its `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Length", &body.len().to_string())
    }

    /// Sends it and takes the whole answer.
    ///
    /// # Errors
    /// No connection, 30 seconds of silence, or an answer whose body is not what its head promised.
    pub fn send(&self, address: SocketAddr) -> Result<Response> {
        self.start(address)?.finish()
    }

    /// Sends it and leaves the reading to the caller, who may take their time.
    ///
    /// # Errors
    /// No connection, or one that does not take the request.
    pub fn start(&self, address: SocketAddr) -> Result<Exchange> {
        let mut stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{}\r\n",
            self.method, self.target, self.headers
        );
        stream
            .write_all(&[head.as_bytes(), &self.body].concat())
            .context("cannot send the request")?;
        Ok(Exchange {
            stream,
            received: Vec::new(),
            is_head: self.method == "HEAD",
        })
    }
}

/// A request whose answer is still coming.
#[derive(Debug)]
pub struct Exchange {
    stream: TcpStream,
    received: Vec<u8>,
    is_head: bool,
}

impl Exchange {
    /// Reads until `count` bytes of the answer, head included, have arrived.
    ///
    /// # Errors
    /// When the connection ends or falls silent before.
    pub fn receive(&mut self, count: usize) -> Result<()> {
        let mut chunk = vec![0; 64 * 1024];
        while self.received.len() < count {
            let read = self.stream.read(&mut chunk).context("no answer")?;
            let so_far = self.received.len();
            ensure!(read > 0, "the connection ended after {so_far} bytes");
            self.received.extend_from_slice(&chunk[..read]);
        }
        Ok(())
    }

    /// Reads to the end of an answer with 200 and this content, of which it keeps nothing.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is another one.
    pub fn finish_as(mut self, content: &[u8]) -> Result<()> {
        let mut chunk = vec![0; 256 * 1024];
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            let so_far = self.received.len();
            self.receive(so_far + 1)?;
        };
        let first = String::from_utf8_lossy(&self.received[..head]).into_owned();
        ensure!(first.starts_with("HTTP/1.1 200 "), "{first}");
        let mut at = self.received.len() - head;
        ensure!(content.starts_with(&self.received[head..]), "other bytes");
        loop {
            let read = self.stream.read(&mut chunk).context("no whole answer")?;
            let expected = content.get(at..at + read);
            ensure!(
                expected == Some(&chunk[..read]),
                "other bytes after {at}, or too many"
            );
            at += read;
            if read == 0 {
                break;
            }
        }
        ensure!(at == content.len(), "the connection ended after {at} bytes");
        Ok(())
    }

    /// Reads to the end and takes the answer apart.
    ///
    /// # Errors
    /// When the connection breaks, or the body is not what the head promised.
    pub fn finish(mut self) -> Result<Response> {
        self.stream
            .read_to_end(&mut self.received)
            .context("no whole answer")?;
        Response::parse(&self.received, self.is_head)
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header lines in the order of the wire; bytes that are not valid UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body, freed of its framing. For an answer that must not have one: whatever came after the head.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header that came exactly once.
    ///
    /// # Panics
    /// When it came not at all or twice.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        match self.all(name).as_slice() {
            [value] => value,
            values => panic!("{name} came {} times:\n{}", values.len(), self.head()),
        }
    }

    /// The values of a header, in the order of the wire, name in any case.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter();
        lines
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Whether the header came at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// Status and header lines, for comparisons and messages.
    #[must_use]
    pub fn head(&self) -> String {
        let lines = self.headers.iter();
        let lines = lines.map(|(name, value)| format!("{name}: {value}\n"));
        std::iter::once(format!("{}\n", self.status))
            .chain(lines)
            .collect()
    }

    /// The body as text; bytes that are not valid UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn parse(bytes: &[u8], is_head: bool) -> Result<Self> {
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            bail!("no complete head: {:?}", String::from_utf8_lossy(bytes));
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let mut response = Self {
            status: parse_status(lines.next().unwrap_or_default())?,
            headers: lines.map(parse_line).collect::<Result<_>>()?,
            body: Vec::new(),
        };
        let rest = &bytes[end + 4..];
        let bodyless = is_head || matches!(response.status, 204 | 304);
        response.body = if bodyless {
            rest.to_vec()
        } else {
            response.unframed(rest)?
        };
        Ok(response)
    }

    fn unframed(&self, rest: &[u8]) -> Result<Vec<u8>> {
        if self.has("Transfer-Encoding") {
            ensure!(!self.has("Content-Length"), "chunked and with a length");
            return unchunked(rest);
        }
        if self.has("Content-Length") {
            let promised: usize = self.header("Content-Length").parse()?;
            let came = rest.len();
            ensure!(came == promised, "{came} bytes of {promised} promised");
        }
        Ok(rest.to_vec())
    }
}

fn parse_status(line: &str) -> Result<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ");
    rest.and_then(|rest| rest.get(..3)?.parse().ok())
        .with_context(|| format!("no status line: {line:?}"))
}

fn parse_line(line: &str) -> Result<(String, String)> {
    let (name, value) = line
        .split_once(':')
        .with_context(|| format!("no header line: {line:?}"))?;
    // Optional whitespace (RFC 9110, 5.6.3); other spaces belong to the value.
    let value = value.trim_matches([' ', '\t']);
    Ok((name.to_owned(), value.to_owned()))
}

fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").context("the chunks end without a last one")?;
        let line = String::from_utf8_lossy(&rest[..end]);
        let digits = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16)
            .with_context(|| format!("no chunk size: {line:?}"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            ensure!(rest == b"\r\n", "{} bytes after the last chunk", rest.len());
            return Ok(body);
        }
        ensure!(rest.len() >= size + 2, "a chunk is cut short");
        body.extend_from_slice(&rest[..size]);
        ensure!(&rest[size..size + 2] == b"\r\n", "a chunk is too long");
        rest = &rest[size + 2..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_duplicates_of_headers_stay_visible() {
        let bytes = b"HTTP/1.1 200 OK\r\nB: 1\r\na: 2\r\nb: 3\r\nContent-Length: 0\r\n\r\n";
        let response = Response::parse(bytes, false).unwrap();
        assert_eq!(
            response.head(),
            "200\nB: 1\na: 2\nb: 3\nContent-Length: 0\n"
        );
        assert_eq!(response.all("b"), ["1", "3"]);
    }

    #[test]
    fn chunks_are_joined() {
        let bytes =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        let response = Response::parse(bytes, false).unwrap();
        assert_eq!(response.text(), "abc0123456789");
    }

    #[test]
    fn a_body_cut_short_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(Response::parse(bytes, false).is_err());
        }
    }

    #[test]
    fn bytes_after_the_head_of_a_head_answer_are_shown() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(Response::parse(bytes, true).unwrap().body, b"abc");
    }
}
