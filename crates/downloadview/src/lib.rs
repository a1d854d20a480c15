//! File downloads for web applications: the application decides who may have which file under
//! which name; the reverse proxy pushes the bytes; and where no proxy can, the application streams
//! them itself, correctly and fast.
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
//! # Views
//!
//! A [`DownloadView`] finds a file for a request: [`PathView`](view::PathView) on disk,
//! [`StorageView`](view::StorageView) in a storage, [`ObjectView`](view::ObjectView) named by a record
//! of yours (`downloadview-sea-orm` finds them in databases), [`VirtualView`](view::VirtualView) made on
//! the spot. Each is a tower service, complete on its own. Or write a handler, check what must be
//! checked, and return a [`DownloadResponse`].
//!
//! # Files and storages
//!
//! A [`File`] describes itself and opens only when its bytes are wanted. A
//! [`Storage`](storage::Storage) gives files by [`StorageName`](storage::StorageName), which no
//! traversal survives; [`LocalStorage`](storage::LocalStorage) is confined by descriptor.
//!
//! # Responses
//!
//! [`delivery`] does preconditions, single and multiple ranges, HEAD and honest lengths.
//! [`headers`] has the parts: names in `Content-Disposition`, types, ranges, conditions.
//!
//! # Optimizations
//!
//! [`OptimizeLayer`] hands downloads to the proxy in front by [`Rule`]s: files of this machine, and those
//! that another server has, which nginx and Caddy fetch, or the client by a redirect. What became of each, and why,
//! is an [`Outcome`](optimize::Outcome) in the response's extensions.
//!
//! # Testing
//!
//! `testing::conformance` (feature `testing`) checks any file or storage of your own against what this crate
//! expects of one.
//!
//! # Feature flags
//!
//! | feature | default | what |
//! |---|---|---|
//! | `fs` | yes | local files: `PathFile`, `LocalStorage`, `PathView` |
//! | `remote` | no | files of other servers, over HTTP: `fetch::Client`, `HttpStorage`, `HttpFile`, `HttpView` |
//! | `s3` | no | buckets of Amazon S3 and of stores that speak like it: `S3Storage`; with `remote` |
//! | `testing` | no | the conformance suite |
//!
//! # Deliberately absent
//!
//! - A framework, a server, a router: this is `http` and `tower`. `downloadview-axum` has the glue.
//! - Patterns in rules, and any request header that chooses a target: both have been attacks.
//! - Guessing a media type from content, and directory listings: likewise.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod error;

pub mod content;
pub mod headers;

#[cfg(feature = "remote")]
pub mod fetch;

pub mod file;
pub mod storage;

pub mod delivery;
pub mod response;
pub mod view;

pub mod backend;
pub mod optimize;
pub mod rule;

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
