//! Routes that hand off to one kind of proxy whoever asks: without it in front, a client sees the header and no file.
//!
//! | proxy | header for all | through the proxy itself |
//! |---|---|---|
//! | nginx, Caddy | `X-Accel-Redirect: /nginx-modified-headers/…` | the same; its configuration knows the location |
//! | Apache, lighttpd | `X-Sendfile: /apache-modified-headers/…`, a folder of no machine | the folder that is there |

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, get_service};
use downloadview::backend::Backend;
use downloadview::file::StorageFile;
use downloadview::optimize::Announced;
use downloadview::storage::StorageName;
use downloadview::view::StorageView;
use downloadview::{DownloadView, OptimizeLayer, Optimizer, Result, Rule};
use downloadview_axum::{DownloadError, DownloadResponse, optimize};
use tower::layer::util::Stack;

use super::backends::{apache, caddy, lighttpd, nginx};
use super::files::{Files, media};
use super::secrets::Secrets;
use crate::config::Proxy;

/// Three routes for each proxy.
pub(super) fn routes(files: &Files, secrets: &Secrets) -> Result<Router> {
    let folder = || Destination::Folder(files.path("media"));
    let nginx = HandOff {
        backend: nginx(),
        secret: secrets.of(Proxy::Nginx),
        through_proxy: Destination::Location,
    };
    let apache = HandOff {
        backend: apache(),
        secret: secrets.of(Proxy::Apache),
        through_proxy: folder(),
    };
    let lighttpd = HandOff {
        backend: lighttpd(),
        secret: secrets.of(Proxy::Lighttpd),
        through_proxy: folder(),
    };
    let caddy = HandOff {
        backend: caddy(),
        secret: secrets.of(Proxy::Caddy),
        through_proxy: Destination::Location,
    };
    Ok(Router::new()
        .merge(fixed_to(&nginx, files)?)
        .merge(fixed_to(&apache, files)?)
        .merge(fixed_to(&lighttpd, files)?)
        .merge(fixed_to(&caddy, files)?))
}

fn fixed_to<B: Backend + Clone>(hand_off: &HandOff<'_, B>, files: &Files) -> Result<Router> {
    let name = hand_off.backend.name();
    let layer = |action: &str| hand_off.layer(&format!("/{name}-{action}/"));
    let path = |action: &str| format!("/{name}/{action}/");
    let hello = StorageName::parse("hello-world.txt")?;
    let media = media(files)?;
    let view = StorageView::new(media.clone()).name(hello.clone());

    // A layer around a router stands for all its routes...
    let around_all = Router::new()
        .route_service(
            &path("optimized-by-middleware"),
            view.clone().into_service(),
        )
        .layer(layer("optimized-by-middleware")?);

    // ...and one around a route for that route alone, be it a view or a handler.
    let around_view = get_service(view.into_service()).layer(layer("optimized-by-decorator")?);
    let around_handler = get(with_a_header).layer(layer("modified-headers")?);
    Ok(Router::new()
        .route(&path("optimized-by-decorator"), around_view)
        .route(&path("modified_headers"), around_handler)
        .with_state(StorageFile::new(Arc::new(media), hello))
        .merge(around_all))
}

/// A handler: check whatever must be checked, say which file, and add any header.
async fn with_a_header(
    State(file): State<StorageFile>,
) -> Result<impl IntoResponse, DownloadError> {
    Ok(([("X-Test", "header")], DownloadResponse::new(file)))
}

/// How the files of the storage are handed to one kind of proxy.
struct HandOff<'a, B> {
    backend: B,
    secret: &'a str,
    through_proxy: Destination,
}

/// Where a proxy finds the files.
enum Destination {
    /// In the location that the route names: the proxy's configuration maps it.
    Location,
    /// In this folder: nothing maps the one that the route names.
    Folder(PathBuf),
}

impl<B: Backend + Clone> HandOff<'_, B> {
    /// Two layers. The inner one takes what came through the proxy itself and leaves the rest to the outer one, which
    /// hands off whoever asks.
    fn layer(&self, prefix: &str) -> Result<Stack<OptimizeLayer, OptimizeLayer>> {
        let media = || Rule::url("/media/");
        let (for_all, through_proxy) = match &self.through_proxy {
            Destination::Location => (media().to_uri(prefix), media().to_uri(prefix)),
            Destination::Folder(folder) => (media().to_path(prefix), media().to_path(folder)),
        };
        let optimizer = |rule| Optimizer::builder(self.backend.clone()).rule(rule).build();
        let proven =
            Announced::new().proxy(self.backend.name(), self.secret, optimizer(through_proxy)?)?;
        let inner = OptimizeLayer::new(proven);
        Ok(Stack::new(inner, optimize(optimizer(for_all)?)))
    }
}
