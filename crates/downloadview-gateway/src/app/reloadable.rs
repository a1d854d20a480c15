//! What `serve` serves: an [`App`] that can be replaced while it answers.
//! No lock is taken for a request: all threads would write to its counter.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use http::{Request, Response};
use tower_service::Service;

use super::{App, Peer, host};
use downloadview::{DownloadBody, DownloadFuture};

/// The gateway as a service whose configuration can be read anew. Requests that came before go on with what there was.
#[derive(Debug, Clone)]
pub struct Reloadable {
    app: Arc<ArcSwap<App>>,
    peer: Peer,
}

impl Reloadable {
    /// Answers by `app` until it is replaced.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self {
            app: Arc::new(ArcSwap::from_pointee(app)),
            peer: Peer::Unknown,
        }
    }

    /// The same, for requests of one connection: from this address, or from a Unix socket.
    #[must_use]
    pub fn of_peer(&self, address: Option<IpAddr>) -> Self {
        Self {
            app: Arc::clone(&self.app),
            peer: address.map_or(Peer::Unix, Peer::Address),
        }
    }

    /// What requests are answered by now.
    #[must_use]
    pub fn current(&self) -> App {
        App::clone(&self.app.load())
    }

    /// Answers all further requests by `app`.
    pub fn replace(&self, app: App) {
        self.app.store(Arc::new(app));
    }
}

impl<B> Service<Request<B>> for Reloadable {
    type Response = Response<DownloadBody>;
    type Error = Infallible;
    type Future = DownloadFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> DownloadFuture {
        if let Err(error) = host::check(&request) {
            return error.into_response().into();
        }
        self.app.load().respond(request, self.peer)
    }
}
