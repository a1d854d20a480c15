//! What a download of a remote file costs: fetched and sent by the application, and fetched by nginx on its word.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, compete, connections_for};
use crate::files::{FILE_1_KIB, FILE_1_MIB, FILE_100_MIB, TestFile};
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers::nginx;
use crate::request::Request;

/// Least ratio to nginx as a plain reverse proxy of the same origin, for the largest file.
const TARGET: f64 = 0.5;

/// Measures both ways; nothing without the gateway.
pub(crate) fn remote(lab: &Lab) -> Result<Vec<Ratio>> {
    let mut rows = Vec::new();
    let Some(binary) = &lab.binaries.gateway else {
        return Ok(rows);
    };
    for file in [FILE_1_KIB, FILE_1_MIB, FILE_100_MIB] {
        let target = (file.size == FILE_100_MIB.size).then_some(TARGET);
        let streamed = || {
            let origin = nginx::start_origin(lab)?;
            let mode = Mode::Remote(origin.address);
            let subject = gateway::start(lab, binary, mode)?.fetching_from(origin);
            contest(lab, "remote, streamed", file, subject, target)
        };
        rows.extend(compete(lab, streamed)?);
        let delegated = || {
            let origin = nginx::start_origin(lab)?;
            let application = gateway::start(lab, binary, Mode::RemoteHandOff(origin.address))?;
            let subject = nginx::start_fetching_for(lab, application, origin)?;
            contest(lab, "remote, through nginx", file, subject, None)
        };
        rows.extend(compete(lab, delegated)?);
    }
    Ok(rows)
}

fn contest(
    lab: &Lab,
    way: &str,
    file: TestFile,
    subject: crate::server::Server,
    target: Option<f64>,
) -> Result<Contest> {
    let opponent = Opponent {
        server: nginx::start_proxying(lab, nginx::start_origin(lab)?)?,
        target,
    };
    Ok(Contest {
        scenario: format!("{way}, {}", file.label),
        file,
        request: Request::file(file),
        connections: connections_for(file.size),
        subject,
        peers: vec![opponent],
    })
}
