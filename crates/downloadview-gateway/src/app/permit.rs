//! Who may: the steps between a route and its view.
//!
//! A request passes them in this order, and the first that refuses ends it:
//!
//! 1. the method: 405;
//! 2. the path, if the route's parameter names a file or a URL: 400 or 404;
//! 3. the [`Step`]s of the view: who asks, 403 or the answer of whoever decides;
//! 4. the view, which looks for the row or the file.
//!
//! Nothing is looked at, signed or handed over for a request that did not get to 4. What the steps state about the
//! answer, a [`Grant`], is merged in their order.

use std::fmt;

use downloadview::content::BoxFuture;
use downloadview::permission::{Caller, Denial, Grant};
use downloadview::{DownloadBody, Error, Result};
use http::request::Parts;
use http::{Method, Response};

use super::parameters::Parameters;

/// Decides whether a request may go on.
pub(super) trait Step: fmt::Debug + Send + Sync + 'static {
    /// The key of the configuration that asks for this step, for `explain`.
    fn name(&self) -> &'static str;

    /// What the permission states about the answer, or why there is none. Who asks stands in the extensions of the
    /// request.
    fn check<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Grant, Refused>>;

    /// The same step, if it is one that waits for nothing. Default: it waits.
    fn without_waiting(&self) -> Option<&dyn Immediate> {
        None
    }
}

/// A step that waits for nothing.
pub(super) trait Immediate {
    /// As [`Step::check`]; `who` tells who asks, if that matters.
    fn check_now(&self, request: &Parts, who: &dyn Fn() -> Caller) -> Result<Grant, Refused>;
}

/// A request that may not go on.
#[derive(Debug)]
pub(super) struct Refused {
    /// Why: for the log and `explain`.
    pub(super) denial: Denial,
    /// The answer, if it is not that of the denial.
    pub(super) answer: Option<Box<Response<DownloadBody>>>,
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            answer: None,
        }
    }
}

/// The steps of one view.
#[derive(Debug)]
pub(super) struct Permit {
    /// The parameter that names the file, where one does.
    path: Option<Parameters>,
    steps: Vec<Box<dyn Step>>,
}

/// Why a request did not get to its view.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Its method or its path is wrong.
    Error(Error),
    /// A step refused it.
    Refused(Refused),
}

impl Permit {
    /// The steps in their order; `None` without any, so that a view for everybody costs nothing.
    pub(super) fn new(path: Option<Parameters>, steps: Vec<Box<dyn Step>>) -> Option<Self> {
        (!steps.is_empty()).then_some(Self { path, steps })
    }

    /// What all steps together state about the answer.
    pub(super) async fn check(&self, request: &Parts) -> Result<Grant, Stopped> {
        self.check_request(request)?;
        let mut grant = Grant::new();
        for step in &self.steps {
            let later = step.check(request).await.map_err(Stopped::Refused)?;
            grant = grant.merge(later);
        }
        Ok(grant)
    }

    /// The same at once, if no step waits for anything: most answers then need no future.
    pub(super) fn check_now(
        &self,
        request: &Parts,
        who: &dyn Fn() -> Caller,
    ) -> Option<Result<Grant, Stopped>> {
        let [step] = &self.steps[..] else {
            return None;
        };
        let step = step.without_waiting()?;
        let check = || step.check_now(request, who).map_err(Stopped::Refused);
        Some(self.check_request(request).and_then(|()| check()))
    }

    /// What comes before the steps.
    fn check_request(&self, request: &Parts) -> Result<(), Stopped> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Stopped::Error(Error::MethodNotAllowed));
        }
        let path = self.path.as_ref().map(|path| path.name(request));
        path.transpose().map_err(Stopped::Error)?;
        Ok(())
    }

    /// The names of the steps in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.name())
    }
}
