//! What a download costs when the application sends the file itself, without a proxy.

use anyhow::Result;

use super::{Contest, Opponent, Ratio, compete, connections_for};
use crate::files::{FILE_1_GIB, FILE_1_KIB, FILE_1_MIB, FILE_64_KIB, FILE_100_MIB, TestFile};
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers::{self, nginx};
use crate::request::Request;

/// One download, with the least ratios that the project promises for it.
struct Download {
    label: &'static str,
    file: TestFile,
    request: Request,
    tower_http: f64,
    nginx: Option<f64>,
}

/// Measures streamed downloads.
pub(crate) fn streaming(lab: &Lab) -> Result<Vec<Ratio>> {
    let mut rows = Vec::new();
    for download in downloads() {
        rows.extend(compete(lab, || contest(lab, &download))?);
    }
    Ok(rows)
}

fn downloads() -> Vec<Download> {
    let whole = |file: TestFile, tower_http, nginx| Download {
        label: file.label,
        file,
        request: Request::file(file),
        tower_http,
        nginx,
    };
    vec![
        whole(FILE_1_KIB, 2.2, Some(0.85)),
        whole(FILE_64_KIB, 2.2, Some(0.85)),
        Download {
            label: "64 KiB of 1 GiB",
            file: FILE_1_GIB,
            request: Request::range(FILE_1_GIB),
            tower_http: 2.2,
            nginx: Some(0.85),
        },
        whole(FILE_1_MIB, 1.4, None),
        whole(FILE_100_MIB, 1.05, Some(0.68)),
        whole(FILE_1_GIB, 1.05, Some(0.68)),
    ]
}

fn contest(lab: &Lab, download: &Download) -> Result<Contest> {
    let mut opponents = vec![
        Opponent {
            server: peers::start_tower_http(lab)?,
            target: Some(download.tower_http),
        },
        Opponent {
            server: nginx::start_static(lab)?,
            target: download.nginx,
        },
        Opponent {
            server: peers::start_actix_files(lab)?,
            target: None,
        },
    ];
    let others = peers::start_static_web_server(lab)?;
    opponents.extend(others.map(|server| Opponent {
        server,
        target: None,
    }));
    opponents.extend(Opponent::before(lab, Mode::Stream)?);
    let subject = match &lab.binaries.gateway {
        Some(binary) => gateway::start(lab, binary, Mode::Stream)?,
        None => {
            // The promises are the gateway's, not those of the peer that stands in for it.
            opponents.iter_mut().for_each(|peer| peer.target = None);
            opponents.remove(0).server
        }
    };
    Ok(Contest {
        scenario: format!("streamed, {}", download.label),
        file: download.file,
        connections: connections_for(download.request.expected.length()),
        request: download.request.clone(),
        subject,
        peers: opponents,
    })
}
