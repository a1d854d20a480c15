//! Files of other servers, over HTTP: one request on the wire for each that is asked, and an answer that is believed
//! only where it fits the request.
//!
//! ```
//! use downloadview::fetch::{Client, RequestTarget};
//! use downloadview::{DownloadResponse, file::HttpFile};
//!
//! // At start-up:
//! let client = Client::new()?;
//! let origin = client.origin("https://files.example").header("x-api-key", "k3y").build()?;
//!
//! // In a handler:
//! let target = RequestTarget::parse("/reports/2026.pdf").expect("a path");
//! let response = DownloadResponse::new(HttpFile::new(origin, target)).inline();
//! # let _ = response;
//! # Ok::<(), downloadview::BuildError>(())
//! ```
//!
//! 1. `target`: what is asked for. `request`: which of the client's headers go along.
//! 2. `resolve`, `guard`, `connect`: a connection to an address that may be talked to.
//! 3. `exchange`: sent, within its time-outs, redirects followed. `answer`: what the answer comes to.
//! 4. `open`: a [`Content`](crate::content::Content) of it. `body`: its bytes, counted and resumed.

mod answer;
mod body;
mod builder;
mod client;
mod connect;
mod exchange;
mod guard;
mod open;
mod origin;
mod request;
mod resolve;
mod target;

use std::sync::Arc;

use http::Method;

pub use self::builder::OriginBuilder;
pub use self::client::{Client, ClientBuilder};
#[cfg(feature = "s3")]
pub(crate) use self::connect::Transport;
#[cfg(feature = "s3")]
pub(crate) use self::guard::Guard;
pub use self::origin::Origin;
pub use self::target::RequestTarget;
use crate::content::BoxFuture;
use crate::error::Result;

/// Finds the target of a file anew for each request: a signature is for one method, and ages.
pub(crate) type Locate =
    Arc<dyn Fn(Method) -> BoxFuture<'static, Result<RequestTarget>> + Send + Sync>;

/// In what an origin's answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Any server of HTTP.
    Http,
    /// An object store: it knows no `If-Range`, has parts of everything, and states codings that its objects have.
    Store,
}

/// A target that stays the same whatever is asked of it.
pub(crate) fn always(target: RequestTarget) -> Locate {
    Arc::new(move |_| Box::pin(std::future::ready(Ok(target.clone()))))
}
