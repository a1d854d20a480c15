//! A small HTTP/1.1 client: everything that came back is kept, nothing is followed, decoded or repeated.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, Place};
use super::tls::Trust;

/// What is asked for is small, or only its beginning is of interest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How the text begins of an error where nobody listens, or TLS fails.
pub const UNREACHED: &str = "cannot connect to";
const MOST_BYTES: usize = 1024 * 1024;

/// An answer with its body, of which at most the first 1 MiB is kept.
pub type Answer = Response<Bytes>;

/// One connection, for any number of requests one after the other. It ends with the value.
#[derive(Debug)]
pub struct Line {
    sender: SendRequest<Empty<Bytes>>,
    host: HeaderValue,
    /// Drives the connection, and is stopped with it.
    _driver: JoinSet<()>,
}

/// A request to be sent.
/// ```
/// use downloadview_gateway::probe::Ask;
/// let ask = Ask::get("/files/a.txt").header(http::header::RANGE, "bytes=0-9".parse().unwrap());
/// assert_eq!(ask.path, "/files/a.txt");
/// ```
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its method.
    pub method: Method,
    /// Its target, percent-encoded.
    pub path: String,
    /// Its headers but for `Host`.
    pub headers: HeaderMap,
}

impl Ask {
    /// `GET path`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
        }
    }

    /// Its path without a query.
    pub(crate) fn bare(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

/// A body that is on its way, and waits.
#[derive(Debug)]
pub struct Unread {
    _body: Incoming,
}

/// Bytes both ways.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Line {
    /// Connects within 10 s.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or TLS fails.
    pub async fn open(address: &Address, trust: &Trust) -> anyhow::Result<Self> {
        let connecting = timeout(PATIENCE, connect(&address.place, trust)).await;
        let wire = connecting.map_err(|_| silence())?;
        let wire = wire.with_context(|| format!("{UNREACHED} {address}"))?;
        let (sender, connection) = http1::handshake(TokioIo::new(wire)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // What goes wrong shows in the answer.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            host: address.host.clone(),
            _driver: driver,
        })
    }

    /// Sends a request and reads its answer within 10 s.
    ///
    /// # Errors
    ///
    /// The server does not speak HTTP, takes too long, or breaks off.
    pub async fn ask(&mut self, ask: &Ask) -> anyhow::Result<Answer> {
        let exchange = async {
            let (head, body) = self.send(ask).await?.into_parts();
            let body = beginning(body).await?;
            Ok(Response::from_parts(head, body))
        };
        timeout(PATIENCE, exchange).await.map_err(|_| silence())?
    }

    /// Sends a request, waits for the head of its answer, however long that takes, and reads none of the body, as long as
    /// the answer is kept.
    ///
    /// # Errors
    ///
    /// The server does not speak HTTP, or breaks off.
    pub async fn ask_unread(&mut self, ask: &Ask) -> anyhow::Result<Response<Unread>> {
        Ok(self.send(ask).await?.map(|body| Unread { _body: body }))
    }

    async fn send(&mut self, ask: &Ask) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(&ask.path)
            .body(Empty::new())?;
        *request.headers_mut() = ask.headers.clone();
        request
            .headers_mut()
            .insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }
}

fn silence() -> anyhow::Error {
    anyhow!("no answer within {} s", PATIENCE.as_secs())
}

async fn connect(place: &Place, trust: &Trust) -> io::Result<Box<dyn Wire>> {
    Ok(match place {
        Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Place::Tcp { host, port, is_tls } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            match is_tls {
                false => Box::new(stream),
                true => {
                    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                    let connector = TlsConnector::from(trust.0.clone());
                    Box::new(connector.connect(name, stream).await?)
                }
            }
        }
    })
}

async fn beginning(mut body: Incoming) -> anyhow::Result<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the body breaks off")?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = MOST_BYTES - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if bytes.len() == MOST_BYTES {
            break;
        }
    }
    Ok(bytes.freeze())
}

/// Gets `path` from the server at `address` over a connection of its own.
///
/// # Errors
///
/// As [`Line::open`] and [`Line::ask`].
pub async fn get(
    address: SocketAddr,
    path: &str,
    headers: HeaderMap,
    trust: &Trust,
) -> anyhow::Result<Answer> {
    let mut line = Line::open(&address.into(), trust).await?;
    let ask = Ask {
        headers,
        ..Ask::get(path)
    };
    line.ask(&ask).await
}
