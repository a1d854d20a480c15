//! Which view a path leads to.
//!
//! A view decodes the names of files once, a router compares text. So `/files/%70rivate/a` would get past the route
//! `/files/private/{*path}`, and be found all the same by that of `/files/{*path}`. A path in another spelling is
//! therefore looked for twice: as it was sent, and in its one spelling.

use std::borrow::Cow;
use std::fmt;

use downloadview::view::normalized;

use crate::config::{Config, Route, ViewConfig};

/// The routes of a configuration, and what each leads to.
///
/// ```
/// use downloadview_gateway::app::Routes;
/// use downloadview_gateway::config::Config;
///
/// let text = r#"
///     [[views]]
///     route = "/hello"
///     kind = "virtual"
///     text = "Hello, world!"
///     basename = "hello.txt"
/// "#;
/// let config = Config::parse(text, "downloadview.toml".as_ref())?;
/// let routes = Routes::of(&config)?;
/// assert!(routes.find("/hello").is_some() && routes.find("/other").is_none());
/// # Ok::<(), anyhow::Error>(())
/// ```
pub struct Routes<T> {
    ends: Vec<T>,
    /// By the routes as they stand in the file, and in their one spelling.
    sent: matchit::Router<usize>,
    normalized: matchit::Router<usize>,
}

impl<'a> Routes<&'a ViewConfig> {
    /// The routes of this configuration, without building anything.
    ///
    /// # Errors
    ///
    /// None that reading the file would not have told.
    pub fn of(config: &'a Config) -> anyhow::Result<Self> {
        let mut routes = Self::default();
        for view in &config.views {
            routes.insert(&view.route, view)?;
        }
        Ok(routes)
    }
}

impl<T> Routes<T> {
    /// Adds a route. Refused: one that another one is, in whatever spelling.
    pub(super) fn insert(&mut self, route: &Route, end: T) -> anyhow::Result<()> {
        self.sent.insert(route.pattern(), self.ends.len())?;
        self.normalized
            .insert(route.normalized(), self.ends.len())?;
        self.ends.push(end);
        Ok(())
    }

    /// What this path leads to.
    ///
    /// One whose one spelling leads elsewhere (`/files/%70rivate/a` where `/files/private/{*path}` has a view of its
    /// own) leads nowhere: it would get past what that view asks for.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&T> {
        let found = *self.sent.at(path).ok()?.value;
        let meant = match normalized(path) {
            Cow::Borrowed(_) => found,
            Cow::Owned(path) => *self.normalized.at(&path).ok()?.value,
        };
        self.ends.get(found).filter(|_| found == meant)
    }
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self {
            ends: Vec::new(),
            sent: matchit::Router::new(),
            normalized: matchit::Router::new(),
        }
    }
}

impl<T> fmt::Debug for Routes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}
