//! What `serve` serves: an [`App`] that can be replaced while it answers.
//! The lock is held only to clone or to replace the [`App`], whose clones share everything; never while a request is
//! answered.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{App, Peer, host};
use downloadview::{DownloadBody, DownloadFuture};

/// The gateway as a service whose configuration can be read anew. Requests that came before go on with what there was.
#[derive(Debug, Clone)]
pub struct Reloadable {
    app: Arc<RwLock<App>>,
    peer: Peer,
}

impl Reloadable {
    /// Answers by `app` until it is replaced.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self {
            app: Arc::new(RwLock::new(app)),
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
        let app = self.app.read().unwrap_or_else(PoisonError::into_inner);
        app.clone()
    }

    /// Answers all further requests by `app`.
    pub fn replace(&self, app: App) {
        let before = std::mem::replace(
            &mut *self.app.write().unwrap_or_else(PoisonError::into_inner),
            app,
        );
        // Outside the lock: it may be the last to hold a database.
        drop(before);
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
        self.current().of_peer(self.peer).call(request)
    }
}
