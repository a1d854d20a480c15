//! What a delegated download costs as a whole: nginx and the application behind it, until the last byte of the file.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, bare_hyper, compete, connections_for, hand_off_application};
use crate::files::{FILE_1_GIB, FILE_1_KIB, FILE_64_KIB, FILE_100_MIB, TestFile};
use crate::gateway::Mode;
use crate::lab::Lab;
use crate::peers::{self, nginx};
use crate::request::Request;

/// Least ratio to the same stack with bare hyper as the application.
const TARGET: f64 = 0.90;

/// Measures downloads through nginx.
pub(crate) fn end_to_end(lab: &Lab) -> Result<Vec<Ratio>> {
    let mut rows = Vec::new();
    for file in [FILE_1_KIB, FILE_64_KIB, FILE_100_MIB, FILE_1_GIB] {
        rows.extend(compete(lab, || contest(lab, file))?);
    }
    Ok(rows)
}

fn contest(lab: &Lab, file: TestFile) -> Result<Contest> {
    // Without an application behind it: shows what a delegation costs at all, and promises nothing.
    let bound = Opponent {
        server: nginx::start_static(lab)?,
        target: None,
    };
    let (subject, peers) = match hand_off_application(lab, file, Mode::HandOff)? {
        Some((gateway, head)) => {
            let floor = bare_hyper(lab, file, &head)?;
            let opponent = Opponent {
                server: nginx::start_in_front_of(lab, floor)?,
                target: Some(TARGET),
            };
            let subject = nginx::start_in_front_of(lab, gateway)?;
            (subject, vec![opponent, bound])
        }
        None => {
            let floor = bare_hyper(lab, file, &peers::sample_head(file))?;
            (nginx::start_in_front_of(lab, floor)?, vec![bound])
        }
    };
    Ok(Contest {
        scenario: format!("through nginx, {}", file.label),
        file,
        request: Request::file(file),
        connections: connections_for(file.size),
        subject,
        peers,
    })
}
