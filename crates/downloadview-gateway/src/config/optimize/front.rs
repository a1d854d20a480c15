//! What stands between the clients and the gateway.
//! Made by `OptimizeConfig` from two keys, `backend` and `proxies`, which must agree: only `backend = "announced"` goes
//! with `[optimize.proxies.NAME]`, and it needs at least one.

use std::collections::BTreeMap;

use super::announced::AnnouncedProxy;
use super::proxy::Proxy;
use super::rule_owner::RuleOwner;

/// What stands between the clients and the gateway: `backend` of `[optimize]`.
///
/// ```
/// use downloadview_gateway::config::{Front, Proxy};
///
/// let front = Front::One(Proxy::Nginx);
/// assert!(front.announced().next().is_none());
/// ```
/// ```toml
/// [optimize]
/// backend = "nginx"     # or "apache", "lighttpd", "caddy", "none", "announced"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Front {
    /// `"none"`: no proxy. The gateway streams every file that no rule redirects.
    #[default]
    None,
    /// One proxy, through which every request comes.
    One(Proxy),
    /// `"announced"`: each request proves which of these it came through, or is streamed. By name; at least one.
    Announced(BTreeMap<String, AnnouncedProxy>),
}

impl Front {
    /// The proxies that announce themselves, by name.
    pub fn announced(&self) -> impl Iterator<Item = (&str, &AnnouncedProxy)> {
        let proxies = match self {
            Self::Announced(proxies) => Some(proxies),
            Self::None | Self::One(_) => None,
        };
        let proxies = proxies.into_iter().flatten();
        proxies.map(|(name, proxy)| (name.as_str(), proxy))
    }

    /// Whose the rules are that no announced proxy has for itself.
    pub(crate) fn owner(&self) -> RuleOwner {
        match self {
            Self::None => RuleOwner::Config(None),
            Self::One(proxy) => RuleOwner::Config(Some(*proxy)),
            Self::Announced(proxies) => {
                RuleOwner::Announced(proxies.values().map(|proxy| proxy.backend).collect())
            }
        }
    }
}
