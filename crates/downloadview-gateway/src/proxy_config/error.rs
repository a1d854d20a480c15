//! Why a proxy's configuration cannot be printed, with how to fix it.

use std::path::PathBuf;

use crate::config::{Listen, Proxy};

/// Why a proxy's configuration cannot be printed. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyConfigError {
    /// Nothing is delegated to that proxy.
    #[error(
        "{}: no rule delegates to `{}`; set `backend = \"{}\"` in [optimize] and add [[optimize.rules]]",
        file.display(), proxy.name(), proxy.name()
    )]
    NoRule {
        /// The configuration file.
        file: PathBuf,
        /// The proxy asked for.
        proxy: Proxy,
    },
    /// Which announced proxy is meant is not clear, or there is none such.
    #[error("{}: {message}; {help}", file.display())]
    Announced {
        /// The configuration file.
        file: PathBuf,
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// The folder that a rule's files lie in is unknown, or the proxy cannot be confined to it.
    #[error("{}:{line}: {message}; {help}", file.display())]
    Rule {
        /// The configuration file.
        file: PathBuf,
        /// The line of the rule, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: String,
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
    /// A secret cannot be written in the proxy's language.
    #[error(
        "{}: the secret of the proxy `{proxy}` cannot be written in {language}: {reason}; use another secret: \
         openssl rand -hex 32",
        file.display()
    )]
    UnwritableSecret {
        /// The configuration file.
        file: PathBuf,
        /// The proxy's name.
        proxy: String,
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
    /// The proxy cannot listen on such an address.
    #[error("{} cannot listen on {listen}; name an IP address and a port with --listen", proxy.name())]
    CannotListen {
        /// The proxy.
        proxy: Proxy,
        /// The address.
        listen: Listen,
    },
}
