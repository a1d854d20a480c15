//! The words that name proxies: which there are, and what kind of destination each takes.

use crate::config::reader::scalar::{Fault, one_of};

/// A proxy that delivers files for the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BackendKind {
    /// `"none"`: no proxy; the gateway streams every file.
    #[default]
    None,
    /// `"nginx"`: hand-off by `X-Accel-Redirect`.
    Nginx,
    /// `"apache"`: hand-off by `X-Sendfile`, to mod_xsendfile.
    Apache,
    /// `"lighttpd"`: hand-off by `X-Sendfile`.
    Lighttpd,
    /// `"caddy"`: hand-off by `X-Accel-Redirect`, as the generated configuration reads it.
    Caddy,
    /// `"announced"`: each request proves which of several proxies it came through, or is streamed. Only for
    /// `[optimize]`, never for a rule.
    Announced,
}

/// Every word that a file may use.
const KNOWN: [(&str, BackendKind); 6] = [
    ("none", BackendKind::None),
    ("nginx", BackendKind::Nginx),
    ("apache", BackendKind::Apache),
    ("lighttpd", BackendKind::Lighttpd),
    ("caddy", BackendKind::Caddy),
    ("announced", BackendKind::Announced),
];

impl BackendKind {
    /// The word that names the backend in the file and on the command line.
    pub fn name(self) -> &'static str {
        let known = KNOWN.iter().find(|(_, kind)| *kind == self);
        known.map_or("none", |(name, _)| name)
    }

    /// Whether its rules name files by path (`destination_dir`); the others name internal URLs (`destination_url`).
    pub fn takes_paths(self) -> bool {
        matches!(self, Self::Apache | Self::Lighttpd)
    }

    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        one_of(text, &KNOWN, &[])
    }

    /// One proxy, for what cannot be left to several or to none.
    pub(super) fn read_proxy(text: &str) -> Result<Self, Fault> {
        match one_of(text, &KNOWN, &[])? {
            Self::None => Err(Fault::new(
                "without a proxy there is nothing to hand off",
                "name the proxy: \"nginx\", \"apache\", \"lighttpd\" or \"caddy\"",
            )),
            Self::Announced => Err(Fault::new(
                "`announced` stands for several proxies",
                "name one of them: \"nginx\", \"apache\", \"lighttpd\" or \"caddy\"",
            )),
            proxy => Ok(proxy),
        }
    }
}
