//! What the tables of all buckets have in common: `prefix`, `link_lifetime`, `allow_http`, and how the store is
//! asked.
//!
//! Secrets may stand in the file, in a variable (`…_env`), or nowhere, so that the environment's count;
//! [`one_of_two`] refuses both at once. No report quotes one.

use std::time::Duration;

use crate::config::reader::scalar::{Fault, duration, of_variable};
use crate::config::reader::{At, Problem, Secret, Table};
use crate::config::remote::{OriginSettings, RemoteOrigin, Scheme, credential};

/// Default of `link_lifetime`: long enough for a proxy to begin, short enough for a link that leaks.
const LINK_LIFETIME: Duration = Duration::from_secs(60);
/// The longest `link_lifetime`: stores refuse signatures that are good for more than 7 days.
const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What can be said of every bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// `allow_http`: whether the endpoint may be spoken to in the clear. Default: false.
    pub allow_http: bool,
    /// `prefix`: what stands before each file's name in the key, without slashes at its ends. Default: nothing.
    pub prefix: String,
    /// `link_lifetime`: how long a signed URL can be used to begin a download: whole seconds, at most 7 days. Default: 60 s.
    pub link_lifetime: Duration,
    /// How the store is asked.
    pub origin: OriginSettings,
}

/// Their keys, and others that hold no secret in any of the tables.
const HARMLESS: [&str; 14] = [
    "allow_http",
    "allow_private",
    "anonymous",
    "concurrency",
    "connect_timeout",
    "endpoint",
    "first_byte_timeout",
    "forbidden",
    "idle_timeout",
    "kind",
    "link_lifetime",
    "max_size",
    "prefix",
    "redirects",
];

/// Hides the values of all keys from reports but of those, and of `own` ones of a store.
pub(super) fn hide_secrets(table: &Table<'_>, own: &[&str]) {
    table.hide_all_but(&[&HARMLESS, own].concat());
}

impl BucketSettings {
    /// Of a bucket at this endpoint, or at the cloud's own.
    pub(super) fn read(table: &mut Table<'_>, endpoint: Option<&At<RemoteOrigin>>) -> Self {
        let allow_http = table.boolean("allow_http").unwrap_or_default();
        let prefix = table.parsed("prefix", prefix);
        let link_lifetime = table.parsed("link_lifetime", link_lifetime);
        let at = endpoint.map(|at| (&at.value, &at.span));
        let origin = OriginSettings::read(table, at);
        check_scheme(table, endpoint, allow_http);
        Self {
            allow_http,
            prefix: prefix.unwrap_or_default(),
            link_lifetime: link_lifetime.unwrap_or(LINK_LIFETIME),
            origin,
        }
    }

    /// The path of the objects, below that of the bucket.
    pub(super) fn below(&self, path: String) -> String {
        match self.prefix.as_str() {
            "" => path,
            prefix => format!("{path}{prefix}/"),
        }
    }
}

/// A secret that the file holds, or that a variable does.
pub(super) struct Stated {
    /// `None` too where it was reported.
    pub(super) secret: Option<Secret>,
    /// Whether one of the two keys is there.
    pub(super) is_there: bool,
}

/// The secret of two keys, of which one may be there.
pub(super) fn one_of_two(
    table: &mut Table<'_>,
    key: &'static str,
    env_key: &'static str,
) -> Stated {
    let written = table.parsed(key, credential);
    let of_variable = table.parsed(env_key, |name| of_variable(name, credential));
    let (has_text, has_variable) = (table.has(key), table.has(env_key));
    if has_text && has_variable {
        table.report(
            format!("this bucket has both `{key}` and `{env_key}`"),
            "keep one of the two",
        );
    }
    Stated {
        secret: written
            .or(of_variable)
            .filter(|_| !(has_text && has_variable)),
        is_there: has_text || has_variable,
    }
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
