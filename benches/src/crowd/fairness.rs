//! How long small answers take on a thread that also sends large files as fast as their clients take them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::probe::beside;
use super::{Felt, Figure, compare, servers};
use crate::client::Connection;
use crate::files::{self, FILE_100_MIB};
use crate::lab::Lab;
use crate::request::Request;
use crate::server::Server;

/// Measures the waits beside one fast download, and beside eight.
pub(crate) fn fairness(lab: &Lab) -> Result<Vec<Felt>> {
    files::warm(&lab.files().join(FILE_100_MIB.name))?;
    let mut rows = Vec::new();
    for (count, label) in [(1, "1 fast download"), (8, "8 fast downloads")] {
        let figure = |share| Figure {
            what: format!("1 KiB beside {label}, {share}"),
            unit: "ms",
        };
        let figures = [figure("median"), figure("p99")];
        rows.extend(compare(lab, &servers(lab), &figures, |server| {
            turn(lab, server, count)
        })?);
    }
    Ok(rows)
}

fn turn(lab: &Lab, server: &Server, count: usize) -> Result<Vec<f64>> {
    let request = Request::file(FILE_100_MIB);
    let download = |over: &AtomicBool| -> Result<()> {
        let mut connection = Connection::open(server.address)?;
        while !over.load(Ordering::Relaxed) {
            connection.exchange(&request)?;
        }
        Ok(())
    };
    let span = lab.plan.turns(0).slice.max(Duration::from_millis(300));
    let (_, waits) = beside(server.address, Some(span), vec![download; count])?;
    Ok(vec![waits.quantile(0.5), waits.quantile(0.99)])
}
