//! The grid: every view through every proxy, fetched now and judged.
//!
//! For each cell:
//!
//! 1. the file is fetched through the proxy, whole and in part, each request with a ticket for the witness;
//! 2. what arrived and what the application did are compared with what should be;
//! 3. the cell says so, in words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use downloadview::optimize::{Outcome, Reason};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::client;
use super::files::HELLO;
use super::witness::{Seen, TICKET, Witness};

/// A route of the application.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    /// Its name in the grid.
    pub(super) name: &'static str,
    /// The path of a request for it.
    pub(super) path: &'static str,
    ranges: Ranges,
    fronts: Fronts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    /// A part is answered with that part.
    Offered,
    /// The content can be read once only, from its start.
    ReadOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fronts {
    Any,
    /// The route hands off to nginx whoever asks.
    Nginx,
}

/// All routes, in the order of the page.
pub(super) const VIEWS: [View; 10] = {
    use Fronts::{Any, Nginx};
    use Ranges::{Offered, ReadOnce};

    const fn view(name: &'static str, path: &'static str, ranges: Ranges, fronts: Fronts) -> View {
        View {
            name,
            path,
            ranges,
            fronts,
        }
    }
    [
        view("path, fixed", "/path/static-path/", Offered, Any),
        view(
            "path, named",
            "/path/dynamic-path/hello-world.txt",
            Offered,
            Any,
        ),
        view("storage", "/storage/static-path/1.txt", Offered, Any),
        view(
            "storage, renamed",
            "/storage/dynamic-path/1.txt",
            Offered,
            Any,
        ),
        view("virtual, text", "/virtual/text/", Offered, Any),
        view("virtual, reader", "/virtual/stringio/", ReadOnce, Any),
        view("virtual, generated", "/virtual/generated/", ReadOnce, Any),
        view(
            "nginx, by middleware",
            "/nginx/optimized-by-middleware/",
            Offered,
            Nginx,
        ),
        view(
            "nginx, by decorator",
            "/nginx/optimized-by-decorator/",
            Offered,
            Nginx,
        ),
        view(
            "nginx, modified headers",
            "/nginx/modified_headers/",
            Offered,
            Nginx,
        ),
    ]
};

/// A way to the application.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    /// The proxy's name; `none` without one.
    pub(super) proxy: &'static str,
    /// Where it listens.
    pub(super) listen: SocketAddr,
}

impl Hop {
    /// Where it answers on this machine, also if it listens on every address.
    pub(super) fn address(&self) -> SocketAddr {
        let mut address = self.listen;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address
    }

    /// The URL of `path` for a client that knows this machine as `host`.
    pub(super) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.listen.port())
    }
}

/// One view through one proxy.
#[derive(Debug, Serialize)]
pub(super) struct Cell {
    pub(super) view: &'static str,
    pub(super) proxy: &'static str,
    pub(super) url: String,
    pub(super) outcome: &'static str,
    pub(super) header: Option<String>,
    pub(super) verified: bool,
    pub(super) reason: String,
    /// How long the whole file took.
    #[serde(skip)]
    pub(super) time: Duration,
}

/// The ways to the application, and its witness.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) hops: Vec<Hop>,
    pub(super) witness: Witness,
}

impl Grid {
    /// The way through a proxy, if it is there.
    pub(super) fn through(&self, proxy: &str) -> Option<Hop> {
        self.hops.iter().find(|hop| hop.proxy == proxy).copied()
    }

    /// Fetches and judges everything; `host` is what the client calls this machine.
    pub(super) async fn check(&self, host: &str) -> Vec<Cell> {
        let mut cells = Vec::new();
        for view in &VIEWS {
            for hop in &self.hops {
                if view.fronts == Fronts::Any || hop.proxy == "nginx" {
                    cells.push(self.cell(host, view, hop).await);
                }
            }
        }
        cells
    }

    /// Fetches and judges one view through one proxy.
    pub(super) async fn cell(&self, host: &str, view: &View, hop: &Hop) -> Cell {
        let started = Instant::now();
        let whole = self.fetch(view, hop, None).await;
        let time = started.elapsed();
        let part = self.fetch(view, hop, Some(RANGE)).await;
        let seen = whole.as_ref().ok().map(|fetched| fetched.seen.clone());
        let judged = judge(view, hop, whole, part);
        Cell {
            view: view.name,
            proxy: hop.proxy,
            url: hop.url(host, view.path),
            outcome: outcome_of(seen.as_ref()),
            header: seen.and_then(|seen| seen.hand_off),
            verified: judged.is_ok(),
            reason: judged.unwrap_or_else(|error| format!("{error:#}")),
            time,
        }
    }

    async fn fetch(
        &self,
        view: &View,
        hop: &Hop,
        range: Option<HeaderValue>,
    ) -> anyhow::Result<Fetched> {
        let ticket = self.witness.issue();
        let mut headers = HeaderMap::from_iter([(TICKET, ticket.value())]);
        headers.extend(range.map(|range| (header::RANGE, range)));
        let answer = client::get(hop.address(), view.path, headers).await;
        Ok(Fetched {
            answer: answer?,
            seen: ticket
                .answer()
                .context("the answer did not come from this application")?,
        })
    }
}

/// `world` of the greeting.
const RANGE: HeaderValue = HeaderValue::from_static("bytes=6-10");

/// An answer from both sides of the proxy.
#[derive(Debug)]
struct Fetched {
    answer: Response<Bytes>,
    seen: Seen,
}

/// What is good about a cell, or else what is wrong with it.
fn judge(
    view: &View,
    hop: &Hop,
    whole: anyhow::Result<Fetched>,
    part: anyhow::Result<Fetched>,
) -> anyhow::Result<String> {
    let (whole, part) = (whole?, part.context("asked for a range")?);
    expect(&whole, StatusCode::OK, HELLO)?;
    let ranges = match view.ranges {
        Ranges::Offered => {
            expect(&part, StatusCode::PARTIAL_CONTENT, &HELLO[6..=10]).context("a range")?;
            "a range arrived as asked"
        }
        Ranges::ReadOnce => {
            expect(&part, StatusCode::OK, HELLO).context("a range")?;
            "read once only, so a range is answered with the whole"
        }
    };
    let sender = match &whole.seen.outcome {
        Some(Outcome::Delegated { .. }) => {
            let silent = whole.seen.is_empty && part.seen.is_empty;
            ensure!(silent, "delegated, and yet the application sent bytes");
            format!("{} sent the file, the application 0 bytes", hop.proxy)
        }
        Some(Outcome::Streamed {
            reason: Reason::NoBackend,
        }) => "no proxy in front".to_owned(),
        Some(Outcome::Streamed { reason }) => reason.to_string(),
        _ => anyhow::bail!("the application took it for no download"),
    };
    Ok(format!("{sender}; {ranges}"))
}

fn expect(fetched: &Fetched, status: StatusCode, text: &str) -> anyhow::Result<()> {
    let found = fetched.answer.status();
    ensure!(found == status, "answered {found} in place of {status}");
    let bytes = fetched.answer.body();
    ensure!(bytes == text, "{bytes:?} arrived in place of {text:?}");
    Ok(())
}

fn outcome_of(seen: Option<&Seen>) -> &'static str {
    match seen.and_then(|seen| seen.outcome.as_ref()) {
        Some(Outcome::Delegated { .. }) => "delegated",
        Some(Outcome::Streamed { .. }) => "streamed",
        Some(Outcome::Refused { .. }) => "refused",
        _ => "failed",
    }
}
