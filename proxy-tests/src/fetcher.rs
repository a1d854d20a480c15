//! The proxies that fetch files from other servers themselves, and how each keeps those servers' headers from clients.

use crate::proxy::{Backend, Proxy};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetcher {
    /// The proxy.
    pub proxy: Proxy,
    /// Whether it is an nginx with njs and the script that lets only allowed headers pass.
    pub scripted: bool,
}

impl Fetcher {
    /// Caddy 2.6.
    pub const CADDY: Self = Self::plain(Proxy::Caddy);

    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::plain(Proxy::Nginx),
        Self::scripted(Proxy::Nginx),
        Self::plain(Proxy::NewestNginx),
        Self::scripted(Proxy::NewestNginx),
        Self::CADDY,
        Self::plain(Proxy::NewestCaddy),
    ];

    const fn plain(proxy: Proxy) -> Self {
        Self {
            proxy,
            scripted: false,
        }
    }

    const fn scripted(proxy: Proxy) -> Self {
        Self {
            proxy,
            scripted: true,
        }
    }

    /// What it is.
    #[must_use]
    pub fn backend(self) -> Backend {
        self.proxy.backend()
    }

    /// Whether a header of the server's that no configuration names reaches clients.
    #[must_use]
    pub fn passes_unknown_headers(self) -> bool {
        self.backend() == Backend::Nginx && !self.scripted
    }
}
