//! The signals that a server answers to: what each of them asks for, and that none of the others ends the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, SIGHUP, and those that the system would end the process by, from the moment of
/// [`listen`](Self::listen) on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: [Signal; 2],
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// SIGTERM or SIGINT: to stop.
    Stop,
    /// SIGHUP: to read the configuration anew.
    Reload,
}

impl Signals {
    /// Takes the signals over from the system, which would end the process.
    ///
    /// # Errors
    ///
    /// The system refuses the handlers.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
        })
    }

    /// Waits for the next that asks for something. SIGUSR1 and SIGUSR2, by which others reopen their log files, ask for
    /// nothing here: the log is stderr.
    pub async fn next(&mut self) -> Wish {
        loop {
            let [first, second] = &mut self.user;
            tokio::select! {
                _ = self.terminate.recv() => {
                    tracing::info!(signal = "SIGTERM", "asked to stop");
                    return Wish::Stop;
                }
                _ = self.interrupt.recv() => {
                    tracing::info!(signal = "SIGINT", "asked to stop");
                    return Wish::Stop;
                }
                _ = self.hang_up.recv() => return Wish::Reload,
                _ = first.recv() => tracing::info!(signal = "SIGUSR1", "nothing to do, the log is stderr"),
                _ = second.recv() => tracing::info!(signal = "SIGUSR2", "nothing to do"),
            }
        }
    }
}
