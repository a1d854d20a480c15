//! What a route takes out of a request's path.

use std::fmt;
use std::sync::Arc;

use downloadview::Result;
use downloadview::storage::StorageName;
use http::request::Parts;

use crate::config::{StorageFileName, ViewConfig, ViewKind};

/// The parameters of a route that its view needs. The views read the values from the path of the request, so nothing
/// has to travel with it.
#[derive(Clone)]
pub(super) struct Parameters {
    route: Arc<matchit::Router<()>>,
    names: Arc<[String]>,
}

impl Parameters {
    /// Those of the route of `view`.
    pub(super) fn of(view: &ViewConfig) -> Self {
        Self {
            route: Arc::new(view.route.router()),
            names: names(&view.kind).into(),
        }
    }

    /// The value of the first one, as it stands in the URL; empty for a view without parameters.
    pub(super) fn first<'p>(&self, request: &'p Parts) -> &'p str {
        self.values(request.uri.path()).next().unwrap_or_default()
    }

    /// The name of a file that the first one states. Not as a URL's path, which may begin with a slash: `/files//a`
    /// would be another spelling of `/files/a`, past the eyes of a proxy that guards a folder of URLs.
    pub(super) fn name(&self, request: &Parts) -> Result<StorageName> {
        StorageName::from_encoded(self.first(request))
    }

    /// All values, as they stand in the URL.
    pub(super) fn values<'p>(&self, path: &'p str) -> impl Iterator<Item = &'p str> {
        let found = self.route.at(path).ok();
        found.into_iter().flat_map(|found| {
            let names = self.names.iter();
            names.map(move |name| found.params.get(name).unwrap_or_default())
        })
    }
}

/// The parameters of the route that name the file or find its row.
fn names(kind: &ViewKind) -> Vec<String> {
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

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names.iter()).finish()
    }
}
