//! What client and application both know: the configuration, of which the key is a digest. Tickets and receipts are
//! codes by it for a purpose, a number and a second each, so that neither can be made from the other, nor for later, nor
//! by somebody without the file.

use std::fmt::{self, Write as _};

use ring::hmac::{self, HMAC_SHA256};

/// A key of which only codes are told (HMAC-SHA-256, RFC 2104). `Debug` does not show it.
/// ```
/// use downloadview_gateway::witness::{Key, Ticket};
///
/// let (here, there) = (Key::new(b"the same file"), Key::new(b"the same file"));
/// let ticket = Ticket::draw(&here)?;
/// # let _ = (there, ticket);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// The key that everybody has who knows `text`.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, text))
    }

    /// Proves that one knows the key; for this only.
    pub(super) fn code(&self, claim: &Claim<'_>) -> String {
        let code = hmac::sign(&self.0, &claim.message());
        hexadecimal(code.as_ref())
    }

    /// Whether it is that code; compared in constant time.
    pub(super) fn proves(&self, claim: &Claim<'_>, code: &str) -> bool {
        bytes(code).is_some_and(|code| hmac::verify(&self.0, &claim.message(), &code).is_ok())
    }
}

/// What a code is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) purpose: &'a str,
    pub(super) number: &'a str,
    /// When it was made, counted from 1970.
    pub(super) second: u64,
    /// Of a long answer the path, decoded: proxies spell paths in their own way. Of others nothing.
    pub(super) path: &'a [u8],
}

impl Claim<'_> {
    fn message(&self) -> Vec<u8> {
        let Self {
            purpose,
            number,
            second,
            path,
        } = self;
        let mut message =
            format!("downloadview check\n{purpose}\n{number}\n{second}\n").into_bytes();
        message.extend_from_slice(path);
        message
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_proves_one_key_purpose_number_second_and_path() {
        let key = Key::new(b"text");
        let claim = |purpose, number, second, path| Claim {
            purpose,
            number,
            second,
            path,
        };
        let right = claim("ticket", "1", 9, &b"/a"[..]);
        let code = key.code(&right);
        assert!(Key::new(b"text").proves(&right, &code));
        assert!(!Key::new(b"texT").proves(&right, &code));
        for other in [
            claim("receipt", "1", 9, b"/a"),
            claim("ticket", "2", 9, b"/a"),
            claim("ticket", "1", 8, b"/a"),
            claim("ticket", "1", 9, b"/b"),
        ] {
            assert!(!key.proves(&other, &code), "{other:?}");
        }
        for wrong in ["", "0", "zz", &code[2..], &format!("{code}00")] {
            assert!(!key.proves(&right, wrong), "{wrong}");
        }
        assert!(!format!("{key:?}").contains("text"));
    }
}
