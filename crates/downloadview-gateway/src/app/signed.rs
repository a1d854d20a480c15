//! The step that asks for a signed link: `signature` of a view.
//!
//! Comes in: the request with its target as text, and who asks. Goes out: what the link grants, or why it is
//! refused (403). `"required"` asks every request, `"optional"` only one that has parameters of a link. The
//! audience of a link is compared with a cookie for a user, with the client's address for a network; without that
//! cookie or that address nobody is one.

use std::future;

use downloadview::BuildError;
use downloadview::content::BoxFuture;
use downloadview::permission::{Caller, Grant};
use downloadview::signature::{Audience, AudienceKind, Verifier};
use http::header;
use http::request::Parts;

use super::permit::{Immediate, Refused, Step};
use crate::config::{Signature, SigningConfig};

/// Whether a request has a good link.
#[derive(Debug)]
pub(super) struct Signed {
    verifier: Verifier,
    signature: Signature,
    /// The cookie whose value is the audience of links for a user.
    user_cookie: Option<String>,
}

impl Signed {
    pub(super) fn new(signing: &SigningConfig, signature: Signature) -> Result<Self, BuildError> {
        Ok(Self {
            verifier: signing.verifier()?,
            signature,
            user_cookie: signing.user_cookie.clone(),
        })
    }

    fn verify(&self, request: &Parts, who: impl Fn() -> Option<Caller>) -> Result<Grant, Refused> {
        let target = request.uri.path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        if self.signature == Signature::Optional && !self.verifier.is_asked(&request.uri) {
            return Ok(Grant::new());
        }
        let audience = |kind| self.audience(request, kind, who);
        Ok(self.verifier.check_target(request, target, audience)?)
    }

    /// The value of an audience of this kind for whoever asks.
    fn audience(
        &self,
        request: &Parts,
        kind: AudienceKind,
        who: impl Fn() -> Option<Caller>,
    ) -> Option<String> {
        if kind == AudienceKind::User {
            return cookie(request, self.user_cookie.as_deref()?).map(str::to_owned);
        }
        let network = Audience::of_client(who()?.ip()?);
        (network.kind() == kind).then(|| network.value().to_owned())
    }
}

impl Step for Signed {
    fn name(&self) -> &'static str {
        "signature"
    }

    fn check<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Result<Grant, Refused>> {
        let who = || request.extensions.get::<Caller>().cloned();
        Box::pin(future::ready(self.verify(request, who)))
    }

    fn without_waiting(&self) -> Option<&dyn Immediate> {
        Some(self)
    }
}

impl Immediate for Signed {
    fn check_now(&self, request: &Parts, who: &dyn Fn() -> Caller) -> Result<Grant, Refused> {
        self.verify(request, || Some(who()))
    }
}

/// The value of a cookie that the request has once. Of two, one must be somebody else's.
fn cookie<'a>(request: &'a Parts, name: &str) -> Option<&'a str> {
    let lines = request.headers.get_all(header::COOKIE).iter();
    // One line that is not text may hold a second one.
    let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let lines = lines?;
    let pairs = lines.iter().flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    });
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};

    use super::*;

    #[test]
    fn a_cookie_counts_where_it_stands_once() {
        let of = |lines: &[&[u8]]| {
            let (mut request, ()) = Request::new(()).into_parts();
            for line in lines {
                let value = HeaderValue::from_bytes(line).expect("a value");
                request.headers.append(header::COOKIE, value);
            }
            cookie(&request, "sid").map(str::to_owned)
        };
        assert_eq!(of(&[b"a=1; sid=x=y ; b=2"]).as_deref(), Some("x=y"));
        assert_eq!(of(&[b"a=1", b"sid=x"]).as_deref(), Some("x"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[b"xsid=1; SID=2; sid"]), None);
        assert_eq!(of(&[b"sid=1; sid=1"]), None);
        assert_eq!(of(&[b"sid=1", b"sid=2"]), None);
        assert_eq!(of(&[b"sid=1", b"a=\xff"]), None);
    }
}
