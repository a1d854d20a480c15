//! Which view of a configuration has a path, without building anything.

use crate::config::{Config, ViewConfig};

/// The routes of a configuration.
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
pub struct Routes<'a>(matchit::Router<&'a ViewConfig>);

impl<'a> Routes<'a> {
    /// The routes of this configuration.
    ///
    /// # Errors
    ///
    /// None that reading the file would not have told.
    pub fn of(config: &'a Config) -> anyhow::Result<Self> {
        let mut routes = matchit::Router::new();
        for view in &config.views {
            routes.insert(view.route.pattern(), view)?;
        }
        Ok(Self(routes))
    }

    /// The view of this path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&'a ViewConfig> {
        self.0.at(path).ok().map(|found| *found.value)
    }
}

impl std::fmt::Debug for Routes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}
