//! Prints the configuration of the proxy in front, from the same file that configures the gateway.
//!
//! 1. `locations` finds the internal locations that the rules need and the folder of each;
//! 2. a file for each proxy writes them down, with the hardening that proxy needs.

mod locations;
mod nginx;

use std::path::PathBuf;

use crate::config::{BackendKind, Config, Listen};

/// What to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the gateway listens. Default: the `listen` of the configuration.
    pub app: Option<Listen>,
    /// A snippet or a whole server. Default: a snippet.
    pub form: Form,
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
        }
    }
}

/// Why a proxy's configuration cannot be printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyConfigError {
    /// No proxy of that name can be configured.
    #[error("there is no configuration to print for backend `{}`; name a proxy: `nginx`", backend.name())]
    NoProxy {
        /// The backend asked for.
        backend: BackendKind,
    },
    /// Nothing is delegated to that proxy.
    #[error(
        "{}: no rule delegates to `{}`; set `backend = \"{}\"` in [optimize] and add [[optimize.rules]]",
        file.display(), backend.name(), backend.name()
    )]
    NoRule {
        /// The configuration file.
        file: PathBuf,
        /// The backend asked for.
        backend: BackendKind,
    },
    /// The folder that a rule's files lie in is unknown.
    #[error("{}:{line}: {message}; {mend}", file.display())]
    Rule {
        /// The configuration file.
        file: PathBuf,
        /// The line of the rule, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do about it.
        mend: String,
    },
    /// A path cannot be written in the proxy's language.
    #[error("{}: {path:?} cannot be written in {language}: {reason}; use another path", file.display())]
    Unwritable {
        /// The configuration file.
        file: PathBuf,
        /// The path.
        path: PathBuf,
        /// The proxy's language.
        language: &'static str,
        /// What stands against it.
        reason: &'static str,
    },
    /// The gateway's address cannot be connected to as it stands.
    #[error("{}: the gateway listens on {listen}, whose port the system chooses; name the port with --app ADDR", file.display())]
    NoPort {
        /// The configuration file.
        file: PathBuf,
        /// The address.
        listen: Listen,
    },
}

/// The configuration of `backend` for the rules of `config`.
///
/// # Errors
///
/// No rule delegates to that proxy, a rule's folder is unknown or two rules contradict each other, or a path cannot be
/// written in the proxy's language.
pub fn print(
    backend: BackendKind,
    config: &Config,
    options: &Options,
) -> Result<String, ProxyConfigError> {
    match backend {
        BackendKind::None => Err(ProxyConfigError::NoProxy { backend }),
        BackendKind::Nginx => nginx::print(config, options),
    }
}
