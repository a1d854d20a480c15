//! What it costs to ask another program who may: nginx and the gateway, which asks, against nginx that asks by itself
//! (`auth_request`) and has the files. Both ask the same program, which runs on the client's core and costs nobody here.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, compete, connections_for};
use crate::files::FILE_1_KIB;
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers::nginx::{self, Word};
use crate::request::Request;

/// Measures downloads that are permitted, and such that are refused; nothing without the gateway.
pub(crate) fn authorized(lab: &Lab) -> Result<Vec<Ratio>> {
    let mut rows = Vec::new();
    let Some(binary) = &lab.binaries.gateway else {
        return Ok(rows);
    };
    for word in [Word::Yes, Word::No] {
        rows.extend(compete(lab, || contest(lab, binary, word))?);
    }
    Ok(rows)
}

fn contest(lab: &Lab, binary: &std::path::Path, word: Word) -> Result<Contest> {
    let file = FILE_1_KIB;
    let authorizer = nginx::start_authorizer(lab, word)?;
    let application = gateway::start(lab, binary, Mode::Authorized(authorizer.address))?;
    let subject = nginx::start_in_front_of(lab, application)?.fetching_from(authorizer);
    let peer = Opponent {
        server: nginx::start_asking(lab, nginx::start_authorizer(lab, word)?)?,
        target: None,
    };
    let (scenario, request) = match word {
        Word::Yes => ("authorized, through nginx", Request::file(file)),
        Word::No => (
            "refused, through nginx",
            Request::refused(file, nginx::NO.len()),
        ),
    };
    Ok(Contest {
        scenario: scenario.to_owned(),
        file,
        request,
        connections: connections_for(file.size),
        subject,
        peers: vec![peer],
    })
}
