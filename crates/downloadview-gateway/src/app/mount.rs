//! One view of the configuration, with its layers, ready to answer.

use std::fmt;
use std::sync::Arc;

use downloadview::content::BoxFuture;
use downloadview::file::VirtualFile;
use downloadview::headers::Disposition;
use downloadview::storage::{LocalStorage, StorageName};
use downloadview::view::{ObjectView, PathView, StorageView, VirtualView};
use downloadview::{DownloadBody, DownloadResponse, DownloadView, Error, OptimizeLayer, Result};
use http::request::Parts;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::database::Records;
use super::optimizer;
use super::storage::Storages;
use crate::config::{self, Config, StorageFileName, ViewConfig, ViewKind};

/// The value of the route's parameter, as it stands in the URL; in the request's extensions.
#[derive(Debug, Clone)]
pub struct Captured(pub String);

/// A view behind its layers.
pub struct Mounted {
    view: ViewConfig,
    respond: Box<dyn Fn(Request<()>) -> BoxFuture<'static, Response<DownloadBody>> + Send + Sync>,
    inspect: Inspect,
}

type Inspect = Box<dyn Fn(Parts) -> BoxFuture<'static, Result<DownloadResponse>> + Send + Sync>;

impl Mounted {
    /// What the file says of this view.
    #[must_use]
    pub fn view(&self) -> &ViewConfig {
        &self.view
    }

    /// The route's parameter that names the file or finds its row, if one does.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        match &self.view.kind {
            ViewKind::PathRoot { parameter, .. }
            | ViewKind::Storage {
                name: StorageFileName::Parameter(parameter),
                ..
            } => Some(parameter),
            ViewKind::Object(object) => Some(&object.lookup.name),
            _ => None,
        }
    }

    /// Answers a request that carries [`Captured`].
    #[must_use]
    pub fn respond(&self, request: Request<()>) -> BoxFuture<'static, Response<DownloadBody>> {
        (self.respond)(request)
    }

    /// What the view answers before anything is delegated or delivered.
    #[must_use]
    pub fn inspect(&self, request: Parts) -> BoxFuture<'static, Result<DownloadResponse>> {
        (self.inspect)(request)
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mounted").field(&self.view).finish()
    }
}

/// The presentation settings, which every kind of view has.
macro_rules! options {
    ($built:expr, $view:expr) => {{
        let (mut built, view) = ($built, $view);
        if view.disposition == config::Disposition::Inline {
            built = built.disposition(Disposition::Inline);
        }
        if let Some(basename) = &view.basename {
            built = built.basename(basename.clone());
        }
        if let Some(content_type) = &view.content_type {
            built = built.content_type(content_type.clone());
        }
        if let Some(content_encoding) = &view.content_encoding {
            built = built.content_encoding(content_encoding.clone());
        }
        if let Some(cache_control) = &view.cache_control {
            built = built.cache_control(cache_control.clone());
        }
        if !view.optimize {
            built = built.without_optimization();
        }
        built
    }};
}
/// Builds the view and puts the layers around it. `records` are those of an object view.
pub(super) fn mount(
    config: &Config,
    view: &ViewConfig,
    records: Option<Records>,
    storages: &Storages,
    of_all: &OptimizeLayer,
) -> Result<Mounted> {
    let layers = Layers::of(config, view, of_all)?;
    Ok(match &view.kind {
        ViewKind::PathFile { path } => layers.around(view, options!(PathView::new(path), view)),
        ViewKind::PathRoot { root, .. } => {
            let within = PathView::within(LocalStorage::new(root)?, captured_name);
            layers.around(view, options!(within, view))
        }
        ViewKind::Storage { storage, name } => {
            let storage = storages.get(storage).ok_or(Error::NotFound)?;
            let of_storage = StorageView::new(Arc::clone(storage));
            let named = match name {
                StorageFileName::Fixed(name) => of_storage.name(StorageName::parse(name)?),
                StorageFileName::Parameter(_) => of_storage.name(captured_name),
            };
            layers.around(view, options!(named, view))
        }
        ViewKind::Object(object) => {
            let storage = storages.get(&object.storage).ok_or(Error::NotFound)?;
            let records = records.ok_or(Error::NotFound)?;
            let of_rows = ObjectView::new(Arc::clone(storage), records);
            layers.around(view, options!(of_rows, view))
        }
        ViewKind::Virtual { text } => {
            let (name, text) = (view.basename.clone().unwrap_or_default(), text.clone());
            let made = VirtualView::new(move |_: &Parts| {
                std::future::ready(Ok(VirtualFile::from_text(name.clone(), text.clone())))
            });
            layers.around(view, options!(made, view))
        }
    })
}

fn captured_name(request: &Parts) -> Result<StorageName> {
    let captured = request.extensions.get::<Captured>();
    // Not as a URL's path, which may begin with a slash: `/files//a` would be another spelling of `/files/a`, past the
    // eyes of a proxy that guards a folder of URLs.
    StorageName::from_encoded(captured.map_or("", |Captured(value)| value))
}

struct Layers {
    of_all: OptimizeLayer,
    of_view: Option<OptimizeLayer>,
}

impl Layers {
    fn of(config: &Config, view: &ViewConfig, of_all: &OptimizeLayer) -> Result<Self> {
        let route: Arc<str> = view.route.pattern().into();
        let named = |layer: OptimizeLayer| {
            let route = Arc::clone(&route);
            layer.route_name(move |_| Some(Arc::clone(&route)))
        };
        let of_view = match &view.rules[..] {
            [] => None,
            rules => Some(named(optimizer::of_view(config, rules)?)),
        };
        Ok(Self {
            of_all: named(of_all.clone()),
            of_view,
        })
    }

    fn around<V: DownloadView>(self, config: &ViewConfig, view: V) -> Mounted {
        let service = view.into_service();
        let inspected = service.clone();
        let respond = match &self.of_view {
            Some(own) => boxed(self.of_all.layer(own.layer(service))),
            None => boxed(self.of_all.layer(service)),
        };
        Mounted {
            view: config.clone(),
            respond,
            inspect: Box::new(move |request| {
                let service = inspected.clone();
                Box::pin(async move { service.try_call(&request).await })
            }),
        }
    }
}

/// A stack of layers as one callable, whatever its type.
fn boxed<S, B>(
    stack: S,
) -> Box<dyn Fn(Request<()>) -> BoxFuture<'static, Response<DownloadBody>> + Send + Sync>
where
    S: Service<Request<()>, Response = Response<B>, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Into<DownloadBody>,
{
    Box::new(move |request| {
        // Every service of the stack is ready at all times.
        let answer = stack.clone().call(request);
        Box::pin(async move {
            match answer.await {
                Ok(response) => response.map(Into::into),
                Err(never) => match never {},
            }
        })
    })
}
