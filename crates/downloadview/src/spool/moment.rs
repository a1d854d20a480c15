//! When a copy was handed out, as it is noted on its file for other processes.
//!
//! The clock is the one that counts since the machine started: all processes see the same, and
//! nobody sets it. Its milliseconds stand in the part of the file's time below a second, which no
//! proxy looks at. There is room for 11.5 days; then the numbers come again. So a moment may seem
//! to be later than it was, and a lease to run that does not; never the other way round.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// As many milliseconds as there are nanoseconds in a second.
const ROUND: u64 = 1_000_000_000;

/// A moment, in milliseconds; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u32);

impl Moment {
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let milliseconds = u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000_000;
        let in_round = (seconds.wrapping_mul(1000).wrapping_add(milliseconds)) % ROUND;
        Self(u32::try_from(in_round).unwrap_or_default().max(1))
    }

    /// What a file was marked with; `None` for one that was never handed out.
    pub(super) fn of_mark(mark: u32) -> Option<Self> {
        (mark > 0).then_some(Self(mark))
    }

    pub(super) fn mark(self) -> u32 {
        self.0
    }

    /// How long ago it is at least, if it is not more than a round.
    pub(super) fn until(self, later: Self) -> Duration {
        let passed = (ROUND + u64::from(later.0)).saturating_sub(u64::from(self.0)) % ROUND;
        Duration::from_millis(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_from_a_later_one_over_the_end_of_a_round() {
        let at = |number| Moment::of_mark(number).unwrap();
        assert_eq!(at(1_000).until(at(61_000)), Duration::from_secs(60));
        assert_eq!(at(999_999_000).until(at(1_000)), Duration::from_secs(2));
        assert_eq!(Moment::of_mark(0), None);
        assert!(Moment::now().until(Moment::now()) < Duration::from_secs(60));
    }
}
