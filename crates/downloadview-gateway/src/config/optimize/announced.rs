//! `[optimize.proxies.NAME]`: proxies that announce themselves by name and secret, each with its own rules.

use std::collections::BTreeMap;

use downloadview::optimize::MIN_SECRET_LEN;

use super::proxy::{Proxy, Word};
use super::rule::RuleConfig;
use super::rule_owner::RuleOwner;
use crate::config::reader::scalar::{Fault, of_variable, secret};
use crate::config::reader::{Secret, Table};
use crate::config::storage::Storages;

/// A proxy that announces itself with each request.
/// ```toml
/// [optimize]
/// backend = "announced"
///
/// [optimize.proxies.edge]
/// backend = "nginx"
/// secret_env = "EDGE_SECRET"            # or secret = "…", at least 16 characters
///
/// [[optimize.proxies.edge.rules]]
/// source_dir = "/srv/media"
/// destination_url = "/_internal/media/"
/// ```
///
/// The proxy sends `X-Downloadview-Proxy: edge SECRET` with each request; `proxy-config nginx --proxy edge` prints
/// that. Its name holds letters, digits, `-`, `.` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedProxy {
    /// `backend`: which proxy it is. Required; `none` and `announced` are refused.
    pub backend: Proxy,
    /// `secret`, or `secret_env` with the name of the variable that holds it: what proves that a request came through
    /// this proxy. Exactly one of the two is required. At least 16 visible ASCII characters; spaces and others could not
    /// stand in the header. `openssl rand -hex 32` makes a good one.
    pub secret: Secret,
    /// `rules`: its own rules, in order; they come before all others. A rule here names no `backend`. Default: none, so
    /// that only rules of `[optimize]` and of views for this backend count.
    pub rules: Vec<RuleConfig>,
}

/// Reads the tables of all proxies.
pub(super) fn read_all(
    optimize: &mut Table<'_>,
    storages: &Storages,
) -> BTreeMap<String, AnnouncedProxy> {
    let value = optimize.get("proxies");
    let Some(tables) = value.and_then(|value| value.table("`proxies`")) else {
        return BTreeMap::new();
    };
    let mut proxies = BTreeMap::new();
    for (name, value) in tables.values() {
        let known = value.understood(check_name(name));
        let table = value.table(format!("[optimize.proxies.{name}]"));
        if table.is_none() {
            // Perhaps the secret, one level too high.
            value.hide();
        }
        let proxy = table.and_then(|table| read(table, name, storages));
        if let (Some(()), Some(proxy)) = (known, proxy) {
            proxies.insert(name.to_owned(), proxy);
        }
    }
    proxies
}

/// Reports proxies that cannot announce themselves to this backend of `[optimize]`, and a backend that has none.
pub(super) fn check_backend(optimize: &Table<'_>, backend: Word) {
    match (backend, optimize.again("proxies")) {
        (Word::Announced, None) => optimize.report(
            "`backend = \"announced\"` without a proxy that could announce itself",
            "add a table [optimize.proxies.front] with `backend` and `secret_env`",
        ),
        (Word::Announced, Some(_)) | (_, None) => {}
        (_, Some(value)) => value.refuse(Fault::new(
            "announced proxies need `backend = \"announced\"` in [optimize]",
            "write that, or take these tables out",
        )),
    }
}

/// Reads `[optimize.proxies.NAME]`; `None` if it holds mistakes, which are reported without the secret.
fn read(mut table: Table<'_>, name: &str, storages: &Storages) -> Option<AnnouncedProxy> {
    table.hide_all_but(&HARMLESS);
    let backend = table.parsed("backend", Proxy::read);
    let backend = table.require("backend", "\"nginx\"", backend);
    let written = table.parsed("secret", proxy_secret);
    let of_variable = table.parsed("secret_env", |name| of_variable(name, proxy_secret));
    let secret = match (table.has("secret"), table.has("secret_env")) {
        (true, false) => written,
        (false, true) => of_variable,
        (false, false) => table.require("secret", "\"…\", or secret_env = \"FRONT_SECRET\"", None),
        (true, true) => {
            table.report(
                format!("the proxy `{name}` has both `secret` and `secret_env`"),
                "keep one of the two",
            );
            None
        }
    };
    let rules = format!("[[optimize.proxies.{name}.rules]]");
    let owner = RuleOwner::Proxy(backend);
    let rules = RuleConfig::read_all(&mut table, &rules, storages, &owner);
    table.finish();
    Some(AnnouncedProxy {
        backend: backend?,
        secret: secret?,
        rules,
    })
}

/// The message never holds the text, not even a part of it.
fn proxy_secret(text: &str) -> Result<Secret, Fault> {
    secret(text, MIN_SECRET_LEN, "openssl rand -hex 32")?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new(
            "the secret holds something other than visible ASCII characters",
            "use letters and digits: openssl rand -hex 32",
        ));
    }
    Ok(Secret::new(text))
}

/// The keys whose values a report may show.
const HARMLESS: [&str; 3] = ["backend", "secret_env", "rules"];

/// The name stands in a header and in the configuration of proxies, so it is kept plain.
fn check_name(name: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !name.is_empty() && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Fault::new(
        format!("{name:?} is not a name of a proxy"),
        "use letters, digits, `-`, `.` and `_`: [optimize.proxies.front]",
    ))
}
