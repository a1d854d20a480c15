//! One turn of one server: what an answer cost it, and whether anybody else was at work meanwhile.

use std::time::Instant;

use anyhow::Result;

use super::Contest;
use crate::client;
use crate::lab::Lab;
use crate::proc::{self, Usage};
use crate::server::Server;

/// What one turn of a server showed.
#[derive(Debug)]
pub(super) struct Turn {
    /// CPU time of an answer in microseconds.
    pub(super) micros: f64,
    /// The part of it that a database server used; `None` if the server has none.
    pub(super) database_micros: Option<f64>,
    /// Answers in a second.
    pub(super) per_second: f64,
    /// Whether other programs ran on the cores meanwhile; they change what a wake-up and a cache miss cost.
    pub(super) disturbed: bool,
}

/// The clocks at one end of a turn.
#[derive(Debug)]
struct Snapshot {
    server: Usage,
    databases: Option<Usage>,
    client: Usage,
    server_core: u64,
    client_core: u64,
}

impl Turn {
    /// Asks for a slice of time; the clocks are read once the server has come to rest, before and after.
    pub(super) fn take(contest: &Contest, server: &Server, lab: &Lab) -> Result<Self> {
        let mut connections = client::open(server.address, contest.connections)?;
        let before = Snapshot::take(server, lab)?;
        let start = Instant::now();
        let slice = lab.plan.turns(contest.request.expected.length()).slice;
        let answered = client::load(&mut connections, &contest.request, slice)?;
        let span = start.elapsed();
        let after = Snapshot::take(server, lab)?;

        let nanos = after.server.since(&before.server);
        let client = after.client.since(&before.client);
        // The cores' clocks are coarse, so a little is not a sign of anybody.
        let others = (after.server_core - before.server_core).saturating_sub(nanos)
            + (after.client_core - before.client_core).saturating_sub(client);
        let micros = |nanos: u64| nanos as f64 / 1000.0 / answered as f64;
        let databases = after.databases.zip(before.databases);
        Ok(Self {
            micros: micros(nanos),
            database_micros: databases.map(|(after, before)| micros(after.since(&before))),
            per_second: answered as f64 / span.as_secs_f64(),
            disturbed: others > span.as_nanos() as u64 / 10 + 2 * proc::tick(),
        })
    }
}

impl Snapshot {
    fn take(server: &Server, lab: &Lab) -> Result<Self> {
        let mut client = Usage::default();
        client.add(std::process::id())?;
        Ok(Self {
            server: server.usage()?,
            databases: server.usage_of_databases()?,
            client,
            server_core: proc::busy(lab.cores.server)?,
            client_core: proc::busy(lab.cores.client)?,
        })
    }
}
