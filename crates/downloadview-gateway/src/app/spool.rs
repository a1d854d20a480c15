//! `[spool]`, opened: for `serve`, which fills it and hands its copies out, and for the commands that look at the
//! folder from outside. Both have the same lease, or one would remove what the other still promises.

use std::time::Duration;

use downloadview::BuildError;
use downloadview::spool::{Fill, Spool, SpoolBuilder, Survey};

use crate::config::{Config, SpoolConfig, SpoolFill};

/// The shortest lease that is taken where the file says none.
const LEASE: Duration = Duration::from_secs(90);
/// So much longer than an answer may wait to be written.
const AFTER_WRITING: Duration = Duration::from_secs(30);
/// Where an answer may wait for ever.
const LONG_LEASE: Duration = Duration::from_secs(600);

/// For how long a copy stays after it was handed to the proxy: longer than that answer may take to reach it.
pub(super) fn lease(config: &Config, spool: &SpoolConfig) -> Duration {
    spool
        .lease
        .unwrap_or_else(|| match config.server.write_timeout {
            Some(timeout) => LEASE.max(timeout.saturating_add(AFTER_WRITING)),
            None => LONG_LEASE,
        })
}

/// Opens the folder.
///
/// # Errors
///
/// As the library: a folder that cannot be opened or read.
pub(super) fn open(config: &SpoolConfig, lease: Duration) -> Result<Spool, BuildError> {
    builder(config, lease).open()
}

/// A look at the folder of `[spool]` from outside, beside the gateways that use it.
///
/// # Errors
///
/// The folder cannot be opened.
pub fn survey(config: &Config, spool: &SpoolConfig) -> Result<Survey, BuildError> {
    builder(spool, lease(config, spool)).survey()
}

fn builder(config: &SpoolConfig, lease: Duration) -> SpoolBuilder {
    let mut builder = Spool::builder(&config.dir)
        .lease(lease)
        .sync(config.sync)
        .max_age(config.max_age())
        .fill(match config.fill {
            SpoolFill::Before => Fill::Before,
            SpoolFill::While => Fill::While,
        });
    if let Some(bytes) = config.max_bytes {
        builder = builder.max_bytes(bytes);
    }
    if let Some(bytes) = config.max_file_bytes {
        builder = builder.max_file_bytes(bytes);
    }
    if let Some(bytes) = config.min_free_bytes {
        builder = builder.min_free_bytes(bytes);
    }
    if let Some(files) = config.max_files {
        builder = builder.max_files(files);
    }
    if let Some(time) = config.stale_if_error {
        builder = builder.stale_if_error(time);
    }
    if let Some(time) = config.max_idle_fill {
        builder = builder.max_idle_fill(time);
    }
    builder
}
