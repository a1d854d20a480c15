//! What the spool makes of a file, and what will become of a request whose copy is not there yet.

use std::fmt::{self, Write as _};
use std::time::Duration;

use downloadview::DownloadBody;
use downloadview::optimize::{Outcome, Step, Trace};
use downloadview::spool::NotSpooled;
use http::Response;

use crate::app::Mounted;
use crate::config::{Config, SpoolFill};

/// What the spool made of the file. `asked_about` is the copy about which the source had to be asked first.
pub(super) fn step(
    text: &mut String,
    copy: &Result<String, NotSpooled>,
    asked_about: Option<&str>,
    max_age: Duration,
) -> fmt::Result {
    if let Some(name) = asked_about {
        writeln!(
            text,
            "  there is a copy: {name}. A gateway that asked the source within max_age ({max_age:?}) hands it over; any other \
             asks whether it still holds, as was done now"
        )?;
    }
    match (copy, asked_about) {
        (Ok(name), None) => writeln!(
            text,
            "  spooled as {name}; what follows is said of that copy"
        ),
        (Ok(_), Some(_)) => writeln!(
            text,
            "  it holds, and is handed over; what follows is said of that copy"
        ),
        (Err(NotSpooled::NotAsked), None) => writeln!(
            text,
            "  not spooled yet: the GET of a client makes a copy, which is what its proxy sends"
        ),
        (Err(NotSpooled::NotAsked), Some(_)) => writeln!(
            text,
            "  it does not hold any more: the GET of a client makes a new one, which is what its proxy sends"
        ),
        (Err(NotSpooled::Source), _) => {
            writeln!(text, "  no copy is made: the source does not give the file")
        }
        (Err(why), _) => writeln!(text, "  not spooled: {why}"),
    }
}

/// Whether the source was asked about the copy that is handed over; `None` where none is.
pub(super) fn is_asked_about(response: &Response<DownloadBody>) -> Option<bool> {
    let trace = response.extensions().get::<Trace>()?;
    trace.steps().iter().find_map(|step| match step {
        Step::Spooled {
            copy: Ok(_),
            asked_about,
            ..
        } => Some(asked_about.is_some()),
        _ => None,
    })
}

/// What will become of a request whose copy is not there yet: `explain` makes none.
pub(super) fn later(
    config: &Config,
    mounted: &Mounted,
    response: &Response<DownloadBody>,
) -> Option<&'static str> {
    let trace = response.extensions().get::<Trace>()?;
    // What is not there now is not copied later.
    if let Some(Outcome::NotFound | Outcome::Failed { .. }) = response.extensions().get() {
        return None;
    }
    let is_later = |step: &Step| {
        matches!(
            step,
            Step::Spooled {
                copy: Err(NotSpooled::NotAsked),
                ..
            }
        )
    };
    if !trace.steps().iter().any(is_later) {
        return None;
    }
    let fill = config.spool.as_ref().map(|spool| spool.fill);
    Some(match (mounted.view().prepare, fill) {
        (true, _) => {
            "outcome   will be prepared: clients are told to ask again while the copy is made, then its proxy sends it\n\
             answer    202 Accepted, with Retry-After, until then"
        }
        (false, Some(SpoolFill::While)) => {
            "outcome   will be spooled: streamed by the gateway while the copy is made, then its proxy sends it\n\
             answer    200 OK"
        }
        (false, _) => {
            "outcome   will be spooled: the first client waits while the copy is made, then its proxy sends it\n\
             answer    200 OK, when the copy is there"
        }
    })
}
