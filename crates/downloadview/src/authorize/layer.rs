//! [`Authorize`]: the layer.

use tower_layer::Layer;

use super::{AuthorizeService, Authorizer};

/// A layer that asks an [`Authorizer`] before each request, and lets only those pass that may. Put
/// it around one view, or around a router of them; inside or outside of an
/// [`OptimizeLayer`](crate::OptimizeLayer).
///
/// Methods other than GET and HEAD are 405 without a question. A path that could mean two files
/// (`..`, an encoded slash) is 400. What a pass states about the download reaches it as a
/// [`Grant`](crate::permission::Grant).
///
/// The address, scheme and host of the client are those of the
/// [`Caller`](crate::permission::Caller) in the request's extensions.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use downloadview::authorize::{Authorize, Authorizer};
/// use downloadview::fetch::Client;
/// use downloadview::{DownloadView as _, file::VirtualFile, view::VirtualView};
/// use http::{Request, request::Parts};
/// use tower::{Layer as _, ServiceExt as _};
///
/// let secret = || VirtualFile::from_text("secret.txt", "s3cr3t");
/// let view = VirtualView::new(move |_: &Parts| async move { Ok(secret()) });
/// // Nobody listens there, and nobody passes.
/// let authorizer = Authorizer::builder(&Client::new()?, "http://127.0.0.1:1/may").build()?;
/// let service = Authorize::new(authorizer).layer(view.into_service());
///
/// let request = Request::get("/secret").body(()).unwrap();
/// assert_eq!(service.oneshot(request).await.unwrap().status(), 503);
/// # Ok::<(), downloadview::BuildError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Authorize {
    authorizer: Authorizer,
}

impl Authorize {
    /// A layer that asks this authorizer.
    #[must_use]
    pub fn new(authorizer: Authorizer) -> Self {
        Self { authorizer }
    }
}

impl<S> Layer<S> for Authorize {
    type Service = AuthorizeService<S>;

    fn layer(&self, inner: S) -> AuthorizeService<S> {
        AuthorizeService::new(inner, self.authorizer.clone())
    }
}
