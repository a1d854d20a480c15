//! Rules in order, and what happens to a download that none of them takes.
//!
//! [`OptimizerBuilder::build`] checks every rule against its backend, so that a rule that cannot
//! work fails at start-up and not for a request. `decide` goes through the rules; here is only what
//! depends on the set as a whole: whether it is asked at all (`passes_by`), what happens to
//! unmatched downloads, and for which routes a warning was logged.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::Reason;
use super::once::OncePerRoute;
use super::plan::{Candidate, Plan};
use crate::backend::Backend;
use crate::content::{ETag, Metadata};
use crate::error::BuildError;
#[cfg(all(feature = "fs", unix))]
use crate::file::Places;
use crate::response::Download;
use crate::rule::{Proxy, Rule};
#[cfg(all(feature = "fs", unix))]
use crate::spool::Spool;

/// What happens to a download that no rule takes. Set by [`OptimizerBuilder::unmatched`].
///
/// ```
/// use downloadview::optimize::{Asked, Outcome, Reason, Unmatched, answer};
/// use downloadview::storage::{MemoryStorage, StorageName};
/// use downloadview::{DownloadResponse, Optimizer, Rule, backend::Nginx, file::StorageFile};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Behind this proxy every file that lies somewhere should be delegated.
/// let strict = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .unmatched(Unmatched::Refuse)
///     .build()?;
///
/// let forgotten = MemoryStorage::new().base_url("/archive/")?; // no rule takes it
/// let download = StorageFile::new(forgotten, StorageName::parse("a.txt").unwrap());
/// let mut request = http::Request::get("/a.txt").body(()).unwrap();
/// let asked = Asked::of(&mut request);
/// let response = answer(&asked, &[strict.into()], DownloadResponse::new(download)).await;
/// assert_eq!(response.status(), 503);
/// let outcome = response.extensions().get::<Outcome>().unwrap();
/// assert_eq!(outcome.reason(), Some(&Reason::NoRuleMatched));
/// # Ok::<(), downloadview::BuildError>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unmatched {
    /// It is streamed, without a warning. For a site where only some downloads are delegated.
    Stream,
    /// It is streamed, and logged at WARN once for each route. The default, because a rule that
    /// matches nothing is otherwise noticed only by the load.
    #[default]
    Warn,
    /// It is refused with 503, because a rule should have taken it. Streamed all the same is what
    /// lies nowhere ([`Reason::NoPathAndNoUrl`]), and what a rule takes but its proxy cannot carry.
    Refuse,
}

/// Rules in order; the first that takes a file counts. Give it to an
/// [`OptimizeLayer`](super::OptimizeLayer).
///
/// ```
/// use downloadview::{Optimizer, Rule, backend::Nginx};
/// let optimizer = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug)]
#[doc(alias = "SmartDownloadMiddleware")]
#[doc(alias = "DownloadDispatcher")]
pub struct Optimizer {
    rules: Vec<Assigned>,
    unmatched: Unmatched,
    /// Hand-off headers of backends that this crate does not know.
    foreign: Vec<HeaderName>,
    /// The reason for every download, if there are no rules or only redirects on purpose.
    without_rules: Option<Reason>,
    #[cfg(all(feature = "fs", unix))]
    spool: Option<Spool>,
    warned: Warned,
}

/// A rule, and the proxy that carries it out. A redirect needs none.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    pub(super) rule: Rule,
    pub(super) backend: Option<Arc<dyn Backend>>,
}

impl Assigned {
    fn new(rule: Rule, backend: Option<Arc<dyn Backend>>) -> Self {
        let backend = backend.filter(|_| !rule.redirects());
        Self { rule, backend }
    }

    fn check(&self) -> Result<(), BuildError> {
        let backend = self.backend.as_ref();
        self.rule.check(backend.map(|backend| Proxy {
            name: backend.name(),
            accepts: backend.accepts(),
            fetches: backend.fetches(&Method::GET),
        }))
    }
}

/// The routes that were warned of, for each reason.
#[derive(Debug, Default)]
struct Warned {
    unmatched: OncePerRoute,
    cannot_carry: OncePerRoute,
}

/// Collects rules for an [`Optimizer`]. Made by [`Optimizer::builder`] and
/// [`Optimizer::without_proxy`].
///
/// ```
/// use downloadview::backend::{Buffering, Nginx};
/// use downloadview::optimize::Unmatched;
/// use downloadview::{Optimizer, Rule};
///
/// let optimizer = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .rule_for(
///         Nginx::new().limit_rate(100_000),
///         Rule::url("/free/").to_uri("/_internal/free/"),
///     )
///     .unmatched(Unmatched::Stream)
///     .build()?;
/// # let _ = optimizer;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use = "`build` makes the optimizer"]
pub struct OptimizerBuilder {
    backend: Option<Arc<dyn Backend>>,
    rules: Vec<Assigned>,
    unmatched: Unmatched,
    #[cfg(all(feature = "fs", unix))]
    spool: Option<Spool>,
}

impl OptimizerBuilder {
    /// Adds a rule behind those that are already there.
    pub fn rule(mut self, rule: Rule) -> Self {
        let backend = self.backend.clone();
        self.rules.push(Assigned::new(rule, backend));
        self
    }

    /// Adds a rule with a backend of its own: for another proxy, or for other options of the same
    /// one.
    pub fn rule_for(mut self, backend: impl Backend, rule: Rule) -> Self {
        let backend: Arc<dyn Backend> = Arc::new(backend);
        self.rules.push(Assigned::new(rule, Some(backend)));
        self
    }

    /// What happens to a download that no rule takes. Default: [`Unmatched::Warn`]; for an
    /// optimizer [without a proxy](Optimizer::without_proxy) [`Unmatched::Stream`].
    pub fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.unmatched = unmatched;
        self
    }

    /// Keeps copies of files that no rule takes as they are, for a rule that takes the folder of the
    /// copies ([`Spool::rule`]). Default: none; such files are streamed.
    #[cfg(all(feature = "fs", unix))]
    pub fn spool(mut self, spool: Spool) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Checks every rule against its backend.
    ///
    /// # Errors
    ///
    /// If a rule cannot work: its prefix is not plain, or its backend does not take such a target.
    /// The text names the rule, what is wrong and how to correct it.
    pub fn build(self) -> Result<Optimizer, BuildError> {
        for assigned in &self.rules {
            assigned.check()?;
        }
        #[cfg(all(feature = "fs", unix))]
        if let Some(spool) = &self.spool {
            check_spool(spool, &self.rules)?;
        }
        let backends = self.rules.iter().filter_map(|it| it.backend.as_ref());
        let backends = self.backend.iter().chain(backends);
        let foreign = backends.flat_map(|backend| backend.hand_off_headers());
        Ok(Optimizer {
            foreign: foreign.collect(),
            without_rules: self.backend.is_none().then_some(Reason::NoBackend),
            rules: self.rules,
            unmatched: self.unmatched,
            #[cfg(all(feature = "fs", unix))]
            spool: self.spool,
            warned: Warned::default(),
        })
    }
}

impl Optimizer {
    /// Begins an optimizer whose rules use `backend`, unless they name their own.
    pub fn builder(backend: impl Backend) -> OptimizerBuilder {
        OptimizerBuilder {
            backend: Some(Arc::new(backend)),
            rules: Vec::new(),
            unmatched: Unmatched::default(),
            #[cfg(all(feature = "fs", unix))]
            spool: None,
        }
    }

    /// Begins an optimizer for rules that need no proxy, because they send the client to where the
    /// file is: [redirects](crate::rule::RuleFrom::redirect). Everything else is streamed, by
    /// default without a warning.
    ///
    /// ```
    /// use downloadview::{Optimizer, Rule};
    /// let optimizer = Optimizer::without_proxy()
    ///     .rule(Rule::url("https://bucket.s3.example/").redirect())
    ///     .build()?;
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn without_proxy() -> OptimizerBuilder {
        OptimizerBuilder {
            backend: None,
            rules: Vec::new(),
            unmatched: Unmatched::Stream,
            #[cfg(all(feature = "fs", unix))]
            spool: None,
        }
    }

    /// No proxy and no rules: everything is streamed. For development, and for places without a
    /// proxy; the code path is the same.
    #[must_use]
    pub fn none() -> Self {
        Self::without_rules(Reason::NoBackend)
    }

    /// Streams everything, for this reason.
    pub(super) fn without_rules(reason: Reason) -> Self {
        Self {
            rules: Vec::new(),
            foreign: Vec::new(),
            unmatched: Unmatched::Stream,
            without_rules: Some(reason),
            #[cfg(all(feature = "fs", unix))]
            spool: None,
            warned: Warned::default(),
        }
    }

    /// Removes the hand-off headers of its backends that this crate does not know.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        for name in &self.foreign {
            headers.remove(name);
        }
    }

    /// The tag that the proxy for this download always states.
    pub(super) fn own_etag(&self, candidate: &Candidate<'_>, metadata: &Metadata) -> Option<ETag> {
        if self.passes_by(StatusCode::OK, candidate.download).is_some() {
            return None;
        }
        let mut rules = self.rules.iter();
        let taken = |it: &&Assigned| it.rule.resolve(&candidate.places, None).is_ok();
        let first = rules.find(taken).filter(|it| !it.rule.is_remote())?;
        first.backend.as_ref()?.own_etag(metadata)
    }

    /// Why no rule is asked about a download; `None` if they are asked.
    pub(super) fn passes_by(&self, status: StatusCode, download: &Download) -> Option<Reason> {
        if let (true, Some(reason)) = (self.rules.is_empty(), &self.without_rules) {
            Some(reason.clone())
        } else if !download.optimize() {
            Some(Reason::NotOptimized)
        } else if status != StatusCode::OK {
            Some(Reason::Status)
        } else {
            None
        }
    }

    /// Where copies are kept of what no rule takes.
    #[cfg(all(feature = "fs", unix))]
    pub(super) fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// The rules in order, each with the backend that carries it out.
    pub(super) fn rules(&self) -> &[Assigned] {
        &self.rules
    }

    /// Adds the redirects of `other`, each once: they need no proxy.
    pub(super) fn adopt_redirects(&mut self, other: &Self) {
        for it in other.rules.iter().filter(|it| it.rule.redirects()) {
            if !self.rules.iter().any(|known| known.rule == it.rule) {
                self.rules.push(it.clone());
            }
        }
    }

    /// Why a download that no rule takes is not delegated.
    pub(super) fn unmatched(&self, candidate: &Candidate<'_>) -> Reason {
        match &self.without_rules {
            Some(Reason::NotAnnounced) => Reason::NotAnnounced,
            _ => candidate.unmatched(),
        }
    }

    /// What happens to a download that was not delegated.
    pub(super) fn without_delegation(&self, reason: Reason) -> Plan {
        match (self.unmatched, &reason) {
            (Unmatched::Refuse, Reason::NoRuleMatched) => Plan::Refuse(reason),
            _ => Plan::Stream(reason),
        }
    }

    /// Whether this reason is worth a warning: no rule takes the file, or the proxy's header cannot
    /// hold its name, for the first time on this route.
    pub(super) fn warns(&self, reason: &Reason, route: Option<&str>) -> bool {
        let warned = match reason {
            Reason::NoRuleMatched => &self.warned.unmatched,
            Reason::CannotCarry(_) => &self.warned.cannot_carry,
            _ => return false,
        };
        self.unmatched == Unmatched::Warn && warned.is_first(route)
    }
}

/// Whether a rule takes the copies, so that they are not made in vain.
#[cfg(all(feature = "fs", unix))]
fn check_spool(spool: &Spool, rules: &[Assigned]) -> Result<(), BuildError> {
    let copy = Places::new().with_path(spool.dir().join("ab/cd/copy"));
    let takes = |it: &Assigned| !it.rule.is_remote() && it.rule.resolve(&copy, None).is_ok();
    match rules.iter().any(takes) {
        true => Ok(()),
        false => Err(BuildError::new(
            "the spool has no rule by which the proxy finds its copies: add `.rule(spool.rule().to_uri(…))`, or \
             `.to_path(…)` for Apache and lighttpd",
        )),
    }
}
