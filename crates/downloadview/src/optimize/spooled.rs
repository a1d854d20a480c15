//! What no rule takes as it is, as a copy that one takes.
//!
//! 1. Is there a spool for the proxy that asks, and is the file one that it may copy?
//! 2. The spool gives a copy, the bytes of one that is being made, or the reason why not.
//! 3. A copy is decided about as any file of this machine is.

use http::{Method, StatusCode, response};

use super::decide::{Decision, decide};
use super::plan::{Candidate, Plan};
use super::{Asked, Front, Reason};
use crate::response::{Download, Spooling};
use crate::spool::{NotSpooled, Placed, Request, Spool};

/// The spool that is to be asked about a download, after this decision.
pub(super) fn spool_for<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    status: StatusCode,
    candidate: &Candidate<'_>,
    decision: &Decision<'_>,
) -> Option<&'a Spool> {
    let Ok(Plan::Stream(reason) | Plan::Refuse(reason)) = &decision.plan else {
        return None;
    };
    let unmatched = matches!(
        reason,
        Reason::NoRuleMatched | Reason::NoPathAndNoUrl | Reason::CannotCarry(_)
    );
    let download = candidate.download;
    let may = download.spooling() != Spooling::Off
        && !candidate.places.has_path()
        && matches!(*asked.method(), Method::GET | Method::HEAD);
    if !unmatched || !may {
        return None;
    }
    fronts.iter().find_map(|front| {
        let optimizer = front.optimizer(asked.announcement.as_ref());
        let asks = optimizer.passes_by(status, download).is_none();
        optimizer.spool().filter(|_| asks)
    })
}

/// Asks the spool, and decides again about what it gives: the download to answer with, if it is
/// another one. The result stands in `decision`.
pub(super) async fn spooled<'a>(
    spool: &Spool,
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    download: &Download,
    decision: &mut Decision<'a>,
) -> Option<Download> {
    let request = Request {
        method: asked.method(),
        in_part: asked.conditional.want().range().is_some(),
        only_asks: asked.traced,
        spooling: download.spooling(),
    };
    match spool.place(download.file(), request).await {
        Placed::Copy(file) => {
            let copy = download.with_file(file);
            let candidate = Candidate::new(&copy);
            *decision = Decision::new();
            decide(asked, fronts, head, &candidate, decision).await;
            drop(candidate);
            Some(copy)
        }
        Placed::Stream(file, why) => {
            decision.plan = Ok(Plan::Stream(Reason::NotSpooled(why)));
            Some(download.with_file(file))
        }
        // What is said of a file without a key is that no rule takes it.
        Placed::Own(NotSpooled::NoKey) => None,
        Placed::Own(why) => {
            decision.plan = Ok(Plan::Stream(Reason::NotSpooled(why)));
            None
        }
        Placed::Failed(error) => {
            decision.plan = Err(error);
            None
        }
    }
}
