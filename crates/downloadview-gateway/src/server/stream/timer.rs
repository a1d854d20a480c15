//! An alarm of a connection: one that never waits never makes it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

/// An alarm that is made when first needed.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Alarm>);

/// A timer that runs, and the task that it will wake.
#[derive(Debug)]
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes, as of the last time that it was asked.
    wakes: Option<Waker>,
}

impl Timer {
    /// Ready once `deadline` has passed; else the task is woken then, or earlier for no reason.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Error> {
        let Alarm { sleep, wakes } = self.0.get_or_insert_with(|| Alarm {
            sleep: Box::pin(sleep_until(deadline)),
            wakes: None,
        });
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
            *wakes = None;
        }
        // It is set, and will wake this task: there is nothing to ask it.
        let is_set = |waker: &Waker| waker.will_wake(cx.waker()) && !sleep.is_elapsed();
        if wakes.as_ref().is_some_and(is_set) {
            return Poll::Pending;
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            sleep.as_mut().reset(deadline);
        }
        *wakes = Some(cx.waker().clone());
        Poll::Pending
    }
}
