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
use downloadview::permission::{Denial, Grant};
use downloadview::{DownloadBody, Error, Result};
use http::request::Parts;
use http::{Method, Response};

use super::parameters::Parameters;

/// Decides whether a request may go on.
pub(super) trait Step: fmt::Debug + Send + Sync + 'static {
    /// The key of the configuration that asks for this step, for `explain`.
    fn name(&self) -> &'static str;

    /// What the permission states about the answer, or why there is none.
    fn check<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Grant, Refused>>;
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
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Stopped::Error(Error::MethodNotAllowed));
        }
        if let Some(path) = &self.path {
            path.name(request).map_err(Stopped::Error)?;
        }
        let mut grant = Grant::new();
        for step in &self.steps {
            let later = step.check(request).await.map_err(Stopped::Refused)?;
            grant = grant.merge(later);
        }
        Ok(grant)
    }

    /// The names of the steps in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.steps.iter().map(|step| step.name())
    }
}
