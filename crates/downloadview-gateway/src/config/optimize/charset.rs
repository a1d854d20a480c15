//! The name of a character set.

use http::HeaderValue;

use crate::config::reader::scalar::Fault;

/// The name of a character set, as a header says it.
/// Letters, digits and `-_.:+`, as in `charset = "utf-8"` of a rule for nginx. Whether such a charset exists is not
/// checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charset(HeaderValue);

impl Charset {
    /// The name, `utf-8`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The name as a header's value.
    #[must_use]
    pub fn header_value(&self) -> &HeaderValue {
        &self.0
    }

    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
        let plain = !text.is_empty() && text.bytes().all(allowed);
        let value = HeaderValue::from_str(text).ok().filter(|_| plain);
        value.map(Self).ok_or_else(|| {
            Fault::new(
                format!("{text:?} is not a charset"),
                "write its name: \"utf-8\"",
            )
        })
    }
}
