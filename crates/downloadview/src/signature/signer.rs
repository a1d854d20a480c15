//! Makes links.

use std::time::Duration;

use super::issuer::Issuer;
use super::link::Link;
use super::verifier::check_realm;
use super::{Keys, verifier};
use crate::error::BuildError;

/// Makes signed links. Clones share the keys.
///
/// ```
/// use std::time::Duration;
/// use downloadview::headers::Disposition;
/// use downloadview::signature::{Key, Keys, Signer};
///
/// let keys = Keys::new(Key::new("2026a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
/// let signer = Signer::new(keys).realm("files.example")?;
/// let link = signer
///     .link("/media/5/9f2c.bin")
///     .expires_in(Duration::from_secs(600))
///     .name("Annual report.pdf")
///     .disposition(Disposition::Inline)
///     .sign()?;
/// assert!(link.starts_with("/media/5/9f2c.bin?X-Download-Key=2026a&X-Download-Date="));
/// assert!(link.contains("&X-Download-Name=Annual%20report.pdf&X-Download-Disposition=inline&"));
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Signer(Issuer);

impl Signer {
    /// A signer with the first of these keys.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self(Issuer {
            keys,
            realm: "".into(),
            max_lifetime: Some(verifier::MAX_LIFETIME),
        })
    }

    /// The realm: links of one are not good in another, although the keys are the same. Default:
    /// empty. It must be that of the [`Verifier`](super::Verifier).
    ///
    /// # Errors
    ///
    /// It holds a control character.
    pub fn realm(mut self, realm: impl Into<String>) -> Result<Self, BuildError> {
        self.0.realm = check_realm(realm.into())?.into();
        Ok(self)
    }

    /// For how long a link may be good, at most. Default: 7 days, as for the
    /// [`Verifier`](super::Verifier).
    #[must_use]
    pub fn max_lifetime(mut self, longest: Duration) -> Self {
        self.0.max_lifetime = Some(longest);
        self
    }

    /// Links may be good for any time, and for ever.
    #[must_use]
    pub fn without_max_lifetime(mut self) -> Self {
        self.0.max_lifetime = None;
        self
    }

    /// Begins a link to `target`: the path as it stands in the URL, percent-encoded, and perhaps a
    /// query. Scheme and host are not signed: put them in front of the result.
    ///
    /// ```
    /// # use downloadview::signature::{Key, Keys, Signer};
    /// # use std::time::Duration;
    /// # let keys = Keys::new(Key::new("a", "6n4HPVrEgCoaSnTiCBK3G1Z-FBAvSfPOQ5i3wO2uQUI")?);
    /// # let signer = Signer::new(keys);
    /// let link = signer.link("/a%20b.txt?v=2").expires_in(Duration::from_secs(60)).sign()?;
    /// let url = format!("https://files.example{link}");
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn link(&self, target: impl Into<String>) -> Link {
        Link::new(self.0.clone(), target.into())
    }
}
