//! `cargo xtask soak`: one gateway for a long time in bad surroundings, and a verdict.
//!
//! Its log goes to a full disk, it may open 256 files, one of its storages lies on a mount that hangs, its configuration
//! is read anew every ten seconds, valid or not, and most of its clients abort, stall or stop in the middle of a head.
//! All the while every byte of what the other clients download must be right; afterwards the gateway must be as small as
//! after warming up, and must stop in time.

mod clients;
mod process;
mod reloads;

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use proxy_tests::{HungMount, Server, Site};

use crate::clients::{Load, Tally};
use crate::process::Figures;

/// What the resident memory may grow by between warming up and the end, in KiB.
const GROWTH: u64 = 16 * 1024;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than that stopping may take.
const GRACE: Duration = Duration::from_secs(1);
/// How long a gateway that is left alone may take until it has closed everything: longer than any time-out of its.
const REST: Duration = Duration::from_secs(60);

const SURROUNDINGS: &str = "ulimit -n 256 && exec \"$@\" >/dev/full 2>/dev/full";

fn main() -> ExitCode {
    match minutes().and_then(soak) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn minutes() -> Result<f64> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let minutes = match words.as_slice() {
        [] => 15.0,
        ["--minutes", number] => number
            .parse()
            .with_context(|| format!("`{number}` is not a number of minutes"))?,
        _ => bail!("expected nothing or `--minutes N`"),
    };
    if (1.0..=10_000.0).contains(&minutes) {
        return Ok(minutes);
    }
    bail!("`--minutes` takes at least 1, of which a quarter goes to warming up");
}

fn soak(minutes: f64) -> Result<bool> {
    let time = Duration::from_secs_f64(minutes * 60.0);
    let site = Site::new(&reloads::valid(0));
    site.make_folder("slow");
    clients::write_files(&site);
    // Mounted before the gateway starts, dropped before it is.
    let mount = HungMount::over(&site.path("slow"));
    let (mut gateway, mount) = (site.start_gateway_through(SURROUNDINGS), mount);
    let (tally, mut verdict) = (Tally::default(), Verdict(true));

    clients::first_downloads(gateway.address(), &tally);
    let start = Figures::of(gateway.id())?;
    println!("at the start:      {start}");
    run(&site, &mount, &gateway, time / 4, &tally)?;
    let warm = at_rest(gateway.id(), |now| now.descriptors <= start.descriptors)?;
    println!("after warming up:  {warm}");
    run(&site, &mount, &gateway, time * 3 / 4, &tally)?;
    let calm = |now: &Figures| now.descriptors <= start.descriptors && now.threads <= warm.threads;
    let end = at_rest(gateway.id(), calm)?;
    println!("at the end:        {end}");

    tally.print();
    verdict.of("every healthy download is right", tally.is_right());
    verdict.of("every reload was as it should", tally.reloads_are_right());
    let grown = end.resident.saturating_sub(warm.resident);
    verdict.of(
        &format!("memory is flat: grown by {grown} KiB of {GROWTH} allowed"),
        grown <= GROWTH,
    );
    verdict.of("threads are flat", end.threads <= warm.threads);
    verdict.of(
        "descriptors end where they began",
        end.descriptors <= start.descriptors,
    );
    stops_in_time(&mut gateway, &mount, &mut verdict);
    Ok(verdict.0)
}

/// Clients and reloads for this long, all of which have ended afterwards.
fn run(
    site: &Site,
    mount: &HungMount,
    gateway: &Server,
    time: Duration,
    tally: &Tally,
) -> Result<()> {
    let over = AtomicBool::new(false);
    let load = Load {
        gateway: gateway.address(),
        over: &over,
        tally,
    };
    std::thread::scope(|scope| {
        load.start(scope);
        let reloaded = reloads::run(site, mount, gateway, time, tally);
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        reloaded
    })
}

/// The figures once they are `calm`, or what they are after a while without clients.
fn at_rest(process: u32, calm: impl Fn(&Figures) -> bool) -> Result<Figures> {
    let started = Instant::now();
    loop {
        let now = Figures::of(process)?;
        // The threads of the runtime's blocking pool go after ten idle seconds.
        let settled = started.elapsed() > Duration::from_secs(12);
        if (settled && calm(&now)) || started.elapsed() > REST {
            return Ok(now);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// With downloads that nobody reads, and requests to the mount that hangs.
fn stops_in_time(gateway: &mut Server, mount: &HungMount, verdict: &mut Verdict) {
    let _busy = clients::stalled(gateway.address());
    let started = Instant::now();
    let ended = gateway.ends_within(2 * (SHUTDOWN_TIMEOUT + GRACE));
    let took = started.elapsed();
    // Its last threads wait for the mount.
    mount.let_go();
    let status = gateway.terminate();
    verdict.of(
        &format!(
            "SIGTERM ends it in time: {:.1} s of {:.1} s, {status}",
            took.as_secs_f32(),
            (SHUTDOWN_TIMEOUT + GRACE).as_secs_f32()
        ),
        ended && took <= SHUTDOWN_TIMEOUT + GRACE && status.success(),
    );
}

/// Whether all was well so far.
struct Verdict(bool);

impl Verdict {
    fn of(&mut self, what: &str, well: bool) {
        println!("{} {what}", if well { "ok    " } else { "FAILED" });
        self.0 &= well;
    }
}
