//! Links as django-downloadview signs and checks them: `?X-Signature=PATH:TIME:SIGNATURE`, by
//! Django's `TimestampSigner`.
//!
//! Django signs the path before it is escaped and checks it after it was decoded. So the links of
//! all names that Django escapes are refused there; and where the value is decoded once more than
//! the path, a link for one file opens another. Here the value is compared with the raw path as it
//! stands, and decoded only if no `%` is left in it then.

use std::fmt;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use sha2::{Digest as _, Sha256};

use super::mac::Mac;
use super::seconds;
use crate::error::{Denial, SignatureFault};
use crate::permission::Grant;

/// What Django's `TimestampSigner` puts before the key, and the word of its `Signer`.
const SALT: &[u8] = b"django.core.signing.TimestampSignersigner";
/// Between path, time and signature.
const SEPARATOR: char = ':';
/// For how long browsers may keep what a link grants that never expires.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);
/// The name of the parameter.
const PARAMETER: &str = "X-Signature";
/// The digits of Django's numbers.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How far the clock of a signer may be ahead.
const SKEW: u64 = 60;

/// The `SECRET_KEY` of a Django site whose links are to be made or checked here.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use downloadview::signature::DjangoKey;
///
/// let key = DjangoKey::new("downloadview-test-secret-key-0123456789abcdef")
///     .expiration(Duration::from_secs(3600));
/// let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let signed = key.sign("/media/a.txt", now);
/// assert_eq!(signed, "/media/a.txt:1xocE4:AUS8Yz5-_e-WydZocnPe2J6bo3V-LdmP_fSYcC112iA");
/// assert_eq!(key.link("/media/a.txt", now), format!("/media/a.txt?X-Signature={signed}"));
/// assert!(key.verify("/media/a.txt", &format!("X-Signature={signed}"), now).is_ok());
/// ```
#[derive(Clone)]
#[doc(alias = "TimestampSigner")]
pub struct DjangoKey {
    mac: Mac,
    expiration: Option<Duration>,
}

impl DjangoKey {
    /// The site's `SECRET_KEY`, or one of its `SECRET_KEY_FALLBACKS`. Links never expire, as is
    /// django-downloadview's default: state [`expiration`](Self::expiration).
    #[must_use]
    pub fn new(secret_key: impl AsRef<[u8]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(SALT);
        hash.update(secret_key.as_ref());
        Self {
            mac: Mac::new(&hash.finalize()),
            expiration: None,
        }
    }

    /// For how long a link is good: `DOWNLOADVIEW_URL_EXPIRATION`. Default: for ever.
    #[must_use]
    #[doc(alias = "DOWNLOADVIEW_URL_EXPIRATION")]
    pub fn expiration(mut self, expiration: Duration) -> Self {
        self.expiration = Some(expiration);
        self
    }

    /// The value that Django's `TimestampSigner` makes of a text.
    #[must_use]
    pub fn sign(&self, value: &str, now: SystemTime) -> String {
        let stamped = format!("{value}{SEPARATOR}{}", base62(seconds::of(now)));
        let signature = self.mac.sign(&[&stamped]);
        format!("{stamped}{SEPARATOR}{signature}")
    }

    /// The link to a path as it stands in the URL, percent-encoded. Everybody who verifies it must
    /// compare it with the raw path, as [`verify`](Self::verify) does.
    #[must_use]
    pub fn link(&self, path: &str, now: SystemTime) -> String {
        format!("{path}?{PARAMETER}={}", self.sign(path, now))
    }

    /// Checks the signature in the query of a request for this path; both raw, as they were sent.
    /// There must be exactly one. Other parameters are not signed.
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn verify(&self, path: &str, query: &str, now: SystemTime) -> Result<(), SignatureFault> {
        self.signed_at(path, query, now).map(drop)
    }

    /// As [`verify`](Self::verify): when the link was made.
    fn signed_at(&self, path: &str, query: &str, now: SystemTime) -> Result<u64, SignatureFault> {
        let malformed = SignatureFault::Malformed;
        let named = query.split('&').filter_map(|it| it.strip_prefix(PARAMETER));
        let mut values = named.filter_map(|rest| rest.strip_prefix('='));
        let value = values.next().ok_or(SignatureFault::Missing)?;
        if values.next().is_some() {
            return Err(malformed("there are two signatures"));
        }
        // Of a query as Django writes it, and of one that somebody encoded as a whole.
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
        let mut readings = vec![(value, path.to_owned())];
        if let Ok(decoded) = &decoded
            && !decoded.contains('%')
        {
            readings.push((decoded, path.to_owned()));
            // Some applications sign a name before it is escaped. An escaped slash is another path.
            let plain = percent_encoding::percent_decode_str(path).decode_utf8();
            let plain = plain.ok().filter(|_| !has_escaped_slash(path));
            readings.extend(plain.map(|plain| (&**decoded, plain.into_owned())));
        }
        let mut fault = SignatureFault::Mismatch;
        for (value, path) in readings {
            match self.unsign(value, &path, now) {
                Err(SignatureFault::Mismatch) => {}
                Err(other) => fault = other,
                good => return good,
            }
        }
        Err(fault)
    }

    /// What a request's link grants: as [`Verifier::check`](super::Verifier::check).
    ///
    /// # Errors
    ///
    /// What is wrong with the link.
    pub fn check(&self, request: &Parts) -> Result<Grant, Denial> {
        let query = request.uri.query().unwrap_or_default();
        let now = SystemTime::now();
        let made = self.signed_at(request.uri.path(), query, now)?;
        let life = self.expiration.unwrap_or(FOR_EVER).as_secs();
        let rest = made.saturating_add(life).saturating_sub(seconds::of(now));
        let rest = Duration::from_secs(rest).min(FOR_EVER);
        Ok(Grant::new().unlisted().private_for(rest))
    }

    /// The time in a value that is signed for this path.
    fn unsign(&self, value: &str, path: &str, now: SystemTime) -> Result<u64, SignatureFault> {
        let mismatch = SignatureFault::Mismatch;
        let (stamped, signature) = value.rsplit_once(SEPARATOR).ok_or(mismatch)?;
        let (signed, time) = stamped.rsplit_once(SEPARATOR).ok_or(mismatch)?;
        if signed != path || !self.mac.matches(&[stamped], signature) {
            return Err(mismatch);
        }
        let malformed = SignatureFault::Malformed("its time is not a number");
        let time = of_base62(time).ok_or(malformed)?;
        let now = seconds::of(now);
        if time > now.saturating_add(SKEW) {
            return Err(SignatureFault::NotYet);
        }
        match self.expiration {
            Some(most) if now.saturating_sub(time) > most.as_secs() => Err(SignatureFault::Expired),
            _ => Ok(time),
        }
    }
}

impl fmt::Debug for DjangoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DjangoKey")
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

fn has_escaped_slash(path: &str) -> bool {
    path.contains("%2F") || path.contains("%2f")
}

/// A number as Django writes it.
fn base62(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(DIGITS[(number % 62) as usize]);
        number /= 62;
        if number == 0 {
            break;
        }
    }
    digits.reverse();
    digits.into_iter().map(char::from).collect()
}

fn of_base62(text: &str) -> Option<u64> {
    let digit = |byte| DIGITS.iter().position(|it| *it == byte);
    let number = text.bytes().try_fold(0_u64, |number, byte| {
        number.checked_mul(62)?.checked_add(digit(byte)? as u64)
    });
    number.filter(|_| !text.is_empty())
}

/// Several keys: `SECRET_KEY` and its fallbacks.
impl DjangoKey {
    /// Checks a link by the first of several keys that it is good by.
    ///
    /// # Errors
    ///
    /// What is wrong with the link; there are no keys.
    pub fn verify_any(
        keys: &[Self],
        path: &str,
        query: &str,
        now: SystemTime,
    ) -> Result<(), SignatureFault> {
        let mut fault = SignatureFault::UnknownKey;
        for key in keys {
            match key.verify(path, query, now) {
                Ok(()) => return Ok(()),
                // Only one of the keys can have more to say than this.
                Err(SignatureFault::Mismatch) if fault != SignatureFault::UnknownKey => {}
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }
}
