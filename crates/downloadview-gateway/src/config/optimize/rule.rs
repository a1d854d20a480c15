//! `[[optimize.rules]]` and `[[views.rules]]`: which files a proxy delivers, and under which internal name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use downloadview::backend::Escaping;

use super::charset::Charset;
use super::ends::{Destination, Source};
use super::proxy::Proxy;
use super::rule_check::{self, Fit};
use super::rule_owner::RuleOwner;
use crate::config::reader::paths;
use crate::config::reader::scalar::{self, Fault, location, one_of, size, url_prefix};
use crate::config::reader::{At, Problem, Table};
use crate::config::remote::{RemoteOrigin, RemoteUrl};
use crate::config::storage::{StorageKind, Storages};

/// One rule. The first rule that matches a file decides.
/// ```toml
/// [[optimize.rules]]                    # or [[views.rules]], [[optimize.proxies.NAME.rules]]
/// source_dir = "/srv/media"             # or source_url, or storage
/// destination_url = "/_internal/media/" # or destination_dir, or redirect = true
/// stat = true
/// limit_rate = "1MiB"                   # bytes a second; nginx, lighttpd
/// buffering = false                     # nginx
/// expires = "10m"                       # nginx
/// charset = "utf-8"                     # nginx
/// ```
///
/// A key that the rule's proxy has no use for is refused, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleConfig {
    /// `source_url`, `source_dir` or `storage`: which files it takes.
    pub source: Source,
    /// `destination_url`, `destination_dir` or `redirect`: where the proxy finds them.
    pub destination: Destination,
    /// `backend`: the proxy that understands the destination: the one that the rule names, or else the one that
    /// `[optimize]` has in front. `None` where there is none: nobody carries the rule out. A redirect needs none.
    pub backend: Option<Proxy>,
    /// `stat`: whether the gateway looks at the file before handing it off. Default: true; false is for files that
    /// only the proxy can see.
    pub stat: bool,
    /// `limit_rate`, for nginx and lighttpd: how fast a file may go to one client. Default: the proxy's own setting.
    pub limit_rate: Option<LimitRate>,
    /// `escaping`, for Apache and Caddy: how they read the names of this rule's files, which depends on their version.
    /// `"raw"`: mod_xsendfile 0.12, Caddy before 2.7; `"strict"`: later versions. Default: not stated, and names that
    /// the versions read differently are streamed. `None` for the other proxies.
    pub escaping: Option<Escaping>,
    /// `buffering`, `expires` and `charset`: what nginx is told beside the file's name. Refused for other proxies.
    pub nginx: NginxRule,
    /// The line of the file where the rule starts, counted from 1.
    pub line: usize,
}

/// What a rule tells nginx beside the file's name. Default: nothing, so that nginx's configuration counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NginxRule {
    /// `buffering`, true or false: sent as `X-Accel-Buffering`.
    pub buffering: Option<bool>,
    /// `expires`, a duration or `"off"`: sent as `X-Accel-Expires`, in seconds; zero (written "off") means that nginx's
    /// cache does not keep the answer.
    pub expires: Option<Duration>,
    /// `charset`: sent as `X-Accel-Charset`, for nginx to add to the type of text.
    pub charset: Option<Charset>,
}

/// How fast a proxy may send a file to one client.
/// `limit_rate` of a rule: a number of bytes a second, `65536` or `"64KiB"`; 0 and `"off"` mean no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitRate {
    /// `"off"`: as fast as it goes.
    Unlimited,
    /// Bytes each second, at least 1.
    BytesPerSecond(u64),
}

impl RuleConfig {
    /// Reads the `rules` of a table.
    pub(in crate::config) fn read_all(
        parent: &mut Table<'_>,
        name: &str,
        storages: &Storages,
        owner: &RuleOwner,
    ) -> Vec<Self> {
        let tables = parent.get("rules").map(|value| value.tables(name));
        tables
            .unwrap_or_default()
            .into_iter()
            .filter_map(|table| Self::read(table, storages, owner))
            .collect()
    }

    /// The server that has the rule's files, if it is another one.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteOrigin> {
        match &self.source {
            Source::Remote { url, .. } => Some(&url.origin),
            _ => None,
        }
    }

    /// Whether `[spool]` makes it, for its copies.
    #[must_use]
    pub fn is_of_spool(&self) -> bool {
        matches!(self.source, Source::Spool(_))
    }

    /// What logs, outcomes and `explain` call the rule: its source, or `[spool]` for the one of the copies, and its line in the file.
    #[must_use]
    pub fn label(&self) -> String {
        let source = match &self.source {
            Source::Url(url) => url.clone(),
            Source::Dir(folder) => folder.display().to_string(),
            Source::Spool(_) => "[spool]".to_owned(),
            Source::Storage { name, .. } => name.clone(),
            Source::Remote { url, storage } => match storage {
                Some(storage) => storage.to_string(),
                None => url.to_string(),
            },
        };
        format!("{source} (line {})", self.line)
    }

    /// Why the rule never takes a file, and how to fix it; `None` for a rule that may. It is not an error: a file may
    /// be written before there is a proxy. `serve` warns of it, and `explain` says it where the rule would be asked.
    #[must_use]
    pub fn idle(&self) -> Option<&'static str> {
        let nobody = self.backend.is_none() && !self.redirects();
        nobody.then_some(
            "never takes a file, because no backend carries it out: write `backend` into [optimize], or take the rule \
             out",
        )
    }

    /// Whether clients are sent to the server that has the files.
    #[must_use]
    pub fn redirects(&self) -> bool {
        self.destination == Destination::Redirect
    }

    fn read(mut table: Table<'_>, storages: &Storages, owner: &RuleOwner) -> Option<Self> {
        const ESCAPINGS: [(&str, Escaping); 2] =
            [("raw", Escaping::Raw), ("strict", Escaping::Percent)];

        let line = table.source.line(&table.span);
        let stat = table.boolean("stat").unwrap_or(true);
        let redirect = table.boolean("redirect");
        let backend = match (redirect, table.has("redirect")) {
            (Some(true), _) => owner.refuse_backend(&mut table),
            (Some(false), _) | (None, false) => owner.read_backend(&mut table),
            // It has its report, and nobody knows whether a backend is wanted.
            (None, true) => table.parsed("backend", Proxy::read),
        };
        let source = read_source(&mut table, storages, stat);
        let destination = read_destination(&mut table, redirect.unwrap_or_default());
        let limit_rate = read_limit_rate(&mut table);
        let escaping = table.parsed("escaping", |text| one_of(text, &ESCAPINGS, &[]));
        let nginx = NginxRule::read(&mut table);
        rule_check::check(&Fit {
            table: &table,
            backend,
            source: source.as_ref(),
            destination: destination.as_ref(),
        });
        table.finish();
        let has_escapings = matches!(backend, Some(Proxy::Apache | Proxy::Caddy));
        Some(Self {
            source: source?.value,
            destination: destination?.value,
            backend,
            stat,
            limit_rate,
            escaping: has_escapings.then(|| escaping.unwrap_or_default()),
            nginx,
            line,
        })
    }
}

impl NginxRule {
    /// Reads the keys that only nginx knows. Each is absent by default: then no header is sent, and nginx's own setting counts.
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            buffering: table.boolean("buffering"),
            expires: table.parsed("expires", |text| {
                let expires = scalar::or_off(scalar::duration)(text)?;
                Ok(expires.unwrap_or(Duration::ZERO))
            }),
            charset: table.parsed("charset", Charset::read),
        }
    }
}

/// 0 and `off` are one thing in the headers of both proxies.
fn read_limit_rate(table: &mut Table<'_>) -> Option<LimitRate> {
    let bytes = table.get("limit_rate")?.number_or(|text| match text {
        "off" => Ok(0),
        text => size(text),
    })?;
    Some(match bytes {
        0 => LimitRate::Unlimited,
        bytes => LimitRate::BytesPerSecond(bytes),
    })
}

/// Which of the three keys says where files come from. A folder is looked at only if the gateway will look at its
/// files.
fn read_source(table: &mut Table<'_>, storages: &Storages, stat: bool) -> Option<At<Source>> {
    let base = table.source.folder;
    let dir = |text: &str| match stat {
        true => paths::folder(text, base),
        // The folder may be one that only the proxy can see.
        false => paths::absolute(text, base),
    };
    let found = [
        (
            "source_url",
            table.parsed_at("source_url", |text| source_url(text, storages)),
        ),
        (
            "source_dir",
            table.parsed_at("source_dir", |text| dir(text).map(Source::Dir)),
        ),
        ("storage", read_storage(table, storages)),
    ];
    let help = "write exactly one of `source_url`, `source_dir` and `storage`";
    exactly_one(table, found, "says which files it takes", help)
}

/// Which of the three keys says where files are found; `redirect = false` counts as absent.
fn read_destination(table: &mut Table<'_>, redirect: bool) -> Option<At<Destination>> {
    let base = table.source.folder;
    let redirect = redirect.then(|| table.again("redirect")).flatten();
    let found = [
        (
            "destination_url",
            table.parsed_at("destination_url", |text| {
                location(text).map(Destination::Url)
            }),
        ),
        (
            "destination_dir",
            table.parsed_at("destination_dir", |text| {
                destination_dir(text, base).map(Destination::Dir)
            }),
        ),
        (
            "redirect",
            redirect.map(|value| At {
                span: value.span,
                value: Destination::Redirect,
            }),
        ),
    ];
    let help = "write exactly one of `destination_url`, `destination_dir` and `redirect = true`";
    exactly_one(table, found, "says where the proxy finds them", help)
}

/// A path, or the URL of another server.
fn source_url(text: &str, storages: &Storages) -> Result<Source, Fault> {
    if !text.contains("://") {
        return url_prefix(text).map(Source::Url);
    }
    let url = RemoteUrl::read(text)?;
    let storage = storages.at(&url);
    Ok(Source::Remote { url, storage })
}

/// The storage of a rule; `None` too where it has a mistake of its own.
fn read_storage(table: &mut Table<'_>, storages: &Storages) -> Option<At<Source>> {
    let At { span, value } = table.parsed_at("storage", |text| storages.find(text))?;
    let storage = value?;
    let value = match &storage.kind {
        StorageKind::Local(local) => Source::Storage {
            name: storage.name.clone(),
            root: local.root.clone(),
        },
        StorageKind::Memory { .. } => {
            let message =
                format!("no proxy can read the files of `{storage}`, which are in memory");
            let help = "take the rule out: the gateway streams these files";
            let problem = Problem::new(span, message).with_help(help);
            table.source.report(problem);
            return None;
        }
        elsewhere => Source::Remote {
            url: elsewhere.remote()?,
            storage: Some(storage),
        },
    };
    Some(At { span, value })
}

/// The one key of several that is there; none and two are reported at the table.
fn exactly_one<T, const N: usize>(
    table: &Table<'_>,
    found: [(&str, Option<At<T>>); N],
    what: &str,
    help: &str,
) -> Option<At<T>> {
    let present: Vec<_> = found
        .iter()
        .filter(|(key, _)| {
            let value = table.again(key);
            value.is_some_and(|value| *key != "redirect" || !value.is_false())
        })
        .map(|(key, _)| *key)
        .collect();
    match present.as_slice() {
        [] => table.report(format!("no key of this rule {what}"), help),
        [_] => {}
        several => {
            let keys = scalar::listing(several, "and");
            table.report(
                format!("more than one key of this rule {what}: {keys}"),
                help,
            );
            return None;
        }
    }
    found.into_iter().find_map(|(_, value)| value)
}

/// A folder as the proxy sees it; never the root of the file system, or the proxy would send any file of the machine.
fn destination_dir(text: &str, base: &Path) -> Result<PathBuf, Fault> {
    let folder = paths::absolute(text, base)?;
    match folder.parent() {
        Some(_) => Ok(folder),
        None => Err(Fault::new(
            "the proxy may send every file below this folder, and this is every file",
            "name the folder that holds the files: \"/srv/media\"",
        )),
    }
}
