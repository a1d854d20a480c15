//! HMAC-SHA-256 (RFC 2104), as base64url without padding (RFC 4648, 5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// Characters of a signature.
pub(super) const LEN: usize = 43;

/// A key, with its two blocks hashed already.
#[derive(Clone)]
pub(super) struct Mac(Hmac<Sha256>);

impl Mac {
    pub(super) fn new(secret: &[u8]) -> Self {
        // Of any length, so it cannot fail.
        Self(Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// The signature of these parts, one behind the other.
    pub(super) fn sign(&self, parts: &[&str]) -> String {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether this text is the signature. Text is compared, and not the bytes that it stands for:
    /// other texts decode to the same bytes.
    pub(super) fn matches(&self, parts: &[&str], signature: &str) -> bool {
        let expected = self.sign(parts);
        expected.as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_rfc_4231_says() {
        let mac = Mac::new(b"Jefe");
        let signature = mac.sign(&["what do ya want ", "for nothing?"]);
        assert_eq!(signature, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
        assert!(mac.matches(&["what do ya want for nothing?"], &signature));
        // The last character has two spare bits: `N` stands for the same bytes.
        assert!(!mac.matches(
            &["what do ya want for nothing?"],
            &signature.replace("OEM", "OEN")
        ));
        assert!(!mac.matches(&["what do ya want for nothing?"], &format!("{signature}=")));
    }
}
