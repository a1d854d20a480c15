//! What deciding costs: the gateway's hand-off answer against bare hyper sending the same bytes, without a proxy.

use std::path::Path;

use anyhow::Result;

use super::{Contest, Opponent, Ratio, bare_hyper, compete, connections_for, hand_off_application};
use crate::files::{FILE_1_KIB, NESTED_1_KIB, TestFile};
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers;
use crate::request::Request;

/// Least ratio to bare hyper when the rule says `stat = false`.
const TARGET_UNSEEN: f64 = 0.80;
/// Least ratio to bare hyper when the file is looked at first.
const TARGET: f64 = 0.70;

/// The same for a name of several parts.
const TARGET_NESTED: f64 = 0.68;

/// Least ratio of an answer without a signature to one with: 1.25 × its CPU time at most.
const TARGET_SIGNED: f64 = 0.80;

/// Measures the hand-off answers.
pub(crate) fn hand_off(lab: &Lab) -> Result<Vec<Ratio>> {
    let unseen = || {
        contest(
            lab,
            "hand-off, stat = false",
            FILE_1_KIB,
            Mode::HandOffUnseen,
            TARGET_UNSEEN,
        )
    };
    let mut rows = compete(lab, unseen)?;
    rows.extend(compete(lab, || {
        contest(lab, "hand-off", FILE_1_KIB, Mode::HandOff, TARGET)
    })?);
    let nested = || {
        contest(
            lab,
            "hand-off, nested name",
            NESTED_1_KIB,
            Mode::HandOff,
            TARGET_NESTED,
        )
    };
    rows.extend(compete(lab, nested)?);
    if let Some(binary) = &lab.binaries.gateway {
        rows.extend(compete(lab, || signed(lab, binary))?);
    }
    Ok(rows)
}

/// A signed link against the same request, at a view that does not look at signatures.
fn signed(lab: &Lab, binary: &Path) -> Result<Contest> {
    let file = FILE_1_KIB;
    let unsigned = Opponent {
        server: gateway::start_beside(lab, binary, Mode::HandOff)?,
        target: Some(TARGET_SIGNED),
    };
    Ok(Contest {
        scenario: "hand-off, signed against unsigned".to_owned(),
        file,
        request: Request::signed_hand_off(file)?,
        connections: connections_for(0),
        subject: gateway::start(lab, binary, Mode::Signed)?,
        peers: vec![unsigned],
    })
}

fn contest(lab: &Lab, scenario: &str, file: TestFile, mode: Mode, target: f64) -> Result<Contest> {
    let (subject, peers) = match hand_off_application(lab, file, mode)? {
        Some((gateway, head)) => {
            let opponent = Opponent {
                server: bare_hyper(lab, file, &head)?,
                target: Some(target),
            };
            let before = Opponent::before(lab, mode)?;
            (gateway, std::iter::once(opponent).chain(before).collect())
        }
        None => (
            bare_hyper(lab, file, &peers::sample_head(file))?,
            Vec::new(),
        ),
    };
    Ok(Contest {
        scenario: scenario.to_owned(),
        file,
        request: Request::hand_off(file),
        connections: connections_for(0),
        subject,
        peers,
    })
}
