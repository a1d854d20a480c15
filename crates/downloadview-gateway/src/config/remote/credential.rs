//! A text that nobody may see.

use std::fmt;

use crate::config::reader::scalar::{Fault, of_variable};

/// A part of what proves to another server who we are. `Debug` does not show it.
/// One or more visible ASCII characters; spaces are refused. Most keys have a twin that ends in `_env` and names the
/// environment variable which holds the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    /// The text itself, for the request that needs it; never for a log or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The message never holds the text.
    pub(in crate::config) fn read(text: &str) -> Result<Self, Fault> {
        match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text.to_owned())),
            false => Err(Fault::new(
                "it is empty, or holds something other than visible ASCII characters",
                "write it as the server's operator gave it to you, without spaces",
            )),
        }
    }

    /// The credential that an environment variable holds; the fault names the variable and never its value.
    pub(in crate::config) fn of_variable(name: &str) -> Result<Self, Fault> {
        of_variable(name, Self::read)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}
