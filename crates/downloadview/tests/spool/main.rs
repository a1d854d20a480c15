//! The spool: local copies of what only the application could stream, handed to a proxy.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // Helpers of tests.

mod altered;
mod clock;
#[cfg(target_os = "linux")]
mod coarse;
mod copies;
#[cfg(target_os = "linux")]
mod disk;
mod keys;
mod log;
#[path = "../logs/mod.rs"]
mod logs;
mod one_time;
mod prepared;
mod stand;
#[cfg(target_os = "linux")]
mod trouble;
