//! Says what a link grants, or what is wrong with it.
//!
//! 1. Split the target by text (`form`).
//! 2. Find the key that it names, and the value of its audience.
//! 3. Compare the signature.
//! 4. Only then read what the link says: strictly, and against the clock.

use std::time::{Duration, SystemTime};

use http::Uri;
use http::request::Parts;

use super::audience::{self, AudienceKind};
use super::form::{Split, Statement, VERSION, is_signed};
use super::{Audience, AudienceUser, Key, Keys, resume, seconds, target};
use crate::error::{BuildError, Denial, SignatureFault};
use crate::permission::{Caller, Grant};

/// The longest time that a link may be good, by default.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(7 * 86_400);
/// How far the clock of a signer may be ahead.
const SKEW: u64 = 60;
/// For how long browsers may keep what a link grants that never expires.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Verifies signed links. Clones share the keys.
///
/// ```
/// use std::time::Duration;
/// use downloadview::error::SignatureFault;
/// use downloadview::signature::{Key, Keys, Signer, Verifier};
///
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
/// let verifier = Verifier::new(keys.clone()).max_lifetime(Duration::from_secs(86_400));
/// let link = Signer::new(keys).link("/a.txt").expires_in(Duration::from_secs(60)).sign()?;
///
/// let verified = verifier.verify(&link, |_| None).unwrap();
/// assert_eq!(verified.key(), "2026a");
/// assert_eq!(verifier.verify("/a.txt", |_| None).unwrap_err(), SignatureFault::Missing);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Keys,
    realm: String,
    prefix: String,
    max_lifetime: Option<Duration>,
    resume_grace: Duration,
    ignore_after: Vec<String>,
}

/// What a good link says: the result of [`Verifier::verify`].
///
/// ```
/// use std::time::Duration;
/// use downloadview::signature::{Key, Keys, Signer, Verifier};
///
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
/// let link = Signer::new(keys.clone()).link("/5/9f2c.bin").name("report.pdf");
/// let link = link.expires_in(Duration::from_secs(60)).sign()?;
///
/// let verified = Verifier::new(keys).verify(&link, |_| None).unwrap();
/// assert_eq!(verified.key(), "2026a");
/// assert_eq!(verified.expires(), Some(verified.date() + 60));
/// // In a middleware of your own: the download gets the name that the link states.
/// let mut request = http::Request::get(link).body(()).unwrap();
/// verified.grant().clone().extend(request.extensions_mut());
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    key: String,
    date: u64,
    expires: Option<u64>,
    pub(super) grant: Grant,
}

impl Verified {
    /// The id of its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// From when on it is good, in seconds since 1970.
    #[must_use]
    pub fn date(&self) -> u64 {
        self.date
    }

    /// Until when it is good, in seconds since 1970; `None` if it never expires.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// What it states about the answer.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

/// A link with a good signature, and whether it has expired.
struct Judged {
    verified: Verified,
    has_expired: bool,
}

impl Verifier {
    /// A verifier with these keys, for links that are good for 7 days at most.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            realm: String::new(),
            prefix: String::new(),
            max_lifetime: Some(MAX_LIFETIME),
            resume_grace: Duration::ZERO,
            ignore_after: Vec::new(),
        }
    }

    /// The realm of the [`Signer`](super::Signer). Default: empty.
    ///
    /// # Errors
    ///
    /// It holds a control character.
    pub fn realm(mut self, realm: impl Into<String>) -> Result<Self, BuildError> {
        self.realm = check_realm(realm.into())?;
        Ok(self)
    }

    /// What a proxy in front takes off the path: it was signed, and does not arrive here. Default:
    /// nothing.
    ///
    /// # Errors
    ///
    /// It does not begin with a slash, ends in one, or cannot be signed.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Result<Self, BuildError> {
        let prefix = prefix.into();
        if target::check(&prefix).is_err() || prefix.ends_with('/') || prefix.contains('?') {
            return Err(BuildError::new(format!(
                "signature: the prefix {prefix:?} is not a path as `/files`: with a slash in front, \
                 none at the end, and percent-encoded"
            )));
        }
        self.prefix = prefix;
        Ok(self)
    }

    /// For how long a link may be good, at most, from its date on. Default: 7 days.
    #[must_use]
    pub fn max_lifetime(mut self, longest: Duration) -> Self {
        self.max_lifetime = Some(longest);
        self
    }

    /// Links may be good for any time, and for ever.
    #[must_use]
    pub fn without_max_lifetime(mut self) -> Self {
        self.max_lifetime = None;
        self
    }

    /// For how long after its expiry a link still resumes a download: only one range behind the
    /// first byte, of the state that the client has a part of, by a strong `If-Range`. Everything else is refused as
    /// expired. Such an answer is streamed, since a proxy would send the whole file where the state
    /// changed. Default: no time.
    #[must_use]
    pub fn resume_grace(mut self, grace: Duration) -> Self {
        self.resume_grace = grace;
        self
    }

    /// Names of parameters that may follow the signature: mailers and social networks append them.
    /// A `*` at the end of a name stands for anything. They are not signed: whatever reads them
    /// must not trust them. Default: none.
    ///
    /// # Errors
    ///
    /// A name is empty, is `*` alone, or has a `*` elsewhere.
    ///
    /// ```
    /// # use downloadview::signature::{Key, Keys, Verifier};
    /// # let keys = Keys::new(Key::new("a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
    /// let verifier = Verifier::new(keys).ignore_after(["utm_*", "fbclid"])?;
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn ignore_after(
        mut self,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self, BuildError> {
        self.ignore_after = names.into_iter().map(Into::into).collect();
        for name in &self.ignore_after {
            let start = name.strip_suffix('*').unwrap_or(name);
            if start.is_empty() || start.contains(['*', '&', '=']) {
                return Err(BuildError::new(format!(
                    "signature: {name:?} is not the name of a parameter, with or without a `*` at \
                     its end"
                )));
            }
        }
        Ok(self)
    }

    /// What the link to this target grants now. The target is the raw text of the request: path and
    /// query as the client sent them. `audience` gives the value of a kind of audience for whoever
    /// asks, if there is one.
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn verify(
        &self,
        target: &str,
        audience: impl FnOnce(AudienceKind) -> Option<String>,
    ) -> Result<Verified, SignatureFault> {
        self.verify_at(target, audience, SystemTime::now())
    }

    /// As [`verify`](Self::verify), at another time.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_at(
        &self,
        target: &str,
        audience: impl FnOnce(AudienceKind) -> Option<String>,
        now: SystemTime,
    ) -> Result<Verified, SignatureFault> {
        let judged = self.judge(target, audience, seconds::of(now))?;
        match judged.has_expired {
            false => Ok(judged.verified),
            true => Err(SignatureFault::Expired),
        }
    }

    /// What the link of a request grants: for a handler of your own, in which `?` makes an answer
    /// of the error. For links with an audience, a [`Caller`](crate::permission::Caller) and an
    /// [`AudienceUser`] must stand in the extensions of the request.
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn check(&self, request: &Parts) -> Result<Grant, Denial> {
        self.check_as(request, &request.uri)
    }

    /// As [`check`](Self::check), for a request whose URI was changed on the way here: `public` is
    /// the one that the client asked for.
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn check_as(&self, request: &Parts, public: &Uri) -> Result<Grant, Denial> {
        let target = public
            .path_and_query()
            .map_or("/", |target| target.as_str());
        self.check_target(request, target, |kind| audience_of(request, kind))
    }

    /// As [`check`](Self::check), for a server that knows target and audience of a request in
    /// another way. Of `request` only the method and the headers are looked at, for
    /// [`resume_grace`](Self::resume_grace).
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn check_target(
        &self,
        request: &Parts,
        target: &str,
        audience: impl FnOnce(AudienceKind) -> Option<String>,
    ) -> Result<Grant, Denial> {
        let now = seconds::of(SystemTime::now());
        let judged = self.judge(target, audience, now)?;
        let verified = judged.verified;
        match judged.has_expired {
            false => Ok(verified.grant),
            true if self.resumes(&verified, request, now) => Ok(verified.grant.resuming_only()),
            true => Err(SignatureFault::Expired.into()),
        }
    }

    /// Whether a request has a link of this kind at all, good or not.
    #[must_use]
    pub fn is_asked(&self, public: &Uri) -> bool {
        public
            .path_and_query()
            .is_some_and(|target| is_signed(target.as_str()))
    }

    /// Whether a link that expired may still resume this download.
    fn resumes(&self, verified: &Verified, request: &Parts, now: u64) -> bool {
        let until = verified
            .expires
            .map(|expires| expires.saturating_add(self.resume_grace.as_secs()));
        until.is_some_and(|until| now < until) && resume::asks_to_resume(request)
    }

    fn judge(
        &self,
        target: &str,
        audience: impl FnOnce(AudienceKind) -> Option<String>,
        now: u64,
    ) -> Result<Judged, SignatureFault> {
        let split = Split::of(target, |name| self.ignores(name))?;
        let key = self.keys.find(split.key);
        let key = key.ok_or(SignatureFault::UnknownKey)?;
        let value = match split.audience {
            None => String::new(),
            Some(kind) => {
                let value = audience(kind).filter(|value| audience::is_value(value));
                value.ok_or(SignatureFault::NoAudience)?
            }
        };
        let (realm, prefix) = (&*self.realm, &*self.prefix);
        let signed = [VERSION, realm, "\n", &value, "\n", prefix, split.signed];
        if !key.mac().matches(&signed, split.signature) {
            return Err(SignatureFault::Mismatch);
        }
        self.on_time(Statement::read(&split)?, key, now)
    }

    /// Holds what a link says against the clock.
    fn on_time(&self, statement: Statement, key: &Key, now: u64) -> Result<Judged, SignatureFault> {
        let Statement {
            date,
            expires,
            grant,
        } = statement;
        if key.begins().is_some_and(|begin| date < seconds::of(begin)) {
            return Err(SignatureFault::BeforeKey);
        }
        if date > now.saturating_add(SKEW) {
            return Err(SignatureFault::NotYet);
        }
        let life = expires.map(|expires| expires.saturating_sub(date));
        let too_long = match (life, self.max_lifetime) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(life), Some(longest)) => life > longest.as_secs(),
        };
        if too_long {
            return Err(SignatureFault::TooLong);
        }
        let rest = expires.map(|expires| Duration::from_secs(expires.saturating_sub(now)));
        let verified = Verified {
            key: key.id().to_owned(),
            date,
            expires,
            grant: grant.private_for(rest.unwrap_or(YEAR).min(YEAR)).unlisted(),
        };
        let has_expired = rest == Some(Duration::ZERO);
        Ok(Judged {
            verified,
            has_expired,
        })
    }

    fn ignores(&self, name: &str) -> bool {
        self.ignore_after
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            })
    }
}

/// The value of an audience of this kind for whoever makes this request.
fn audience_of(request: &Parts, kind: AudienceKind) -> Option<String> {
    match kind {
        AudienceKind::User => {
            let user = request.extensions.get::<AudienceUser>()?;
            Some(user.value().to_owned())
        }
        AudienceKind::Ip24 | AudienceKind::Ip64 => {
            let caller = request.extensions.get::<Caller>()?;
            let network = Audience::of_client(caller.ip()?);
            (network.kind() == kind).then(|| network.value().to_owned())
        }
    }
}

/// Checks a realm. A line feed would end its part of what is signed.
pub(super) fn check_realm(realm: String) -> Result<String, BuildError> {
    match realm.chars().any(char::is_control) {
        false => Ok(realm),
        true => Err(BuildError::new(
            "signature: the realm holds a control character",
        )),
    }
}
