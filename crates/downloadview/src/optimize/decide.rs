//! The decision: which rule, of the fronts in order, hands a download to its proxy.
//!
//! 1. A set of rules is skipped where nothing may be delegated (`Optimizer::passes_by`).
//! 2. A rule is for the file if its prefix takes the file's URL or path. Nothing is looked at for
//!    that.
//! 3. A local file is looked at, once, unless the rule says not to.
//! 4. The backend writes its header, if the header can hold the name.
//! 5. A file of another server is not looked at: the proxy fetches it, or the client is sent there
//!    (`remote`).
//!
//! If a rule cannot have the file after all (its proxy's header cannot hold the name, a link leads
//! out of it), the next rules are asked. A file that cannot be looked at is the answer: 404, 403,
//! 503.

use std::sync::Arc;

use http::response;

use super::optimizer::Assigned;
use super::plan::{Candidate, NotTaken, Plan};
use super::remote::{Fetch, Remote};
use super::{Asked, Front, Optimizer, Reason};
use crate::backend::Backend;
use crate::content::{ETag, Metadata};
use crate::error::Error;
use crate::response::head::{self, Facts};
use crate::rule::{Mismatch, Rule, Target};
#[cfg(all(feature = "fs", unix))]
use crate::spool::NotSpooled;

/// A decision, and how it came about.
pub(super) struct Decision<'a> {
    /// What happens to the download, or why it cannot be looked at.
    pub(super) plan: Result<Plan, Error>,
    /// Whose settings apply; `None` without fronts.
    pub(super) optimizer: Option<&'a Optimizer>,
    /// The rule that decided.
    pub(super) decided: Option<&'a Rule>,
    /// Rules that would have taken the file, and why they could not.
    pub(super) cannot: Vec<(&'a Rule, Reason)>,
    /// What the look told, if there was one.
    pub(super) looked: Option<Metadata>,
    /// The requests that others will make of other servers.
    pub(super) fetches: Vec<Fetch<'a>>,
    /// What the spool made of a file that no rule takes as it is: the name of its copy, or why
    /// there is none.
    #[cfg(all(feature = "fs", unix))]
    pub(super) spooled: Option<Result<String, NotSpooled>>,
}

impl<'a> Decision<'a> {
    pub(super) fn new() -> Self {
        Self {
            plan: Ok(Plan::Stream(Reason::NoBackend)),
            optimizer: None,
            decided: None,
            cannot: Vec::new(),
            looked: None,
            fetches: Vec::new(),
            #[cfg(all(feature = "fs", unix))]
            spooled: None,
        }
    }

    /// The file stays with the application for this reason, unless a reason that tells more is
    /// known.
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

/// Decides. On delegation it also writes the head of the hand-off; otherwise the head holds nothing
/// of a proxy.
///
/// The result goes into `decision`, a new one: it is large, and moving it from one future to the
/// next costs time.
pub(super) async fn decide<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    candidate: &Candidate<'_>,
    decision: &mut Decision<'a>,
) {
    for front in fronts {
        let optimizer = front.optimizer(asked.announcement.as_ref());
        if let Some(reason) = optimizer.passes_by(head.status, candidate.download) {
            decision.is_left(optimizer, reason);
            continue;
        }
        for assigned in optimizer.rules() {
            let rule = &assigned.rule;
            let Ok(target) = rule.resolve(&candidate.places, None) else {
                continue;
            };
            let matter = Matter {
                assigned,
                asked,
                fronts,
                candidate,
                head: &mut *head,
            };
            match matter.take(target, decision).await {
                Ok(plan) => {
                    decision.plan = Ok(plan);
                    decision.optimizer = Some(optimizer);
                    decision.decided = Some(rule);
                    return;
                }
                Err(NotTaken::For(reason)) => {
                    decision.cannot.push((rule, reason.clone()));
                    decision.is_left(optimizer, reason);
                }
                Err(NotTaken::Failed(error)) => {
                    decision.plan = Err(error);
                    return;
                }
            }
        }
        decision.is_left(optimizer, optimizer.unmatched(candidate));
    }
}

/// A rule that is for the file, and what it needs to answer.
struct Matter<'m, 'a> {
    assigned: &'a Assigned,
    asked: &'m Asked,
    fronts: &'m [Front],
    candidate: &'m Candidate<'m>,
    head: &'m mut response::Parts,
}

impl<'a> Matter<'_, 'a> {
    /// Turns the head into the answer by this rule, if the rule can have the file.
    async fn take(self, target: Target, decision: &mut Decision<'a>) -> Result<Plan, NotTaken> {
        let remote = Remote {
            rule: &self.assigned.rule,
            method: self.asked.method(),
            candidate: self.candidate,
            fetches: &mut decision.fetches,
        };
        match (target, &self.assigned.backend) {
            // Boxed apart, or every other answer would carry the room that these need.
            (Target::Redirect { url }, _) => Box::pin(remote.redirect(url, self.head)).await,
            (target @ Target::Remote { .. }, Some(backend)) => {
                Box::pin(remote.hand_off(backend, target, self.head)).await
            }
            (target, Some(backend)) => {
                self.look(&mut decision.looked).await?;
                Ok(self.hand_off(backend, target, decision.looked.as_ref())?)
            }
            // Refused when the optimizer was built.
            (_, None) => Err(Reason::NoBackend.into()),
        }
    }

    /// Looks at a local file, once for all rules.
    async fn look(&self, looked: &mut Option<Metadata>) -> Result<(), Error> {
        let candidate = self.candidate;
        if self.assigned.rule.looks() && candidate.places.has_path() && looked.is_none() {
            *looked = Some(candidate.download.file().look().await?);
        }
        Ok(())
    }

    /// Turns the head into the answer for the rule's proxy, which has the file itself.
    fn hand_off(
        self,
        backend: &Arc<dyn Backend>,
        target: Target,
        looked: Option<&Metadata>,
    ) -> Result<Plan, Reason> {
        let (rule, candidate) = (&self.assigned.rule, self.candidate);
        let looked = looked.filter(|_| rule.looks());
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
            let own = own.or_else(|| own_etag(self.fronts, candidate, &metadata));
            metadata.etag = own.or_else(|| metadata.etag());
        }
        let facts = Facts::of(candidate.download, &metadata);
        head::delegate(self.head, &facts, |headers| {
            backend.hand_off(&target, headers)
        })
        .map_err(|cannot| Reason::CannotCarry(cannot.why))?;
        Ok(Plan::HandOff {
            rule: Arc::clone(rule.name()),
            backend: Arc::clone(backend),
            target,
        })
    }
}

/// The tag that a proxy which may serve the file always states, if it tells this state of the file
/// from others. A download can then move between that proxy and whoever else sends it.
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
