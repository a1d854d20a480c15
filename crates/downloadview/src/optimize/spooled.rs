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
    let may = candidate.download.spooling() != Spooling::Off
        && !candidate.places.has_path()
        && matches!(*asked.method(), Method::GET | Method::HEAD);
    if !may || !is_unmatched(decision) {
        return None;
    }
    one_of(asked, fronts, status, candidate)
}

/// Why the spool is not asked about a download, where there is one that could be.
pub(super) fn why_not(
    asked: &Asked,
    fronts: &[Front],
    status: StatusCode,
    candidate: &Candidate<'_>,
    decision: &Decision<'_>,
) -> Option<NotSpooled> {
    let there_is_one = is_unmatched(decision) && one_of(asked, fronts, status, candidate).is_some();
    if !there_is_one {
        return None;
    }
    match candidate.places.has_path() {
        true => Some(NotSpooled::Local),
        false => (candidate.download.spooling() == Spooling::Off).then_some(NotSpooled::Off),
    }
}

/// Whether no rule takes the file as it is.
fn is_unmatched(decision: &Decision<'_>) -> bool {
    let Ok(Plan::Stream(reason) | Plan::Refuse(reason)) = &decision.plan else {
        return false;
    };
    matches!(
        reason,
        Reason::NoRuleMatched | Reason::NoPathAndNoUrl | Reason::CannotCarry(_)
    )
}

/// The spool of the first front that may delegate the download.
fn one_of<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    status: StatusCode,
    candidate: &Candidate<'_>,
) -> Option<&'a Spool> {
    fronts.iter().find_map(|front| {
        let optimizer = front.optimizer(asked.announcement());
        let asks = optimizer.passes_by(status, candidate.download).is_none();
        optimizer.spool().filter(|_| asks)
    })
}

/// What a copy is called below the folder.
fn name_in(spool: &Spool, copy: &Candidate<'_>) -> Option<String> {
    let path = copy.places.path()?;
    let name = path.strip_prefix(spool.dir()).ok()?;
    name.to_str().map(str::to_owned)
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
        copying: download.copying(),
    };
    if asked.traced {
        decision.questionable = spool.questionable(download.file(), download.copying());
    }
    match spool.place(download.file(), request).await {
        Placed::Copy(file) => {
            let copy = download.with_file(file);
            let candidate = Candidate::new(&copy);
            let questionable = decision.questionable.take();
            *decision = Decision::new();
            decide(asked, fronts, head, &candidate, decision).await;
            if asked.traced {
                decision.questionable = questionable;
                decision.spooled = name_in(spool, &candidate).map(Ok);
            }
            drop(candidate);
            Some(copy)
        }
        Placed::Stream(file, why) => {
            decision.spooled = Some(Err(why));
            decision.plan = Ok(Plan::Stream(Reason::NotSpooled(why)));
            Some(download.with_file(file))
        }
        // What is said of a file without a key is that no rule takes it.
        Placed::Own(NotSpooled::NoKey) => {
            decision.spooled = Some(Err(NotSpooled::NoKey));
            None
        }
        Placed::Own(why) => {
            decision.spooled = Some(Err(why));
            decision.plan = Ok(Plan::Stream(Reason::NotSpooled(why)));
            None
        }
        Placed::Preparing(retry_after) => {
            decision.plan = Ok(Plan::Prepare(retry_after));
            None
        }
        Placed::Failed(error) => {
            decision.spooled = Some(Err(NotSpooled::Source));
            decision.plan = Err(error);
            None
        }
    }
}
