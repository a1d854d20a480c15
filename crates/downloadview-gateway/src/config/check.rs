//! Checks what no table can check alone: routes that overlap, and routes that a proxy hides.
//! Comes in: the tables as their readers left them, each view with the place of its route. Goes out: problems in the
//! [`Source`]; nothing is returned. [`Config`](super::Config) calls these once all tables were read, in this order:
//!
//! 1. [`overlapping_routes`]: no router could hold both views;
//! 2. [`hidden_routes`]: a client could not reach the view through nginx or Caddy;
//! 3. [`spools_without_table`]: nobody would make the copies that the view asks for;
//! 4. [`spool_among_files`]: a view would serve the copies of others;
//! 5. [`headers_of_ours`]: a proxy or a client would ask another server without the headers that it wants;
//! 6. [`streamed_though_refused`]: the file has no rule that anything could fail to match.

use std::fs;
use std::path::{Path, PathBuf};

use super::optimize::{
    Destination, OptimizeConfig, Proxy, RuleConfig, Source as RuleSource, Unmatched,
};
use super::reader::Problem;
use super::reader::{At, Source};
use super::spool::{SpoolConfig, ViewSpool};
use super::storage::StorageKind;
use super::view::{ViewConfig, ViewKind};

/// Reports two views whose routes no router can hold together.
pub(super) fn overlapping_routes(source: &Source<'_>, views: &[At<ViewConfig>]) {
    for (index, view) in views.iter().enumerate() {
        let earlier = views[..index]
            .iter()
            .find(|earlier| earlier.value.route.conflicts_with(&view.value.route));
        let Some(earlier) = earlier else { continue };
        let (route, other) = (&view.value.route, &earlier.value.route);
        let other_line = source.line(&earlier.span);
        let message = format!("route `{route}` overlaps `{other}` of line {other_line}");
        let problem = Problem::new(view.span.clone(), message)
            .related(earlier.span.clone(), "the same paths")
            .with_help("give one of the two another path");
        source.report(problem);
    }
}

/// Reports a view whose paths lie in an internal location: behind the proxy no client could reach it.
pub(super) fn hidden_routes(
    source: &Source<'_>,
    optimize: &OptimizeConfig,
    views: &[At<ViewConfig>],
) {
    let of_views = views.iter().flat_map(|view| &view.value.rules);
    let of_proxies = optimize.front.announced();
    let of_proxies = of_proxies.flat_map(|(_, proxy)| &proxy.rules);
    let locations: Vec<_> = optimize
        .rules
        .iter()
        .chain(of_views)
        .chain(of_proxies)
        .filter_map(internal_location)
        .collect();
    for view in views {
        let start = view.value.route.fixed_start();
        let Some((location, line)) = locations.iter().find(|(path, _)| start.starts_with(path))
        else {
            continue;
        };
        let route = &view.value.route;
        let message = format!(
            "route `{route}` lies below `{location}`, which the rule of line {line} keeps from clients"
        );
        let help = "choose a `destination_url` that no route starts with: \"/_internal/\"";
        source.report(Problem::new(view.span.clone(), message).with_help(help));
    }
}

/// Reports a view that sends headers along, and whose files a rule leaves to others: they have no such headers.
pub(super) fn headers_of_ours(
    source: &Source<'_>,
    optimize: &OptimizeConfig,
    views: &[At<ViewConfig>],
) {
    let of_proxies = optimize.front.announced();
    let of_proxies = of_proxies.flat_map(|(_, proxy)| &proxy.rules);
    let shared: Vec<_> = optimize.rules.iter().chain(of_proxies).collect();
    for view in views {
        let ViewKind::Http(http) = &view.value.kind else {
            continue;
        };
        if http.headers.is_empty() || !view.value.optimize {
            continue;
        }
        let prefix = http.prefix();
        let meant = |rule: &&RuleConfig| match &rule.source {
            RuleSource::Remote { url, .. } => url.holds(&prefix) || prefix.holds(url),
            _ => false,
        };
        let rules = view.value.rules.iter().chain(shared.iter().copied());
        if let Some(rule) = rules.into_iter().find(meant) {
            let message = format!(
                "headers go along with each request of this view, and the rule of line {} leaves its files to others, \
                 who do not have them",
                rule.line
            );
            let help =
                "take the rule out: the gateway streams these files; or narrow its `source_url`";
            source.report(Problem::new(view.span.clone(), message).with_help(help));
        }
    }
}

/// Reports each view whose files would be streamed, under `unmatched = "refuse"`, because the file has no rule at all: where
/// there is nothing to match, nothing is refused. What lies nowhere is streamed in any case.
pub(super) fn streamed_though_refused(
    source: &Source<'_>,
    optimize: &OptimizeConfig,
    views: &[At<ViewConfig>],
) {
    let of_views = views.iter().flat_map(|view| &view.value.rules);
    let of_proxies = optimize.front.announced();
    let of_proxies = of_proxies.flat_map(|(_, proxy)| &proxy.rules);
    let mut rules = optimize.rules.iter().chain(of_views).chain(of_proxies);
    if optimize.unmatched != Unmatched::Refuse || rules.next().is_some() {
        return;
    }
    let is_meant = |view: &&At<ViewConfig>| {
        let view = &view.value;
        let lies_nowhere = matches!(view.kind, ViewKind::Virtual { .. });
        view.optimize && !lies_nowhere
    };
    for view in views.iter().filter(is_meant) {
        let route = &view.value.route;
        let message = format!(
            "the files of route `{route}` would be streamed although unmatched = \"refuse\": no rule is written that they could \
             fail to match"
        );
        let help =
            "add a rule to [optimize] or to the view, or write optimize = false into the view";
        source.report(Problem::new(view.span.clone(), message).with_help(help));
    }
}

/// Reports a view that asks for copies where none are kept.
pub(super) fn spools_without_table(source: &Source<'_>, views: &[At<ViewConfig>]) {
    for view in views {
        let view_is = &view.value;
        let asks = [
            (
                "spool",
                !matches!(view_is.spool, None | Some(ViewSpool::Off)),
            ),
            ("prepare", view_is.prepare),
            ("delete_after_send", view_is.delete_after_send),
        ];
        let Some((key, _)) = asks.into_iter().find(|(_, asks)| *asks) else {
            continue;
        };
        let route = &view_is.route;
        let message = format!("route `{route}` asks for copies (`{key}`), and there is no [spool]");
        let help =
            format!("add [spool] with dir = \"/var/cache/downloadview\", or take `{key}` out");
        source.report(Problem::new(view.span.clone(), message).with_help(help));
    }
}

/// Reports a view that serves a folder in which the copies of `[spool]` lie: whoever knows or guesses the name of a copy
/// would get it there, without the permission that the view of the file asks for.
pub(super) fn spool_among_files(
    source: &Source<'_>,
    spool: &SpoolConfig,
    views: &[At<ViewConfig>],
) {
    let copies = real(&spool.dir);
    for view in views {
        let Some(root) = served_folder(&view.value.kind) else {
            continue;
        };
        let served = real(root);
        let where_they_are = match (copies.starts_with(&served), served.starts_with(&copies)) {
            (true, _) => "in which",
            (_, true) => "a part of the folder where",
            _ => continue,
        };
        let route = &view.value.route;
        let message = format!(
            "route `{route}` serves `{}`, {where_they_are} [spool] of line {} keeps its copies",
            root.display(),
            spool.line
        );
        let help =
            "give [spool] a `dir` of its own, with no folder in it that a view serves, and in none";
        source.report(Problem::new(view.span.clone(), message).with_help(help));
    }
}

/// The folder of this machine whose files a view serves.
fn served_folder(kind: &ViewKind) -> Option<&Path> {
    let storage = match kind {
        ViewKind::PathRoot { root, .. } => return Some(root),
        ViewKind::Storage { storage, .. } => storage,
        ViewKind::Object(object) => &object.storage,
        ViewKind::PathFile { .. } | ViewKind::Http(_) | ViewKind::Virtual { .. } => return None,
    };
    match &storage.kind {
        StorageKind::Local(local) => Some(&local.root),
        _ => None,
    }
}

/// A folder without symbolic links; as it was written, if it is not there.
fn real(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The path that a rule keeps from clients, with the line of the rule. Only nginx and Caddy have such locations.
fn internal_location(rule: &RuleConfig) -> Option<(&str, usize)> {
    match (&rule.destination, rule.backend) {
        (Destination::Url(url), Some(Proxy::Nginx | Proxy::Caddy)) => Some((url, rule.line)),
        _ => None,
    }
}
