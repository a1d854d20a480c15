//! The rules that `[spool]` makes: one for each proxy in front, which finds the copies by it.
//!
//! They stand behind all others, and have the `escaping` of the proxy's other rules. Without a proxy in front the
//! table is refused.

use std::collections::BTreeMap;

use super::{Destination, Front, NginxRule, OptimizeConfig, Proxy, RuleConfig, Source};
use crate::config::reader::Table;
use crate::config::spool::SpoolConfig;

impl OptimizeConfig {
    /// Adds the rules of the spool behind all others.
    pub(in crate::config) fn add_spool(
        &mut self,
        file: &Table<'_>,
        spool: &SpoolConfig,
        of_views: &[RuleConfig],
    ) {
        let in_front: Vec<Proxy> = match &self.front {
            Front::None => Vec::new(),
            Front::One(proxy) => vec![*proxy],
            Front::Announced(proxies) => {
                let kinds = proxies.values().map(|proxy| proxy.backend);
                let kinds: BTreeMap<_, _> = kinds.map(|kind| (kind.name(), kind)).collect();
                kinds.into_values().collect()
            }
        };
        if in_front.is_empty() {
            file.report(
                "[spool] keeps copies for a proxy, and there is none in front",
                "name it in [optimize]: backend = \"nginx\"; or take [spool] out",
            );
        }
        for proxy in in_front {
            let rule = self.spool_rule(spool, proxy, of_views);
            self.rules.push(rule);
        }
    }

    fn spool_rule(&self, spool: &SpoolConfig, proxy: Proxy, of_views: &[RuleConfig]) -> RuleConfig {
        let own = self.front.announced().flat_map(|(_, it)| &it.rules);
        let mut others = self.rules.iter().chain(own).chain(of_views);
        let of_proxy = others.find(|rule| rule.backend == Some(proxy));
        let has_escapings = matches!(proxy, Proxy::Apache | Proxy::Caddy);
        let escaping = of_proxy.and_then(|rule| rule.escaping);
        let folder = spool.destination_dir.as_ref().unwrap_or(&spool.dir);
        RuleConfig {
            source: Source::Spool(spool.dir.clone()),
            destination: match proxy.takes_paths() {
                true => Destination::Dir(folder.clone()),
                false => Destination::Url(spool.destination_url.clone()),
            },
            backend: Some(proxy),
            stat: true,
            limit_rate: None,
            // One proxy reads all names in one way.
            escaping: has_escapings.then(|| escaping.unwrap_or_default()),
            nginx: NginxRule::default(),
            line: spool.line,
        }
    }
}
