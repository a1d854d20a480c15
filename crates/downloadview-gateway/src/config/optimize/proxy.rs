//! The words that name proxies: which there are, and what kind of destination each takes.

use crate::config::reader::scalar::{Fault, one_of};

/// A proxy that delivers files for the gateway.
///
/// ```
/// use downloadview_gateway::config::Proxy;
///
/// assert_eq!(Proxy::ALL.map(Proxy::name), ["nginx", "apache", "lighttpd", "caddy"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// `"nginx"`: hand-off by `X-Accel-Redirect`.
    Nginx,
    /// `"apache"`: hand-off by `X-Sendfile`, to mod_xsendfile.
    Apache,
    /// `"lighttpd"`: hand-off by `X-Sendfile`.
    Lighttpd,
    /// `"caddy"`: hand-off by `X-Accel-Redirect`, as the generated configuration reads it.
    Caddy,
}

/// What `backend` of `[optimize]` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Word {
    #[default]
    None,
    One(Proxy),
    Announced,
}

/// Every word that a file may use.
const WORDS: [(&str, Word); 6] = [
    ("none", Word::None),
    ("nginx", Word::One(Proxy::Nginx)),
    ("apache", Word::One(Proxy::Apache)),
    ("lighttpd", Word::One(Proxy::Lighttpd)),
    ("caddy", Word::One(Proxy::Caddy)),
    ("announced", Word::Announced),
];

impl Proxy {
    /// Every proxy, in the order in which messages list them.
    pub const ALL: [Self; 4] = [Self::Nginx, Self::Apache, Self::Lighttpd, Self::Caddy];

    /// The word that names the proxy in the file and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
        }
    }

    /// Whether its rules name files by path (`destination_dir`); the others name internal URLs (`destination_url`).
    #[must_use]
    pub fn takes_paths(self) -> bool {
        matches!(self, Self::Apache | Self::Lighttpd)
    }

    /// One proxy, for what cannot be left to several or to none.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        match Word::read(text)? {
            Word::One(proxy) => Ok(proxy),
            Word::None => Err(Fault::new(
                "without a proxy there is nothing to hand off",
                "name the proxy: \"nginx\", \"apache\", \"lighttpd\" or \"caddy\"",
            )),
            Word::Announced => Err(Fault::new(
                "`announced` stands for several proxies",
                "name one of them: \"nginx\", \"apache\", \"lighttpd\" or \"caddy\"",
            )),
        }
    }
}

impl Word {
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        one_of(text, &WORDS, &[])
    }
}
