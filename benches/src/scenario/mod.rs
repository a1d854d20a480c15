//! The comparisons of CPU time: servers that answer the same request take turns, and each pair gives a ratio.
//!
//! Turns are short and interleaved (A B C A B C …), so that a change of the machine's mood meets all alike; a ratio is the
//! median of the ratios of the single rounds.

mod authorized;
mod end_to_end;
mod hand_off;
mod object;
pub(crate) mod ratio;
mod remote;
mod spool;
mod streaming;
mod tally;
mod turn;

use anyhow::{Context, Result};

pub(crate) use self::authorized::authorized;
pub(crate) use self::end_to_end::end_to_end;
pub(crate) use self::hand_off::hand_off;
pub(crate) use self::object::{Objects, Relation, Source, object};
use self::ratio::Ratio;
pub(crate) use self::remote::remote;
pub(crate) use self::spool::spool;
pub(crate) use self::streaming::streaming;
use self::tally::Tally;
use self::turn::Turn;
use crate::client;
use crate::files::{self, MIB, TestFile};
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers;
use crate::request::Request;
use crate::server::Server;

/// One scenario: who answers which request.
#[derive(Debug)]
struct Contest {
    scenario: String,
    /// What is downloaded in the end.
    file: TestFile,
    request: Request,
    /// Requests under way at once.
    connections: usize,
    /// What is judged; a peer, in a run without the gateway.
    subject: Server,
    peers: Vec<Opponent>,
}

/// What the subject is compared with.
#[derive(Debug)]
struct Opponent {
    server: Server,
    /// The least ratio that the project promises, if it promises one.
    target: Option<f64>,
}

impl Opponent {
    /// The earlier build of the gateway, if the run has one. It must not be cheaper by more than noise.
    fn before(lab: &Lab, mode: Mode) -> Result<Option<Self>> {
        let server = gateway::start_before(lab, mode)?;
        Ok(server.map(|server| Self {
            server,
            target: Some(0.97),
        }))
    }
}

/// Lets the servers of one scenario take turns, and returns a row for each peer.
fn compete(lab: &Lab, set_up: impl Fn() -> Result<Contest>) -> Result<Vec<Ratio>> {
    Ok(hold(lab, set_up)?.ratios())
}

/// Lets the servers of one scenario take turns.
///
/// Each sitting starts them anew: how the memory of a process happens to lie can make it dearer by a third as long as it
/// lives, and no number of turns would show that.
fn hold(lab: &Lab, set_up: impl Fn() -> Result<Contest>) -> Result<Tally> {
    let mut tally = None;
    for _ in 0..lab.plan.sittings {
        lab.wait_for_calm()?;
        let contest = set_up()?;
        let tally = tally.get_or_insert_with(|| {
            eprintln!("measuring {} …", contest.scenario);
            Tally::of(&contest)
        });
        contest
            .sit(lab, tally)
            .with_context(|| contest.scenario.clone())?;
    }
    tally.context("the plan has no sitting")
}

impl Contest {
    fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.subject).chain(self.peers.iter().map(|peer| &peer.server))
    }

    /// One sitting: everybody shows that the answer is right, then all take turns.
    fn sit(&self, lab: &Lab, tally: &mut Tally) -> Result<()> {
        // What asks for a part of the file only could otherwise find it gone from the page cache.
        files::warm(&lab.files().join(self.file.name))?;
        for server in self.servers() {
            client::Connection::open(server.address)?
                .exchange(&self.request)
                .with_context(|| server.name.clone())?;
        }
        for _ in 0..lab.plan.turns(self.request.expected.length()).rounds {
            for (place, server) in self.servers().enumerate() {
                let turn = self
                    .calm_turn(server, lab, tally)
                    .with_context(|| server.name.clone())?;
                tally.disturbed += usize::from(turn.disturbed);
                if let Some(standing) = tally.standings.get_mut(place) {
                    standing.turns.push(turn);
                }
            }
        }
        Ok(())
    }

    /// A turn that nobody else disturbed, or the last that the plan allows.
    fn calm_turn(&self, server: &Server, lab: &Lab, tally: &mut Tally) -> Result<Turn> {
        loop {
            let turn = Turn::take(self, server, lab)?;
            if !turn.disturbed || tally.repeated == lab.plan.repeats {
                return Ok(turn);
            }
            tally.repeated += 1;
        }
    }
}

/// Enough requests under way to keep a server busy, few enough to leave small ones in the cache.
fn connections_for(length: u64) -> usize {
    match length {
        0..MIB => 8,
        MIB => 2,
        _ => 1,
    }
}

/// An application that hands `file` off, and its head.
fn hand_off_application(
    lab: &Lab,
    file: TestFile,
    mode: Mode,
) -> Result<Option<(Server, Vec<u8>)>> {
    let Some(binary) = &lab.binaries.gateway else {
        return Ok(None);
    };
    let gateway = gateway::start(lab, binary, mode)?;
    let request = Request::hand_off(file);
    client::Connection::open(gateway.address)?
        .exchange(&request)
        .context("the gateway does not hand off")?;
    let head = client::Connection::open(gateway.address)?.fetch_head(&request)?;
    Ok(Some((gateway, head)))
}

/// Bare hyper, proven to answer just this head.
fn bare_hyper(lab: &Lab, file: TestFile, head: &[u8]) -> Result<Server> {
    let server = peers::start_bare_hyper(lab, head)?;
    let answered =
        client::Connection::open(server.address)?.fetch_head(&Request::hand_off(file))?;
    peers::same_head(head, &answered)?;
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_come_one_at_a_time() {
        assert_eq!(connections_for(0), 8);
        assert_eq!(connections_for(64 * 1024), 8);
        assert_eq!(connections_for(MIB), 2);
        assert_eq!(connections_for(100 * MIB), 1);
    }
}
