//! What one large file costs the application: next to nothing where a proxy sends it.
//!
//! The client reads on a thread of its own. CPU time of the process less that of this thread is the application's: it
//! waits for nobody else meanwhile.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use minijinja::{Value, context};
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::shown;
use crate::demo::files::LARGE;
use crate::demo::grid::{Grid, Hop};
use crate::witness::CHECK;

/// The route of the large file.
pub(super) const PATH: &str = "/storage/static-path/large.bin";
/// Its size, for people.
pub(super) const SIZE: &str = "64 MiB";

/// Nothing here is far away.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the download through one proxy cost.
#[derive(Debug)]
pub(super) struct Cost {
    proxy: &'static str,
    spent: anyhow::Result<Spent>,
}

#[derive(Debug)]
struct Spent {
    time: Duration,
    /// CPU time of the application.
    cpu: Duration,
    /// Bytes of the body that the application sent.
    bytes: u64,
}

impl Cost {
    /// The cost as the template shows it.
    pub(super) fn shown(&self) -> Value {
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        match &self.spent {
            Ok(spent) => context! {
                proxy => shown(self.proxy),
                time => milliseconds(spent.time),
                cpu => milliseconds(spent.cpu),
                bytes => spent.bytes,
            },
            Err(error) => context! { proxy => shown(self.proxy), error => format!("{error:#}") },
        }
    }
}

/// Downloads the large file once on each way to the application.
pub(super) async fn measure(grid: &Grid) -> Vec<Cost> {
    let mut costs = Vec::new();
    for hop in &grid.hops() {
        costs.push(Cost {
            proxy: hop.proxy,
            spent: spend(grid, hop).await,
        });
    }
    costs
}

async fn spend(grid: &Grid, hop: &Hop) -> anyhow::Result<Spent> {
    let ticket = grid.witness.issue()?;
    let (address, number) = (hop.address(), ticket.value());
    let number = number.to_str()?.to_owned();
    let (time, cpu) = tokio::task::spawn_blocking(move || download(address, &number)).await??;
    let seen = grid.witness.take(&ticket).pop();
    let seen = seen.context("the answer did not come from this application")?;
    let bytes = seen
        .length
        .context("the application did not say how much it sends")?;
    Ok(Spent { time, cpu, bytes })
}

/// Reads the whole answer; the time that it took, and the CPU time that everybody else in this process used meanwhile.
fn download(address: SocketAddr, ticket: &str) -> anyhow::Result<(Duration, Duration)> {
    let started = Instant::now();
    let (process, thread) = (cpu(ClockId::ProcessCPUTime), cpu(ClockId::ThreadCPUTime));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {PATH} HTTP/1.1\r\nHost: {address}\r\n{CHECK}: {ticket}\r\nConnection: close\r\n\r\n"
    )?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut head, mut body) = (Vec::new(), 0);
    loop {
        let read = stream.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        if body > 0 {
            body += read as u64;
            continue;
        }
        head.extend_from_slice(bytes);
        let end = head.windows(4).position(|part| part == b"\r\n\r\n");
        body = end.map_or(0, |end| (head.len() - end - 4) as u64);
        ensure!(
            end.is_some() || head.len() < buffer.len(),
            "an endless head"
        );
    }
    let all = cpu(ClockId::ProcessCPUTime).saturating_sub(process);
    let own = cpu(ClockId::ThreadCPUTime).saturating_sub(thread);
    ensure!(
        head.starts_with(b"HTTP/1.1 200 ") && body == LARGE,
        "{body} bytes arrived in place of {LARGE}"
    );
    Ok((started.elapsed(), all.saturating_sub(own)))
}

fn cpu(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let seconds = u64::try_from(tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(tv_nsec.unsigned_abs())
}
