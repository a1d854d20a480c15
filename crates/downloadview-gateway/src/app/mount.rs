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

use downloadview::content::{BoxFuture, CacheKey};
use downloadview::file::VirtualFile;
use downloadview::optimize::{
    Asked, Front, answer_denied, answer_error, answer_now, answer_now_in,
};
use downloadview::permission::Caller;
use downloadview::response::Spooling;
use downloadview::view::{
    DownloadService, HttpView, ObjectView, PathView, StorageView, VirtualView,
};
use downloadview::{
    BuildError, DownloadBody, DownloadFuture, DownloadOptions, DownloadResponse, DownloadView,
    Result,
};
use http::request::Parts;
use http::{Request, Response};

use super::authorize::Ask;
use super::caller::{self, Peer};
use super::database::Records;
use super::optimizer;
use super::parameters::Parameters;
use super::permit::{Permit, Refused, Step, Stopped};
use super::remote;
use super::signed::Signed;
use super::sources::Sources;
use crate::config::{
    self, Config, HttpViewConfig, StorageFileName, TrustedProxies, ViewConfig, ViewKind, ViewSpool,
};

/// A view, and the rules of the proxies that may send its files.
pub struct Mounted {
    view: ViewConfig,
    /// The view's own rules, if it has any, then those of `[optimize]`.
    fronts: Vec<Front>,
    route: Arc<str>,
    /// Who may; `None` for a view that everybody may ask.
    permit: Option<Permit>,
    /// Whose word on the client counts.
    trusted: TrustedProxies,
    find: Box<dyn Find>,
}

/// The service of a view of any kind.
trait Find: Send + Sync {
    /// Its response before anything is delivered.
    fn find<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<DownloadResponse>>;

    /// The same, if nothing has to be waited for.
    fn find_now(&self, request: &Parts) -> Option<Result<DownloadResponse>>;
}

impl<V: DownloadView> Find for DownloadService<V> {
    fn find<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<DownloadResponse>> {
        Box::pin(self.try_call(request))
    }

    fn find_now(&self, request: &Parts) -> Option<Result<DownloadResponse>> {
        self.try_call_now(request)
    }
}

impl Mounted {
    /// What the file says of this view.
    #[must_use]
    pub fn view(&self) -> &ViewConfig {
        &self.view
    }

    /// Answers a request whose path led here, and that came from `peer`.
    /// The request is taken if the answer has to wait, and else of no use afterwards.
    pub fn respond(self: &Arc<Self>, request: &mut Parts, peer: Peer) -> DownloadFuture {
        let asked = self.asked(request).outcome_if_read(&request.extensions);
        let asked = match &self.permit {
            None => asked,
            Some(permit) => {
                let who = || self.caller(&asked, request, peer);
                let Some(checked) = permit.check_now(request, &who) else {
                    let caller = who();
                    request.extensions.insert(caller);
                    return Arc::clone(self).respond_if_permitted(asked, taken(request));
                };
                match checked {
                    Ok(grant) => asked.granted(grant),
                    Err(stopped) => return refusal(&asked, stopped).into(),
                }
            }
        };
        // Most answers wait for nothing, and need no future.
        let Some(found) = self.find.find_now(request) else {
            let (mounted, request) = (Arc::clone(self), taken(request));
            return DownloadFuture::new(async move {
                let found = mounted.find(&request).await;
                mounted.answer(&asked, found).await
            });
        };
        match answer_now_in(&asked, &self.fronts, found, &mut request.headers) {
            Ok(response) => response.into(),
            Err(unanswered) => {
                let mounted = Arc::clone(self);
                DownloadFuture::new(async move { unanswered.answer(&asked, &mounted.fronts).await })
            }
        }
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
                    let found = self.find(&request).await;
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
            Err(stopped) => Err(Box::new(refusal(&asked, stopped))),
        }
    }

    /// The keys of the configuration that say who may ask this view, in the order in which they are obeyed.
    pub fn steps(&self) -> impl Iterator<Item = &'static str> {
        self.permit.iter().flat_map(Permit::names)
    }

    /// What must be remembered of a request.
    #[must_use]
    pub fn asked(&self, request: &mut Parts) -> Asked {
        Asked::of_head(request).route(Arc::clone(&self.route))
    }

    /// What the view answers before anything is delegated or delivered.
    #[must_use]
    pub fn find<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<DownloadResponse>> {
        self.find.find(request)
    }

    /// The answer with what the view found.
    pub async fn answer(
        &self,
        asked: &Asked,
        found: Result<DownloadResponse>,
    ) -> Response<DownloadBody> {
        match answer_now(asked, &self.fronts, found) {
            Ok(response) => response,
            Err(unanswered) => unanswered.answer(asked, &self.fronts).await,
        }
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mounted").field(&self.view).finish()
    }
}

/// The request, for an answer that has to wait.
fn taken(request: &mut Parts) -> Parts {
    let (nothing, ()) = Request::new(()).into_parts();
    std::mem::replace(request, nothing)
}

/// The answer to a request that does not get to its view.
fn refusal(asked: &Asked, stopped: Stopped) -> Response<DownloadBody> {
    match stopped {
        Stopped::Error(error) => answer_error(asked, error),
        Stopped::Refused(Refused { denial, answer }) => {
            answer_denied(asked, denial, answer.map(|it| *it))
        }
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
    options = options.spooling(match view.spool.unwrap_or_default() {
        ViewSpool::Off => Spooling::Off,
        ViewSpool::Keyed => Spooling::Keyed,
        ViewSpool::Always => Spooling::Always,
    });
    options = options.prepare(view.prepare);
    options = options.delete_after_send(view.delete_after_send);
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
    let parameters = Parameters::of(view);
    let named = |parameters: Parameters| move |request: &Parts| parameters.name(request);
    let named_by = named_by(&view.kind, &parameters);
    let find = match &view.kind {
        ViewKind::PathFile { path } => finding(PathView::new(path).options(options)),
        ViewKind::PathRoot { root, .. } => {
            let within = PathView::within(sources.folder(root)?, named(parameters));
            finding(within.options(options))
        }
        ViewKind::Storage { storage, name } => {
            let of_storage = StorageView::new(sources.storage(storage)?);
            let of_storage = match name {
                StorageFileName::Fixed(name) => of_storage.name(name.clone()),
                StorageFileName::Parameter(_) => of_storage.name(named(parameters)),
            };
            finding(of_storage.options(options))
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
                remote::target(&url, parameters.values(request.uri.path()))
            });
            finding(of_server.options(options))
        }
        ViewKind::Virtual { text } => {
            let (name, text) = (view.basename.clone().unwrap_or_default(), text.clone());
            let key = CacheKey::of_content(["text of the configuration", &text]);
            let made = VirtualView::new(move |_: &Parts| {
                let file = VirtualFile::from_text(name.clone(), text.clone());
                std::future::ready(Ok(file.cache_key(key.clone())))
            });
            finding(made.options(options))
        }
    };
    let of_view = match &view.rules[..] {
        [] => None,
        rules => Some(optimizer::of_view(config, rules)?),
    };
    Ok(Mounted {
        permit: Permit::new(named_by, steps(config, view, sources)?),
        trusted: config.trusted_proxies.clone(),
        view: view.clone(),
        fronts: of_view.into_iter().chain([of_all.clone()]).collect(),
        route: view.route.pattern().into(),
        find,
    })
}

/// Who may, in the order in which they are asked.
fn steps(config: &Config, view: &ViewConfig, sources: &mut Sources) -> Result<Vec<Box<dyn Step>>> {
    let mut steps: Vec<Box<dyn Step>> = Vec::new();
    if let (Some(signature), Some(signing)) = (view.signature, &config.signing) {
        steps.push(Box::new(Signed::new(signing, signature)?));
    }
    if let Some(authorize) = &view.authorize {
        let authorizer = sources.authorizer(authorize)?;
        steps.push(Box::new(Ask::new(authorizer, &view.route)));
    }
    Ok(steps)
}

/// The parameter that names the file, in a kind of view where one does: it is checked before anybody is asked about it.
fn named_by(kind: &ViewKind, parameters: &Parameters) -> Option<Parameters> {
    match kind {
        ViewKind::PathRoot { .. }
        | ViewKind::Storage {
            name: StorageFileName::Parameter(_),
            ..
        } => Some(parameters.clone()),
        _ => None,
    }
}

fn finding<V: DownloadView>(view: V) -> Box<dyn Find> {
    Box::new(view.into_service())
}
