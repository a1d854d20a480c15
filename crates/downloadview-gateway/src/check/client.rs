//! Requests with tickets, and what the application says of them.

use http::{HeaderMap, HeaderValue, header};

use super::setup::Setup;
use crate::probe::{Address, Answer, Ask, Evidence, Line};
use crate::witness::{CHECK, Seen, Ticket};

/// Asks `address`, and then the application what it did.
pub(super) async fn ask(setup: &Setup, address: &Address, ask: Ask) -> Evidence {
    let ticket = match Ticket::draw(&setup.key) {
        Ok(ticket) => ticket,
        Err(error) => {
            return Evidence {
                answer: Err(error.into()),
                host: address.host(),
                seen: Vec::new(),
            };
        }
    };
    let answer = send(setup, address, &ask.header(CHECK, ticket.value())).await;
    Evidence {
        answer,
        host: address.host(),
        seen: notes(setup, &ticket).await.unwrap_or_default(),
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

/// Which of the application's connections several requests over one of ours came on; 0 for those that did not arrive.
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
        line.ask(&like.clone().header(CHECK, ticket.value()))
            .await?;
        let seen = notes(setup, &ticket).await?;
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
