//! What client and application both know: the configuration, of which the key is a digest. Tickets and receipts are
//! codes by it for a purpose and a number each, so that neither can be made from the other, nor by somebody without
//! the file.

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

    /// Proves that one knows the key; for this purpose and number only.
    pub(super) fn code(&self, purpose: &str, number: &str) -> String {
        let code = hmac::sign(&self.0, &message(purpose, number));
        hexadecimal(code.as_ref())
    }

    /// Whether it is that code; compared in constant time.
    pub(super) fn proves(&self, purpose: &str, number: &str, code: &str) -> bool {
        bytes(code)
            .is_some_and(|code| hmac::verify(&self.0, &message(purpose, number), &code).is_ok())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn message(purpose: &str, number: &str) -> Vec<u8> {
    format!("downloadview check\n{purpose}\n{number}").into_bytes()
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
    fn a_code_proves_one_key_one_purpose_and_one_number() {
        let key = Key::new(b"text");
        let code = key.code("ticket", "1");
        assert!(Key::new(b"text").proves("ticket", "1", &code));
        for (other, purpose, number) in [
            (&b"texT"[..], "ticket", "1"),
            (b"text", "receipt", "1"),
            (b"text", "ticket", "2"),
        ] {
            assert!(
                !Key::new(other).proves(purpose, number, &code),
                "{purpose} {number}"
            );
        }
        for wrong in ["", "0", "zz", &code[2..], &format!("{code}00")] {
            assert!(!key.proves("ticket", "1", wrong), "{wrong}");
        }
        assert!(!format!("{key:?}").contains("text"));
    }
}
