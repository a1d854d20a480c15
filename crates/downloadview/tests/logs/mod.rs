//! What a test has the library log.

use std::io;
use std::sync::{Arc, Mutex, Once};

use tracing::Level;
use tracing::subscriber::{DefaultGuard, set_default, set_global_default};

/// Lines of the log of one thread: level, event, fields.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what this thread logs from now on, if it is of this level or above, until the guard goes.
    pub(crate) fn begin(level: Level) -> (Self, DefaultGuard) {
        want_all();
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        (log, set_default(subscriber.finish()))
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("unpoisoned").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

/// tracing remembers for all threads whether anybody wants an event, as the first thread that comes to it finds: one of a test
/// that keeps no log must not find that nobody does.
fn want_all() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let all = tracing_subscriber::fmt().with_max_level(Level::TRACE);
        let all = all.with_writer(io::sink).finish();
        set_global_default(all).expect("nobody else sets it");
    });
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
