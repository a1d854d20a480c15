//! Why somebody may not have a file: as data, for logs, traces and outcomes.
//!
//! The client is told none of it, but that a link has expired.

use http::StatusCode;

/// Why a permission was refused. The answer is 403 and `no-store`, unless whoever refused made an
/// answer of its own.
///
/// [`Display`](std::fmt::Display) gives the reason for logs. It quotes nothing of the request.
///
/// ```
/// use downloadview::error::{Denial, SignatureFault};
///
/// let denial = Denial::Signature(SignatureFault::Mismatch);
/// assert_eq!(denial.to_string(), "signature: the signature does not fit this path, these parameters, this audience or this key");
/// assert_eq!(denial.for_clients(), None);
///
/// let expired = Denial::Signature(SignatureFault::Expired);
/// assert_eq!(expired.for_clients(), Some("this link has expired"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// The link has no signature, or one that does not permit this request.
    #[error("signature: {0}")]
    Signature(SignatureFault),
    /// The authorizer did not let it pass. The answer is the authorizer's own refusal, or 502 or
    /// 503.
    #[error("authorizer: {0}")]
    Authorizer(AuthorizerFault),
}

impl Denial {
    /// What the client may know: that its link has expired, and else nothing. It is said only of a
    /// link whose signature is good.
    #[must_use]
    pub fn for_clients(&self) -> Option<&'static str> {
        match self {
            Self::Signature(SignatureFault::Expired) => Some("this link has expired"),
            Self::Signature(_) | Self::Authorizer(_) => None,
        }
    }
}

impl From<SignatureFault> for Denial {
    fn from(fault: SignatureFault) -> Self {
        Self::Signature(fault)
    }
}

impl From<AuthorizerFault> for Denial {
    fn from(fault: AuthorizerFault) -> Self {
        Self::Authorizer(fault)
    }
}

/// Why an authorizer did not let a request pass. [`Display`](std::fmt::Display) gives the reason
/// for logs.
///
/// ```
/// use downloadview::error::AuthorizerFault;
/// use http::StatusCode;
///
/// let refused = AuthorizerFault::Refused(StatusCode::UNAUTHORIZED);
/// assert_eq!(refused.to_string(), "it answers 401 Unauthorized");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizerFault {
    /// It refused, with this status.
    #[error("it answers {0}")]
    Refused(StatusCode),
    /// It failed, or did not answer in time. 503.
    #[error("it does not answer")]
    Unavailable,
    /// Its answer, if there was one to judge with this status, means neither yes nor no. 502.
    #[error("its answer{} means neither yes nor no", in_words(*.0))]
    Nonsense(Option<StatusCode>),
    /// It was not asked, because the request itself is wrong. The status of the answer.
    #[error("it is not asked about such a request ({0})")]
    NotAsked(StatusCode),
}

fn in_words(status: Option<StatusCode>) -> String {
    status.map_or_else(String::new, |status| format!(" ({status})"))
}

/// What is wrong with a signed link. [`Display`](std::fmt::Display) gives the reason for logs.
///
/// ```
/// use downloadview::error::SignatureFault;
/// assert_eq!(SignatureFault::Missing.to_string(), "the link is not signed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// There is no signature.
    #[error("the link is not signed")]
    Missing,
    /// It does not have the form of a signed link: the reason.
    #[error("the link is not well formed: {0}")]
    Malformed(&'static str),
    /// It names no key, or one that is not known (any more).
    #[error("it names no key that is in use")]
    UnknownKey,
    /// It is bound to an audience, and this request belongs to none of that kind.
    #[error("it is bound to an audience that this request does not tell")]
    NoAudience,
    /// It was made for another target, realm, audience, or with another key.
    #[error("the signature does not fit this path, these parameters, this audience or this key")]
    Mismatch,
    /// It was signed before its key became valid.
    #[error("it was made before its key became valid")]
    BeforeKey,
    /// Its date lies in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// It is valid for longer than is allowed, or for ever where that is not allowed.
    #[error("it is valid for longer than is allowed")]
    TooLong,
    /// It has expired. Said only of a link whose signature is good.
    #[error("it has expired")]
    Expired,
}
