//! The decision: rules in order, and a download; a plan comes out, or the reason why there is none.

use std::sync::Arc;

use http::{StatusCode, header, response};

use super::once::OncePerRoute;
use super::{Outcome, Reason};
use crate::backend::Backend;
use crate::content::{ETag, Metadata};
use crate::error::Result;
use crate::response::{Download, ProxiedDownloadResponse};
use crate::rule::{Rule, Target};

/// What becomes of a download that no rule takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Unmatched {
    /// Streamed, quietly.
    Stream,
    /// Streamed, and logged at WARN once for each route. The default: silence here costs weeks.
    #[default]
    Warn,
    /// Refused with 503: a rule should have taken it. (What a rule takes and its proxy cannot carry is
    /// streamed all the same.)
    Refuse,
}

/// Rules in order, first match wins.
///
/// ```
/// use downloadview::{Optimizer, Rule, backend::Nginx};
/// let optimizer = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .build()?;
/// # Ok::<(), downloadview::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "SmartDownloadMiddleware")]
#[doc(alias = "DownloadDispatcher")]
pub struct Optimizer {
    rules: Vec<(Rule, Arc<dyn Backend>)>,
    unmatched: Unmatched,
    /// Why there are no rules, if that is meant to be.
    without_rules: Option<Reason>,
    warned: OncePerRoute,
}

/// Collects rules for an [`Optimizer`].
#[derive(Debug)]
#[must_use = "`build` makes the optimizer"]
pub struct OptimizerBuilder {
    backend: Arc<dyn Backend>,
    rules: Vec<(Rule, Arc<dyn Backend>)>,
    unmatched: Unmatched,
}

impl OptimizerBuilder {
    /// Adds a rule after those already there.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push((rule, Arc::clone(&self.backend)));
        self
    }

    /// Adds a rule with a backend of its own, for another proxy or other options.
    pub fn rule_for(mut self, backend: impl Backend, rule: Rule) -> Self {
        self.rules.push((rule, Arc::new(backend)));
        self
    }

    /// What becomes of a download that no rule takes. Default: [`Unmatched::Warn`].
    pub fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.unmatched = unmatched;
        self
    }

    /// Checks every rule against its backend.
    ///
    /// # Errors
    ///
    /// [`Error::Misconfigured`](crate::Error::Misconfigured) naming the rule, what is wrong and the
    /// mend.
    pub fn build(self) -> Result<Optimizer> {
        for (rule, backend) in &self.rules {
            rule.check(backend.name(), backend.accepts())?;
        }
        Ok(Optimizer {
            rules: self.rules,
            unmatched: self.unmatched,
            without_rules: None,
            warned: OncePerRoute::default(),
        })
    }
}

/// A rule that takes a file, as far as can be told without looking at it.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    rule: &'a Rule,
    backend: &'a Arc<dyn Backend>,
    /// Where the proxy finds the file, unless a link leads elsewhere.
    target: Target,
}

impl Plan<'_> {
    /// Whether the file must be looked at before it is delegated.
    pub(crate) fn looks(&self, download: &Download) -> bool {
        self.rule.looks() && download.file().has_path()
    }

    /// The tag that the proxy insists on.
    pub(crate) fn own_etag(&self, metadata: &Metadata) -> Option<ETag> {
        self.backend.own_etag(metadata)
    }

    /// Turns the head into the answer for the proxy. On a reason nothing of the proxy is in it.
    pub(crate) fn delegate(
        self,
        download: &Download,
        metadata: Option<&Metadata>,
        etag: Option<&ETag>,
        head: &mut response::Parts,
    ) -> Result<Outcome, Reason> {
        let target = match metadata {
            Some(found) if found.location().is_some() => {
                let led_to = self.rule.resolve(&**download.file(), metadata);
                led_to.ok_or(Reason::SymbolicLink)?
            }
            _ => self.target,
        };
        let nothing = Metadata::new();
        download.describe(&mut head.headers, metadata.unwrap_or(&nothing));
        issue(&**self.backend, &target, head).map_err(|cannot| Reason::CannotCarry(cannot.why))?;
        if let Some(etag) = etag {
            head.headers.insert(header::ETAG, etag.to_header_value());
        }
        Ok(Outcome::Delegated {
            rule: Arc::clone(self.rule.name()),
            backend: Arc::clone(self.backend),
            target,
        })
    }
}

impl Optimizer {
    /// An optimizer whose rules use `backend` unless they name their own.
    pub fn builder(backend: impl Backend) -> OptimizerBuilder {
        OptimizerBuilder {
            backend: Arc::new(backend),
            rules: Vec::new(),
            unmatched: Unmatched::default(),
        }
    }

    /// No proxy: everything is streamed. The same code path, for development and for places
    /// without a proxy.
    #[must_use]
    pub fn none() -> Self {
        Self::without_rules(Reason::NoBackend)
    }

    /// Streams everything, for this reason.
    pub(crate) fn without_rules(reason: Reason) -> Self {
        Self {
            rules: Vec::new(),
            unmatched: Unmatched::Stream,
            without_rules: Some(reason),
            warned: OncePerRoute::default(),
        }
    }

    /// The tag that the proxy for this download insists on.
    pub(crate) fn own_etag(&self, download: &Download, metadata: &Metadata) -> Option<ETag> {
        let plan = self.plan(StatusCode::OK, download).ok()?;
        plan.backend.own_etag(metadata)
    }

    /// The first rule that takes the download, or why none does. Touches no disk and no network.
    pub(crate) fn plan(&self, status: StatusCode, download: &Download) -> Result<Plan<'_>, Reason> {
        if let (true, Some(reason)) = (self.rules.is_empty(), self.without_rules) {
            return Err(reason);
        }
        if !download.optimize() {
            return Err(Reason::NotOptimized);
        }
        if status != StatusCode::OK {
            return Err(Reason::Status);
        }
        let file = &**download.file();
        let found = self.rules.iter().find_map(|(rule, backend)| {
            let target = rule.resolve(file, None)?;
            Some(Plan {
                rule,
                backend,
                target,
            })
        });
        match found {
            Some(plan) => Ok(plan),
            None if !file.has_path() && file.url().is_none() => Err(Reason::NoPathAndNoUrl),
            None => Err(Reason::NoRuleMatched),
        }
    }

    /// What happens to a download that was not delegated.
    pub(crate) fn without_delegation(&self, reason: Reason) -> Outcome {
        match (self.unmatched, reason) {
            (Unmatched::Refuse, Reason::NoRuleMatched) => Outcome::Refused { reason },
            _ => Outcome::Streamed { reason },
        }
    }

    /// Whether this outcome is news worth a warning: unmatched, and the first time for the route.
    pub(crate) fn warns(&self, outcome: &Outcome, route: Option<&str>) -> bool {
        let unmatched = matches!(
            outcome,
            Outcome::Streamed {
                reason: Reason::NoRuleMatched
            }
        );
        unmatched && self.unmatched == Unmatched::Warn && self.warned.is_first(route)
    }
}

/// Writes a backend's hand-off over a head. The one place where hand-off headers come from.
fn issue(
    backend: &dyn Backend,
    target: &Target,
    head: &mut response::Parts,
) -> Result<(), crate::backend::CannotCarry> {
    backend.delegate(target, head)?;
    ProxiedDownloadResponse::prepare(head);
    Ok(())
}
