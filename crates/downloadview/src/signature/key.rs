//! Secrets with ids: one signs, all verify.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::mac::Mac;
use crate::error::BuildError;

/// The fewest bytes that a secret may have: those of the hash (RFC 2104, 3).
pub const MIN_SECRET_LEN: usize = 32;
/// The longest id.
const LONGEST_ID: usize = 32;

/// A secret with an id. The id stands in each link, so that a verifier knows which key to try.
///
/// To revoke links, drop their key: nothing else is stored about a link. To revoke only the older
/// ones of a key, state since when it is valid ([`valid_from`](Self::valid_from)).
///
/// [`Debug`](fmt::Debug) does not show the secret.
///
/// ```
/// use downloadview::signature::Key;
///
/// let key = Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?;
/// assert_eq!(key.id(), "2026a");
/// assert!(Key::new("2026a", "too short").is_err());
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    id: Arc<str>,
    mac: Mac,
    valid_from: Option<SystemTime>,
}

impl Key {
    /// A key. The bytes of the secret's text are the key; nothing is decoded.
    ///
    /// # Errors
    ///
    /// The id is not 1 to 32 letters of ASCII, digits, `-` and `_`; or the secret has fewer than
    /// [`MIN_SECRET_LEN`] bytes.
    pub fn new(id: impl AsRef<str>, secret: impl AsRef<[u8]>) -> Result<Self, BuildError> {
        let (id, secret) = (id.as_ref(), secret.as_ref());
        if !is_id(id) {
            return Err(BuildError::new(format!(
                "signature: {id:?} is not the id of a key; use 1 to {LONGEST_ID} letters, digits, \
                 `-` and `_`"
            )));
        }
        if secret.len() < MIN_SECRET_LEN {
            return Err(BuildError::new(format!(
                "signature: the secret of key `{id}` has {} bytes, and fewer than {MIN_SECRET_LEN} \
                 can be guessed; make one by `openssl rand -base64 32`",
                secret.len()
            )));
        }
        Ok(Self {
            id: id.into(),
            mac: Mac::new(secret),
            valid_from: None,
        })
    }

    /// A secret for a new key: 32 random bytes as 43 characters.
    ///
    /// # Errors
    ///
    /// The operating system has no random bytes.
    pub fn new_secret() -> Result<String, BuildError> {
        let mut bytes = [0; MIN_SECRET_LEN];
        getrandom::fill(&mut bytes)
            .map_err(|error| BuildError::new(format!("signature: no random bytes: {error}")))?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Links that were made earlier are refused, to the second. Default: all are good.
    #[must_use]
    pub fn valid_from(mut self, time: SystemTime) -> Self {
        self.valid_from = Some(time);
        self
    }

    /// The id that stands in links.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn mac(&self) -> &Mac {
        &self.mac
    }

    pub(super) fn begins(&self) -> Option<SystemTime> {
        self.valid_from
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("valid_from", &self.valid_from)
            .finish_non_exhaustive()
    }
}

/// Whether a text may be the id of a key.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(plain)
}

/// The keys of a site: the first one signs, all verify. Clones share the secrets.
///
/// To change the key, put the new one in front, and drop the old one when its links have expired.
///
/// ```
/// use downloadview::signature::{Key, Keys};
///
/// let new = Key::new("2026b", "mO1kIP0hZk1GmuQwCjTCPbTvy5Cg9TMd1IRxLuoSLfs")?;
/// let old = Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?;
/// let keys = Keys::new(new).and(old)?;
/// assert_eq!(keys.signing().id(), "2026b");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Keys(Arc<[Key]>);

impl Keys {
    /// One key, which signs.
    #[must_use]
    pub fn new(signing: Key) -> Self {
        Self([signing].into())
    }

    /// A further key, which verifies only.
    ///
    /// # Errors
    ///
    /// There is a key of this id already.
    pub fn and(self, key: Key) -> Result<Self, BuildError> {
        if self.find(key.id()).is_some() {
            return Err(BuildError::new(format!(
                "signature: two keys have the id `{}`; give each its own",
                key.id()
            )));
        }
        Ok(Self(self.0.iter().cloned().chain([key]).collect()))
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &Key {
        &self.0[0]
    }

    /// The key of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_plain_id_and_at_least_32_bytes() {
        let secret = [b'k'; 32];
        assert!(Key::new("a-Z_9", secret).is_ok());
        assert!(Key::new("k".repeat(32), secret).is_ok());
        for id in ["", "a b", "a&b", "a.b", "é", "a\n", &"k".repeat(33)] {
            assert!(Key::new(id, secret).is_err(), "{id:?}");
        }
        let short = Key::new("a", [b's'; 31]).unwrap_err().to_string();
        assert!(
            short.contains("31 bytes") && !short.contains("sss"),
            "{short}"
        );
        let shown = format!("{:?}", Key::new("a", "secret".repeat(9)).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn two_keys_of_one_id_are_refused_and_a_new_secret_is_long_enough() {
        let key = || Key::new("a", Key::new_secret().unwrap()).unwrap();
        assert!(Keys::new(key()).and(key()).is_err());
        assert_ne!(Key::new_secret(), Key::new_secret());
    }
}
