//! A rule for files of another server: its proxy is told to fetch the file, or the client is sent
//! there.
//!
//! 1. Check the method: only GET and HEAD, and of these what the proxy can fetch for.
//! 2. The backend writes its header for the plain URL, if the header can hold it. So no signature
//!    is asked for that could not be used.
//! 3. The file is asked for its link: the URL with a permission for a while. It must lie below the
//!    rule's URL.
//! 4. The head is written with that link.
//!
//! If the link cannot be made, its error is the answer. Everything else that goes wrong leaves the
//! file to the next rule.

use std::sync::Arc;

use http::{Method, response};

use super::Reason;
use super::plan::{Candidate, NotTaken, Plan};
use crate::backend::{Backend, CannotCarry};
use crate::content::Metadata;
use crate::error::Error;
use crate::file::{LinkRequest, SignedUrl};
use crate::response::head::{self, Facts};
use crate::rule::{Rule, Target};

/// A request that somebody else will make of another server; or why it cannot be made.
pub(super) struct Fetch<'a> {
    pub(super) rule: &'a Rule,
    pub(super) method: Method,
    pub(super) url: Result<SignedUrl, String>,
}

/// A rule for files of another server, the request, and the file.
pub(super) struct Remote<'a, 'r> {
    pub(super) rule: &'r Rule,
    pub(super) method: &'a Method,
    pub(super) candidate: &'a Candidate<'a>,
    pub(super) fetches: &'a mut Vec<Fetch<'r>>,
}

impl Remote<'_, '_> {
    /// Turns the head into the answer that makes the proxy fetch the file.
    pub(super) async fn hand_off(
        mut self,
        backend: &Arc<dyn Backend>,
        plain: Target,
        head: &mut response::Parts,
    ) -> Result<Plan, NotTaken> {
        self.check_method()?;
        if !backend.fetches(self.method) {
            return Err(Reason::CannotFetchHead.into());
        }
        backend
            .hand_off(&plain, &head.headers)
            .map_err(cannot_carry)?;
        // The proxy asks by GET whatever the client asks by, and a signature is good for one method.
        let link = self.link(LinkRequest::new(&Method::GET)).await?;
        let target = match link {
            Some(url) => self.rule.remote_target(url).ok_or_else(leads_elsewhere)?,
            None => plain,
        };
        self.note(&Method::GET, target.to_url());
        let metadata = Metadata::new();
        let facts = Facts::of(self.candidate.download, &metadata);
        head::delegate(head, &facts, |headers| backend.hand_off(&target, headers))
            .map_err(cannot_carry)?;
        Ok(Plan::HandOff {
            rule: Arc::clone(self.rule.name()),
            backend: Arc::clone(backend),
            target,
        })
    }

    /// Turns the head into the answer that sends the client to the file.
    pub(super) async fn redirect(
        mut self,
        plain: SignedUrl,
        head: &mut response::Parts,
    ) -> Result<Plan, NotTaken> {
        self.check_method()?;
        let headers = head::of_the_file(&head.headers, self.candidate.download);
        let ask = LinkRequest::new(self.method).with_headers(&headers);
        let url = self.link(ask).await?.unwrap_or(plain);
        self.note(self.method, Some(&url));
        head::redirect(head, self.candidate.download, &url);
        Ok(Plan::Redirect {
            rule: Arc::clone(self.rule.name()),
            url,
        })
    }

    /// Whether a file of another server is handed over for this method.
    fn check_method(&self) -> Result<(), Reason> {
        match *self.method {
            Method::GET | Method::HEAD => Ok(()),
            _ => Err(Reason::OnlyGetAndHead),
        }
    }

    /// The file's link; a failure is noted for the trace.
    async fn link(&mut self, ask: LinkRequest<'_>) -> Result<Option<SignedUrl>, Error> {
        let method = ask.method();
        let link = self.candidate.download.file().link(ask).await;
        if let Err(error) = &link {
            self.fetches.push(Fetch {
                rule: self.rule,
                method: method.clone(),
                url: Err(error.to_string()),
            });
        }
        link
    }

    /// Notes for the trace who will ask for what.
    fn note(&mut self, method: &Method, url: Option<&SignedUrl>) {
        let (rule, method) = (self.rule, method.clone());
        let made = url.cloned().map(|url| Fetch {
            rule,
            method,
            url: Ok(url),
        });
        self.fetches.extend(made);
    }
}

fn cannot_carry(cannot: CannotCarry) -> Reason {
    Reason::CannotCarry(cannot.why)
}

/// The proxy's configuration knows the server of its rule and no other.
fn leads_elsewhere() -> Reason {
    Reason::CannotCarry("the file's signed URL does not lie below the rule's URL".into())
}
