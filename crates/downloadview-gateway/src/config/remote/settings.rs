//! How another server is asked: time-outs, bounds, and what is allowed.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use super::origin::RemoteOrigin;
use crate::config::reader::scalar::{Fault, positive_duration, size};
use crate::config::reader::{Problem, Table, Value};

/// How one server is asked. What is `None` is left to the library, whose defaults are named here.
///
/// These keys stand beside those of a storage on another server, or of a view of `kind = "http"`:
///
/// ```toml
/// [storages.mirror]
/// kind = "http"
/// url = "https://origin.example/files/"
/// connect_timeout = "5s"
/// first_byte_timeout = "15s"
/// idle_timeout = "30s"
/// redirects = 2
/// concurrency = 64
/// max_size = "2GiB"
/// forbidden = 404
/// ```
///
/// `"0s"` is refused for a time-out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OriginSettings {
    /// `allow_private`: whether it may have an address of this machine or of a private network. Where the
    /// URL itself spells such an address, the file is refused without it; what a name leads to is checked at each
    /// connection. Default: false.
    pub allow_private: bool,
    /// `connect_timeout`: how long a connection may take, name and TLS included. Default: 5 s.
    pub connect_timeout: Option<Duration>,
    /// `first_byte_timeout`: how long the head of an answer may take. Default: 15 s.
    pub first_byte_timeout: Option<Duration>,
    /// `idle_timeout`: how long a body may pause while somebody waits for it. Default: 30 s.
    pub idle_timeout: Option<Duration>,
    /// `redirects`: how many of one request are followed, at most 5. Default: none.
    pub redirects: u8,
    /// `concurrency`: how many requests, with their bodies, may be under way at once. Default: 512.
    pub concurrency: Option<NonZeroUsize>,
    /// `max_size`: the largest file in bytes. Default: any.
    pub max_size: Option<u64>,
    /// `forbidden`: what a client learns where the server forbids a file. Default: 404.
    pub forbidden: Forbidden,
}

/// What a client learns of a file that another server forbids, by 401 or 403. Either way the log tells it, at most once
/// a minute. As `unreadable` does for files of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forbidden {
    /// `404`: as if it did not exist.
    #[default]
    NotFound,
    /// `403`: that it is forbidden.
    Forbidden,
}

/// The largest `redirects`: a longer chain is a loop, or one that nobody meant.
const MOST_REDIRECTS: u8 = 5;
/// The largest `concurrency`. Far above the number of connections that a process can have.
const MOST_AT_ONCE: i64 = 1 << 20;

impl OriginSettings {
    /// Reads the keys that all other servers have. `origin` and its place are absent if they could not be read.
    pub(in crate::config) fn read(
        table: &mut Table<'_>,
        origin: Option<(&RemoteOrigin, &Range<usize>)>,
    ) -> Self {
        let allow_private = table.boolean("allow_private");
        let redirects = table.get("redirects");
        let concurrency = table.get("concurrency");
        let forbidden = table.get("forbidden");
        let settings = Self {
            allow_private: allow_private.unwrap_or_default(),
            connect_timeout: table.parsed("connect_timeout", positive_duration),
            first_byte_timeout: table.parsed("first_byte_timeout", positive_duration),
            idle_timeout: table.parsed("idle_timeout", positive_duration),
            redirects: redirects.and_then(|it| read_redirects(&it)).unwrap_or(0),
            concurrency: concurrency.and_then(|it| read_concurrency(&it)),
            max_size: table
                .get("max_size")
                .and_then(|value| value.number_or(size)),
            forbidden: forbidden
                .and_then(|it| read_forbidden(&it))
                .unwrap_or_default(),
        };
        if let Some((origin, span)) = origin
            && origin.is_private()
            && allow_private != Some(true)
        {
            let message = format!(
                "`{}` is this machine, or lies in a private network",
                origin.host
            );
            let problem = Problem::new(span.clone(), message);
            let help = "write allow_private = true beside it, if that is meant";
            table.source.report(problem.with_help(help));
        }
        settings
    }
}

/// How many redirects are followed, from 0 to [`MOST_REDIRECTS`]. `true` is refused with its own help: it is the word of a
/// rule that sends clients there.
fn read_redirects(value: &Value<'_>) -> Option<u8> {
    if value.is_boolean() {
        return value.understood(Err(Fault::new(
            "this is how many redirects of that server are followed, not whether",
            format!(
                "write a number from 0 to {MOST_REDIRECTS}; a rule with redirect = true sends clients there"
            ),
        )));
    }
    let number = value.integer()?;
    let count = u8::try_from(number).ok();
    let count = count.filter(|count| *count <= MOST_REDIRECTS);
    value.understood(count.ok_or_else(|| {
        Fault::new(
            format!("{number} is not a number of redirects to follow"),
            format!("write a number from 0 to {MOST_REDIRECTS}"),
        )
    }))
}

/// A number of requests that may be under way at once.
pub(in crate::config) fn read_concurrency(value: &Value<'_>) -> Option<NonZeroUsize> {
    let number = value.integer()?;
    let count = (1..=MOST_AT_ONCE).contains(&number).then_some(number);
    let count = count.and_then(|number| usize::try_from(number).ok());
    value.understood(count.and_then(NonZeroUsize::new).ok_or_else(|| {
        Fault::new(
            format!("{number} is not a number of requests at once"),
            format!("write a number from 1 to {MOST_AT_ONCE}"),
        )
    }))
}

/// What clients get for a file that the server refuses: the numbers 404 and 403, and no others.
fn read_forbidden(value: &Value<'_>) -> Option<Forbidden> {
    value.understood(match value.integer()? {
        404 => Ok(Forbidden::NotFound),
        403 => Ok(Forbidden::Forbidden),
        other => Err(Fault::new(
            format!("{other} is not an answer to a forbidden file"),
            "use 404, as if it did not exist, or 403",
        )),
    })
}
