//! How a decision came about, step by step: for `explain`, and for whoever wonders why no rule
//! matched.
//!
//! It is made after the decision, from what `decide` kept, and only if [`Asked::traced`] asked for
//! it. Rules behind the one that decided are compared too, so that the trace shows what they would
//! have done.

use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::decide::Decision;
use super::plan::Candidate;
use super::{Asked, Front, Outcome, Reason};
use crate::error::Denial;
use crate::file::{Places, SignedUrl};
use crate::rule::{Mismatch, Rule};

/// The steps of a decision, in order. It stands in the response's extensions if [`Asked::traced`]
/// asked for it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use downloadview::optimize::{Asked, Trace, answer};
/// use downloadview::{DownloadResponse, Optimizer, file::VirtualFile};
/// use http::Request;
///
/// let mut request = Request::get("/hello.txt").body(()).unwrap();
/// let asked = Asked::of(&mut request).traced();
/// let download = DownloadResponse::new(VirtualFile::from_text("hello.txt", "Hello!\n"));
/// let response = answer(&asked, &[Optimizer::none().into()], download).await;
///
/// let trace = response.extensions().get::<Trace>().unwrap();
/// for step in trace.steps() {
///     println!("{step:?}"); // PassedBy { reason: NoBackend }
/// }
/// # });
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    steps: Vec<Step>,
}

/// One step of a decision.
///
/// ```
/// use downloadview::optimize::Step;
///
/// fn in_words(step: &Step) -> String {
///     match step {
///         Step::PassedBy { reason, .. } => format!("no rule is asked: {reason}"),
///         Step::Rule { name, verdict, .. } => format!("rule {name} {verdict}"),
///         Step::Fetch { method, url: Ok(url), .. } => format!("{method} {url}"),
///         Step::Look { found: Ok(size), .. } => format!("the file has {size:?} bytes"),
///         other => format!("{other:?}"),
///     }
/// }
/// # let _ = in_words;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A whole set of rules was skipped.
    #[non_exhaustive]
    PassedBy {
        /// Why.
        reason: Reason,
    },
    /// A rule was compared with the file.
    #[non_exhaustive]
    Rule {
        /// The rule's name.
        name: Arc<str>,
        /// The name of its backend; `None` for a redirect.
        backend: Option<&'static str>,
        /// The result.
        verdict: RuleVerdict,
    },
    /// Another server has the file, and the rule before this step makes somebody ask for it there.
    #[non_exhaustive]
    Fetch {
        /// The name of the backend that asks; none for the client itself, after a redirect.
        backend: Option<&'static str>,
        /// The method by which it asks.
        method: Method,
        /// What is asked for, shown without the query; or why there is no such URL now.
        url: Result<SignedUrl, String>,
    },
    /// A permission was refused; there are no further steps.
    #[non_exhaustive]
    Denied {
        /// Why.
        denial: Denial,
    },
    /// No rule takes the file as it is, and the [spool](crate::spool) was asked. The further steps
    /// are about the copy, if there is one.
    #[cfg(all(feature = "fs", unix))]
    #[non_exhaustive]
    Spooled {
        /// The name of the copy below the spool's folder; or why there is none.
        copy: Result<String, crate::spool::NotSpooled>,
        /// The name of a copy that was there, and whose source was asked first whether it is still good. Who asked it less
        /// than [`max_age`](crate::spool::SpoolBuilder::max_age) ago hands that copy over without asking.
        asked_about: Option<String>,
    },
    /// The file was looked at.
    #[non_exhaustive]
    Look {
        /// Its size in bytes, if known; or the text of the error.
        found: Result<Option<u64>, String>,
    },
}

/// What a rule makes of a file. [`Display`](fmt::Display) gives a phrase for people.
///
/// ```
/// use downloadview::optimize::RuleVerdict;
/// use downloadview::rule::Mismatch;
/// let verdict = RuleVerdict::IsForOthers(Mismatch::NoUrl);
/// assert_eq!(verdict.to_string(), "does not take it: the file has no URL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleVerdict {
    /// It takes the file: it decides.
    Decides,
    /// It would take the file, but another rule decided, or the set was skipped.
    Would,
    /// It is for other files.
    IsForOthers(Mismatch),
    /// It is for this file, but its proxy cannot have it.
    Cannot(Reason),
}

impl Trace {
    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The step of a refused permission.
    pub(super) fn of_denial(outcome: &Outcome) -> Self {
        let denial = outcome.denial().cloned();
        let steps = denial.map(|denial| Step::Denied { denial });
        Self {
            steps: steps.into_iter().collect(),
        }
    }

    /// The steps of `decision` on a download, and what the further rules would have made of it.
    pub(super) fn of(
        decision: &Decision<'_>,
        asked: &Asked,
        fronts: &[Front],
        status: StatusCode,
        candidate: &Candidate<'_>,
    ) -> Self {
        let mut steps = Vec::new();
        #[cfg(all(feature = "fs", unix))]
        steps.extend(decision.spooled.clone().map(|copy| Step::Spooled {
            copy,
            asked_about: decision.questionable.clone(),
        }));
        let look = match (&decision.plan, &decision.looked) {
            (_, Some(found)) => Some(Ok(found.size())),
            (Err(error), None) if decision.fetches.is_empty() => Some(Err(error.to_string())),
            _ => None,
        };
        steps.extend(look.map(|found| Step::Look { found }));
        for front in fronts {
            let optimizer = front.optimizer(asked.announcement());
            let passed_by = optimizer.passes_by(status, candidate.download);
            steps.extend(passed_by.map(|reason| Step::PassedBy { reason }));
            for assigned in optimizer.rules() {
                let rule = &assigned.rule;
                let backend = assigned.backend.as_ref().map(|backend| backend.name());
                steps.push(Step::Rule {
                    name: Arc::clone(rule.name()),
                    backend,
                    verdict: RuleVerdict::of(decision, rule, &candidate.places),
                });
                let of_rule = decision.fetches.iter();
                let of_rule = of_rule.filter(|fetch| std::ptr::eq(fetch.rule, rule));
                steps.extend(of_rule.map(|fetch| Step::Fetch {
                    backend,
                    method: fetch.method.clone(),
                    url: fetch.url.clone(),
                }));
            }
        }
        Self { steps }
    }
}

impl RuleVerdict {
    fn of(decision: &Decision<'_>, rule: &Rule, places: &Places) -> Self {
        let mut cannot = decision.cannot.iter();
        if decision.decided.is_some_and(|it| std::ptr::eq(it, rule)) {
            Self::Decides
        } else if let Some((_, reason)) = cannot.find(|(it, _)| std::ptr::eq(*it, rule)) {
            Self::Cannot(reason.clone())
        } else if let Err(mismatch) = rule.resolve(places, None) {
            Self::IsForOthers(mismatch)
        } else {
            Self::Would
        }
    }
}

impl fmt::Display for RuleVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decides => f.write_str("takes it: it decides"),
            Self::Would => f.write_str("would take it"),
            Self::IsForOthers(mismatch) => write!(f, "does not take it: {mismatch}"),
            Self::Cannot(reason) => write!(f, "would take it, but cannot: {reason}"),
        }
    }
}
