//! One view of the configuration, with the rules for its files, ready to answer.
//! [`mount`] turns a [`ViewConfig`] into a [`Mounted`] when the application is built. A request then goes through four
//! steps, which `explain` calls one by one and [`Mounted::respond`] in a row:
//!
//! 1. [`Mounted::asked`] remembers what the answer depends on: method, conditions, range, the announcing proxy;
//! 2. [`Mounted::permit`] asks whether the request may have an answer of the view, where the configuration says so;
//! 3. [`Mounted::find`] asks the view for the file;
//! 4. [`Mounted::answer`] hands it to a proxy, redirects, or streams it; an error becomes its page.

use std::fmt;
use std::sync::Arc;

use downloadview::content::BoxFuture;
use downloadview::file::VirtualFile;
use downloadview::optimize::{Asked, Front, answer, answer_denied, answer_error};
use downloadview::permission::Caller;
use downloadview::storage::StorageName;
use downloadview::view::{HttpView, ObjectView, PathView, StorageView, VirtualView};
use downloadview::{
    BuildError, DownloadBody, DownloadFuture, DownloadOptions, DownloadResponse, DownloadView,
    Result,
};
use http::request::Parts;
use http::{Request, Response};

use super::authorize::Ask;
use super::caller::{self, Peer};
use super::captured::Captured;
use super::database::Records;
use super::optimizer;
use super::permit::{Permit, Refused, Step, Stopped};
use super::remote;
use super::sources::Sources;
use crate::config::{
    self, Config, HttpViewConfig, StorageFileName, TrustedProxies, ViewConfig, ViewKind,
};

/// A view, and the rules of the proxies that may send its files.
pub struct Mounted {
    view: ViewConfig,
    /// The view's own rules, if it has any, then those of `[optimize]`.
    fronts: Vec<Front>,
    route: Arc<str>,
    parameters: Vec<String>,
    /// Who may; `None` for a view that everybody may ask.
    permit: Option<Permit>,
    /// Whose word on the client counts.
    trusted: TrustedProxies,
    find: Find,
}

/// The view of any kind, as one type. Boxed once for a view, and its future once for a request.
type Find = Box<dyn Fn(Parts) -> BoxFuture<'static, Result<DownloadResponse>> + Send + Sync>;

impl Mounted {
    /// What the file says of this view.
    #[must_use]
    pub fn view(&self) -> &ViewConfig {
        &self.view
    }

    /// The route's parameters that name the file or find its row, in the order in which [`Captured`] has their values.
    #[must_use]
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// Answers a request that carries [`Captured`], and came from `peer`.
    pub fn respond(self: Arc<Self>, mut request: Request<()>, peer: Peer) -> DownloadFuture {
        let asked = self.asked(&mut request);
        let mut request = request.into_parts().0;
        if self.permit.is_some() {
            let caller = self.caller(&asked, &request, peer);
            request.extensions.insert(caller);
            return self.respond_if_permitted(asked, request);
        }
        let found = self.find(request);
        DownloadFuture::new(async move { self.answer(&asked, found.await).await })
    }

    /// Who asks, as the steps are told.
    #[must_use]
    pub fn caller(&self, asked: &Asked, request: &Parts, peer: Peer) -> Caller {
        let proven = self
            .fronts
            .iter()
            .any(|front| front.proven(asked).is_some());
        caller::caller(peer, proven, &self.trusted, &request.headers)
    }

    /// As [`respond`](Self::respond), for a view that is not for everybody.
    fn respond_if_permitted(self: Arc<Self>, asked: Asked, request: Parts) -> DownloadFuture {
        DownloadFuture::new(async move {
            match self.permit(asked, &request).await {
                Ok(asked) => {
                    let found = self.find(request).await;
                    self.answer(&asked, found).await
                }
                Err(refusal) => *refusal,
            }
        })
    }

    /// Whether the request may have an answer of the view: what it asked, with what the permission states about the
    /// answer; or the answer that it gets in place of that.
    ///
    /// # Errors
    ///
    /// The refusal: 405, 400 or 404 for what is wrong with the request itself, else that of the step that refused.
    pub async fn permit(
        &self,
        asked: Asked,
        request: &Parts,
    ) -> Result<Asked, Box<Response<DownloadBody>>> {
        let Some(permit) = &self.permit else {
            return Ok(asked);
        };
        match permit.check(request).await {
            Ok(grant) => Ok(asked.granted(grant)),
            Err(Stopped::Error(error)) => Err(Box::new(answer_error(&asked, error))),
            Err(Stopped::Refused(Refused { denial, answer })) => Err(Box::new(answer_denied(
                &asked,
                denial,
                answer.map(|it| *it),
            ))),
        }
    }

    /// The keys of the configuration that say who may ask this view, in the order in which they are obeyed.
    pub fn steps(&self) -> impl Iterator<Item = &'static str> {
        self.permit.iter().flat_map(Permit::names)
    }

    /// What must be remembered of a request.
    #[must_use]
    pub fn asked(&self, request: &mut Request<()>) -> Asked {
        Asked::of(request).route(Arc::clone(&self.route))
    }

    /// What the view answers before anything is delegated or delivered.
    #[must_use]
    pub fn find(&self, request: Parts) -> BoxFuture<'static, Result<DownloadResponse>> {
        (self.find)(request)
    }

    /// The answer with what the view found.
    pub async fn answer(
        &self,
        asked: &Asked,
        found: Result<DownloadResponse>,
    ) -> Response<DownloadBody> {
        match found {
            Ok(response) => answer(asked, &self.fronts, response).await,
            Err(error) => answer_error(asked, error),
        }
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mounted").field(&self.view).finish()
    }
}

/// How the files of a view are presented.
fn options(config: &Config, view: &ViewConfig) -> DownloadOptions {
    let mut options = DownloadOptions::new().media_types(Arc::clone(&config.media_types));
    if view.disposition == config::Disposition::Inline {
        options = options.inline();
    }
    if let Some(basename) = &view.basename {
        options = options.basename(basename);
    }
    for header in config.headers.iter().chain(&view.headers) {
        options = options.without_header(header.name.clone());
        for value in &header.values {
            options = options.append_header(header.name.clone(), value);
        }
    }
    if let Some(content_type) = &view.content_type {
        options = options.content_type(content_type);
    }
    if let Some(content_encoding) = &view.content_encoding {
        options = options.content_encoding(content_encoding);
    }
    if let Some(cache_control) = &view.cache_control {
        options = options.cache_control(cache_control);
    }
    match view.optimize {
        true => options,
        false => options.without_optimization(),
    }
}

/// Builds the view. `records` are those of an object view, `of_all` the rules of `[optimize]`.
pub(super) fn mount(
    config: &Config,
    view: &ViewConfig,
    records: Option<Records>,
    sources: &mut Sources,
    of_all: &Front,
) -> Result<Mounted> {
    let options = options(config, view);
    let find = match &view.kind {
        ViewKind::PathFile { path } => finding(PathView::new(path).options(options)),
        ViewKind::PathRoot { root, .. } => {
            let within = PathView::within(sources.folder(root)?, captured_name);
            finding(within.options(options))
        }
        ViewKind::Storage { storage, name } => {
            let of_storage = StorageView::new(sources.storage(storage)?);
            let named = match name {
                StorageFileName::Fixed(name) => of_storage.name(name.clone()),
                StorageFileName::Parameter(_) => of_storage.name(captured_name),
            };
            finding(named.options(options))
        }
        ViewKind::Object(object) => {
            let storage = sources.storage(&object.storage)?;
            let records = records.ok_or_else(|| {
                let route = &view.route;
                BuildError::new(format!("route {route}: its database was not opened"))
            })?;
            let of_rows = ObjectView::new(storage, records);
            finding(of_rows.options(options))
        }
        ViewKind::Http(http) => {
            let HttpViewConfig { url, headers, .. } = &**http;
            let origin = sources.origin(&url.origin, &http.settings, headers)?;
            let url = url.clone();
            let of_server = HttpView::new(origin, move |request: &Parts| {
                remote::target(&url, request.extensions.get())
            });
            finding(of_server.options(options))
        }
        ViewKind::Virtual { text } => {
            let (name, text) = (view.basename.clone().unwrap_or_default(), text.clone());
            let made = VirtualView::new(move |_: &Parts| {
                std::future::ready(Ok(VirtualFile::from_text(name.clone(), text.clone())))
            });
            finding(made.options(options))
        }
    };
    let of_view = match &view.rules[..] {
        [] => None,
        rules => Some(optimizer::of_view(config, rules)?),
    };
    Ok(Mounted {
        permit: Permit::new(check_path(&view.kind), steps(view, sources)?),
        trusted: config.trusted_proxies.clone(),
        view: view.clone(),
        fronts: of_view.into_iter().chain([of_all.clone()]).collect(),
        route: view.route.pattern().into(),
        parameters: parameters(&view.kind),
        find,
    })
}

/// Who may, in the order in which they are asked.
fn steps(view: &ViewConfig, sources: &mut Sources) -> Result<Vec<Box<dyn Step>>> {
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    if let Some(authorize) = &view.authorize {
        steps.push(Box::new(Ask::new(
            sources.authorizer(authorize)?,
            &view.route,
        )?));
    }
    Ok(steps)
}

/// What can be wrong with a path of this kind of view, before anybody is asked about it.
fn check_path(kind: &ViewKind) -> fn(&Parts) -> Result<()> {
    match kind {
        ViewKind::PathRoot { .. }
        | ViewKind::Storage {
            name: StorageFileName::Parameter(_),
            ..
        } => |request| captured_name(request).map(drop),
        _ => |_| Ok(()),
    }
}

fn parameters(kind: &ViewKind) -> Vec<String> {
    match kind {
        ViewKind::PathRoot { parameter, .. }
        | ViewKind::Storage {
            name: StorageFileName::Parameter(parameter),
            ..
        } => vec![parameter.clone()],
        ViewKind::Object(object) => vec![object.lookup.name.clone()],
        ViewKind::Http(http) => http.url.parameters().map(str::to_owned).collect(),
        ViewKind::Storage { .. } | ViewKind::PathFile { .. } | ViewKind::Virtual { .. } => {
            Vec::new()
        }
    }
}

fn captured_name(request: &Parts) -> Result<StorageName> {
    let captured = request.extensions.get::<Captured>();
    // Not as a URL's path, which may begin with a slash: `/files//a` would be another spelling of `/files/a`, past the
    // eyes of a proxy that guards a folder of URLs.
    StorageName::from_encoded(captured.map_or("", Captured::first))
}

fn finding<V: DownloadView>(view: V) -> Find {
    let service = view.into_service();
    Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { service.try_call(&request).await })
    })
}
