//! What connections hold in the server: clients that stopped reading, clients that ask nothing, and files of any size.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::{self, Connection};
use crate::files::{FILE_1_GIB, FILE_1_KIB, FILE_1_MIB, FILE_100_MIB, KIB, MIB, TestFile};
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers::{self, nginx};
use crate::proc;
use crate::request::Request;
use crate::server::Server;

/// Clients that ask for 100 MiB and read nothing.
const STALLED: usize = 200;
/// Many clients that do the same, for what the kernel holds of them.
const CROWD: usize = 1000;
/// Clients that were answered once and keep their connection.
const IDLE: usize = 400;
/// A server is at rest when it used no CPU time for so long.
const REST: Duration = Duration::from_millis(20);
const RESTS: u32 = 10;
/// How long the first byte of a stalled download may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a slow client takes at a time, in bytes, and how often.
const SIPS: [usize; 5] = [100, 3_000, 20_000, 65_536, 900];
const SIP_ROUNDS: usize = 40;
const BETWEEN_SIPS: Duration = Duration::from_millis(100);

/// Most bytes that the project promises to hold.
const STALLED_EACH: u64 = 100 * KIB;
const REMOTE_EACH: u64 = 130 * KIB;
const STALLED_TOTAL: u64 = 25 * MIB;
const IDLE_EACH: u64 = 16 * KIB;
/// By so much may a thousand times larger file raise the peak.
const PEAK_GROWTH: u64 = MIB;

/// A row of the table of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) what: String,
    pub(crate) server: String,
    /// Bytes.
    pub(crate) bytes: u64,
    /// The most bytes that the project promises, if it promises some.
    pub(crate) bound: Option<u64>,
}

impl Amount {
    /// Whether the promise is kept; `None` where there is none.
    pub(crate) fn met(&self) -> Option<bool> {
        self.bound.map(|bound| self.bytes <= bound)
    }
}

/// A way to start a server anew, so that one measurement leaves nothing to the next.
type Start<'a> = Box<dyn Fn() -> Result<Server> + 'a>;

/// Measures the gateway, which has bounds to keep, and the peers, which have none.
pub(crate) fn measure(lab: &Lab) -> Result<Vec<Amount>> {
    let mut rows = Vec::new();
    if let Some(binary) = &lab.binaries.gateway {
        let start: Start<'_> = Box::new(|| gateway::start(lab, binary, Mode::Stream));
        rows.extend(measure_server(&start)?);
        rows.extend(remote(lab, binary)?);
    }
    let mut peers: Vec<Start<'_>> = Vec::new();
    if let Some(start) = gateway::starts_before(lab, Mode::Stream) {
        peers.push(Box::new(start));
    }
    peers.push(Box::new(|| peers::start_tower_http(lab)));
    peers.push(Box::new(|| peers::start_actix_files(lab)));
    peers.push(Box::new(|| nginx::start_static(lab)));
    for start in &peers {
        let unbound = |row| Amount { bound: None, ..row };
        rows.extend(measure_server(start)?.into_iter().map(unbound));
    }
    Ok(rows)
}

/// Memory for stalled downloads of a file that the gateway fetches from an origin.
fn remote(lab: &Lab, binary: &Path) -> Result<Vec<Amount>> {
    let origin = nginx::start_origin(lab)?;
    let server = gateway::start(lab, binary, Mode::Remote(origin.address))?;
    let rows = stalled(&server.fetching_from(origin))?;
    let bounded = |row: Amount| Amount {
        what: format!("{}, fetched from an origin", row.what),
        bound: row.bound.and(Some(REMOTE_EACH)),
        ..row
    };
    let mut rows: Vec<Amount> = rows.into_iter().take(1).map(bounded).collect();
    let origin = nginx::start_origin(lab)?;
    let server = gateway::start(lab, binary, Mode::Remote(origin.address))?;
    rows.push(slow(&server.fetching_from(origin))?);
    Ok(rows)
}

/// Memory for downloads whose clients read a little, and never the same: what buffers grow to.
fn slow(server: &Server) -> Result<Amount> {
    eprintln!(
        "measuring memory, {STALLED} slow downloads, {} …",
        server.name
    );
    let before = warm(server)?;
    let request = Request::file(FILE_100_MIB);
    let mut connections = client::open(server.address, STALLED)?;
    for connection in &mut connections {
        connection.send(&request)?;
    }
    let mut most = 0;
    for round in 0..SIP_ROUNDS {
        for (place, connection) in connections.iter_mut().enumerate() {
            let taken = connection.sip(SIPS[(round + place * 7) % SIPS.len()])?;
            ensure!(taken > 0, "{}: a slow download ended", server.name);
        }
        most = most.max(server.resident()?);
        std::thread::sleep(BETWEEN_SIPS);
    }
    Ok(Amount {
        what: format!("for each of {STALLED} slow downloads, fetched from an origin"),
        server: server.name.clone(),
        bytes: most.saturating_sub(before) / STALLED as u64,
        bound: Some(REMOTE_EACH),
    })
}

fn measure_server(start: &Start<'_>) -> Result<Vec<Amount>> {
    let mut rows = stalled(&start()?)?;
    rows.extend(crowd(&start()?)?);
    rows.push(idle(&start()?)?);
    let small = peak(&start()?, FILE_1_MIB)?;
    let large = peak(&start()?, FILE_1_GIB)?;
    let bound = small.bytes + PEAK_GROWTH;
    rows.push(small);
    rows.push(Amount {
        bound: Some(bound),
        ..large
    });
    Ok(rows)
}

/// Downloads whose clients stopped reading.
fn stall(server: &Server, count: usize) -> Result<Vec<Connection>> {
    let request = Request::file(FILE_100_MIB);
    let mut connections = client::open(server.address, count)?;
    for connection in &mut connections {
        connection.send(&request)?;
    }
    for connection in &connections {
        wait_for_first_bytes(connection).with_context(|| server.name.clone())?;
    }
    server.wait_until_quiet(REST, RESTS)?;
    Ok(connections)
}

/// What the process and the kernel hold for a crowd of them.
fn crowd(server: &Server) -> Result<Vec<Amount>> {
    eprintln!(
        "measuring memory, {CROWD} stalled downloads, {} …",
        server.name
    );
    let (before, tcp_before) = (warm(server)?, proc::held_by_tcp()?);
    let connections = stall(server, CROWD)?;
    let (after, tcp_after) = (server.resident()?, proc::held_by_tcp()?);
    drop(connections);
    let row = |what: String, before: u64, after: u64| Amount {
        what,
        server: server.name.clone(),
        bytes: after.saturating_sub(before) / CROWD as u64,
        bound: None,
    };
    Ok(vec![
        row(
            format!("for each of {CROWD} stalled downloads"),
            before,
            after,
        ),
        row(
            format!("for each of {CROWD}, held by the kernel on both sides"),
            tcp_before,
            tcp_after,
        ),
    ])
}

/// Memory for downloads whose clients stopped reading.
fn stalled(server: &Server) -> Result<Vec<Amount>> {
    eprintln!(
        "measuring memory, {STALLED} stalled downloads, {} …",
        server.name
    );
    let before = warm(server)?;
    let _stalled = stall(server, STALLED)?;
    let after = server.resident()?;
    let row = |what: String, bytes, bound| Amount {
        what,
        server: server.name.clone(),
        bytes,
        bound: Some(bound),
    };
    let each = after.saturating_sub(before) / STALLED as u64;
    Ok(vec![
        row(
            format!("for each of {STALLED} stalled downloads"),
            each,
            STALLED_EACH,
        ),
        row(
            format!("in all, during {STALLED} stalled downloads"),
            after,
            STALLED_TOTAL,
        ),
    ])
}

/// Memory for connections between two requests.
fn idle(server: &Server) -> Result<Amount> {
    eprintln!(
        "measuring memory, {IDLE} idle connections, {} …",
        server.name
    );
    let before = warm(server)?;
    let request = Request::file(FILE_1_KIB);
    let mut connections = client::open(server.address, IDLE)?;
    for connection in &mut connections {
        connection.exchange(&request)?;
    }
    server.wait_until_quiet(REST, RESTS)?;
    let after = server.resident()?;
    Ok(Amount {
        what: format!("for each of {IDLE} idle connections"),
        server: server.name.clone(),
        bytes: after.saturating_sub(before) / IDLE as u64,
        bound: Some(IDLE_EACH),
    })
}

/// The highest memory of a server that sent one file a few times.
fn peak(server: &Server, file: TestFile) -> Result<Amount> {
    eprintln!(
        "measuring memory, peak with {}, {} …",
        file.label, server.name
    );
    let request = Request::file(file);
    let mut connection = Connection::open(server.address)?;
    for _ in 0..3 {
        connection.exchange(&request)?;
    }
    Ok(Amount {
        what: format!("peak with {}", file.label),
        server: server.name.clone(),
        bytes: server.peak()?,
        bound: None,
    })
}

/// Resident bytes of a server that has answered and lies idle.
fn warm(server: &Server) -> Result<u64> {
    let request = Request::file(FILE_1_MIB);
    let mut connection = Connection::open(server.address)?;
    for _ in 0..8 {
        connection.exchange(&request)?;
    }
    drop(connection);
    server.wait_until_quiet(REST, RESTS)?;
    server.resident()
}

/// A refused download would hold no memory, so each has to have begun.
fn wait_for_first_bytes(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let bytes = connection.peek()?;
        if bytes.len() >= b"HTTP/1.1 200".len() {
            let begun = bytes.starts_with(b"HTTP/1.1 200");
            ensure!(begun, "answered {}", String::from_utf8_lossy(&bytes));
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "a download does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
}
