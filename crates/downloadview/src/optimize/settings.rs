//! The settings of a layer, which its services share.

use std::fmt;
use std::sync::Arc;

use http::Extensions;

use super::Front;
use super::once::OncePerRoute;
use super::pages::ErrorPages;

/// Finds the route of a request in its extensions.
type RouteName = Arc<dyn Fn(&Extensions) -> Option<Arc<str>> + Send + Sync>;

/// Everything that was set on a layer. Clones share what was logged already.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) front: Front,
    pub(super) pages: ErrorPages,
    pub(super) route_name: Option<RouteName>,
    /// Shared by all clones of a layer.
    pub(super) told: Arc<Told>,
}

/// What was logged once for each route of a layer.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) forged: OncePerRoute,
    pub(super) replaced: OncePerRoute,
}

impl Settings {
    pub(super) fn new(front: Front) -> Self {
        Self {
            front,
            pages: ErrorPages::default(),
            route_name: None,
            told: Arc::default(),
        }
    }

    pub(super) fn route_of(&self, extensions: &Extensions) -> Option<Arc<str>> {
        let name = self.route_name.as_ref()?;
        name(extensions)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}
