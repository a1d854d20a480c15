//! A text that nobody may see.

use std::fmt;

/// What proves to another who we are, or that a link is ours. `Debug` does not show it. What each may hold, its key says.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Of a text that was checked; the fault that a check returns must not hold it.
    pub(in crate::config) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, for whoever signs, compares or sends it; never for a log or an error.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
