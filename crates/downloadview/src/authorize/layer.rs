//! [`Authorize`]: the layer.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, Uri};
use tower_layer::Layer;

use super::service::Setting;
use super::{AuthorizeService, Authorizer};
use crate::error::BuildError;
use crate::permission::PublicUri;
use crate::storage::StorageName;

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
#[derive(Clone)]
pub struct Authorize {
    setting: Arc<Setting>,
}

impl Authorize {
    /// A layer that asks this authorizer.
    #[must_use]
    pub fn new(authorizer: Authorizer) -> Self {
        let setting = Setting {
            authorizer,
            public_uri: PublicUri::default(),
            prefix: String::new(),
            route: None,
            prepare: None,
        };
        Self::with(setting)
    }

    /// Where the URI stands that the client asked for, if a router takes a prefix off that of the
    /// request: the authorizer is told its path. Default: the URI of the request, or its
    /// [`AskedUri`](crate::permission::AskedUri). `downloadview-axum` has this closure for axum.
    #[must_use]
    pub fn public_uri(
        self,
        find: impl Fn(&Extensions) -> Option<Uri> + Send + Sync + 'static,
    ) -> Self {
        let mut setting = self.into_setting();
        setting.public_uri = PublicUri::kept_by(find);
        Self::with(setting)
    }

    /// What a proxy in front takes off the path: the authorizer is told the path with it. Default:
    /// nothing.
    ///
    /// # Errors
    ///
    /// It does not begin with a slash, ends in one, or has another spelling.
    ///
    /// ```
    /// # use downloadview::authorize::{Authorize, Authorizer};
    /// # use downloadview::fetch::Client;
    /// # let client = Client::new()?;
    /// # let authorizer = Authorizer::builder(&client, "http://127.0.0.1:9000/may").build()?;
    /// let authorize = Authorize::new(authorizer).prefix("/files")?;
    /// assert!(authorize.prefix("/files/").is_err());
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn prefix(self, prefix: impl Into<String>) -> Result<Self, BuildError> {
        let prefix = prefix.into();
        let named = prefix.strip_prefix('/').map(StorageName::from_encoded);
        let name = named.and_then(Result::ok);
        if name.is_none_or(|name| format!("/{}", name.to_url_path()) != prefix) {
            return Err(BuildError::new(format!(
                "authorize: the prefix {prefix:?} is not a path as `/files`: with a slash in front, \
                 none at the end, and percent-encoded"
            )));
        }
        let mut setting = self.into_setting();
        setting.prefix = prefix;
        Ok(Self::with(setting))
    }

    /// Where the router keeps the route that matched: the authorizer is told it as
    /// `X-Download-Route`. Default: it is told none.
    #[must_use]
    pub fn route_name(
        self,
        find: impl Fn(&Extensions) -> Option<Arc<str>> + Send + Sync + 'static,
    ) -> Self {
        let mut setting = self.into_setting();
        setting.route = Some(Arc::new(find));
        Self::with(setting)
    }

    /// Called with each request before the authorizer is asked: to put
    /// [`RouteParameters`](crate::view::RouteParameters), which the authorizer is told as
    /// `X-Download-Params`, or a [`Caller`](crate::permission::Caller) into its extensions. Default:
    /// those that are there.
    #[must_use]
    pub fn prepare(self, prepare: impl Fn(&mut Parts) + Send + Sync + 'static) -> Self {
        let mut setting = self.into_setting();
        setting.prepare = Some(Arc::new(prepare));
        Self::with(setting)
    }

    fn with(setting: Setting) -> Self {
        let setting = Arc::new(setting);
        Self { setting }
    }

    fn into_setting(self) -> Setting {
        Arc::unwrap_or_clone(self.setting)
    }
}

impl<S> Layer<S> for Authorize {
    type Service = AuthorizeService<S>;

    fn layer(&self, inner: S) -> AuthorizeService<S> {
        AuthorizeService::new(inner, Arc::clone(&self.setting))
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorize").field(&self.setting).finish()
    }
}
