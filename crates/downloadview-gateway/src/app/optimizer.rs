//! The rules of the configuration as an optimizer.

use downloadview::backend::{Buffering, Expires, Nginx};
use downloadview::optimize::Unmatched;
use downloadview::{Error, Optimizer, Result, Rule};
use http::HeaderValue;

use crate::config::{
    self, BackendKind, Config, Destination, LimitRate, NginxRule, RuleConfig, Source, StorageKind,
};

/// An optimizer for `rules`; without any, one that streams.
pub(super) fn build(config: &Config, rules: &[RuleConfig]) -> Result<Optimizer> {
    let unmatched = match config.optimize.unmatched {
        config::Unmatched::Stream => Unmatched::Stream,
        config::Unmatched::Warn => Unmatched::Warn,
        config::Unmatched::Refuse => Unmatched::Refuse,
    };
    let mut builder = Optimizer::builder(Nginx::new()).unmatched(unmatched);
    for rule in rules {
        match rule.backend_or(config.optimize.backend) {
            BackendKind::None => {}
            BackendKind::Nginx => {
                let backend = nginx(&rule.nginx)?;
                builder = builder.rule_for(backend, self::rule(config, rule)?);
            }
        }
    }
    builder.build()
}

/// One rule, named by its source and its line in the file.
pub(crate) fn rule(config: &Config, rule: &RuleConfig) -> Result<Rule> {
    let (from, name) = match &rule.source {
        Source::Url(url) => (Rule::url(url), url.clone()),
        Source::Dir(folder) => (Rule::dir(folder), folder.display().to_string()),
        Source::Storage(name) => (Rule::dir(folder_of(config, name)?), name.clone()),
    };
    let built = match &rule.destination {
        Destination::Url(url) => from.to_uri(url),
        Destination::Dir(folder) => from.to_path(folder),
    };
    let built = built.named(format!("{name} (line {})", rule.line));
    Ok(match rule.stat {
        true => built,
        false => built.without_stat(),
    })
}

fn folder_of<'a>(config: &'a Config, storage: &str) -> Result<&'a std::path::Path> {
    match config.storages.get(storage).map(|storage| &storage.kind) {
        Some(StorageKind::Local(local)) => Ok(&local.root),
        // The check of the file refuses this.
        _ => Err(Error::Misconfigured {
            what: format!("storage `{storage}` has no folder that a proxy could read"),
        }),
    }
}

fn nginx(options: &NginxRule) -> Result<Nginx> {
    let mut nginx = Nginx::new();
    if let Some(rate) = options.limit_rate {
        nginx = nginx.limit_rate(match rate {
            LimitRate::Unlimited => 0,
            LimitRate::BytesPerSecond(bytes) => bytes,
        });
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
        Some(charset) => Ok(nginx.charset(HeaderValue::try_from(charset).map_err(Error::other)?)),
        None => Ok(nginx),
    }
}
