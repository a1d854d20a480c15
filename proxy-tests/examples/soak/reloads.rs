//! SIGHUP every ten seconds, the configuration in turn valid and changed, and not to be read.

use std::time::{Duration, Instant};

use anyhow::Result;
use proxy_tests::{HungMount, Request, Server, Site};

use crate::clients::Tally;

const EVERY: Duration = Duration::from_secs(10);
/// How long a valid configuration may take to count.
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration that differs from all others in what it says of freshness.
pub(crate) fn valid(number: usize) -> String {
    format!(
        r#"
listen = "@LISTEN@"

[server]
shutdown_timeout = "5s"
header_timeout = "2s"
write_timeout = "5s"

[storages.media]
kind = "local"
root = "@MEDIA@"

[storages.slow]
kind = "local"
root = "slow"

[[views]]
route = "/files/{{*path}}"
kind = "storage"
storage = "media"
cache_control = "max-age={number}"

[[views]]
route = "/slow/{{*path}}"
kind = "storage"
storage = "slow"
"#
    )
}

const INVALID: &str = "listen = \"@LISTEN@\"\n[[views]]\nroute = 7\n";

/// Reloads until the time is over. In the second third of the time the mount hangs wholly, so that looking at its root
/// does not come back, and what is read then counts once it answers again.
pub(crate) fn run(
    site: &Site,
    mount: &HungMount,
    gateway: &Server,
    time: Duration,
    tally: &Tally,
) -> Result<()> {
    let started = Instant::now();
    let mut wholly = false;
    loop {
        pause(started, time);
        if started.elapsed() >= time {
            break;
        }
        let number = tally.next_reload();
        if number.is_multiple_of(2) {
            site.configure(INVALID);
            gateway.hang_up();
            continue;
        }
        let second_third = started.elapsed() > time / 3 && started.elapsed() < time * 2 / 3;
        if second_third != wholly {
            wholly = second_third;
            if wholly {
                mount.hang_wholly();
            } else {
                mount.answer_looks();
            }
        }
        site.configure(&valid(number));
        gateway.hang_up();
        if !wholly {
            tally.reloaded(counts(gateway, number), number);
        }
    }
    mount.answer_looks();
    Ok(())
}

fn pause(started: Instant, time: Duration) {
    let next = Instant::now() + EVERY;
    while Instant::now() < next && started.elapsed() < time {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether downloads say soon what this configuration says.
fn counts(gateway: &Server, number: usize) -> bool {
    let (expected, started) = (format!("max-age={number}"), Instant::now());
    while started.elapsed() < PATIENCE {
        let answer = Request::head("/files/1").send(gateway.address());
        if answer.is_ok_and(|answer| answer.all("Cache-Control") == [&*expected]) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}
