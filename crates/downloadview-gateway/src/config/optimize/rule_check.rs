//! Refuses what a rule asks of a proxy that cannot do it, with the reason and how to fix it.
//! `RuleConfig` calls [`check`] when it has read all keys of a rule:
//!
//! 1. do source and destination fit each other, and the proxy? At most one report;
//! 2. is there a key that means nothing to this proxy, or to a redirect? A report for each.
//!
//! What could not be read has its report already, and is not judged again.

use std::ops::Range;

use super::ends::{Destination, Source};
use super::proxy::Proxy;
use crate::config::reader::Problem;
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::storage::{SharedStorage, StorageKind};

/// A rule as far as it was understood.
pub(super) struct Fit<'a, 'text> {
    /// The rule's table, in which mistakes are reported.
    pub(super) table: &'a Table<'text>,
    /// Who carries the rule out; `None` when nobody is known to.
    pub(super) backend: Option<Proxy>,
    /// Which files it takes; `None` if that was reported already.
    pub(super) source: Option<&'a At<Source>>,
    /// What the proxy calls them; `None` if that was reported already.
    pub(super) destination: Option<&'a At<Destination>>,
}

/// Reports everything that could never work.
pub(super) fn check(fit: &Fit<'_, '_>) {
    check_ends(fit);
    let refused = match (redirects(fit), fit.backend) {
        (true, _) => refused_by_redirect(),
        (false, Some(proxy)) => refused_keys(proxy),
        (false, None) => Vec::new(),
    };
    for (key, fault) in refused {
        if let Some(value) = fit.table.again(key) {
            value.refuse(fault);
        }
    }
}

fn redirects(fit: &Fit<'_, '_>) -> bool {
    matches!(
        fit.destination,
        Some(At {
            value: Destination::Redirect,
            ..
        })
    )
}

/// Which destination goes with these files and this proxy.
fn check_ends(fit: &Fit<'_, '_>) {
    let (Some(source), Some(destination)) = (fit.source, fit.destination) else {
        return;
    };
    match (&source.value, &destination.value, fit.backend) {
        (Source::Remote { storage, .. }, _, _) if storage.as_ref().is_some_and(sends_headers) => {
            report(
                fit,
                &source.span,
                "headers go along with each request to this server, and nobody but the gateway has them",
                "take the rule out: the gateway streams these files",
            );
        }
        (Source::Remote { storage, .. }, Destination::Redirect, _) => {
            let is_kept = |storage: &SharedStorage| !storage.kind.can_redirect();
            if storage.as_ref().is_some_and(is_kept) {
                report(
                    fit,
                    &destination.span,
                    "clients would get the `sas_token`, which is good for more than one file",
                    "give the storage its `account_key_env` in place of the token, or write `destination_url` (nginx, Caddy)",
                );
            }
        }
        (_, Destination::Redirect, _) => report(
            fit,
            &destination.span,
            "clients can be sent to another server, and these files are on this machine",
            "write `destination_url` (nginx, Caddy) or `destination_dir` (Apache, lighttpd) in place of `redirect`",
        ),
        (Source::Remote { .. }, _, Some(proxy)) if proxy.takes_paths() => {
            let message = format!("{} cannot fetch files of other servers", proxy.name());
            report(
                fit,
                &source.span,
                &message,
                "write redirect = true in place of the destination: clients fetch them themselves; or take the rule \
                 out: the gateway streams them",
            );
        }
        (Source::Remote { .. }, Destination::Dir(_), _) => report(
            fit,
            &destination.span,
            "these files are on another server, below no folder",
            "write destination_url = \"/_internal/...\" in place of `destination_dir`, or redirect = true",
        ),
        (_, Destination::Dir(_), Some(proxy)) if !proxy.takes_paths() => report(
            fit,
            &destination.span,
            &format!("{} takes internal URLs, no file paths", proxy.name()),
            "write destination_url = \"/_internal/...\" in place of `destination_dir`",
        ),
        (_, Destination::Url(_), Some(proxy)) if proxy.takes_paths() => report(
            fit,
            &destination.span,
            &format!("{} takes file paths, no internal URLs", proxy.name()),
            "write destination_dir = \"/srv/media\" in place of `destination_url`",
        ),
        _ => {}
    }
}

/// Whether a server must be told what only the gateway knows.
fn sends_headers(storage: &SharedStorage) -> bool {
    match &storage.kind {
        StorageKind::Http(http) => !http.headers.is_empty(),
        _ => false,
    }
}

/// The keys that speak to a proxy; none is asked.
fn refused_by_redirect() -> Vec<(&'static str, Fault)> {
    let keys = ["limit_rate", "escaping", "buffering", "expires", "charset"];
    let fault = || {
        Fault::new(
            "the client fetches the file itself, no proxy is told anything",
            "take it out",
        )
    };
    keys.map(|key| (key, fault())).into()
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

fn report(fit: &Fit<'_, '_>, span: &Range<usize>, message: &str, help: &str) {
    let problem = Problem::new(span.clone(), message);
    fit.table.source.report(problem.with_help(help));
}
