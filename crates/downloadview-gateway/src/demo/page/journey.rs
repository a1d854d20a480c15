//! One download step by step, with the heads that cross the wire.

use downloadview::optimize::{Outcome, PROXY_HEADER};
use http::{HeaderMap, StatusCode};
use minijinja::{Value, context};

use super::shown;
use crate::demo::grid::Grid;
use crate::demo::views::VIEWS;
use crate::probe;
use crate::witness::{CHECK, Seen};

/// The view whose file is downloaded.
const VIEW: &str = "storage";

/// Downloads one file, through the first proxy if there is one, and tells of it. `None` if nothing arrives; the matrix
/// says why.
pub(super) async fn take(grid: &Grid) -> Option<Value> {
    let view = VIEWS.iter().find(|view| view.name == VIEW)?;
    let hops = grid.hops();
    let proxied = hops.iter().find(|hop| !hop.is_direct());
    let hop = proxied.or(hops.first())?;
    let ticket = grid.witness.issue().ok()?;
    let headers = HeaderMap::from_iter([(CHECK, ticket.value())]);
    let answer = probe::get(hop.address(), view.path, headers, &grid.trust).await;
    let answer = answer.ok()?;
    let seen = grid.witness.take(&ticket).pop()?;
    let front = match hop.is_direct() {
        true => "the application".to_owned(),
        false => hop.proxy.to_owned(),
    };
    let mut steps = vec![step(
        format!("The client asks {front}"),
        format!("GET {} HTTP/1.1\nhost: {}", view.path, hop.address()),
    )];
    if !hop.is_direct() {
        steps.push(step(
            format!("{front} asks the application, and proves itself"),
            format!("GET {} HTTP/1.1\n{}", view.path, lines(&seen.asked.headers)),
        ));
    }
    steps.push(step("The application decides", decided(&seen)?));
    if !hop.is_direct() {
        steps.push(step(
            format!("The application answers {front}"),
            head(StatusCode::from_u16(seen.status).ok()?, &seen.headers),
        ));
    }
    steps.push(step(
        format!("{front} answers the client"),
        head(answer.status(), answer.headers()),
    ));
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    let sender = match seen.is_empty {
        true => hop.proxy,
        false => "the application",
    };
    steps.push(step(format!("…with the bytes, sent by {sender}"), body));
    Some(context! { path => view.path, proxy => shown(hop.proxy), steps => steps })
}

fn step(title: impl Into<String>, text: impl Into<String>) -> Value {
    let (title, text) = (title.into(), text.into());
    context! { title => capitalized(title), text => text.trim_end() }
}

/// A step begins as a sentence does; a proxy's name stays as it is written.
fn capitalized(title: String) -> String {
    match title.strip_prefix("the ") {
        Some(rest) => format!("The {rest}"),
        None => title,
    }
}

fn decided(seen: &Seen) -> Option<String> {
    Some(match seen.outcome.as_ref()? {
        Outcome::Delegated { rule, backend, .. } => {
            let named = seen.hand_off.as_deref().unwrap_or_default();
            let backend = backend.name();
            format!("delegated to {backend}\nby the rule {rule}\nas {named}")
        }
        Outcome::Streamed { reason, .. } => format!("streamed\nbecause {reason}"),
        other => other.kind().to_owned(),
    })
}

fn head(status: StatusCode, headers: &HeaderMap) -> String {
    format!("HTTP/1.1 {status}\n{}", lines(headers))
}

/// The headers, a line each; what proves a proxy is not shown.
fn lines(headers: &HeaderMap) -> String {
    let shown = headers.iter().filter(|(name, _)| *name != CHECK);
    let lines = shown.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        match value.split_once(' ') {
            Some((proxy, _)) if name == PROXY_HEADER => format!("{name}: {proxy} ••••••••\n"),
            _ => format!("{name}: {value}\n"),
        }
    });
    lines.collect()
}
