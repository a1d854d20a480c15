//! Refuses what a rule asks of a proxy that cannot do it, with the reason and how to fix it.

use std::ops::Range;

use super::ends::{Destination, Source};
use super::proxy::Proxy;
use crate::config::reader::Problem;
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::storage::{StorageKind, Storages};

/// A rule as far as it was understood.
pub(super) struct Fit<'a, 'text> {
    pub(super) table: &'a Table<'text>,
    /// Who carries the rule out; `None` when nobody is known to.
    pub(super) backend: Option<Proxy>,
    pub(super) source: Option<&'a At<Source>>,
    pub(super) destination: Option<&'a At<Destination>>,
    pub(super) storages: &'a Storages,
}

/// Reports everything that could never work.
pub(super) fn check(fit: &Fit<'_, '_>) {
    if let Some(proxy) = fit.backend {
        check_destination(fit, proxy);
    }
    check_source(fit);
    let refused = fit.backend.map(refused_keys);
    for (key, fault) in refused.unwrap_or_default() {
        if let Some(value) = fit.table.again(key) {
            value.refuse(fault);
        }
    }
}

fn check_destination(fit: &Fit<'_, '_>, proxy: Proxy) {
    let Some(At { span, value }) = fit.destination else {
        return;
    };
    let name = proxy.name();
    match value {
        Destination::Dir(_) if !proxy.takes_paths() => report(
            fit,
            span,
            format!("{name} takes internal URLs, no file paths"),
            "write destination_url = \"/_internal/...\" in place of `destination_dir`",
        ),
        Destination::Url(_) if proxy.takes_paths() => report(
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
    let of_paths = fit.backend.filter(|proxy| proxy.takes_paths());
    match (value, of_paths) {
        (Source::Url(url), Some(proxy)) if !url.starts_with('/') => report(
            fit,
            span,
            format!("{} cannot fetch files of other servers", proxy.name()),
            "take the rule out: the gateway streams these files",
        ),
        (Source::Storage(name), _) if is_in_memory(fit.storages, name) => report(
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
fn refused_keys(proxy: Proxy) -> Vec<(&'static str, Fault)> {
    let name = proxy.name();
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
    match proxy {
        Proxy::Nginx => vec![one_escaping()],
        Proxy::Lighttpd => [one_escaping()].into_iter().chain(nginx_only()).collect(),
        Proxy::Apache | Proxy::Caddy => [no_rate()].into_iter().chain(nginx_only()).collect(),
    }
}

fn report(fit: &Fit<'_, '_>, span: &Range<usize>, message: String, help: &str) {
    let problem = Problem::new(span.clone(), message);
    fit.table.source.report(problem.with_help(help));
}
