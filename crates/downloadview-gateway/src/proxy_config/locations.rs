//! Finds which folder lies behind each internal location that the rules name.
//!
//! | rule | location | folder |
//! |---|---|---|
//! | `source_dir` | the destination | that folder |
//! | `storage` | the destination | the root of that local storage |
//! | `source_url` at or below a storage's `base_url` | the destination | the root, plus the rest of the URL |
//! | `source_url` above a storage's `base_url` | the destination, plus the rest of the URL | the root |
//!
//! nginx and Caddy need them; the others take folders as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use downloadview::backend::Escaping;
use percent_encoding::percent_decode_str;

use super::ProxyConfigError;
use super::front::Front;
use crate::config::{Config, Destination, RuleConfig, Source, StorageKind};

/// One internal location of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    /// Its path, with a slash at both ends.
    pub(super) path: String,
    /// The folder that its files lie in.
    pub(super) folder: PathBuf,
    /// The folder below which no symbolic link is followed: the storage's root, or `folder` itself.
    pub(super) confined_to: PathBuf,
    /// The charset that the rule asks the proxy to add.
    pub(super) charset: Option<String>,
    /// How the proxy reads names, where that depends on its version.
    pub(super) escaping: Option<Escaping>,
    /// The line of the first rule that named it, counted from 1.
    pub(super) line: usize,
}

/// Why one rule gives no location: what is wrong, and how to fix it.
type Refusal = (String, &'static str);

/// The locations that the rules name, each once, in the order of their paths.
pub(super) fn locations(front: &Front<'_>) -> Result<Vec<Location>, ProxyConfigError> {
    let mut found: BTreeMap<String, Location> = BTreeMap::new();
    for rule in &front.rules {
        let refuse = |(message, help): Refusal| front.refuse(rule, message, help);
        for location in of_rule(rule, front.config).map_err(refuse)? {
            for other in found.values() {
                contradiction(&location, other).map_or(Ok(()), |refusal| Err(refuse(refusal)))?;
            }
            found.entry(location.path.clone()).or_insert(location);
        }
    }
    Ok(found.into_values().collect())
}

fn of_rule(rule: &RuleConfig, config: &Config) -> Result<Vec<Location>, Refusal> {
    let Destination::Url(destination) = &rule.destination else {
        let message = "the rule has a `destination_dir`, which names no location".to_owned();
        return Err((message, "write `destination_url`"));
    };
    let located = |below: &str, root: &Path, rest: &str| Location {
        path: format!("{destination}{below}"),
        folder: match rest {
            "" => root.to_owned(),
            rest => root.join(rest),
        },
        confined_to: root.to_owned(),
        charset: rule.nginx.charset.as_ref().map(|it| it.as_str().to_owned()),
        escaping: rule.escaping,
        line: rule.line,
    };
    match &rule.source {
        Source::Dir(folder) | Source::Spool(folder) => Ok(vec![located("", folder, "")]),
        Source::Storage { root, .. } => Ok(vec![located("", root, "")]),
        // Those are fetched.
        Source::Remote { .. } => Ok(Vec::new()),
        Source::Url(url) => related(url, config)?
            .into_iter()
            .map(|(base, root)| match url.strip_prefix(base) {
                Some(rest) => Ok(located("", root, &decoded(rest)?)),
                None => Ok(located(
                    &decoded(base.strip_prefix(url).unwrap_or_default())?,
                    root,
                    "",
                )),
            })
            .collect(),
    }
}

/// The `base_url`s and roots of the local storages whose files a URL means; none lies below another.
fn related<'a>(url: &str, config: &'a Config) -> Result<Vec<(&'a str, &'a Path)>, Refusal> {
    let related: Vec<_> = config
        .storages
        .values()
        .filter_map(|storage| {
            let base = storage.base_url.as_deref()?;
            let near = url.starts_with(base) || base.starts_with(url);
            near.then_some((base, local_root(&storage.kind)?))
        })
        .collect();
    if related.is_empty() {
        return Err((
            format!(
                "no local storage has a `base_url` for `source_url = \"{url}\"`, so its folder is unknown"
            ),
            "give the storage that base_url, or write `storage` or `source_dir` in the rule",
        ));
    }
    for (index, (base, _)) in related.iter().enumerate() {
        if let Some((other, _)) = related[..index]
            .iter()
            .find(|(other, _)| other.starts_with(base) || base.starts_with(other))
        {
            return Err((
                format!(
                    "`source_url = \"{url}\"` means two storages, with base_url \"{other}\" and \"{base}\""
                ),
                "write `storage` in the rule",
            ));
        }
    }
    Ok(related)
}

/// A part of a URL as a proxy sees it: percent-decoded, once.
fn decoded(rest: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(rest).decode_utf8();
    decoded.map(Into::into).map_err(|_| {
        (
            format!("`{rest}` is not valid UTF-8 when it is decoded"),
            "write `storage` or `source_dir` in the rule",
        )
    })
}

fn local_root(kind: &StorageKind) -> Option<&Path> {
    match kind {
        StorageKind::Local(local) => Some(&local.root),
        _ => None,
    }
}

/// Two locations contradict each other when one path would mean two files.
fn contradiction(location: &Location, other: &Location) -> Option<Refusal> {
    if location.escaping != other.escaping {
        let line = other.line;
        let message =
            format!("the rule of line {line} has another `escaping`, and both mean one proxy");
        return Some((
            message,
            "write the same in both: it depends on the proxy's version",
        ));
    }
    let (inner, outer) = match location.path.len() >= other.path.len() {
        true => (location, other),
        false => (other, location),
    };
    let below = inner.path.strip_prefix(&outer.path)?;
    let line = other.line;
    if inner.folder != outer.folder.join(below) {
        let message = match below {
            "" => format!(
                "`{}` already means {} in the rule of line {line}",
                other.path,
                other.folder.display()
            ),
            _ => format!(
                "`{}` and `{}` of line {line} lie one below the other, in unrelated folders",
                location.path, other.path
            ),
        };
        return Some((message, "give each folder a `destination_url` of its own"));
    }
    (below.is_empty() && location.charset != other.charset).then(|| {
        let message = format!(
            "`{}` has another `charset` in the rule of line {line}",
            other.path
        );
        (message, "give each charset a `destination_url` of its own")
    })
}
