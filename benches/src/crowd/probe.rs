//! How long small answers take while something else goes on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client::Connection;
use crate::files::FILE_1_KIB;
use crate::request::Request;

/// Between two probes.
const PAUSE: Duration = Duration::from_micros(500);

/// What the probes found.
pub(super) struct Waits(Vec<f64>);

impl Waits {
    /// Milliseconds that this share of the answers took at most.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let place = share * self.0.len().saturating_sub(1) as f64;
        self.0.get(place as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Asks for 1 KiB again and again until `over`.
pub(super) fn probe(address: SocketAddr, over: &AtomicBool) -> Result<Waits> {
    // The downloads' clients share the core, and what they make a probe wait for is not the server's.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), -19);
    let request = Request::file(FILE_1_KIB);
    let mut connection = Connection::open(address)?;
    let mut waits = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        connection.exchange(&request)?;
        waits.push(asked.elapsed().as_secs_f64() * 1000.0);
        sleep(PAUSE);
    }
    waits.sort_by(f64::total_cmp);
    Ok(Waits(waits))
}

/// Runs `others` on threads of their own while probes are made; each is told when it is over, and whether or not it
/// ends by itself before. What they returned, and the waits from the moment when all of them had begun.
pub(super) fn beside<T: Send>(
    address: SocketAddr,
    span: Option<Duration>,
    others: Vec<impl FnOnce(&AtomicBool) -> Result<T> + Send>,
) -> Result<(Vec<T>, Waits)> {
    let (over, probed) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let others: Vec<_> = others
            .into_iter()
            .map(|other| scope.spawn(|| other(&over)))
            .collect();
        let probes = scope.spawn(|| probe(address, &probed));
        if let Some(span) = span {
            sleep(span);
            probed.store(true, Ordering::Relaxed);
            over.store(true, Ordering::Relaxed);
        }
        let joined = others.into_iter().map(|other| other.join());
        let joined: Vec<_> = joined.collect();
        probed.store(true, Ordering::Relaxed);
        let waits = probes.join().ok().context("the probe's thread failed")??;
        let done = joined
            .into_iter()
            .map(|done| done.ok().context("a client's thread failed")?);
        Ok((done.collect::<Result<_>>()?, waits))
    })
}
