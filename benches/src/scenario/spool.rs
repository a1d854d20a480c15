//! What a copy costs: sent once it is there, beside a local file; and made for one request, beside streaming.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, compete, connections_for};
use crate::files::{FILE_1_KIB, FILE_1_MIB, FILE_100_MIB, TestFile};
use crate::gateway::{self, Copies, Mode};
use crate::lab::Lab;
use crate::peers::nginx;
use crate::request::Request;
use crate::server::Server;

/// Least ratio of a copy that is there to a local file.
const TARGET: f64 = 0.90;

/// Measures both; nothing without the gateway.
pub(crate) fn spool(lab: &Lab) -> Result<Vec<Ratio>> {
    let mut rows = Vec::new();
    let Some(binary) = &lab.binaries.gateway else {
        return Ok(rows);
    };
    for file in [FILE_1_KIB, FILE_100_MIB] {
        let hit = || {
            let origin = nginx::start_origin(lab)?;
            let mode = Mode::Spooled(origin.address, Copies::ForAll);
            let spooling = gateway::start(lab, binary, mode)?.fetching_from(origin);
            let local = gateway::start_beside(lab, binary, Mode::HandOff)?;
            let opponent = Opponent {
                server: named("local file", nginx::start_in_front_of(lab, local)?),
                target: Some(TARGET),
            };
            contest(
                "a copy",
                file,
                nginx::start_in_front_of(lab, spooling)?,
                opponent,
            )
        };
        rows.extend(compete(lab, hit)?);
    }
    let miss = || {
        let origin = nginx::start_silent_origin(lab)?;
        let mode = Mode::Spooled(origin.address, Copies::ForOne);
        let spooling = gateway::start(lab, binary, mode)?.fetching_from(origin);
        let origin = nginx::start_silent_origin(lab)?;
        let mode = Mode::Remote(origin.address);
        let streaming = gateway::start_beside(lab, binary, mode)?.fetching_from(origin);
        let opponent = Opponent {
            server: named("streamed", nginx::start_in_front_of(lab, streaming)?),
            target: None,
        };
        let subject = nginx::start_in_front_of(lab, spooling)?;
        contest("copied for one request", FILE_1_MIB, subject, opponent)
    };
    rows.extend(compete(lab, miss)?);
    Ok(rows)
}

fn named(name: &str, mut server: Server) -> Server {
    server.name = name.to_owned();
    server
}

fn contest(what: &str, file: TestFile, subject: Server, opponent: Opponent) -> Result<Contest> {
    Ok(Contest {
        scenario: format!("{what}, {}", file.label),
        file,
        request: Request::file(file),
        connections: connections_for(file.size),
        subject,
        peers: vec![opponent],
    })
}
