//! A connection to a server: name, addresses, guard, TCP, TLS, all within one time-out. Or to a
//! Unix socket, which has no name and no address.
//!
//! 1. `addresses`: the name is resolved; an address in the URL is taken as it is.
//! 2. The guard refuses the name if it refuses one of its addresses. A server that the operator
//!    names as their own has no guard.
//! 3. `first_that_answers`: TCP to the addresses in order, one second for each but the last.
//! 4. TLS, if the URL is `https`.
//!
//! hyper's client calls it for each new connection, and keeps connections for further requests.
//! Errors are a [`NoConnection`] with a fault and a reason.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(all(unix, feature = "authorize"))]
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
#[cfg(all(unix, feature = "authorize"))]
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use super::guard::Guard;
use super::resolve::{Names, Resolve};
use crate::content::BoxFuture;
use crate::error::UpstreamFault;

/// How much hyper reads at a time, and how long the head of an answer may be.
///
/// A client that does not read keeps one of these at the origin's connection, one on its way, and as
/// many as fill the server's own write buffer, each of them whole, however few bytes are in it.
const READ_BUFFER: usize = 12 * 1024;
/// How many connections are kept for further requests.
const IDLE: usize = 64;
/// How long a connection is kept without a request.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// Sends requests over guarded connections, and keeps these for further requests.
pub(crate) type Transport = legacy::Client<Connector, Full<Bytes>>;

pub(super) fn transport(connector: Connector) -> Transport {
    builder()
        .http1_read_buf_exact_size(READ_BUFFER)
        .build(connector)
}

/// As [`transport`], for answers whose heads may be this long and whose bodies are short.
#[cfg(feature = "authorize")]
pub(super) fn transport_of_heads(connector: Connector, longest_head: usize) -> Transport {
    builder().http1_max_buf_size(longest_head).build(connector)
}

fn builder() -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_FOR)
        .pool_max_idle_per_host(IDLE);
    builder
}

/// Where connections lead.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// To the host of the URL, if the guard allows all of its addresses.
    Guarded(Guard),
    /// To the host of the URL, whatever its addresses: for servers that the operator names.
    #[cfg(feature = "authorize")]
    Anywhere,
    /// To this socket, whatever the host of the URL.
    #[cfg(all(unix, feature = "authorize"))]
    Socket(Arc<Path>),
}

/// Why there is no connection: the fault for the client, the reason for the log.
#[derive(Debug)]
pub(crate) struct NoConnection {
    pub(super) fault: UpstreamFault,
    pub(super) reason: String,
}

impl NoConnection {
    fn new(fault: UpstreamFault, reason: impl Into<String>) -> Self {
        Self {
            fault,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for NoConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault, self.reason)
    }
}

impl std::error::Error for NoConnection {}

/// Connects by TCP, and TLS if the URL says so, within one time-out.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    secured: HttpsConnector<Plain>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(tls: Arc<ClientConfig>, hosts: Hosts, way: Way, timeout: Duration) -> Self {
        let plain = Plain { way, hosts };
        Self {
            secured: HttpsConnector::from((plain, tls)),
            timeout,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Line>;
    type Error = NoConnection;
    type Future = BoxFuture<'static, Result<Self::Response, NoConnection>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.secured.call(uri), self.timeout);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(Ok(line)) => Ok(line),
                Ok(Err(error)) => Err(match error.downcast::<NoConnection>() {
                    Ok(known) => *known,
                    Err(tls) => NoConnection::new(UpstreamFault::Connect, tls.to_string()),
                }),
                Err(_) => Err(NoConnection::new(UpstreamFault::ConnectTimeout, "time-out")),
            }
        })
    }
}

/// Connects by TCP to an address that the guard allows: to the very address that was checked, so
/// that a name which resolves to another address meanwhile (DNS rebinding) changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Plain {
    way: Way,
    hosts: Hosts,
}

impl Service<Uri> for Plain {
    type Response = Line;
    type Error = NoConnection;
    type Future = BoxFuture<'static, Result<Line, NoConnection>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { way, hosts } = self.clone();
        Box::pin(async move {
            match way {
                #[cfg(all(unix, feature = "authorize"))]
                Way::Socket(path) => {
                    let stream = UnixStream::connect(path).await;
                    let refused = |error: io::Error| {
                        NoConnection::new(UpstreamFault::Connect, error.to_string())
                    };
                    stream.map(Line::unix).map_err(refused)
                }
                #[cfg(feature = "authorize")]
                Way::Anywhere => {
                    let addresses = addresses(&uri, hosts.resolver(&uri)).await?;
                    first_that_answers(&addresses).await
                }
                Way::Guarded(guard) => {
                    let addresses = addresses(&uri, hosts.resolver(&uri)).await?;
                    if !guard.allows_all(&addresses) {
                        let reason = "refused before connecting";
                        return Err(NoConnection::new(UpstreamFault::PrivateAddress, reason));
                    }
                    first_that_answers(&addresses).await
                }
            }
        })
    }
}

/// Which resolver is for which host.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    names: Names,
    /// The host of the origin. Without one, all hosts are configured.
    own: Option<Arc<str>>,
}

impl Hosts {
    pub(super) fn new(names: Names, own: Option<&str>) -> Self {
        let own = own.map(Into::into);
        Self { names, own }
    }

    fn resolver(&self, uri: &Uri) -> &dyn Resolve {
        let host = uri.host().unwrap_or_default();
        let ours = self.own.as_ref();
        match ours.is_none_or(|own| own.eq_ignore_ascii_case(host)) {
            true => &*self.names.ours,
            false => &*self.names.strangers,
        }
    }
}

/// The addresses of a URL's host, at least one.
async fn addresses(uri: &Uri, resolver: &dyn Resolve) -> Result<Vec<SocketAddr>, NoConnection> {
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let port = uri.port_u16().unwrap_or(default);
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unresolved = |reason: String| NoConnection::new(UpstreamFault::Unresolved, reason);
    let found = resolver.resolve(host, port).await;
    match found {
        Ok(found) if found.is_empty() => Err(unresolved("no address".to_owned())),
        found => found.map_err(|error| unresolved(error.to_string())),
    }
}

/// How long one address may take if there are others to try.
const ONE_OF_MANY: Duration = Duration::from_secs(1);

/// TCP to the first address that accepts the connection.
async fn first_that_answers(addresses: &[SocketAddr]) -> Result<Line, NoConnection> {
    let mut reason = "no address".to_owned();
    for (at, address) in addresses.iter().enumerate() {
        let is_last = at + 1 == addresses.len();
        let connecting = TcpStream::connect(address);
        let connected = match is_last {
            true => Ok(connecting.await),
            false => timeout_at(Instant::now() + ONE_OF_MANY, connecting).await,
        };
        match connected {
            Ok(Ok(stream)) => {
                // A request is one small write; nothing is gained by waiting for more.
                let _ = stream.set_nodelay(true);
                return Ok(Line::new(stream));
            }
            Ok(Err(error)) => reason = error.to_string(),
            Err(_) => "time-out".clone_into(&mut reason),
        }
    }
    Err(NoConnection::new(UpstreamFault::Connect, reason))
}

/// A connection that knows whether it carried a request before.
#[derive(Debug)]
pub(crate) struct Line {
    io: Wire,
    used: Used,
}

#[derive(Debug)]
enum Wire {
    Tcp(TokioIo<TcpStream>),
    #[cfg(all(unix, feature = "authorize"))]
    Unix(TokioIo<UnixStream>),
}

/// Whether a connection carried a request before. Then the server may have closed it just now.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    /// Marks it as used; returns whether it was used before.
    pub(super) fn mark(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }
}

impl Line {
    fn new(stream: TcpStream) -> Self {
        Self {
            io: Wire::Tcp(TokioIo::new(stream)),
            used: Used::default(),
        }
    }

    #[cfg(all(unix, feature = "authorize"))]
    fn unix(stream: UnixStream) -> Self {
        Self {
            io: Wire::Unix(TokioIo::new(stream)),
            used: Used::default(),
        }
    }
}

/// Runs a poll function on whichever stream it is.
macro_rules! on_wire {
    ($self:expr, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().io {
            Wire::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            #[cfg(all(unix, feature = "authorize"))]
            Wire::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        let connected = match &self.io {
            Wire::Tcp(stream) => stream.inner().connected(),
            #[cfg(all(unix, feature = "authorize"))]
            Wire::Unix(_) => Connected::new(),
        };
        connected.extra(self.used.clone())
    }
}

impl Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl Write for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Wire::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(all(unix, feature = "authorize"))]
            Wire::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, stream => stream.poll_write_vectored(cx, slices))
    }
}
