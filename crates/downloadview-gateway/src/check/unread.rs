//! A client that does not read: whoever takes the file nevertheless keeps it, in memory or on a disk.
//!
//! The application is asked for a long answer, through the proxy, of which nothing is read; and past the proxy for how
//! much of it was taken. Sockets hold some MiB. Somebody who takes more than [`KEPT`] keeps whole answers: each slow
//! client costs him a file, a client that went away is not noticed, and nginx cuts such answers at 1 GiB. The answers are right
//! all the same, so it is a note.
//!
//! That a hop keeps something is seen for certain. That none does is believed after [`QUIET`] in which nothing was taken.

use std::pin::pin;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::{Instant, sleep};

use super::advice;
use super::client::send;
use super::finding::{Finding, Part};
use super::lines::Topic;
use super::setup::{Named, Setup};
use super::subject::Case;
use crate::config::Proxy;
use crate::probe::{Ask, Line};
use crate::witness::{CHECK, KEPT, Ticket};

const QUIET: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);
const MIB: u64 = 1024 * 1024;

/// Who keeps what a client does not read. `None` where the gateway is not reached, which other findings report.
pub(super) async fn check(setup: &Setup, proxy: &Named, case: &Case) -> Option<Finding> {
    let name = &proxy.name;
    let what = format!("{}: a client that does not read", proxy.label);
    let asked = format!("a long answer to {} of {}", case.shown(), proxy.address);
    let taken = taken(setup, proxy, case).await?;
    if taken < KEPT {
        let came = format!("{} MiB wait on the way, as in sockets", taken.div_ceil(MIB));
        return Some(Finding::right(&what, asked, came));
    }
    let came = format!(
        "{} MiB are kept that the client did not read: {name}, or somebody before or behind it, stores whole answers in \
         memory or on a disk",
        taken / MIB
    );
    let change = format!(
        "{}\nor the like in whatever stands before or behind it (another nginx: proxy_max_temp_file_size 0;); to see which \
         one it is, check again with the URL of each in --proxy {name}=URL",
        lines(setup, proxy)
    );
    Some(
        Finding::note(&what, came)
            .by(Part::ProxyOrAnotherHop)
            .change(change),
    )
}

/// What keeps the proxy from it.
fn lines(setup: &Setup, proxy: &Named) -> String {
    match proxy.backend {
        Proxy::Nginx | Proxy::Lighttpd => advice::lines(setup, proxy, &Topic::Buffering),
        Proxy::Apache => "in Apache, take out mod_buffer and mod_cache for these paths".to_owned(),
        Proxy::Caddy => "in Caddy, take out `response_buffers` of reverse_proxy".to_owned(),
    }
}

/// How much of an answer is taken though nobody reads it: at least [`KEPT`], or what fits into all sockets.
async fn taken(setup: &Setup, proxy: &Named, case: &Case) -> Option<u64> {
    let ticket = Ticket::draw(&setup.key).ok()?;
    let ask = Ask::get(case.bare()).header(CHECK, ticket.long(case.bare()));
    let mut line = Line::open(&proxy.address, &setup.trust).await.ok()?;
    let mut asking = pin!(line.ask_unread(&ask));
    let mut unread = None;
    let (mut taken, mut since) = (0, Instant::now());
    loop {
        tokio::select! {
            // Whoever waits for the whole answer sends no head.
            answer = &mut asking, if unread.is_none() => {
                unread = Some(answer.ok().filter(|answer| answer.status().is_success())?);
            }
            () = sleep(PAUSE) => {}
        }
        let now = told(setup, &ticket).await?;
        if now > taken {
            (taken, since) = (now, Instant::now());
        }
        if taken >= KEPT {
            return Some(taken);
        }
        if since.elapsed() > QUIET {
            return (taken > 0).then_some(taken);
        }
    }
}

/// What the application says; 0 before it was asked.
async fn told(setup: &Setup, ticket: &Ticket) -> Option<u64> {
    let headers = HeaderMap::from_iter([(CHECK, ticket.taken())]);
    let ask = Ask {
        headers,
        ..Ask::get("/")
    };
    let answer = send(setup, &setup.app, &ask).await.ok()?;
    let taken: Option<u64> = serde_json::from_slice(answer.body()).ok()?;
    Some(taken.unwrap_or_default())
}
