//! Refuses what a rule asks of a proxy that cannot do it, with the reason and how to fix it.

use std::ops::Range;

use super::backend::BackendKind;
use super::ends::{Destination, Source};
use crate::config::reader::Problem;
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::storage::{StorageKind, Storages};

/// A rule as far as it was understood.
pub(super) struct Fit<'a, 'text> {
    pub(super) table: &'a Table<'text>,
    /// Who carries the rule out; `None` and `Announced` when nobody is known to.
    pub(super) backend: BackendKind,
    pub(super) source: Option<&'a At<Source>>,
    pub(super) destination: Option<&'a At<Destination>>,
    pub(super) storages: &'a Storages,
}

/// Reports everything that could never work.
pub(super) fn check(fit: &Fit<'_, '_>) {
    check_destination(fit);
    check_source(fit);
    for (key, fault) in refused_keys(fit.backend) {
        if let Some(value) = fit.table.again(key) {
            value.refuse(fault);
        }
    }
}

fn check_destination(fit: &Fit<'_, '_>) {
    let Some(At { span, value }) = fit.destination else {
        return;
    };
    let name = fit.backend.name();
    match (fit.backend, value) {
        (BackendKind::None | BackendKind::Announced, _) => {}
        (backend, Destination::Dir(_)) if !backend.takes_paths() => report(
            fit,
            span,
            format!("{name} takes internal URLs, no file paths"),
            "write destination_url = \"/_internal/...\" in place of `destination_dir`",
        ),
        (backend, Destination::Url(_)) if backend.takes_paths() => report(
            fit,
            span,
            format!("{name} takes file paths, no internal URLs"),
            "write destination_dir = \"/srv/media\" in place of `destination_url`",
        ),
        _ => {}
    }
}

fn check_source(fit: &Fit<'_, '_>) {
    let Some(At { span, value }) = fit.source else {
        return;
    };
    match value {
        Source::Url(url) if fit.backend.takes_paths() && !url.starts_with('/') => report(
            fit,
            span,
            format!("{} cannot fetch files of other servers", fit.backend.name()),
            "take the rule out: the gateway streams these files",
        ),
        Source::Storage(name) if is_in_memory(fit.storages, name) => report(
            fit,
            span,
            format!("no proxy can read the files of `{name}`, which are in memory"),
            "take the rule out: the gateway streams these files",
        ),
        _ => {}
    }
}

fn is_in_memory(storages: &Storages, name: &str) -> bool {
    let storage = storages.read.get(name);
    matches!(
        storage.map(|storage| &storage.kind),
        Some(StorageKind::Memory { .. })
    )
}

/// The keys that mean nothing to a backend, each with what to say of it.
fn refused_keys(backend: BackendKind) -> Vec<(&'static str, Fault)> {
    let name = backend.name();
    let one_escaping = || {
        let message = format!("{name} percent-decodes every name, whatever its version");
        ("escaping", Fault::new(message, "take it out"))
    };
    let no_rate = || {
        let message = format!("{name} cannot be told a rate for one download");
        let help = "take it out, or limit the rate in the proxy's own configuration";
        ("limit_rate", Fault::new(message, help))
    };
    let of_nginx = |key, help: &str| {
        let fault = Fault::new(format!("{name} has no such setting, only nginx has"), help);
        (key, fault)
    };
    let nginx_only = || {
        let in_type = "take it out; a charset may stand in the view's content_type: \"text/plain; charset=utf-8\"";
        [
            of_nginx("buffering", "take it out"),
            of_nginx("expires", "take it out"),
            of_nginx("charset", in_type),
        ]
    };
    match backend {
        BackendKind::None | BackendKind::Announced => Vec::new(),
        BackendKind::Nginx => vec![one_escaping()],
        BackendKind::Lighttpd => [one_escaping()].into_iter().chain(nginx_only()).collect(),
        BackendKind::Apache | BackendKind::Caddy => {
            [no_rate()].into_iter().chain(nginx_only()).collect()
        }
    }
}

fn report(fit: &Fit<'_, '_>, span: &Range<usize>, message: String, help: &str) {
    let problem = Problem::new(span.clone(), message);
    fit.table.source.report(problem.with_help(help));
}
