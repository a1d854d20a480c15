//! What deciding costs: the gateway's hand-off answer against bare hyper sending the same bytes, without a proxy.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, bare_hyper, compete, connections_for, hand_off_application};
use crate::files::FILE_1_KIB;
use crate::gateway::Mode;
use crate::lab::Lab;
use crate::peers;
use crate::request::Request;

/// Least ratio to bare hyper when the rule says `stat = false`.
const TARGET_UNSEEN: f64 = 0.80;
/// Least ratio to bare hyper when the file is looked at first.
const TARGET: f64 = 0.70;

/// Measures the hand-off answers.
pub(crate) fn hand_off(lab: &Lab) -> Result<Vec<Ratio>> {
    let unseen = || {
        contest(
            lab,
            "hand-off, stat = false",
            Mode::HandOffUnseen,
            TARGET_UNSEEN,
        )
    };
    let mut rows = compete(lab, unseen)?;
    rows.extend(compete(lab, || {
        contest(lab, "hand-off", Mode::HandOff, TARGET)
    })?);
    Ok(rows)
}

fn contest(lab: &Lab, scenario: &str, mode: Mode, target: f64) -> Result<Contest> {
    let file = FILE_1_KIB;
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
