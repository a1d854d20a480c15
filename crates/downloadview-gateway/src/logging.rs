//! Sends the events of the process to stderr: readable on a terminal, JSON elsewhere.
//! Called once, by `serve`, `explain` and `demo`, before anything else is logged. The time, the level and the fields of
//! an event form one line; with `"json"`, one object with the fields at its top level.

use std::io::{self, IsTerminal};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

/// The process's stderr, or nothing: a full disk or a closed pipe behind it loses lines of the log and nothing
/// else. (Told of an error, the subscriber would print it to stderr, and that panics.)
struct Stderr;

impl io::Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = io::Write::write_all(&mut io::stderr(), line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging for the whole process. `RUST_LOG` wins over the level of the settings.
///
/// # Errors
///
/// `RUST_LOG` holds no directives that can be read, or logging was started before.
pub fn init(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(&directives)
            .with_context(|| format!("RUST_LOG: cannot read {directives:?}"))?,
        _ => EnvFilter::try_new(&settings.level)
            .with_context(|| format!("[log] level: cannot read {:?}", settings.level))?,
    };
    let terminal = io::stderr().is_terminal();
    let builder = fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(|| Stderr);
    let started = match settings.format {
        LogFormat::Human => builder.compact().with_ansi(terminal).finish().try_init(),
        LogFormat::Auto if terminal => builder.compact().finish().try_init(),
        LogFormat::Auto | LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    started.context("logging was started before")
}
