//! The spool: local copies of what only the application could stream, handed to a proxy.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // Helpers of tests.

mod clock;
mod copies;
mod keys;
mod log;
mod prepared;
mod stand;
#[cfg(target_os = "linux")]
mod trouble;
