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

use http::{header, response};

use super::{Asked, Front, Optimizer, Outcome, Reason};
use crate::backend::{Backend, CannotCarry};
use crate::content::{ETag, Metadata};
use crate::error::Error;
use crate::response::{Download, ProxiedDownloadResponse};
use crate::rule::{Mismatch, Rule, Target};

/// A decision, and what it took.
pub(super) struct Decision<'a> {
    /// What becomes of the download, or why it cannot be looked at.
    pub(super) outcome: Result<Outcome, Error>,
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
        let reason = Reason::NoBackend;
        Self {
            outcome: Ok(Outcome::Streamed { reason }),
            optimizer: None,
            decided: None,
            cannot: Vec::new(),
            looked: None,
        }
    }

    /// The file stays with the application, for this reason, unless a more telling one is known.
    fn is_left(&mut self, optimizer: &'a Optimizer, reason: Reason) {
        let before = match &self.outcome {
            Ok(Outcome::Streamed { reason } | Outcome::Refused { reason }) => *reason,
            _ => return,
        };
        if reason.telling() >= before.telling() {
            self.outcome = Ok(optimizer.without_delegation(reason));
            self.optimizer = Some(optimizer);
        }
    }
}

/// Decides, and on delegation writes the head of the hand-off. On a reason nothing of a proxy is in it.
pub(super) async fn decide<'a>(
    asked: &Asked,
    fronts: &'a [Front],
    head: &mut response::Parts,
    download: &Download,
) -> Decision<'a> {
    let mut decision = Decision::new();
    let file = &**download.file();
    for front in fronts {
        let optimizer = front.optimizer(asked.announcement.as_ref());
        if let Some(reason) = optimizer.passes_by(head.status, download) {
            decision.is_left(optimizer, reason);
            continue;
        }
        for (rule, backend) in optimizer.rules() {
            let Ok(target) = rule.resolve(file, None) else {
                continue;
            };
            if rule.looks() && file.has_path() && decision.looked.is_none() {
                match file.metadata().await {
                    Ok(metadata) => decision.looked = Some(metadata),
                    Err(error) => {
                        decision.outcome = Err(error);
                        return decision;
                    }
                }
            }
            let metadata = decision.looked.as_ref().filter(|_| rule.looks());
            match hand_off((rule, backend), target, metadata, fronts, download, head) {
                Ok(outcome) => {
                    decision.outcome = Ok(outcome);
                    decision.optimizer = Some(optimizer);
                    decision.decided = Some(rule);
                    return decision;
                }
                Err(reason) => {
                    decision.cannot.push((rule, reason));
                    decision.is_left(optimizer, reason);
                }
            }
        }
        decision.is_left(optimizer, unmatched(download));
    }
    decision
}

/// Why a download is not delegated when no rule takes it.
fn unmatched(download: &Download) -> Reason {
    match download.file().has_path() || download.file().url().is_some() {
        true => Reason::NoRuleMatched,
        false => Reason::NoPathAndNoUrl,
    }
}

/// Turns the head into the answer for the rule's proxy.
fn hand_off(
    (rule, backend): (&Rule, &Arc<dyn Backend>),
    target: Target,
    metadata: Option<&Metadata>,
    fronts: &[Front],
    download: &Download,
    head: &mut response::Parts,
) -> Result<Outcome, Reason> {
    let target = match metadata {
        Some(found) if found.location().is_some() => rule
            .resolve(&**download.file(), metadata)
            .map_err(|_: Mismatch| Reason::SymbolicLink)?,
        _ => target,
    };
    let etag = metadata.and_then(|metadata| {
        // What the client will see, whatever is said here.
        let own = backend.own_etag(metadata);
        own.or_else(|| own_etag(fronts, download, metadata))
            .or_else(|| metadata.etag())
    });
    let nothing = Metadata::new();
    download.describe(&mut head.headers, metadata.unwrap_or(&nothing));
    issue(&**backend, &target, head).map_err(|cannot| Reason::CannotCarry(cannot.why))?;
    if let Some(etag) = etag {
        head.headers.insert(header::ETAG, etag.to_header_value());
    }
    Ok(Outcome::Delegated {
        rule: Arc::clone(rule.name()),
        backend: Arc::clone(backend),
        target,
    })
}

/// The tag that any proxy which may serve the file insists on, where it can be trusted to tell this
/// state of the file from others: a download then moves between that proxy and whoever else sends it.
pub(super) fn own_etag(fronts: &[Front], download: &Download, metadata: &Metadata) -> Option<ETag> {
    if !metadata.is_told_by_seconds() {
        return None;
    }
    let mut fronts = fronts.iter();
    fronts.find_map(|front| front.own_etag(download, metadata))
}

/// Writes a backend's hand-off over a head. The one place where hand-off headers come from.
fn issue(
    backend: &dyn Backend,
    target: &Target,
    head: &mut response::Parts,
) -> Result<(), CannotCarry> {
    backend.delegate(target, head)?;
    ProxiedDownloadResponse::prepare(head);
    Ok(())
}
