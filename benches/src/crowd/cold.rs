//! How fast files come that are on the disk alone, and how long answers from the page cache take meanwhile.

use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};

use super::probe::beside;
use super::{Felt, Figure, Start, compare, servers};
use crate::client::Connection;
use crate::files::{self, FILE_1_GIB, FILE_1_KIB, MIB};
use crate::lab::Lab;
use crate::peers::nginx;
use crate::request::Request;
use crate::server::Server;

/// Bytes that each client takes, of the same file.
const EACH: u64 = 128 * MIB;

/// Measures one client of a cold file, and eight of its parts. nginx reads on threads of its own here (`aio threads`);
/// without them it comes as a further server.
pub(crate) fn cold(lab: &Lab) -> Result<Vec<Felt>> {
    files::warm(&lab.files().join(FILE_1_KIB.name))?;
    let mut rows = Vec::new();
    for (count, label) in [(1, "1 cold file"), (8, "8 cold files")] {
        let figure = |what: &str, unit| Figure {
            what: what.to_owned(),
            unit,
        };
        let figures = [
            figure(&format!("{label}, speed"), "MB/s"),
            figure(&format!("{label}, CPU time of 1 GB"), "ms"),
            figure(&format!("1 KiB beside {label}, p99"), "ms"),
        ];
        let mut starts = servers(lab);
        let with_threads: Start<'_> = Box::new(|| nginx::start_static_with_threads(lab));
        starts.push(with_threads);
        rows.extend(compare(lab, &starts, &figures, |server| {
            turn(lab, server, count)
        })?);
    }
    Ok(rows)
}

fn turn(lab: &Lab, server: &Server, count: u64) -> Result<Vec<f64>> {
    evict(lab)?;
    let before = server.usage()?;
    let start = Instant::now();
    let download = |part: u64| {
        let request = Request::part(FILE_1_GIB, part * EACH, EACH);
        move |_: &AtomicBool| -> Result<f64> {
            Connection::open(server.address)?.exchange(&request)?;
            Ok(start.elapsed().as_secs_f64())
        }
    };
    let downloads = (0..count).map(download).collect();
    let (spans, waits) = beside(server.address, None, downloads)?;
    let nanos = server.usage()?.since(&before) as f64;
    let (bytes, span) = ((count * EACH) as f64, spans.into_iter().fold(0.0, f64::max));
    Ok(vec![
        bytes / 1e6 / span,
        nanos / 1e6 / (bytes / 1e9),
        waits.quantile(0.99),
    ])
}

/// Drops the file's pages from the page cache.
fn evict(lab: &Lab) -> Result<()> {
    let path = lab.files().join(FILE_1_GIB.name);
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}
