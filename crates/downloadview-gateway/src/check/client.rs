//! Requests with tickets, and what the application says of them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::{Instant, sleep};

use super::setup::Setup;
use crate::probe::{Address, Answer, Ask, Evidence, Line};
use crate::witness::{CHECK, Kind, Seen, Ticket};

/// For how long a file may be in preparation, and how often it is asked for at least.
pub(super) const PREPARING: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Asks `address`, and then the application what it did. A file that is being prepared is asked for until it is there,
/// within [`PREPARING`].
pub(super) async fn ask(setup: &Setup, address: &Address, ask: Ask) -> Evidence {
    let until = Instant::now() + PREPARING;
    loop {
        let evidence = once(setup, address, ask.clone()).await;
        match later(&evidence) {
            Some(pause) if Instant::now() + pause < until => sleep(pause).await,
            _ => return evidence,
        }
    }
}

/// When the file is to be asked for again, if it is being prepared.
fn later(evidence: &Evidence) -> Option<Duration> {
    if !is_prepared(evidence) {
        return None;
    }
    let headers = evidence.answer.as_ref().ok()?.headers();
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let pause = Duration::from_secs(seconds.parse().ok()?);
    Some(pause.clamp(Duration::from_secs(1), LONGEST_PAUSE))
}

/// Whether the answer is that the file is being prepared.
pub(super) fn is_prepared(evidence: &Evidence) -> bool {
    let is_accepted = |answer: &Answer| answer.status() == StatusCode::ACCEPTED;
    let first = evidence.seen.first();
    first.is_some_and(|seen| seen.kind == Kind::Preparing)
        && evidence.answer.as_ref().is_ok_and(is_accepted)
}

async fn once(setup: &Setup, address: &Address, ask: Ask) -> Evidence {
    let (method, path) = (ask.method.clone(), ask.bare().to_owned());
    let (answer, seen) = match Ticket::draw(&setup.key) {
        Ok(ticket) => {
            let answer = send(setup, address, &ask.header(CHECK, ticket.value())).await;
            (answer, notes(setup, &ticket).await.unwrap_or_default())
        }
        Err(error) => (Err(error.into()), Vec::new()),
    };
    Evidence {
        answer,
        host: address.host(),
        method,
        path,
        seen,
    }
}

/// As a browser asks: whoever compresses, would.
pub(super) fn get(path: &str) -> Ask {
    Ask::get(path).header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))
}

/// A request over a connection of its own.
pub(super) async fn send(setup: &Setup, address: &Address, ask: &Ask) -> anyhow::Result<Answer> {
    let mut line = Line::open(address, &setup.trust).await?;
    line.ask(ask).await
}

/// Which of the application's connections several requests over one of ours came on; 0 for those that somebody answered
/// without asking it.
///
/// # Errors
///
/// There is no answer, or an error that somebody else than the application answers: a proxy may limit how often clients ask.
pub(super) async fn connections(
    setup: &Setup,
    address: &Address,
    like: &Ask,
    count: usize,
) -> anyhow::Result<Vec<u64>> {
    let mut line = Line::open(address, &setup.trust).await?;
    let mut connections = Vec::new();
    for _ in 0..count {
        let ticket = Ticket::draw(&setup.key)?;
        let ask = like.clone().header(CHECK, ticket.value());
        let status = line.ask(&ask).await?.status();
        let seen = notes(setup, &ticket).await?;
        anyhow::ensure!(!seen.is_empty() || status.is_success(), "{status}");
        connections.push(seen.first().map_or(0, |seen| seen.asked.connection));
    }
    Ok(connections)
}

/// What the application noted of a ticket. Nothing is an empty list; so is the answer of somebody who does not know
/// the key.
async fn notes(setup: &Setup, ticket: &Ticket) -> anyhow::Result<Vec<Seen>> {
    let headers = HeaderMap::from_iter([(CHECK, ticket.receipt())]);
    let ask = Ask {
        headers,
        ..Ask::get("/")
    };
    let answer = send(setup, &setup.app, &ask).await?;
    Ok(serde_json::from_slice(answer.body()).unwrap_or_default())
}
