//! `[[optimize.rules]]` and `[[views.rules]]`: which files a proxy delivers, and under which internal name.

use std::path::PathBuf;
use std::time::Duration;

use super::file::{At, Table};
use super::optimize::BackendKind;
use super::paths;
use super::scalar::{self, Fault, location, size, source_url};
use super::storage::{StorageKind, Storages};

/// One rule. The first rule that matches a file decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleConfig {
    /// Which files it takes.
    pub source: Source,
    /// Where the proxy finds them.
    pub destination: Destination,
    /// The proxy that understands the destination. Default: none, so that of `[optimize]` counts.
    pub backend: Option<BackendKind>,
    /// Whether the gateway looks at the file before handing it off. Default: true; false is for files that
    /// only the proxy can see.
    pub stat: bool,
    /// What nginx is told beside the file's name.
    pub nginx: NginxRule,
    /// The line of the file where the rule starts, counted from 1.
    pub line: usize,
}

/// Which files a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// `source_url`: files whose URL lies below this one. It ends in a slash and starts with one, or with `http(s)://`.
    Url(String),
    /// `source_dir`: local files below this folder, absolute.
    Dir(PathBuf),
    /// `storage`: the files of the storage of this name.
    Storage(String),
}

/// Where the proxy finds the files of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// `destination_url`: below this internal location; starts and ends in a slash.
    Url(String),
    /// `destination_dir`: below this folder, absolute, as the proxy sees it.
    Dir(PathBuf),
}

/// What a rule tells nginx beside the file's name. Default: nothing, so that nginx's configuration counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NginxRule {
    /// `limit_rate`: `X-Accel-Limit-Rate`.
    pub limit_rate: Option<LimitRate>,
    /// `buffering`: `X-Accel-Buffering`.
    pub buffering: Option<bool>,
    /// `expires`: `X-Accel-Expires`; zero (written "off") means that nginx's cache does not keep the answer.
    pub expires: Option<Duration>,
    /// `charset`: `X-Accel-Charset`.
    pub charset: Option<String>,
}

/// How fast nginx may send a file to one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitRate {
    /// `"off"`: as fast as it goes.
    Unlimited,
    /// Bytes each second, at least 1.
    BytesPerSecond(u64),
}

impl RuleConfig {
    /// Reads the `rules` of a table; `default` is the backend of rules that name none.
    pub(super) fn read_all(
        parent: &mut Table<'_>,
        name: &str,
        storages: &Storages,
        default: BackendKind,
    ) -> Vec<Self> {
        let tables = parent.get("rules").map(|value| value.tables(name));
        tables
            .unwrap_or_default()
            .into_iter()
            .filter_map(|table| Self::read(table, storages, default))
            .collect()
    }

    /// The backend that carries out this rule, when `default` is that of `[optimize]`.
    pub fn backend_or(&self, default: BackendKind) -> BackendKind {
        self.backend.unwrap_or(default)
    }

    fn read(mut table: Table<'_>, storages: &Storages, default: BackendKind) -> Option<Self> {
        let line = table.source.line(&table.span);
        let stat = table.boolean("stat").unwrap_or(true);
        let backend = table.parsed("backend", rule_backend);
        let source = read_source(&mut table, storages, stat);
        let destination = read_destination(&mut table);
        let nginx = NginxRule::read(&mut table);
        refuse_escaping(&mut table);
        if let (Some(source), Some(destination)) = (&source, &destination) {
            check_fit(
                &table,
                backend.unwrap_or(default),
                source,
                destination,
                storages,
            );
        }
        table.finish();
        Some(Self {
            source: source?.value,
            destination: destination?.value,
            backend,
            stat,
            nginx,
            line,
        })
    }
}

impl NginxRule {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            limit_rate: table.get("limit_rate").and_then(|value| {
                let bytes = value.number_or(|text| match text {
                    "off" => Ok(0),
                    text => size(text),
                })?;
                Some(match bytes {
                    0 => LimitRate::Unlimited,
                    bytes => LimitRate::BytesPerSecond(bytes),
                })
            }),
            buffering: table.boolean("buffering"),
            expires: table.parsed("expires", |text| {
                let expires = scalar::or_off(scalar::duration)(text)?;
                Ok(expires.unwrap_or(Duration::ZERO))
            }),
            charset: table.parsed("charset", scalar::charset),
        }
    }
}

fn rule_backend(text: &str) -> Result<BackendKind, Fault> {
    match BackendKind::read(text)? {
        BackendKind::None => Err(Fault::new(
            "a rule without a proxy does nothing",
            "take the rule out, or name its proxy: \"nginx\"",
        )),
        backend => Ok(backend),
    }
}

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
            table.parsed_at("source_url", |text| source_url(text).map(Source::Url)),
        ),
        (
            "source_dir",
            table.parsed_at("source_dir", |text| dir(text).map(Source::Dir)),
        ),
        (
            "storage",
            table.parsed_at("storage", |text| storages.name(text).map(Source::Storage)),
        ),
    ];
    let mend = "write exactly one of `source_url`, `source_dir` and `storage`";
    exactly_one(table, found, "says which files it takes", mend)
}

fn read_destination(table: &mut Table<'_>) -> Option<At<Destination>> {
    let base = table.source.folder;
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
                paths::absolute(text, base).map(Destination::Dir)
            }),
        ),
    ];
    let mend = "write exactly one of `destination_url` and `destination_dir`";
    exactly_one(table, found, "says where the proxy finds them", mend)
}

/// The one key of several that is there; none and two are reported at the table.
fn exactly_one<T, const N: usize>(
    table: &Table<'_>,
    found: [(&str, Option<At<T>>); N],
    what: &str,
    mend: &str,
) -> Option<At<T>> {
    let present: Vec<_> = found
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| table.has(key))
        .collect();
    match present.as_slice() {
        [] => table.report(format!("no key of this rule {what}"), mend),
        [_] => {}
        several => {
            let keys = scalar::listing(several, "and");
            table.report(
                format!("more than one key of this rule {what}: {keys}"),
                mend,
            );
            return None;
        }
    }
    found.into_iter().find_map(|(_, value)| value)
}

/// Refuses a rule that could never work with its backend.
fn check_fit(
    table: &Table<'_>,
    backend: BackendKind,
    source: &At<Source>,
    destination: &At<Destination>,
    storages: &Storages,
) {
    let report = |span: &std::ops::Range<usize>, message: String, mend: &str| {
        let problem = super::error::Problem::new(span.clone(), message);
        table.source.report(problem.mend(mend));
    };
    if let (BackendKind::Nginx, Destination::Dir(_)) = (backend, &destination.value) {
        report(
            &destination.span,
            "nginx takes internal URLs, no file paths".to_owned(),
            "write destination_url = \"/_internal/...\" in place of `destination_dir`",
        );
    }
    let Source::Storage(name) = &source.value else {
        return;
    };
    let storage = storages.read.get(name);
    if let Some(StorageKind::Memory { .. }) = storage.map(|storage| &storage.kind) {
        report(
            &source.span,
            format!("no proxy can read the files of `{name}`, which are in memory"),
            "take the rule out: the gateway streams these files",
        );
    }
}

/// `escaping` belongs to proxies of a later version.
fn refuse_escaping(table: &mut Table<'_>) {
    if let Some(value) = table.get("escaping") {
        value.refuse(Fault::new(
            "not available in this version",
            "take it out: nginx has one escaping only",
        ));
    }
}
