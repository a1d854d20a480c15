//! The rules of the configuration as optimizers, one for each proxy that may be in front.
//! Comes in: checked rules, so no fit of source, destination and proxy is judged again. Goes out: a [`Front`] that
//! `optimize::answer` asks, one optimizer, or one for each announced proxy. What the library itself
//! refuses when the optimizer is built is an error of the start or of the reload.

use downloadview::backend::{Apache, Buffering, Caddy, Expires, Lighttpd, Nginx};
use downloadview::optimize::{Announced, Front, OptimizerBuilder, Unmatched};
use downloadview::spool::Spool;
use downloadview::{Optimizer, Result, Rule};

use crate::config::{self, Config, Destination, LimitRate, Proxy, RuleConfig, Source};

/// The rules of `[optimize]` and of its proxies.
///
/// Copies in the `spool` are handed out by rules that are among them.
pub(super) fn of_config(config: &Config, spool: Option<&Spool>) -> Result<Front> {
    front(config, &config.optimize.rules, OwnRules::Included, spool)
}

/// The rules of one view. With announced proxies it has the same names and secrets as that of the
/// configuration, and each proxy the view's rules for its backend.
pub(super) fn of_view(config: &Config, rules: &[RuleConfig]) -> Result<Front> {
    front(config, rules, OwnRules::LeftOut, None)
}

/// Whether the rules of announced proxies come before those given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnRules {
    Included,
    LeftOut,
}

/// One optimizer for all requests, or one for each announced proxy.
fn front(
    config: &Config,
    rules: &[RuleConfig],
    own: OwnRules,
    spool: Option<&Spool>,
) -> Result<Front> {
    let config::Front::Announced(proxies) = &config.optimize.front else {
        return Ok(build(config, rules, spool)?.into());
    };
    let mut announced = Announced::new();
    for (name, proxy) in proxies {
        let own_rules = proxy.rules.iter().filter(|_| own == OwnRules::Included);
        let of_kind = rules
            .iter()
            .filter(|rule| rule.redirects() || rule.backend == Some(proxy.backend));
        let optimizer = build(config, own_rules.chain(of_kind), spool)?;
        announced = announced.proxy(name, proxy.secret.expose(), optimizer)?;
    }
    Ok(announced.into())
}

/// An optimizer for `rules`. Only where the whole file has no rule for any proxy is there no backend, and a redirect
/// needs none; elsewhere a file that no rule takes is unmatched, even if its view has no rule.
fn build<'a>(
    config: &Config,
    rules: impl IntoIterator<Item = &'a RuleConfig>,
    spool: Option<&Spool>,
) -> Result<Optimizer> {
    let proxied = config.rules().any(|rule| rule.backend.is_some());
    let redirected = config.rules().any(RuleConfig::redirects);
    let mut builder = match (proxied, redirected, config.optimize.unmatched) {
        (false, false, _) => return Ok(Optimizer::none()),
        (false, true, config::Unmatched::Refuse) => {
            Optimizer::without_proxy().unmatched(Unmatched::Refuse)
        }
        (false, true, _) => Optimizer::without_proxy(),
        (true, _, unmatched) => Optimizer::builder(Nginx::new()).unmatched(match unmatched {
            config::Unmatched::Stream => Unmatched::Stream,
            config::Unmatched::Warn => Unmatched::Warn,
            config::Unmatched::Refuse => Unmatched::Refuse,
        }),
    };
    for rule in rules {
        builder = add(builder, rule);
    }
    if let Some(spool) = spool {
        builder = builder.spool(spool.clone());
    }
    Ok(builder.build()?)
}

/// Adds a rule with its proxy and that proxy's options. One without a proxy that redirects nothing is left out: `serve` warns
/// of it.
fn add(builder: OptimizerBuilder, rule: &RuleConfig) -> OptimizerBuilder {
    let built = self::rule(rule);
    if rule.redirects() {
        return builder.rule(built);
    }
    let Some(proxy) = rule.backend else {
        return builder;
    };
    let escaping = rule.escaping.unwrap_or_default();
    match proxy {
        Proxy::Nginx => builder.rule_for(nginx(rule), built),
        Proxy::Apache => builder.rule_for(Apache::new().escaping(escaping), built),
        Proxy::Lighttpd => builder.rule_for(lighttpd(rule), built),
        Proxy::Caddy => builder.rule_for(Caddy::new().escaping(escaping), built),
    }
}

/// One rule, named by its source and its line in the file.
fn rule(rule: &RuleConfig) -> Rule {
    let from = match &rule.source {
        Source::Url(url) => Rule::url(url),
        Source::Dir(folder) | Source::Spool(folder) | Source::Storage { root: folder, .. } => {
            Rule::dir(folder)
        }
        Source::Remote { url, .. } => Rule::url(url.to_string()),
    };
    let built = match &rule.destination {
        Destination::Url(url) if rule.remote().is_some() => from.fetched_at(url),
        Destination::Url(url) => from.to_uri(url),
        Destination::Dir(folder) => from.to_path(folder),
        Destination::Redirect => from.redirect(),
    };
    let built = built.named(rule.label());
    match rule.stat {
        true => built,
        false => built.without_stat(),
    }
}

/// nginx with the options of this rule. What the rule leaves out is not sent.
fn nginx(rule: &RuleConfig) -> Nginx {
    let (options, mut nginx) = (&rule.nginx, Nginx::new());
    if let Some(rate) = rule.limit_rate {
        nginx = nginx.limit_rate(bytes_per_second(rate));
    }
    if let Some(buffering) = options.buffering {
        nginx = nginx.buffering(match buffering {
            true => Buffering::On,
            false => Buffering::Off,
        });
    }
    if let Some(expires) = options.expires {
        nginx = nginx.expires(match expires.is_zero() {
            true => Expires::Never,
            false => Expires::After(expires),
        });
    }
    match &options.charset {
        Some(charset) => nginx.charset(charset.header_value().clone()),
        None => nginx,
    }
}

/// lighttpd with the rate limit of this rule, in bytes per second.
fn lighttpd(rule: &RuleConfig) -> Lighttpd {
    match rule.limit_rate {
        Some(rate) => Lighttpd::new().limit_rate(bytes_per_second(rate)),
        None => Lighttpd::new(),
    }
}

/// As the headers say it: 0 for no limit.
fn bytes_per_second(rate: LimitRate) -> u64 {
    match rate {
        LimitRate::Unlimited => 0,
        LimitRate::BytesPerSecond(bytes) => bytes,
    }
}
