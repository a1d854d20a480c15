//! Downloads through real proxies: starts the gateway and a proxy before it, and shows what crossed the wire.
//!
//! A test makes a [`Site`] (a folder with files and a `downloadview.toml`), starts servers on it, and talks
//! to either of them with [`Request`]. Everything listens on loopback, runs unprivileged and ends with the test.
//!
//! The harness panics where something is missing or fails to start, and a panicking test shows the output of
//! all its servers: a missing proxy is a failure that names its package, never a skipped test.

mod app;
mod gateway;
mod http;
mod names;
mod nginx;
mod port;
mod server;
mod site;

pub use app::ScriptedApp;
pub use http::{Exchange, Request, Response};
pub use names::{NAMES, strict};
pub use server::Server;
pub use site::Site;
