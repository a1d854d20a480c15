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
//! A decision goes as far as it can without waiting (`advance`); what it then waits for is awaited by
//! `decide`, or left to it.
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
    /// The name of a copy whose source must be asked first whether it is still good; looked up for a trace only.
    #[cfg(all(feature = "fs", unix))]
    pub(super) questionable: Option<String>,
    /// Which front is asked, and which of its rules.
    next: (usize, usize),
}

/// What a decision has to wait for.
pub(super) enum Waits<'a> {
    /// A look at the file.
    ForLook,
    /// A link to the file, which another server has.
    ForLink(&'a Optimizer, &'a Assigned, Target),
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
            #[cfg(all(feature = "fs", unix))]
            questionable: None,
            next: (0, 0),
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

    /// Notes what came of a rule that is for the file; whether that is the decision. Else the next
    /// rule is asked.
    fn is_settled(
        &mut self,
        optimizer: &'a Optimizer,
        rule: &'a Rule,
        taken: Result<Plan, NotTaken>,
    ) -> bool {
        match taken {
            Ok(plan) => {
                self.plan = Ok(plan);
                self.optimizer = Some(optimizer);
                self.decided = Some(rule);
                true
            }
            Err(NotTaken::For(reason)) => {
                self.cannot.push((rule, reason.clone()));
                self.is_left(optimizer, reason);
                self.next.1 += 1;
                false
            }
            Err(NotTaken::Failed(error)) => {
                self.plan = Err(error);
                true
            }
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
    while let Some(waits) = advance(asked, fronts, head, candidate, decision) {
        match waits {
            Waits::ForLook => match candidate.download.file().look().await {
                Ok(found) => decision.looked = Some(found),
                Err(error) => {
                    decision.plan = Err(error);
                    return;
                }
            },
            Waits::ForLink(optimizer, assigned, target) => {
                let rule = &assigned.rule;
                let remote = Remote {
                    rule,
                    method: asked.method(),
                    candidate,
                    fetches: &mut decision.fetches,
                };
                // Boxed apart, or every other answer would carry the room that these need.
                let taken = match (target, &assigned.backend) {
                    (Target::Redirect { url }, _) => Box::pin(remote.redirect(url, head)).await,
                    (target, Some(backend)) => {
                        Box::pin(remote.hand_off(backend, target, head)).await
                    }
                    // Refused when the optimizer was built.
                    (_, None) => Err(Reason::NoBackend.into()),
                };
                if decision.is_settled(optimizer, rule, taken) {
                    return;
                }
            }
        }
    }
}

/// As [`decide`], up to where something has to be waited for: what that is. `None`: it is decided.
pub(super) fn advance<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    candidate: &Candidate<'_>,
    decision: &mut Decision<'a>,
) -> Option<Waits<'a>> {
    while let Some(front) = fronts.get(decision.next.0) {
        let optimizer = front.optimizer(asked.announcement());
        if let Some(reason) = optimizer.passes_by(head.status, candidate.download) {
            decision.is_left(optimizer, reason);
            decision.next = (decision.next.0 + 1, 0);
            continue;
        }
        while let Some(assigned) = optimizer.rules().get(decision.next.1) {
            let rule = &assigned.rule;
            let Ok(target) = rule.resolve(&candidate.places, None) else {
                decision.next.1 += 1;
                continue;
            };
            if matches!(target, Target::Redirect { .. } | Target::Remote { .. }) {
                return Some(Waits::ForLink(optimizer, assigned, target));
            }
            let matter = Matter {
                assigned,
                fronts,
                candidate,
                head: &mut *head,
            };
            let taken = match matter.take(target, decision) {
                Ok(None) => return Some(Waits::ForLook),
                Ok(Some(plan)) => Ok(plan),
                Err(not_taken) => Err(not_taken),
            };
            if decision.is_settled(optimizer, rule, taken) {
                return None;
            }
        }
        decision.is_left(optimizer, optimizer.unmatched(candidate));
        decision.next = (decision.next.0 + 1, 0);
    }
    None
}

/// A rule that is for the file, which this machine or its proxy has, and what it needs to answer.
struct Matter<'m> {
    assigned: &'m Assigned,
    fronts: &'m [Front],
    candidate: &'m Candidate<'m>,
    head: &'m mut response::Parts,
}

impl Matter<'_> {
    /// Turns the head into the answer by this rule, if the rule can have the file. `None`: the file
    /// must be looked at first, and that takes time.
    fn take(self, target: Target, decision: &mut Decision<'_>) -> Result<Option<Plan>, NotTaken> {
        let (rule, candidate) = (&self.assigned.rule, self.candidate);
        // Refused when the optimizer was built.
        let backend = self.assigned.backend.as_ref().ok_or(Reason::NoBackend)?;
        // Once for all rules.
        if rule.looks() && candidate.places.has_path() && decision.looked.is_none() {
            match candidate.download.file().look_now() {
                Some(found) => decision.looked = Some(found?),
                None => return Ok(None),
            }
        }
        // A rule that could not have the file after all may have left something in the head.
        let untouched = candidate.untouched && decision.cannot.is_empty();
        let looked = decision.looked.as_ref();
        Ok(Some(self.hand_off(backend, target, looked, untouched)?))
    }

    /// Turns the head into the answer for the rule's proxy, which has the file itself.
    fn hand_off(
        self,
        backend: &Arc<dyn Backend>,
        target: Target,
        looked: Option<&Metadata>,
        untouched: bool,
    ) -> Result<Plan, Reason> {
        static UNKNOWN: Metadata = Metadata::unknown();
        let (rule, candidate) = (&self.assigned.rule, self.candidate);
        let looked = looked.filter(|_| rule.looks());
        let target = match looked {
            Some(found) if found.location().is_some() => rule
                .resolve(&candidate.places, looked)
                .map_err(|_: Mismatch| Reason::SymbolicLink)?,
            _ => target,
        };
        let mut facts = Facts::of(candidate.download, looked.unwrap_or(&UNKNOWN));
        // What the client will see, whatever is said here.
        facts.etag.set(looked.and_then(|metadata| {
            let own = backend.own_etag(metadata);
            own.or_else(|| own_etag(self.fronts, candidate, metadata))
        }));
        facts.untouched = untouched;
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
    let mut fronts = fronts.iter();
    let own = fronts.find_map(|front| front.own_etag(candidate, metadata))?;
    metadata.is_told_by_seconds().then_some(own)
}
