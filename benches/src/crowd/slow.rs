//! What many clients cost that each take their file slowly.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Felt, Figure, compare, servers};
use crate::client;
use crate::files::{self, FILE_100_MIB, MIB};
use crate::lab::Lab;
use crate::request::Request;
use crate::server::Server;

/// Clients that are served at once.
const CLIENTS: usize = 200;
/// Bytes that each of them takes in a second.
const RATE: u64 = MIB;
/// In less time, as short runs have it, some servers need no turn at all: what waits in the sockets is enough.
const SHORTEST: Duration = Duration::from_secs(1);
/// They take something so often.
const STEPS: u32 = 20;

/// Measures the CPU time of a gigabyte to slow clients.
pub(crate) fn slow(lab: &Lab) -> Result<Vec<Felt>> {
    files::warm(&lab.files().join(FILE_100_MIB.name))?;
    let figure = Figure {
        what: format!("1 GB to {CLIENTS} clients at 1 MiB/s, CPU time"),
        unit: "ms",
    };
    compare(lab, &servers(lab), &[figure], |server| turn(lab, server))
}

fn turn(lab: &Lab, server: &Server) -> Result<Vec<f64>> {
    let request = Request::file(FILE_100_MIB);
    let mut connections = client::open(server.address, CLIENTS)?;
    for connection in &mut connections {
        connection.send(&request)?;
    }
    let slice = lab.plan.turns(0).slice.max(SHORTEST);
    // What fills the sockets at once is not what slow clients cost.
    take(&mut connections, slice)?;
    let before = server.usage()?;
    let bytes = take(&mut connections, 3 * slice)?;
    let nanos = server.usage()?.since(&before);
    ensure!(
        nanos > 0,
        "its sockets held all that the clients took: nothing was measured"
    );
    Ok(vec![nanos as f64 / 1e6 / (bytes as f64 / 1e9)])
}

/// Takes from every connection in turn for about `span`; how many bytes.
fn take(connections: &mut [client::Connection], span: Duration) -> Result<u64> {
    let (start, step) = (Instant::now(), Duration::from_secs(1) / STEPS);
    let mut bytes = 0;
    let mut steps = 0;
    while start.elapsed() < span {
        steps += 1;
        for connection in &mut *connections {
            bytes += connection.take(RATE / u64::from(STEPS))?;
        }
        sleep((step * steps).saturating_sub(start.elapsed()));
    }
    Ok(bytes)
}
