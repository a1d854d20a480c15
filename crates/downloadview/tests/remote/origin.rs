//! A server that does as a script says, and remembers what it was asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use downloadview::fetch::{Client, Origin, OriginBuilder, RequestTarget};
use downloadview::view::HttpView;
use downloadview::{DownloadBody, DownloadView as _};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use super::logs::Log;

/// One thing that the server does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// These bytes again and again, so often.
    Repeat(Vec<u8>, usize),
    /// Nothing, until the client is gone.
    Stall,
    Close,
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

type Script = dyn Fn(usize, &Asked) -> Vec<Step> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Server {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<Asked>>,
    sent: AtomicUsize,
    gone: AtomicUsize,
    connections: AtomicUsize,
}

/// A server that answers its n-th request as `script` says.
pub(crate) async fn server(
    script: impl Fn(usize, &Asked) -> Vec<Step> + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let state = Arc::new(State::default());
    let script: Arc<Script> = Arc::new(script);
    let shared = Arc::clone(&state);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (state, script) = (Arc::clone(&shared), Arc::clone(&script));
            state.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move { serve(stream, &state, &*script).await });
        }
    });
    Server { port, state }
}

/// A server that answers every request with these bytes, and then does nothing more.
pub(crate) async fn saying(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    server(move |_, _| vec![Step::Send(answer.clone())]).await
}

async fn serve(mut stream: TcpStream, state: &State, script: &Script) -> Option<()> {
    loop {
        let asked = read_head(&mut stream).await?;
        let number = {
            let mut all = state.asked.lock().expect("unpoisoned");
            all.push(asked.clone());
            all.len()
        };
        for step in script(number, &asked) {
            match step {
                Step::Send(bytes) => write(&mut stream, &bytes, state).await?,
                Step::Repeat(bytes, times) => {
                    for _ in 0..times {
                        write(&mut stream, &bytes, state).await?;
                    }
                }
                Step::Stall => {
                    while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
                    state.gone.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
                Step::Close => return None,
            }
        }
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8], state: &State) -> Option<()> {
    if stream.write_all(bytes).await.is_err() {
        state.gone.fetch_add(1, Ordering::SeqCst);
        return None;
    }
    state.sent.fetch_add(bytes.len(), Ordering::SeqCst);
    Some(())
}

async fn read_head(stream: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).expect("requests are ASCII");
    let mut lines = text.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(Asked {
        line,
        headers: headers.collect(),
    })
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn builder(&self) -> OriginBuilder {
        let client = Client::new().expect("a client");
        client.origin(self.url()).allow_private()
    }

    pub(crate) fn origin(&self) -> Origin {
        self.builder().build().expect("an origin")
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().expect("unpoisoned").clone()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.asked().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many bytes the sockets took.
    pub(crate) fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Waits until so many connections ended from the other side.
    pub(crate) async fn until_gone(&self, connections: usize) {
        let gone = || self.state.gone.load(Ordering::SeqCst) >= connections;
        until("the origin's connection goes", gone).await;
    }
}

/// Waits for what must come true.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 s: {what}");
}

/// What a client of ours gets.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// None if the connection would be cut.
    pub(crate) body: Option<Bytes>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("ASCII"))
    }

    pub(crate) fn text(&self) -> &str {
        let body = self.body.as_ref().expect("a whole body");
        std::str::from_utf8(body).expect("UTF-8")
    }
}

/// A GET of `/file.bin` through a view.
pub(crate) async fn get(origin: &Origin, headers: &[(&str, &str)]) -> Got {
    ask(Method::GET, origin, headers).await
}

pub(crate) async fn ask(method: Method, origin: &Origin, headers: &[(&str, &str)]) -> Got {
    let response = begin(method, origin, headers).await;
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok();
    Got {
        status: head.status.as_u16(),
        headers: head.headers,
        body: body.map(|body| body.to_bytes()),
    }
}

/// The response with its body unread.
pub(crate) async fn begin(
    method: Method,
    origin: &Origin,
    headers: &[(&str, &str)],
) -> Response<DownloadBody> {
    let target = RequestTarget::parse("/secret-path/file.bin?secret=query").expect("a target");
    let view = HttpView::new(origin.clone(), target);
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("a request");
    let answered = view.into_service().oneshot(request).await;
    answered.expect("infallible")
}

/// An answer with these lines before its empty one, and this body.
pub(crate) fn answer(lines: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut all = lines.join("\r\n").into_bytes();
    all.extend_from_slice(b"\r\n\r\n");
    all.extend_from_slice(body.as_ref());
    all
}

/// 200 with its length, and what else is stated.
pub(crate) fn whole(body: &[u8], further: &[&str]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut lines = vec!["HTTP/1.1 200 OK", &length];
    lines.extend(further);
    answer(&lines, body)
}

/// 206 with the bytes `first..=last` of a whole.
pub(crate) fn part(body: &[u8], first: usize, last: usize, further: &[&str]) -> Vec<u8> {
    let length = format!("Content-Length: {}", last - first + 1);
    let range = format!("Content-Range: bytes {first}-{last}/{}", body.len());
    let mut lines = vec!["HTTP/1.1 206 Partial Content", &length, &range];
    lines.extend(further);
    answer(&lines, &body[first..=last])
}

/// An ordinary server that has `body` under every path: HEAD, one range, If-Match, If-None-Match, If-Range.
pub(crate) fn ordinary(body: &[u8], tag: &str, asked: &Asked) -> Vec<u8> {
    let etag = format!("ETag: {tag}");
    let further = [
        &*etag,
        "Accept-Ranges: bytes",
        "Last-Modified: Tue, 29 Oct 2019 00:00:00 GMT",
    ];
    if asked.header("if-match").is_some_and(|value| value != tag) {
        return answer(
            &[
                "HTTP/1.1 412 Precondition Failed",
                &etag,
                "Content-Length: 0",
            ],
            "",
        );
    }
    if asked.header("if-none-match") == Some(tag) {
        return answer(&["HTTP/1.1 304 Not Modified", &etag], "");
    }
    if asked.line.starts_with("HEAD") {
        let head = whole(body, &further);
        return head[..head.len() - body.len()].to_vec();
    }
    let range = asked
        .header("range")
        .filter(|_| asked.header("if-range").is_none_or(|value| value == tag));
    let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return whole(body, &further);
    };
    let length = body.len();
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) => (first, length.saturating_sub(1)),
        (Err(_), Ok(suffix)) => (length.saturating_sub(suffix), length - 1),
        _ => return whole(body, &further),
    };
    if first >= length || last < first {
        let total = format!("Content-Range: bytes */{length}");
        return answer(
            &[
                "HTTP/1.1 416 Range Not Satisfiable",
                &total,
                "Content-Length: 0",
            ],
            "",
        );
    }
    part(body, first, last, &further)
}

/// Takes what this thread logs from now on, until the guard goes.
pub(crate) fn logged() -> (Log, DefaultGuard) {
    Log::begin(Level::INFO)
}
