//! Finds the servers whose files the proxy fetches itself, each behind an internal location of its own.
//!
//! nginx and Caddy can; the gateway tells them the server and what to ask it for in two headers of their own.
//! Comes in: the rules of the proxy, and the local locations found before. Goes out: one [`Remote`] for each location,
//! sorted and numbered; the writers name upstreams by that number. Refused: one location that means two servers, or
//! asks one server in two ways, and one that overlaps a local location.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::ProxyConfigError;
use super::front::Front;
use super::locations::Location;
use crate::config::{Destination, Forbidden, RemoteOrigin, RuleConfig, Scheme, Source};

/// One internal location, and the server behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Which of them it is, counted from 1.
    pub(super) number: usize,
    /// Its path, with a slash at both ends: the whole value of `X-Accel-Redirect`.
    pub(super) path: String,
    /// The line of the first rule that named it, counted from 1.
    pub(super) line: usize,
    pub(super) server: Server,
}

/// The one server that a location fetches from, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// Shown as `X-Download-Origin` states it.
    pub(super) origin: RemoteOrigin,
    /// The charset that the rule asks the proxy to add.
    pub(super) charset: Option<String>,
    /// How long a connection may take.
    pub(super) connect: Duration,
    /// How long the head of an answer may take.
    pub(super) first_byte: Duration,
    /// How long a body may pause.
    pub(super) idle: Duration,
    /// What a client learns of a 401 and a 403: 404 or 403.
    pub(super) forbidden: u16,
}

impl Server {
    fn of_rule(rule: &RuleConfig) -> Option<Self> {
        let Source::Remote { url, storage } = &rule.source else {
            return None;
        };
        let settings = storage.as_ref().and_then(|storage| storage.kind.settings());
        let settings = settings.cloned().unwrap_or_default();
        let or = |stated: Option<Duration>, seconds| stated.unwrap_or(Duration::from_secs(seconds));
        Some(Self {
            origin: url.origin.clone(),
            charset: rule.nginx.charset.as_ref().map(|it| it.as_str().to_owned()),
            connect: or(settings.connect_timeout, 5),
            first_byte: or(settings.first_byte_timeout, 15),
            idle: or(settings.idle_timeout, 30),
            forbidden: match settings.forbidden {
                Forbidden::NotFound => 404,
                Forbidden::Forbidden => 403,
            },
        })
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin.scheme == Scheme::Https
    }

    /// What `Host` says.
    pub(super) fn authority(&self) -> String {
        let RemoteOrigin { scheme, host, port } = &self.origin;
        match *port == scheme.default_port() {
            true => host.clone(),
            false => self.address(),
        }
    }

    /// Where to connect to.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.origin.host, self.origin.port)
    }

    /// Whether a number stands in place of a name.
    pub(super) fn has_no_name(&self) -> bool {
        let host = &self.origin.host;
        host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
    }
}

/// A time as nginx and Caddy write it.
pub(super) fn written(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis().max(1)),
    }
}

/// The locations that the rules name for files of other servers, each once, in the order of their paths.
pub(super) fn remotes(
    front: &Front<'_>,
    local: &[Location],
) -> Result<Vec<Remote>, ProxyConfigError> {
    let mut found: Vec<Remote> = Vec::new();
    for rule in &front.rules {
        let (Some(server), Destination::Url(path)) = (Server::of_rule(rule), &rule.destination)
        else {
            continue;
        };
        let remote = Remote {
            number: 0,
            path: path.clone(),
            line: rule.line,
            server,
        };
        if let Some((message, help)) = contradiction(&remote, &found, local) {
            return Err(front.refuse(rule, message, help));
        }
        if !found.iter().any(|other| other.path == remote.path) {
            found.push(remote);
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    for (index, remote) in found.iter_mut().enumerate() {
        remote.number = index + 1;
    }
    Ok(found)
}

/// What speaks against a location, and how to fix it: one path must not mean two servers, nor a server and a file.
fn contradiction(
    remote: &Remote,
    others: &[Remote],
    local: &[Location],
) -> Option<(String, &'static str)> {
    let path = &remote.path;
    let another = |other: &&Remote| other.path == *path && other.server != remote.server;
    if let Some(Remote { line, server, .. }) = others.iter().find(another) {
        let what = match server.origin == remote.server.origin {
            true => "has another charset, or other time-outs,",
            false => "already means another server",
        };
        return Some((
            format!("`{path}` {what} in the rule of line {line}"),
            "give each a `destination_url` of its own",
        ));
    }
    let near = |other: &&Location| other.path.starts_with(path) || path.starts_with(&other.path);
    let Location {
        path: other, line, ..
    } = local.iter().find(near)?;
    Some((
        format!("`{path}` means a server, and `{other}` of line {line} a folder"),
        "give each a `destination_url` of its own",
    ))
}
