//! For how long a header proves anything, and which of them were used: whoever sees one on its way can do nothing with it
//! later, and nothing a second time with one that is good for once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// For how long before and after its second a header counts: the clocks of both sides may differ by that much.
pub const VALID: Duration = Duration::from_secs(60);
/// More than a check asks for in that time. They take some MiB at most.
const MOST: usize = 65_536;

/// The second, counted from 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Whether a header of this second counts now.
pub(super) fn is_valid(second: u64, now: u64) -> bool {
    second.abs_diff(now) <= VALID.as_secs()
}

/// The headers that were used and still would count. Cloning it shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(Arc<Mutex<BTreeSet<Header>>>);

/// Second, purpose and number, which one code covers.
type Header = (u64, &'static str, String);

impl Used {
    /// Whether it is the first of this purpose, number and second. Where too many are remembered, none is.
    pub(super) fn is_first(
        &self,
        second: u64,
        purpose: &'static str,
        number: &str,
        now: u64,
    ) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = now.saturating_sub(VALID.as_secs());
        while used.first().is_some_and(|(second, ..)| *second < oldest) {
            used.pop_first();
        }
        used.len() < MOST && used.insert((second, purpose, number.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_counts_for_a_minute_either_way() {
        for (second, counts) in [(939, false), (940, true), (1060, true), (1061, false)] {
            assert_eq!(is_valid(second, 1000), counts, "{second}");
        }
        assert!(!is_valid(u64::MAX, 0));
    }

    #[test]
    fn what_was_used_is_remembered_for_as_long_as_it_counts_and_no_longer() {
        let used = Used::default();
        assert!(used.is_first(1060, "long", "1", 1000));
        assert!(used.is_first(1060, "receipt", "1", 1000));
        assert!(used.is_first(1060, "long", "2", 1000));
        assert!(!used.is_first(1060, "long", "1", 1120));
        assert!(used.is_first(1120, "long", "3", 1121));
        assert_eq!(used.0.lock().expect("whole").len(), 1);
    }

    #[test]
    fn nothing_that_is_good_for_once_counts_where_no_more_can_be_remembered() {
        let used = Used::default();
        for number in 0..MOST {
            assert!(used.is_first(1000, "receipt", &number.to_string(), 1000));
        }
        assert!(!used.is_first(1000, "receipt", "one more", 1000));
        assert!(!used.is_first(1000, "receipt", "0", 1000));
        assert!(used.is_first(1061, "receipt", "one more", 1061));
    }
}
