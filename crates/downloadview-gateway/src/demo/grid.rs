//! The grid: every view through every proxy, fetched now and judged.
//!
//! For each cell:
//!
//! 1. the file is fetched through the proxy, whole and in part, each request with a ticket for the witness;
//! 2. what arrived and what the application did are compared with what should be;
//! 3. the cell says so, in words.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use serde::Serialize;

use super::views::{Ranges, VIEWS, View};
use crate::probe::{self, Trust};
use crate::witness::{CHECK, Kind, Seen, Witness};

/// A way to the application.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    /// The proxy's name; [`DIRECT`](Self::DIRECT) without one.
    pub(super) proxy: &'static str,
    /// Where it listens.
    pub(super) listen: SocketAddr,
}

impl Hop {
    /// The name of the way without a proxy.
    pub(super) const DIRECT: &str = "none";

    /// Whether it leads to the application without a proxy.
    pub(super) fn is_direct(&self) -> bool {
        self.proxy == Self::DIRECT
    }

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
    hops: RwLock<Vec<Hop>>,
    pub(super) witness: Witness,
    pub(super) trust: Trust,
}

impl Grid {
    /// With one way for now.
    pub(super) fn new(direct: Hop, witness: Witness, trust: Trust) -> Self {
        Self {
            hops: RwLock::new(vec![direct]),
            witness,
            trust,
        }
    }

    /// The ways that there are: the direct one, then that through each proxy which runs.
    pub(super) fn hops(&self) -> Vec<Hop> {
        let hops = self.hops.read().unwrap_or_else(PoisonError::into_inner);
        hops.clone()
    }

    /// One more way.
    pub(super) fn add(&self, hop: Hop) {
        let mut hops = self.hops.write().unwrap_or_else(PoisonError::into_inner);
        hops.push(hop);
    }

    /// Fetches and judges everything; `host` is what the client calls this machine.
    pub(super) async fn check(&self, host: &str) -> Vec<Cell> {
        let (mut cells, hops) = (Vec::new(), self.hops());
        for view in &VIEWS {
            for hop in &hops {
                if view.fixed_to.is_none_or(|proxy| proxy == hop.proxy) {
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
        let ticket = self.witness.issue()?;
        let mut headers = HeaderMap::from_iter([(CHECK, ticket.value())]);
        headers.extend(range.map(|range| (header::RANGE, range)));
        let part = headers.get(header::RANGE).cloned();
        let answer = probe::get(hop.address(), view.path, headers, &self.trust).await?;
        Ok(Fetched {
            answer: self.followed(answer, part).await?,
            seen: self
                .witness
                .take(&ticket)
                .pop()
                .context("the answer did not come from this application")?,
        })
    }

    /// What a redirect leads to, as a browser would ask for it; any other answer as it is.
    async fn followed(
        &self,
        answer: Response<Bytes>,
        range: Option<HeaderValue>,
    ) -> anyhow::Result<Response<Bytes>> {
        if answer.status() != StatusCode::FOUND {
            return Ok(answer);
        }
        let location = answer.headers().get(header::LOCATION);
        let location: Uri = location
            .context("a redirect to nowhere")?
            .to_str()?
            .parse()
            .context("a redirect to something that is not a URL")?;
        let address = location.authority().context("a redirect to no server")?;
        let path = location.path_and_query().context("a redirect to no path")?;
        let headers = range.map(|range| (header::RANGE, range)).into_iter();
        let address = address.as_str().parse()?;
        probe::get(address, path.as_str(), headers.collect(), &self.trust).await
    }
}

/// `world` of the greeting.
const RANGE: HeaderValue = HeaderValue::from_static("bytes=6-10");
const PART: RangeInclusive<usize> = 6..=10;

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
    let in_part = view
        .text
        .get(PART)
        .context("the file is too short for a range")?;
    expect(&whole, StatusCode::OK, view.text)?;
    // Behind a proxy a copy stands for what can be read once only.
    let ranges = match view.ranges {
        Ranges::ReadOnce if hop.is_direct() => {
            expect(&part, StatusCode::OK, view.text).context("a range")?;
            "read once only, so a range is answered with the whole"
        }
        Ranges::Offered | Ranges::ReadOnce => {
            expect(&part, StatusCode::PARTIAL_CONTENT, in_part).context("a range")?;
            "a range arrived as asked"
        }
    };
    ensure!(
        part.seen.kind == whole.seen.kind,
        "a range was {} and the whole file was {}",
        part.seen.kind.word(),
        whole.seen.kind.word()
    );
    let silent = whole.seen.is_empty && part.seen.is_empty;
    let sender = match (whole.seen.kind, &whole.seen.reason) {
        (Kind::Delegated, _) => {
            ensure!(silent, "delegated, and yet the application sent bytes");
            format!("{} sent the file, the application 0 bytes", hop.proxy)
        }
        (Kind::Redirected, _) => {
            ensure!(silent, "redirected, and yet the application sent bytes");
            "the client was sent to the store, the application sent 0 bytes".to_owned()
        }
        (Kind::NotAnnounced, _) => {
            ensure!(hop.is_direct(), "{} did not prove itself", hop.proxy);
            "no proxy in front".to_owned()
        }
        (Kind::Streamed, Some(reason)) => {
            ensure!(hop.is_direct(), "{} did not get it: {reason}", hop.proxy);
            reason.clone()
        }
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
    seen.map_or("failed", |seen| seen.kind.word())
}
