//! File downloads for web applications. The application decides who may have which file under which
//! name; the reverse proxy sends the bytes. Where no proxy can, the application streams them
//! itself, with ranges, conditions and exact lengths.
//!
//! ```text
//! request ─▶ view ─▶ file ─▶ DownloadResponse ─▶ optimize ( rule ─▶ backend ) ─▶ proxied ─▶ proxy
//!              │      ▲                             │ no rule matches
//!              └▶ storage                           └─▶ delivery streams the file
//! ```
//!
//! ```
//! # fn main() -> downloadview::Result<()> {
//! # #[cfg(feature = "fs")] {
//! # let dir = tempfile::tempdir().unwrap();
//! # let folder = dir.path();
//! use downloadview::backend::{Buffering, Nginx};
//! use downloadview::{DownloadView, OptimizeLayer, Optimizer, Rule};
//! use downloadview::{storage::LocalStorage, view::StorageView};
//!
//! let reports = StorageView::new(LocalStorage::new(folder)?.base_url("/media/")?);
//! let optimizer = Optimizer::builder(Nginx::new().buffering(Buffering::Off))
//!     .rule(Rule::url("/media/").to_uri("/protected/"))
//!     .build()?;
//!
//! let service = reports.into_service();        // Router::new().nest_service("/reports", service)
//! let layer = OptimizeLayer::new(optimizer);   //     .layer(layer), nearest the views
//! # let _ = (service, layer);
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Where to start
//!
//! - **A handler of your own**: check what must be checked, return a [`DownloadResponse`], and put
//!   an [`OptimizeLayer`] around the routes.
//! - **A view**: mount one of those below as a tower service. It needs no handler and no layer.
//! - **A server without tower**: call [`optimize::answer`](optimize::answer()), or
//!   [`delivery::deliver`] if there is no proxy.
//!
//! # Views
//!
//! A [`DownloadView`] finds a file for a request: [`PathView`](view::PathView) on disk,
//! [`StorageView`](view::StorageView) in a storage, [`ObjectView`](view::ObjectView) named by a
//! record of yours (`downloadview-sea-orm` finds records in databases), `HttpView` on another
//! server, [`VirtualView`](view::VirtualView) made for the request. Each is a tower service that is
//! complete alone.
//!
//! # Files and storages
//!
//! A [`File`] describes itself, and is opened only when its bytes are needed. A
//! [`Storage`](storage::Storage) gives files by [`StorageName`](storage::StorageName), in which no
//! `..` survives; [`LocalStorage`](storage::LocalStorage) never opens a file outside of its folder.
//!
//! # Responses
//!
//! [`delivery`] does preconditions, single and multiple ranges, HEAD and exact lengths. [`headers`]
//! has the parts: names in `Content-Disposition`, types, ranges, conditions.
//!
//! # Permission
//!
//! A [`Grant`](permission::Grant) is what a permission states about the answer, and a
//! [`Denial`](permission::Denial) is why there is none. `signature` (feature `signature`) makes and
//! checks links that are the permission themselves.
//!
//! # Optimizations
//!
//! [`OptimizeLayer`] hands downloads to the proxy in front by [`Rule`]s: files of this machine, and
//! files of another server, which nginx and Caddy fetch themselves or the client fetches after a
//! redirect. What happened to each download, and why, is an [`Outcome`](optimize::Outcome) in the
//! response's extensions.
//!
//! # Testing
//!
//! `testing::conformance` (feature `testing`) checks any file or storage of your own against what
//! this crate expects of one.
//!
//! # Feature flags
//!
//! | feature | default | what |
//! |---|---|---|
//! | `fs` | yes | local files: `PathFile`, `LocalStorage`, `PathView` |
//! | `remote` | no | files of other servers: `fetch::Client`, `HttpStorage`, `HttpFile`, `HttpView` |
//! | `authorize` | no | another program's word on who may have what: `Authorizer`, `Authorize`; with `remote` |
//! | `azure` | no | containers of Azure's Blob Storage: `AzureStorage`; with `remote` |
//! | `gcs` | no | buckets of Google Cloud Storage: `GcsStorage`; with `remote` |
//! | `s3` | no | buckets of Amazon S3 and of stores that speak like it: `S3Storage`; with `remote` |
//! | `signature` | no | signed links: `Signer`, `Verifier`, `RequireSignature`, `SignedStorage` |
//! | `testing` | no | the conformance suite |
//!
//! # Deliberately absent
//!
//! - A framework, a server, a router: this is `http` and `tower`. `downloadview-axum` connects it
//!   to axum.
//! - Patterns in rules, and request headers that choose a target: both have been used for attacks.
//! - Guessing a media type from the content, and directory listings: likewise.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod error;
#[doc(hidden)]
pub mod said;

pub mod content;
pub mod headers;

#[cfg(feature = "remote")]
pub mod fetch;

pub mod file;
pub mod storage;

pub mod delivery;
pub mod permission;
pub mod response;
pub mod view;

pub mod backend;
pub mod optimize;
pub mod rule;
#[cfg(all(feature = "fs", unix))]
pub mod spool;

#[cfg(feature = "authorize")]
pub mod authorize;

#[cfg(feature = "signature")]
pub mod signature;

#[cfg(feature = "testing")]
pub mod testing;

pub use self::error::{BuildError, Error, ParseError, Result, UpstreamFault};
pub use self::file::File;
pub use self::optimize::{OptimizeLayer, Optimizer};
pub use self::response::{
    Download, DownloadBody, DownloadFuture, DownloadOptions, DownloadResponse, Refusal,
};
pub use self::rule::Rule;
pub use self::view::DownloadView;
