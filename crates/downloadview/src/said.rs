//! What was logged lately, so that no client can cause a line in the log for each request.
//!
//! Shared with the crates that come with this one; not part of the public interface.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this long the same is said again.
const AGAIN: Duration = Duration::from_secs(60);

/// Remembers for a minute what was said. `K` tells one thing from another; it must not be a text of
/// the client's, or there is no end of them.
///
/// ```
/// use downloadview::said::OncePerMinute;
/// let said = OncePerMinute::default();
/// assert!(said.is_due("a column is missing"));
/// assert!(!said.is_due("a column is missing"));
/// ```
#[derive(Debug)]
pub struct OncePerMinute<K>(Mutex<HashMap<K, Instant>>);

impl<K: Eq + Hash> OncePerMinute<K> {
    /// Whether this was not said within the last minute. It counts as said from now on.
    #[must_use]
    pub fn is_due(&self, what: K) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        said.retain(|_, then| now.duration_since(*then) < AGAIN);
        let due = !said.contains_key(&what);
        if due {
            said.insert(what, now);
        }
        due
    }
}

impl<K> Default for OncePerMinute<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_again_after_a_minute() {
        let said = OncePerMinute::default();
        assert_eq!(
            ["a", "b", "a"].map(|it| said.is_due(it)),
            [true, true, false]
        );
        let long_ago = Instant::now().checked_sub(AGAIN).unwrap();
        said.0.lock().unwrap().insert("a", long_ago);
        assert_eq!(["a", "b"].map(|it| said.is_due(it)), [true, false]);
    }
}
