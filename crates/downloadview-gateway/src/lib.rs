//! The gateway: one TOML file in, downloads out, with or without a proxy in front.
//!
//! In the order of a start: [`cli`] → [`config`] → [`logging`] → [`server`]. From the same file [`proxy_config`]
//! writes the configuration of the proxy in front.

pub mod app;
pub mod check;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod explain;
pub mod logging;
mod numbers;
pub mod probe;
pub mod proxy_config;
pub mod serve;
pub mod server;
pub mod sign;
pub mod spool;
pub mod witness;
