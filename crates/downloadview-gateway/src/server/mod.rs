//! The HTTP listener: accepts connections, bounds what each may cost, and stops without breaking downloads.
//!
//! 1. `listener` binds and accepts, over TCP or a Unix socket;
//! 2. `stream` cuts clients that send too slowly, idle too long, or stop reading;
//! 3. `service` gives hyper the tower service and tells the stream when a request is being answered;
//! 4. `outbox` lets files pass through hyper without their bytes, `sender` has the kernel send them (`calls`), of which it
//!    holds as much as `unsent` says;
//! 5. `signals` says when to stop, and [`serve`] stops: no new connection, idle ones close, running downloads
//!    go on until `shutdown_timeout`.
//!
//! HTTP/1.1 only: the proxy in front speaks it, and TLS and HTTP/2 are that proxy's.

mod calls;
mod descriptors;
#[cfg(test)]
mod files_tests;
mod listener;
mod outbox;
mod sender;
mod service;
mod signals;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod unsent;
mod watchdog;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time;
use tower_service::Service;

pub use self::descriptors::provide as provide_descriptors;
pub use self::listener::Listener;
use self::service::Connection;
pub use self::signals::{Signals, Wish};
use self::stream::{Activity, Limits, Stream};
use crate::config::ServerSettings;

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were still busy at the end of `shutdown_timeout`, and were cut.
    pub aborted: usize,
}

/// A runtime with `settings.threads` threads; one thread serves without any hand-over between threads.
///
/// # Errors
///
/// The system refuses threads or an event queue.
pub fn runtime(settings: &ServerSettings) -> io::Result<runtime::Runtime> {
    let mut builder = match settings.threads.get() {
        1 => runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()
}

/// Serves until SIGTERM or SIGINT, then stops as [`serve`] does; a second signal cuts everything at once, and
/// nothing is known of the end then. Whatever hangs, the process ends soon after `shutdown_timeout`, or after the second
/// signal. On SIGHUP `reload` is called. `connected` makes the service of a connection, as for [`serve_each`].
///
/// `signals` are listened to before the listener is bound: whoever sees the port open may send one.
///
/// # Errors
///
/// The system refuses the thread that ends the process.
pub async fn serve_until_signal<S, B>(
    listener: Listener,
    mut signals: Signals,
    connected: impl FnMut(Option<IpAddr>) -> S,
    settings: &ServerSettings,
    reload: impl AsyncFnMut(),
) -> io::Result<Option<Summary>>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    watchdog::start(settings.shutdown_timeout)?;
    let (stop, mut stopped) = watch::channel(());
    let wanted = Notify::new();
    let first = async move {
        // The sender lives as long as this function, so an error cannot come before a signal.
        let _ = stopped.changed().await;
    };
    let second = async {
        let mut stopping = false;
        loop {
            match signals.next().await {
                Wish::Reload if stopping => {}
                Wish::Reload => wanted.notify_one(),
                Wish::Stop if stopping => return,
                Wish::Stop => {
                    stopping = true;
                    stop.send_replace(());
                }
            }
        }
    };
    tokio::select! {
        summary = serve_each(listener, connected, settings, first) => summary.map(Some),
        () = second => {
            tracing::warn!("second signal: every connection is cut");
            Ok(None)
        }
        never = reload_when(&wanted, reload) => match never {},
    }
}

/// Beside the signals, which do not wait for it. However often it is wanted meanwhile, it is done once more.
async fn reload_when(wanted: &Notify, mut reload: impl AsyncFnMut()) -> Infallible {
    loop {
        wanted.notified().await;
        reload().await;
    }
}

/// Serves until `shutdown` is ready, then lets running downloads finish within `settings.shutdown_timeout`.
///
/// A dropped server cuts its connections at once and removes its Unix socket, like one that ends.
///
/// # Errors
///
/// None at present: what goes wrong with one connection ends that connection only, and a failing `accept` is tried again.
pub async fn serve<S, B>(
    listener: Listener,
    service: S,
    settings: &ServerSettings,
    shutdown: impl Future,
) -> io::Result<Summary>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    serve_each(listener, |_| service.clone(), settings, shutdown).await
}

/// As [`serve`], with a service for each connection. `connected` is told the address of the other side; a Unix socket has
/// none.
///
/// # Errors
///
/// As there.
pub async fn serve_each<S, B>(
    mut listener: Listener,
    mut connected: impl FnMut(Option<IpAddr>) -> S,
    settings: &ServerSettings,
    shutdown: impl Future,
) -> io::Result<Summary>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let http = http_settings(settings);
    let limits = Arc::new(Limits::new(settings));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut summary = Summary::default();
    let mut shutdown = pin!(shutdown);

    loop {
        tokio::select! {
            _ = shutdown.as_mut() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => log_panic(ended),
            (socket, peer) = listener.accept(), if connections.len() < settings.max_connections => {
                summary.accepted += 1;
                socket.tune(settings);
                let service = connected(peer);
                let activity = Arc::new(Activity::new(settings));
                let stream = Stream::new(socket, Arc::clone(&limits), Arc::clone(&activity));
                let connection = Connection::new(service, activity, summary.accepted);
                let connection = http.serve_connection(TokioIo::new(stream), connection);
                connections.spawn(drive(connection, stopped.clone()));
            }
        }
    }

    drop(listener);
    stop.send_replace(());
    summary.aborted = drain(&mut connections, settings).await;
    Ok(summary)
}

fn http_settings(settings: &ServerSettings) -> http1::Builder {
    let mut http = http1::Builder::new();
    // A client that has said all it wants to say still gets its answer. It also keeps hyper from reading during
    // an answer, and so lets it read after each one: `stream` needs that to start its clock.
    http.half_close(true)
        // `stream` has the timeouts, since hyper's own ends idle connections and slow heads alike.
        .header_read_timeout(None)
        .max_buf_size(settings.write_buffer);
    if settings.sendfile {
        // Else hyper might copy what stands for files (`outbox`) instead of passing it on.
        http.writev(true);
    }
    http
}

/// Drives one connection to its end; after a request to stop, to the end of its current answer. The
/// service must always be ready, as the gateway's own and axum's router are.
async fn drive<S, B>(
    connection: http1::Connection<TokioIo<Stream>, Connection<S>>,
    mut stopped: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut connection = pin!(connection);
    let already = stopped.clone();
    let mut stop = pin!(stopped.changed());
    let mut listening = false;
    let ended = poll_fn(|cx| {
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        // Registered once, the signal wakes this task; until then a look at a flag is enough.
        let quiet = listening && matches!(already.has_changed(), Ok(false));
        if !quiet && stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        listening = true;
        Poll::Pending
    });
    let ended = match ended.await {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let Err(error) = ended else { return };
    let cause = error.source().map(ToString::to_string);
    if error.is_user() {
        tracing::warn!(%error, cause, "an answer broke off: its body failed");
    } else {
        tracing::debug!(%error, cause, "connection ended early");
    }
}

/// Waits for the running connections, for as long as the settings allow; the number of those cut.
async fn drain(connections: &mut JoinSet<()>, settings: &ServerSettings) -> usize {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    };
    if time::timeout(settings.shutdown_timeout, all_ended)
        .await
        .is_ok()
    {
        return 0;
    }
    connections.abort_all();
    let mut aborted = 0;
    while let Some(ended) = connections.join_next().await {
        match ended {
            Err(error) if error.is_cancelled() => aborted += 1,
            ended => log_panic(ended),
        }
    }
    tracing::warn!(aborted, "downloads cut at the end of `shutdown_timeout`");
    aborted
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection panicked");
    }
}
