//! What a route takes out of a request's path.
//!
//! Comes in: the path as it stands in the URL. Goes out: the values of those parameters that the view needs, still
//! encoded, or the name of a file, decoded once. What a value may not say (`..`, an escaped slash) the library
//! refuses then: 400 or 404.

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
    /// What stands before the only parameter, where that takes the rest of the path.
    prefix: Option<Arc<str>>,
}

impl Parameters {
    /// Those of the route of `view`.
    pub(super) fn of(view: &ViewConfig) -> Self {
        Self {
            route: Arc::new(view.route.router()),
            names: names(&view.kind).into(),
            prefix: before_rest(view.route.pattern()).map(Into::into),
        }
    }

    /// The value of the first one, as it stands in the URL; empty for a view without parameters.
    pub(super) fn first<'p>(&self, request: &'p Parts) -> &'p str {
        if let (Some(prefix), [_]) = (&self.prefix, &*self.names) {
            return request
                .uri
                .path()
                .strip_prefix(&**prefix)
                .unwrap_or_default();
        }
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

/// What stands before `{*rest}` in a route that has no other parameter.
fn before_rest(route: &str) -> Option<&str> {
    let (prefix, rest) = route.split_once('{')?;
    let name = rest.strip_prefix('*')?.strip_suffix('}')?;
    (!prefix.contains('}') && !name.contains(['{', '}'])).then_some(prefix)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_the_rest_of_a_path_is_what_is_behind_the_prefix() {
        assert_eq!(before_rest("/files/{*path}"), Some("/files/"));
        assert_eq!(before_rest("/{*path}"), Some("/"));
        for other in [
            "/files",
            "/files/{path}",
            "/{of}/{*path}",
            "/a{{b/{*path}",
            "/a}}b/{*path}",
            "/files/{{*path}}",
            "/{*path}/a",
        ] {
            assert_eq!(before_rest(other), None, "{other}");
        }
    }
}
