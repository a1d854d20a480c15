//! Files of other servers, over HTTP. One request of a client becomes one request to the other
//! server, and an answer is used only if it fits that request.
//!
//! Use it for files that the application may fetch but clients must not: behind a key, in a private
//! network, in a store. Build one [`Client`] for the program and one [`Origin`] for each server, at
//! start-up. For a fixed path or a whole folder there are [`HttpFile`](crate::file::HttpFile),
//! [`HttpStorage`](crate::storage::HttpStorage) and [`HttpView`](crate::view::HttpView).
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
//! Inside, in the order of a request:
//!
//! 1. `target`: what is asked for. `request`: which of the client's headers go along.
//! 2. `resolve`, `guard`, `connect`: a connection to an address that is allowed.
//! 3. `exchange`: the request is sent within its time-outs, and redirects are followed. `answer`:
//!    whether the answer fits. `missing_bucket`: what a 404 of a store means.
//! 4. `open`: a [`Content`](crate::content::Content) of it. `body`: its bytes, counted, and resumed
//!    if the connection ends.

mod answer;
mod body;
mod builder;
mod client;
mod connect;
mod exchange;
mod guard;
mod missing_bucket;
mod open;
mod origin;
mod request;
mod resolve;
mod target;

use std::sync::Arc;

use http::Method;

pub use self::builder::OriginBuilder;
pub use self::client::{Client, ClientBuilder};
#[cfg(any(feature = "s3", feature = "gcs", feature = "authorize"))]
pub(crate) use self::connect::Transport;
#[cfg(feature = "authorize")]
pub(crate) use self::connect::Way;
#[cfg(feature = "authorize")]
pub(crate) use self::exchange::{Unsent, send};
#[cfg(any(feature = "s3", feature = "gcs"))]
pub(crate) use self::guard::Guard;
pub use self::origin::Origin;
pub use self::target::RequestTarget;
use crate::content::BoxFuture;
use crate::error::Result;

/// Finds the target of a file anew for each request: a signature is valid for one method and for a
/// short time.
pub(crate) type Locate =
    Arc<dyn Fn(Method) -> BoxFuture<'static, Result<RequestTarget>> + Send + Sync>;

/// In what the answers of servers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Any HTTP server.
    Http,
    /// An object store. It does not know `If-Range`, can send a part of every object, and states
    /// the coding that an object was stored with.
    Store,
}

/// A target that stays the same for every request.
pub(crate) fn always(target: RequestTarget) -> Locate {
    Arc::new(move |_| Box::pin(std::future::ready(Ok(target.clone()))))
}
