//! Turns a checked configuration into the service that answers requests.
//!
//! ```text
//! request ─▶ router ─▶ who may ─▶ view ─▶ optimize::answer with the view's rules, then those of [optimize]
//! ```
//!
//! With announced proxies, the view's rules and those of `[optimize]` each know every proxy and its secret.

mod authorize;
mod caller;
#[cfg(any(feature = "azure", feature = "gcs"))]
mod cloud;
mod database;
mod host;
mod kept;
mod mount;
mod optimizer;
mod parameters;
mod permit;
mod reloadable;
mod remote;
mod routes;
mod signed;
mod sources;
mod spool;
mod witnessed;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use downloadview::spool::{Counters, Spool};
use downloadview::{DownloadBody, DownloadFuture, Error, Result};
use http::request::Parts;
use http::{Request, Response};
use tower_service::Service;

pub use self::caller::Peer;
pub use self::mount::Mounted;
pub use self::reloadable::Reloadable;
pub use self::routes::Routes;
use self::sources::Sources;
pub use self::spool::survey;
use crate::config::Config;
use crate::witness::{Key, Witness, is_checked};

/// The gateway as a tower service. Cloning shares everything.
/// A path without a view is answered 404. It never fails and is always ready; it does not check the request's `Host`,
/// which [`Reloadable`] does for `serve`.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    peer: Peer,
}

/// What one configuration was made into.
struct Shared {
    routes: Routes<Arc<Mounted>>,
    sources: Sources,
    spool: Option<Spool>,
    witness: Witness,
}

/// Builds storages, databases, optimizers and views.
///
/// A database that is down is waited for while requests for its views are answered 503; it must be used in a Tokio
/// runtime with time and I/O.
///
/// # Errors
///
/// What the check of the file could not see: a folder that vanished since, a rule that its backend refuses; and, as a
/// [`ConfigError`](crate::config::ConfigError), tables and columns that a database does not have.
pub async fn build(config: &Config) -> anyhow::Result<App> {
    let witness = Witness::new(Key::new(config.digest()));
    build_with(config, Sources::default(), witness).await
}

/// 1. open all storages, so that one which no view names is checked too;
/// 2. open the spool, and build the rules of `[optimize]`, which all views share;
/// 3. connect to the databases and check their schemas;
/// 4. mount each view under its route;
/// 5. let go of what an earlier configuration had and this one does not name.
async fn build_with(
    config: &Config,
    mut sources: Sources,
    witness: Witness,
) -> anyhow::Result<App> {
    sources.open_all(config)?;
    let spool = sources.spool(config)?;
    let of_all = optimizer::of_config(config, spool.as_ref())?;
    let records = database::records(config).await?;
    let mut routes = Routes::default();
    for (view, records) in config.views.iter().zip(records) {
        let mounted = mount::mount(config, view, records, &mut sources, &of_all)?;
        routes.insert(&view.route, Arc::new(mounted))?;
    }
    let shared = Shared {
        routes,
        sources: sources.settled(),
        spool,
        witness,
    };
    Ok(App {
        shared: Arc::new(shared),
        peer: Peer::Unknown,
    })
}

impl App {
    /// As [`build`], with the folders and the HTTP client of this one where both have them.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn rebuild(&self, config: &Config) -> anyhow::Result<Self> {
        let witness = &self.shared.witness;
        let witness = witness.succeeded_by(Key::new(config.digest()));
        build_with(config, Sources::after(&self.shared.sources), witness).await
    }

    /// What the spool has done since it was opened, if there is one.
    #[must_use]
    pub fn spool_counters(&self) -> Option<Counters> {
        self.shared.spool.as_ref().map(Spool::counters)
    }

    /// For requests of this other side, whose word may count. Default: unknown, so that nobody's does.
    #[must_use]
    pub fn of_peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// The view that a path leads to; `None` if there is none, which is a 404.
    #[must_use]
    pub fn route(&self, path: &str) -> Option<&Arc<Mounted>> {
        self.shared.routes.find(path)
    }
}

impl<B> Service<Request<B>> for App {
    type Response = Response<DownloadBody>;
    type Error = Infallible;
    type Future = DownloadFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> DownloadFuture {
        self.respond(request, self.peer)
    }
}

impl App {
    /// Answers a request of this other side.
    fn respond<B>(&self, request: Request<B>, peer: Peer) -> DownloadFuture {
        match is_checked(&request) {
            true => witnessed::answer(self, request.map(drop), peer),
            false => self.answer(&mut request.into_parts().0, peer),
        }
    }

    /// The request is taken only for an answer that has to wait: it is large, and moving it costs time.
    fn answer(&self, request: &mut Parts, peer: Peer) -> DownloadFuture {
        match self.route(request.uri.path()) {
            Some(mounted) => mounted.respond(request, peer),
            None => Error::NotFound.into_response().into(),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
