//! What the tables of all buckets have in common.

use std::time::Duration;

use crate::config::reader::scalar::{Fault, duration};
use crate::config::reader::{At, Problem, Table};
use crate::config::remote::{Credential, OriginSettings, RemoteOrigin, Scheme};

/// Default of `link_lifetime`: long enough for a proxy to begin, short enough for a link that leaks.
const LINK_LIFETIME: Duration = Duration::from_secs(60);
/// The longest `link_lifetime`: stores refuse signatures that are good for more than 7 days.
const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The keys that the tables of all buckets have.
pub(super) struct OfAll {
    pub(super) allow_http: bool,
    pub(super) prefix: String,
    pub(super) link_lifetime: Duration,
    pub(super) settings: OriginSettings,
}

impl OfAll {
    /// Of a bucket at this endpoint, or at the cloud's own.
    pub(super) fn read(table: &mut Table<'_>, endpoint: Option<&At<RemoteOrigin>>) -> Self {
        let allow_http = table.boolean("allow_http").unwrap_or_default();
        let prefix = table.parsed("prefix", prefix);
        let link_lifetime = table.parsed("link_lifetime", link_lifetime);
        let at = endpoint.map(|at| (&at.value, &at.span));
        let settings = OriginSettings::read(table, at);
        check_scheme(table, endpoint, allow_http);
        Self {
            allow_http,
            prefix: prefix.unwrap_or_default(),
            link_lifetime: link_lifetime.unwrap_or(LINK_LIFETIME),
            settings,
        }
    }
}

/// The path of the objects whose keys begin with a prefix, perhaps with none, below the path of all.
pub(super) fn below(path: String, prefix: &str) -> String {
    match prefix {
        "" => path,
        prefix => format!("{path}{prefix}/"),
    }
}

/// A secret that the file holds, or that a variable does.
pub(super) fn one_of_two(
    table: &mut Table<'_>,
    key: &'static str,
    env_key: &'static str,
) -> Option<Credential> {
    let written = table.parsed(key, Credential::read);
    let of_variable = table.parsed(env_key, Credential::of_variable);
    if table.has(key) && table.has(env_key) {
        table.report(
            format!("this bucket has both `{key}` and `{env_key}`"),
            "keep one of the two",
        );
        return None;
    }
    written.or(of_variable)
}

fn check_scheme(table: &Table<'_>, endpoint: Option<&At<RemoteOrigin>>, allow_http: bool) {
    let Some(At { span, value }) = endpoint else {
        return;
    };
    if value.scheme == Scheme::Http && !allow_http {
        let message =
            "the endpoint speaks in the clear: who listens can read every file and use each link";
        let problem = Problem::new(span.clone(), message);
        let help = "write \"https://…\", or allow_http = true beside it";
        table.source.report(problem.with_help(help));
    }
}

/// What stands in a path or before a host as it is. Older buckets have capitals and underscores.
pub(super) fn bucket(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let ends = text.starts_with('.') || text.ends_with('.');
    match (3..=255).contains(&text.len()) && text.bytes().all(plain) && !ends {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            format!("{text:?} is not a bucket's name"),
            "write 3 or more letters, digits, hyphens and dots: \"archive\"",
        )),
    }
}

fn prefix(text: &str) -> Result<String, Fault> {
    let proper = |segment: &str| !matches!(segment, "" | "." | "..");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    match text.split('/').all(proper) && text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            format!("{text:?} is not a prefix of keys"),
            "write segments of letters, digits, `-`, `.`, `_` and `~`, without slashes at the ends: \"media/2026\"",
        )),
    }
}

fn link_lifetime(text: &str) -> Result<Duration, Fault> {
    let lifetime = duration(text)?;
    let whole = lifetime.subsec_nanos() == 0;
    match whole && !lifetime.is_zero() && lifetime <= LONGEST_LINK {
        true => Ok(lifetime),
        false => Err(Fault::new(
            "a link lives for whole seconds, and at most for 7 days",
            "write \"60s\"",
        )),
    }
}
