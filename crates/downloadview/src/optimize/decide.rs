//! The decision: which rule, of the fronts in order, hands a download to its proxy.
//!
//! 1. A set of rules is passed by where nothing may be delegated.
//! 2. The rules for the file are found by its URL and path alone.
//! 3. A local file is looked at, once, unless the rule says not to.
//! 4. The backend writes its header, if that can hold the name.
//!
//! A rule that cannot have the file after all (its proxy's header cannot hold the name, a link leads
//! out of it) leaves it to those that follow.

use std::sync::Arc;

use http::response;

use super::plan::{Candidate, Plan};
use super::{Asked, Front, Optimizer, Reason};
use crate::backend::Backend;
use crate::content::{ETag, Metadata};
use crate::error::Error;
use crate::response::head::{self, Facts};
use crate::rule::{Mismatch, Rule, Target};

/// A decision, and what it took.
pub(super) struct Decision<'a> {
    /// What becomes of the download, or why it cannot be looked at.
    pub(super) plan: Result<Plan, Error>,
    /// Whose settings that follows; without fronts nobody's.
    pub(super) optimizer: Option<&'a Optimizer>,
    /// The rule that decided.
    pub(super) decided: Option<&'a Rule>,
    /// Rules that would have taken the file, and why they could not.
    pub(super) cannot: Vec<(&'a Rule, Reason)>,
    /// What the look told.
    pub(super) looked: Option<Metadata>,
}

impl<'a> Decision<'a> {
    fn new() -> Self {
        Self {
            plan: Ok(Plan::Stream(Reason::NoBackend)),
            optimizer: None,
            decided: None,
            cannot: Vec::new(),
            looked: None,
        }
    }

    /// The file stays with the application, for this reason, unless a more telling one is known.
    fn is_left(&mut self, optimizer: &'a Optimizer, reason: Reason) {
        let Ok(Plan::Stream(before) | Plan::Refuse(before)) = &self.plan else {
            return;
        };
        if reason.telling() >= before.telling() {
            self.plan = Ok(optimizer.without_delegation(reason));
            self.optimizer = Some(optimizer);
        }
    }
}

/// Decides, and on delegation writes the head of the hand-off. On a reason nothing of a proxy is in it.
pub(super) async fn decide<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    candidate: &Candidate<'_>,
) -> Decision<'a> {
    let mut decision = Decision::new();
    for front in fronts {
        let optimizer = front.optimizer(asked.announcement.as_ref());
        if let Some(reason) = optimizer.passes_by(head.status, candidate.download) {
            decision.is_left(optimizer, reason);
            continue;
        }
        for (rule, backend) in optimizer.rules() {
            if rule.redirects() {
                continue;
            }
            let Ok(target) = rule.resolve(&candidate.places, None) else {
                continue;
            };
            if rule.looks() && candidate.places.path().is_some() && decision.looked.is_none() {
                match candidate.download.file().look().await {
                    Ok(metadata) => decision.looked = Some(metadata),
                    Err(error) => {
                        decision.plan = Err(error);
                        return decision;
                    }
                }
            }
            let looked = decision.looked.as_ref().filter(|_| rule.looks());
            match hand_off((rule, backend), target, looked, fronts, candidate, head) {
                Ok(plan) => {
                    decision.plan = Ok(plan);
                    decision.optimizer = Some(optimizer);
                    decision.decided = Some(rule);
                    return decision;
                }
                Err(reason) => {
                    decision.cannot.push((rule, reason.clone()));
                    decision.is_left(optimizer, reason);
                }
            }
        }
        decision.is_left(optimizer, candidate.unmatched());
    }
    decision
}

/// Turns the head into the answer for the rule's proxy.
fn hand_off(
    (rule, backend): (&Rule, &Arc<dyn Backend>),
    target: Target,
    looked: Option<&Metadata>,
    fronts: &[Front],
    candidate: &Candidate<'_>,
    head: &mut response::Parts,
) -> Result<Plan, Reason> {
    let target = match looked {
        Some(found) if found.location().is_some() => rule
            .resolve(&candidate.places, looked)
            .map_err(|_: Mismatch| Reason::SymbolicLink)?,
        _ => target,
    };
    let mut metadata = looked.cloned().unwrap_or_default();
    if looked.is_some() {
        // What the client will see, whatever is said here.
        let own = backend.own_etag(&metadata);
        let own = own.or_else(|| own_etag(fronts, candidate, &metadata));
        metadata.etag = own.or_else(|| metadata.etag());
    }
    let facts = Facts::of(candidate.download, &metadata);
    head::delegate(head, &facts, |headers| backend.hand_off(&target, headers))
        .map_err(|cannot| Reason::CannotCarry(cannot.why))?;
    Ok(Plan::HandOff {
        rule: Arc::clone(rule.name()),
        backend: Arc::clone(backend),
        target,
    })
}

/// The tag that any proxy which may serve the file insists on, where it can be trusted to tell this
/// state of the file from others: a download then moves between that proxy and whoever else sends it.
pub(super) fn own_etag(
    fronts: &[Front],
    candidate: &Candidate<'_>,
    metadata: &Metadata,
) -> Option<ETag> {
    if !metadata.is_told_by_seconds() {
        return None;
    }
    let mut fronts = fronts.iter();
    fronts.find_map(|front| front.own_etag(candidate, metadata))
}
