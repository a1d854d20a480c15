//! Another program says who may have what: the web application with its sessions, or a login
//! server such as oauth2-proxy, Authelia or authentik. What nginx calls `auth_request`, Traefik and
//! Caddy forward auth.
//!
//! Use it if the files are served by another program than the one that knows who may have them. In
//! the same program a handler checks by itself, or
//! [`ObjectView::authorize`](crate::view::ObjectView::authorize) judges the record.
//!
//! ```
//! use downloadview::authorize::{Authorize, Authorizer};
//! use downloadview::fetch::Client;
//! use downloadview::{DownloadView as _, file::VirtualFile, view::VirtualView};
//! use http::request::Parts;
//! use tower::Layer as _;
//!
//! # let hello = || VirtualFile::from_text("a.txt", "Hello!");
//! let view = VirtualView::new(move |_: &Parts| async move { Ok(hello()) });
//! let authorizer = Authorizer::builder(&Client::new()?, "http://127.0.0.1:9000/may").build()?;
//! let service = Authorize::new(authorizer).layer(view.into_service());
//! # let _ = service;
//! # Ok::<(), downloadview::BuildError>(())
//! ```
//!
//! Inside, in the order of a request:
//!
//! 1. `layer`, `service`: 405 first, then the question.
//! 2. `request`: what the authorizer is told, and which of the client's headers go along.
//! 3. `cache`: whether it said so a moment ago.
//! 4. `authorizer`: the exchange, within its deadlines. `builder`: its settings.
//! 5. `verdict`: what the answer means. `login`: where browsers go in place of a 401. `grant`: what
//!    a pass states about the download.

mod authorizer;
mod builder;
mod cache;
mod grant;
mod layer;
mod login;
mod request;
mod service;
mod verdict;

pub use self::authorizer::{Authorizer, Verdict};
pub use self::builder::AuthorizerBuilder;
#[doc(hidden)]
pub use self::builder::why_not_forwarded;
pub use self::layer::Authorize;
#[doc(hidden)]
pub use self::login::check_login;
pub use self::request::AccessRequest;
pub use self::service::{AuthorizeFuture, AuthorizeService};
