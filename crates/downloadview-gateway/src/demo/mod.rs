//! `downloadview demo`: every kind of view, with and without a proxy in front, to look at and to read.
//!
//! ```text
//! client ──────────────────────────▶ application, no layer with rules: streams everything
//! client ─▶ nginx ─▶ Unix socket ─▶ the same application, rules for nginx: streams what nginx cannot
//! ```
//!
//! 1. `files` writes what is served into a temporary folder;
//! 2. `app` is the application, once for each of the two listeners;
//! 3. `proxies` starts nginx;
//! 4. `page` shows the `grid`, which fetches every file through every proxy with `client`, while `witness` watches
//!    the application from inside.

mod app;
mod client;
mod files;
mod grid;
mod page;
mod proxies;
mod witness;

use std::fmt::Write as _;
use std::future::pending;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::signal::unix::{SignalKind, signal};

use self::files::Files;
use self::grid::{Grid, Hop};
use self::page::Page;
use self::proxies::{INSTALL_NGINX, Nginx};
use crate::cli::{DemoArgs, Proxies, Proxy};
use crate::config::{Listen, LogSettings, ServerSettings};
use crate::logging;
use crate::server::{self, Listener, Signals};

/// Runs the demonstration until SIGTERM, SIGINT or SIGHUP. Its files and its proxies go with it.
///
/// # Errors
///
/// A port is taken, a proxy that was asked for is missing or does not start, or no temporary folder can be written.
pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    logging::init(&LogSettings {
        level: "warn".to_owned(),
        ..LogSettings::default()
    })?;
    let settings = ServerSettings {
        // Whoever stops a demonstration does not want to wait for it.
        shutdown_timeout: Duration::from_secs(2),
        ..ServerSettings::default()
    };
    let nginx = chosen_nginx(&args.proxies)?;
    let runtime = server::runtime(&settings)?;
    let files = Files::create()?;
    runtime.block_on(run_until_stopped(args.listen, nginx, &files, settings))
}

/// The nginx to start, or why there is none.
fn chosen_nginx(proxies: &Proxies) -> anyhow::Result<Result<PathBuf, String>> {
    let found = proxies::find_nginx();
    match (proxies, found) {
        (Proxies::Named(names), _) if !names.contains(&Proxy::Nginx) => {
            Ok(Err("nginx was not asked for; start with --proxies auto".to_owned()))
        }
        (_, Some(program)) => Ok(Ok(program)),
        (Proxies::Installed, None) => Ok(Err(format!(
            "nginx is not installed; to see its column: {INSTALL_NGINX}"
        ))),
        (Proxies::Named(_), None) => {
            bail!("--proxies nginx: nginx is not installed; install it: {INSTALL_NGINX}")
        }
    }
}
