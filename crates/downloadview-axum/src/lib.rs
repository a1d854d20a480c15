//! [`downloadview`] in axum: handlers return [`DownloadResponse`], views are routes, and the layer
//! knows axum's route names.
//!
//! | you have | use |
//! |---|---|
//! | a handler that says which file | [`DownloadResponse`] as its result, [`DownloadError`] for its errors |
//! | a view | [`view`], with `route_service` or `nest_service` |
//! | signed links (feature `signature`) | `require_signature`, as a `layer` around the routes, nested ones too |
//! | another program that says who may (feature `authorize`) | `authorize`, likewise |
//! | rules for a proxy | [`optimize`], as a `layer` around the routes |
//! | compression | [`may_be_compressed`], outside of that layer |
//! | guarded routes beside open ones | [`normalize_escapes`], around the whole router |
//!
//! ```
//! use axum::Router;
//! use axum::extract::{Path, State};
//! use axum::routing::get;
//! use downloadview::backend::Nginx;
//! use downloadview::file::StorageFile;
//! use downloadview::storage::{LocalStorage, StorageName};
//! use downloadview::{Error, Optimizer, Rule, view::StorageView};
//! use downloadview_axum::{DownloadError, DownloadResponse, optimize, view};
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
//!     .nest_service("/files", view(StorageView::new(media.clone())))
//!     .with_state(Arc::new(media))
//!     .layer(optimize(optimizer)); // nearest the views; compression goes outside
//! # Ok(())
//! # }
//! ```

mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::Extensions;
#[cfg(any(feature = "authorize", feature = "signature"))]
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use downloadview::optimize::Front;
use downloadview::view::NormalizeEscapes;
use downloadview::{DownloadOptions, File, OptimizeLayer};
use tower_layer::Layer as _;

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
    OptimizeLayer::new(front).route_name(route_name)
}

/// The router, behind one that gives each path its one spelling before a route is chosen:
/// [`NormalizeEscapes`]. `Router::layer` would come too late
/// for that.
///
/// Use it where a part of what one route serves is guarded by another: `/files/%70rivate/a` then
/// leads where `/files/private/a` does. Without it such a path is 400 in the views of this crate,
/// and leads past the guarded route to a handler of your own.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
///
/// async fn everybody() {}
/// async fn those_who_may() {}
/// let app = Router::new()
///     .route("/files/{*path}", get(everybody))
///     .route("/files/private/{*path}", get(those_who_may));
/// let app: Router = downloadview_axum::normalize_escapes(app);
/// # let _ = app;
/// ```
pub fn normalize_escapes(router: Router) -> Router {
    Router::new().fallback_service(NormalizeEscapes::new().layer(router))
}

/// A [`RequireSignature`](downloadview::signature::RequireSignature) layer that knows what the
/// client asked for, also where axum's `nest` took a prefix off the URI.
///
/// ```
/// use axum::Router;
/// use downloadview::signature::{Key, Keys, Verifier};
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::StorageView;
/// use downloadview_axum::{require_signature, view};
///
/// let key = Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?;
/// let signed = require_signature(Verifier::new(Keys::new(key)));
/// let files = view(StorageView::new(MemoryStorage::new()));
/// let files: Router = Router::new().fallback_service(files).layer(signed);
/// let app: Router = Router::new().nest("/files", files); // links to /files/…
/// # let _ = app;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[cfg(feature = "signature")]
pub fn require_signature(
    verifier: downloadview::signature::Verifier,
) -> downloadview::signature::RequireSignature {
    downloadview::signature::RequireSignature::new(verifier).public_uri(original_uri)
}

/// An [`Authorize`](downloadview::authorize::Authorize) layer that tells the authorizer what the
/// client asked for, also where axum's `nest` took a prefix off the URI, and axum's route and its
/// parameters.
///
/// Put it around routes, by `route_layer` or `layer`. Around a service that is nested, axum has
/// neither a route nor parameters to tell.
///
/// ```
/// use axum::Router;
/// use downloadview::authorize::Authorizer;
/// use downloadview::fetch::Client;
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::StorageView;
/// use downloadview_axum::{authorize, view};
///
/// let authorizer = Authorizer::builder(&Client::new()?, "http://127.0.0.1:9000/may").build()?;
/// let files = Router::new()
///     .route_service("/{*path}", view(StorageView::new(MemoryStorage::new())))
///     .layer(authorize(authorizer));
/// let app: Router = Router::new().nest("/files", files); // it is told /files/…
/// # let _ = app;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[cfg(feature = "authorize")]
pub fn authorize(
    authorizer: downloadview::authorize::Authorizer,
) -> downloadview::authorize::Authorize {
    downloadview::authorize::Authorize::new(authorizer)
        .public_uri(original_uri)
        .route_name(route_name)
        .prepare(view::prepare)
}

/// The URI before `nest` took a prefix off.
#[cfg(any(feature = "authorize", feature = "signature"))]
fn original_uri(extensions: &Extensions) -> Option<Uri> {
    let original = extensions.get::<axum::extract::OriginalUri>()?;
    Some(original.0.clone())
}

fn route_name(extensions: &Extensions) -> Option<Arc<str>> {
    let matched = extensions.get::<MatchedPath>()?;
    Some(matched.as_str().into())
}

/// The example of the project's first page, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
