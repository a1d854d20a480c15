//! How far it has come, in one line of the terminal that is written over: for folders with many files.
//!
//! It goes to stderr, so that what is printed can go into a file, and only to a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::report::size;
use crate::numbers::counted;

/// A folder that is done sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is written.
const EVERY: Duration = Duration::from_millis(100);
const WIDTH: u64 = 24;

/// The line, taken away when dropped.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    /// Files and bytes in all, if they are known.
    all: Option<(u64, u64)>,
    files: u64,
    bytes: u64,
    /// When it may be written next; `None` if nobody looks.
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(super) fn start(what: &'static str) -> Self {
        let seen = io::stderr().is_terminal();
        Self {
            what,
            all: None,
            files: 0,
            bytes: 0,
            next: seen.then(|| Instant::now() + PATIENCE),
            shown: false,
        }
    }

    pub(super) fn of(mut self, files: u64, bytes: u64) -> Self {
        self.all = Some((files, bytes));
        self
    }

    /// One file more, with further bytes.
    pub(super) fn file(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes(bytes);
    }

    /// Further bytes of a file.
    pub(super) fn bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
        let now = Instant::now();
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + EVERY);
            self.shown = true;
            say(&format!("\r\x1b[K{}", self.line()));
        }
    }

    fn line(&self) -> String {
        let (what, files) = (self.what, self.files);
        let Some((all, bytes)) = self.all else {
            return format!("{what} {}", counted(files, "file", "files"));
        };
        let (done, whole) = match bytes {
            0 => (files, all),
            bytes => (self.bytes.min(bytes), bytes),
        };
        let full = WIDTH * done / whole.max(1);
        let bar: String = (0..WIDTH)
            .map(|at| if at < full { '#' } else { '.' })
            .collect();
        let (read, bytes) = (size(self.bytes), size(bytes));
        format!(
            "{what} [{bar}] {files} of {}, {read} of {bytes}",
            counted(all, "file", "files")
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            say("\r\x1b[K");
        }
    }
}

fn say(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_and_how_much_there_is() {
        let mut progress = Progress::start("verified").of(4, 4096);
        progress.bytes(1024);
        progress.file(0);
        assert_eq!(
            progress.line(),
            "verified [######..................] 1 of 4 files, 1.0 KiB of 4.0 KiB"
        );
        let empty = Progress::start("verified").of(0, 0);
        assert!(empty.line().ends_with("0 of 0 files, 0 B of 0 B"));
    }
}
