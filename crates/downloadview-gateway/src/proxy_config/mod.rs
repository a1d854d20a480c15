//! Prints the configuration of the proxy in front, from the same file that configures the gateway.
//!
//! 1. `front` finds the rules that the proxy carries out, and how it announces itself;
//! 2. `locations` (nginx, Caddy) or `docroots` (Apache, lighttpd) finds the folders that the rules open to it;
//! 3. `remotes` (nginx, Caddy) finds the servers from which the proxy fetches files itself;
//! 4. a file for each proxy writes them down, with the hardening that proxy needs.

mod apache;
mod caddy;
mod docroots;
mod error;
mod front;
mod headers;
mod installed;
mod lighttpd;
mod locations;
mod modules;
mod nginx;
mod remotes;
mod words;

pub use self::error::ProxyConfigError;
use self::front::Front;
#[cfg(feature = "demo")]
pub(crate) use self::installed::find as find_program;
pub use self::installed::{Installed, look};
pub use self::modules::Njs;
pub use self::nginx::SCRIPT;

use std::path::PathBuf;

use crate::config::{Config, Listen, Proxy};

/// What to print.
/// ```
/// use downloadview_gateway::config::{Config, Proxy};
/// use downloadview_gateway::proxy_config::{Options, print};
///
/// let text = r#"
///     [optimize]
///     backend = "nginx"
///     [[optimize.rules]]
///     source_dir = "/tmp"
///     destination_url = "/_internal/"
///     [[views]]
///     route = "/report"
///     kind = "path"
///     path = "/tmp/report.pdf"
/// "#;
/// let config = Config::parse(text, "downloadview.toml".as_ref())?;
/// let snippet = print(Proxy::Nginx, &config, &Options::default())?;
/// assert!(snippet.contains("/_internal/"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the gateway listens. Default: the `listen` of the configuration.
    pub app: Option<Listen>,
    /// A snippet or a whole server. Default: a snippet.
    pub form: Form,
    /// Which announced proxy, where several have the backend. Default: the only one.
    pub proxy: Option<String>,
    /// What is known of the proxy: how it reads names, for rules that do not state it, and what it was built without.
    /// Default: nothing.
    pub installed: Installed,
    /// The certificates, in PEM, that sign those of the servers from which the proxy fetches files. Default: those that
    /// the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Where an nginx that has the module njs will find [`SCRIPT`]: then none but allowed headers of the servers from which it
    /// fetches files reach clients. Default: nowhere, so that nginx hides known ones by name and passes all others.
    pub script: Option<PathBuf>,
}

/// How much is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The parts that go into the configuration of an existing server.
    Snippet,
    /// A complete configuration that an unprivileged user can start, listening on this address.
    Standalone(Listen),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            app: None,
            form: Form::Snippet,
            proxy: None,
            installed: Installed::default(),
            ca_file: None,
            script: None,
        }
    }
}

/// The configuration of `proxy` for the rules of `config`. With an announced proxy it holds that proxy's secret.
///
/// # Errors
///
/// No rule delegates to that proxy, no announced proxy or more than one is meant, a rule's folder is unknown or two
/// rules contradict each other, or something cannot be written in the proxy's language.
pub fn print(proxy: Proxy, config: &Config, options: &Options) -> Result<String, ProxyConfigError> {
    let front = Front::find(proxy, config, options)?;
    match proxy {
        Proxy::Nginx => nginx::print(&front),
        Proxy::Apache => apache::print(&front),
        Proxy::Lighttpd => lighttpd::print(&front),
        Proxy::Caddy => caddy::print(&front),
    }
}
