//! A long answer that nobody reads: how much of it the application gets rid of.
//!
//! What is sent and not read waits in the buffers of sockets, some MiB on each connection, and then the sender has to
//! wait. A server in between that takes far more keeps answers on its disk, or in its memory.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// How much of a long answer shows that somebody keeps it: more than the sockets of three connections hold, whose
/// buffers Linux lets grow to 4 MiB where it sends, and seldom beyond 8 MiB where somebody reads as fast as he can.
pub const KEPT: u64 = 48 * 1024 * 1024;
/// How long the answer is.
pub const LONG: u64 = KEPT + 16 * 1024 * 1024;
const FRAME: usize = 64 * 1024;
/// How many answers are remembered; the oldest makes room.
const MOST: usize = 64;

/// How much was taken of which answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(Arc<Mutex<Counts>>);

type Counts = VecDeque<(String, Arc<AtomicU64>)>;

impl Taken {
    /// A new answer of this number.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(super) fn begin(&self, number: String) -> io::Result<Pouring> {
        let mut noise = vec![0; FRAME];
        // Nobody can compress it: whoever does would seem to keep little.
        getrandom::fill(&mut noise)?;
        let count = Arc::new(AtomicU64::new(0));
        let mut all = self.all();
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back((number, Arc::clone(&count)));
        Ok(Pouring {
            frame: noise.into(),
            left: LONG,
            count,
        })
    }

    /// How much was taken so far of the answer of this number; `None` if it was never asked for.
    pub(super) fn of(&self, number: &str) -> Option<u64> {
        let all = self.all();
        let mut of_number = all.iter().rev().filter(|(known, _)| known == number);
        let (_, count) = of_number.next()?;
        Some(count.load(Ordering::Relaxed))
    }

    fn all(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a long answer, which count themselves.
#[derive(Debug)]
pub struct Pouring {
    frame: Bytes,
    left: u64,
    count: Arc<AtomicU64>,
}

impl Iterator for Pouring {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let length = self.left.min(self.frame.len() as u64);
        if length == 0 {
            return None;
        }
        self.left -= length;
        self.count.fetch_add(length, Ordering::Relaxed);
        // No longer than the frame.
        Some(self.frame.slice(..usize::try_from(length).unwrap_or(FRAME)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says_and_counts_what_is_taken() {
        let taken = Taken::default();
        assert_eq!(taken.of("1"), None);
        let mut pouring = taken.begin("1".to_owned()).expect("random numbers");
        assert_eq!(taken.of("1"), Some(0));
        let first = pouring.next().expect("it is long");
        assert_eq!(taken.of("1"), Some(first.len() as u64));
        let rest: u64 = pouring.map(|frame| frame.len() as u64).sum();
        assert_eq!(first.len() as u64 + rest, LONG);
        assert_eq!(taken.of("1"), Some(LONG));
    }

    #[test]
    fn the_number_of_answers_that_are_remembered_is_bounded() {
        let taken = Taken::default();
        for number in 0..=MOST {
            let _ = taken.begin(number.to_string()).expect("random numbers");
        }
        assert_eq!(taken.of("0"), None);
        assert_eq!(taken.of("1"), Some(0));
    }
}
