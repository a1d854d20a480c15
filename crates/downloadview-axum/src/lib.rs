//! [`downloadview`] in axum: handlers return [`DownloadResponse`], views are routes, and the layer
//! knows axum's route names.
//!
//! | you have | use |
//! |---|---|
//! | a handler that says which file | [`DownloadResponse`] as its result, [`DownloadError`] for its errors |
//! | a view that needs the route's parameters | [`view`], with `route_service` |
//! | any other view | its `into_service`, with `route_service` or `nest_service` |
//! | signed links (feature `signature`) | `require_signature`, as a `layer` around the routes, nested ones too |
//! | rules for a proxy | [`optimize`], as a `layer` around the routes |
//! | compression | [`may_be_compressed`], outside of that layer |
//!
//! ```
//! use axum::Router;
//! use axum::extract::{Path, State};
//! use axum::routing::get;
//! use downloadview::backend::Nginx;
//! use downloadview::file::StorageFile;
//! use downloadview::storage::{LocalStorage, StorageName};
//! use downloadview::{DownloadView, Error, Optimizer, Rule, view::StorageView};
//! use downloadview_axum::{DownloadError, DownloadResponse, optimize};
//! use std::sync::Arc;
//!
//! // A handler: check whatever must be checked, then say which file.
//! async fn invoice(
//!     State(media): State<Arc<LocalStorage>>,
//!     Path(number): Path<u32>,
//! ) -> Result<DownloadResponse, DownloadError> {
//!     if number == 13 {
//!         return Err(Error::Forbidden.into());
//!     }
//!     let name = StorageName::parse(format!("invoices/{number}.pdf"))?;
//!     Ok(DownloadResponse::new(StorageFile::new(media, name)).inline())
//! }
//!
//! # fn main() -> downloadview::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let root = dir.path();
//! let media = LocalStorage::new(root)?.base_url("/media/")?;
//! let optimizer = Optimizer::builder(Nginx::new())
//!     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/invoices/{number}", get(invoice))
//!     .nest_service("/files", StorageView::new(media.clone()).into_service())
//!     .with_state(Arc::new(media))
//!     .layer(optimize(optimizer)); // nearest the views; compression goes outside
//! # Ok(())
//! # }
//! ```

mod view;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::{IntoResponse, Response};
use downloadview::optimize::Front;
use downloadview::{DownloadOptions, File, OptimizeLayer};

pub use self::view::{ViewService, view};
pub use downloadview::delivery::may_be_compressed;

/// [`downloadview::DownloadResponse`] as axum's handlers return it, with the same methods.
///
/// Without [`optimize`] around the route it is a plain 200: no ranges, no conditions.
///
/// ```
/// use downloadview::file::VirtualFile;
/// use downloadview_axum::DownloadResponse;
///
/// async fn export() -> DownloadResponse {
///     let csv = VirtualFile::from_text("export.csv", "id;name\n1;Ada\n");
///     DownloadResponse::new(csv).cache_control("no-store")
/// }
/// # let _ = export;
/// ```
#[derive(Debug)]
pub struct DownloadResponse(downloadview::DownloadResponse);

impl DownloadResponse {
    /// The file as an attachment under its own name. The file is neither looked at nor opened.
    #[must_use]
    pub fn new(file: impl File) -> Self {
        Self(downloadview::DownloadResponse::new(file))
    }

    /// Adds what `options` state. Where something was stated before, `options` replace it.
    #[must_use]
    pub fn options(self, options: DownloadOptions) -> Self {
        Self(self.0.options(options))
    }

    downloadview::__option_setters!();

    fn options_mut(&mut self) -> &mut DownloadOptions {
        self.0.options_mut()
    }
}

impl From<downloadview::DownloadResponse> for DownloadResponse {
    fn from(response: downloadview::DownloadResponse) -> Self {
        Self(response)
    }
}

impl IntoResponse for DownloadResponse {
    fn into_response(self) -> Response {
        self.0.into_http().map(Body::new)
    }
}

/// [`downloadview::Error`] as the answer of a handler: 400, 403, 404, 502, 503 or 504 with a short
/// text. 500 is logged and not described to the client.
///
/// `?` turns an [`Error`](downloadview::Error) into it; an error of your own first becomes
/// [`Error::other`](downloadview::Error::other).
///
/// ```
/// use downloadview::{Error, file::VirtualFile};
/// use downloadview_axum::{DownloadError, DownloadResponse};
///
/// async fn secret() -> Result<DownloadResponse, DownloadError> {
///     Err(Error::Forbidden)?;
///     Ok(DownloadResponse::new(VirtualFile::from_text("secret.txt", "…")))
/// }
/// # let _ = secret;
/// ```
#[derive(Debug)]
pub struct DownloadError(downloadview::Error);

impl From<downloadview::Error> for DownloadError {
    fn from(error: downloadview::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for DownloadError {
    fn into_response(self) -> Response {
        self.0.into_response().map(Body::new)
    }
}

/// An [`OptimizeLayer`] that tells routes apart by axum's [`MatchedPath`], for warnings that are
/// given once for each route.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use downloadview::{Optimizer, file::VirtualFile};
/// use downloadview_axum::{DownloadResponse, optimize};
///
/// async fn hello() -> DownloadResponse {
///     DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello!\n"))
/// }
/// let app: Router = Router::new()
///     .route("/hello", get(hello))
///     .layer(optimize(Optimizer::none())); // no proxy, but ranges and conditions
/// # let _ = app;
/// ```
pub fn optimize(front: impl Into<Front>) -> OptimizeLayer {
    OptimizeLayer::new(front).route_name(|extensions| {
        let matched = extensions.get::<MatchedPath>()?;
        Some(matched.as_str().into())
    })
}

/// A [`RequireSignature`](downloadview::signature::RequireSignature) layer that knows what the
/// client asked for, also where axum's `nest` took a prefix off the URI.
///
/// ```
/// use axum::Router;
/// use downloadview::signature::{Key, Keys, Verifier};
/// use downloadview::storage::MemoryStorage;
/// use downloadview::{DownloadView as _, view::StorageView};
/// use downloadview_axum::require_signature;
///
/// let key = Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?;
/// let signed = require_signature(Verifier::new(Keys::new(key)));
/// let files = StorageView::new(MemoryStorage::new()).into_service();
/// let files: Router = Router::new().fallback_service(files).layer(signed);
/// let app: Router = Router::new().nest("/files", files); // links to /files/…
/// # let _ = app;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[cfg(feature = "signature")]
pub fn require_signature(
    verifier: downloadview::signature::Verifier,
) -> downloadview::signature::RequireSignature {
    downloadview::signature::RequireSignature::new(verifier).public_uri(|extensions| {
        let original = extensions.get::<axum::extract::OriginalUri>()?;
        Some(original.0.clone())
    })
}

/// The example of the project's first page, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
