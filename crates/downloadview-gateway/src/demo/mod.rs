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

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::files::Files;
use self::grid::{Grid, Hop};
use self::page::Page;
use self::proxies::{INSTALL_NGINX, Nginx};
use self::witness::Witness;
use crate::cli::{DemoArgs, Proxies, Proxy};
use crate::config::{Listen, LogSettings, ServerSettings};
use crate::logging;
use crate::server::{self, Listener, Signals, Summary};

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
    let nginx = chosen_nginx(&args.proxies, proxies::find_nginx())?;
    let runtime = server::runtime(&settings)?;
    let files = Files::create()?;
    runtime.block_on(run_until_stopped(args.listen, nginx, &files, settings))
}

/// The nginx to start, or why there is none.
fn chosen_nginx(
    proxies: &Proxies,
    found: Option<PathBuf>,
) -> anyhow::Result<Result<PathBuf, String>> {
    match (proxies, found) {
        (Proxies::Named(names), _) if !names.contains(&Proxy::Nginx) => Ok(Err(
            "nginx was not asked for; start with --proxies auto".to_owned(),
        )),
        (_, Some(program)) => Ok(Ok(program)),
        (Proxies::Installed, None) => Ok(Err(format!(
            "nginx is not installed; to see its column: {INSTALL_NGINX}"
        ))),
        (Proxies::Named(_), None) => {
            bail!("--proxies nginx: nginx is not installed; install it: {INSTALL_NGINX}")
        }
    }
}

async fn run_until_stopped(
    listen: SocketAddr,
    nginx: Result<PathBuf, String>,
    files: &Files,
    settings: ServerSettings,
) -> anyhow::Result<()> {
    let mut stop = pin!(asked_to_stop()?);
    let listener = Listener::bind(&Listen::Tcp(listen))
        .await
        .with_context(|| {
            format!("cannot listen on {listen}; choose another address with --listen")
        })?;
    let page = Arc::new(page(&listener, &nginx)?);
    let mut servers = Servers::new(settings);
    servers.start(listener, with_page(app::direct(files)?, &page));

    let mut running = None;
    if let (Ok(program), Some(hop)) = (nginx, page.grid.through("nginx")) {
        let listener = listen_for_proxies(files).await?;
        servers.start(listener, with_page(app::behind_nginx(files)?, &page));
        tokio::select! {
            started = Nginx::start(program, hop, files, &page.grid) => running = Some(started?),
            // What was started goes as it is dropped.
            () = &mut stop => return Ok(()),
        }
    }

    // If nobody reads it, the page is there all the same.
    let _ = io::stdout().write_all(greeting(&page).as_bytes());
    stop.await;
    servers.stop().await;
    if let Some(nginx) = running {
        nginx.stop().await;
    }
    Ok(())
}

/// Ready once somebody wants the demonstration to end, from now on.
fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    // The terminal was closed; without this, nginx and the files would stay.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            () = signals.next() => {}
            _ = hangup.recv() => {}
        }
    })
}

/// The socket that the proxies in front connect to; nobody else can.
async fn listen_for_proxies(files: &Files) -> anyhow::Result<Listener> {
    let path = files.path("app.sock");
    let listen = Listen::Unix(path.clone());
    let listener = Listener::bind(&listen).await.with_context(|| {
        format!("cannot listen on {listen}; set TMPDIR to a folder with a shorter path")
    })?;
    files::hand_over(&path)?;
    Ok(listener)
}

fn page(listener: &Listener, nginx: &Result<PathBuf, String>) -> anyhow::Result<Page> {
    let Listen::Tcp(listen) = listener.address()? else {
        bail!("the demonstration listens on a TCP address");
    };
    let mut hops = vec![Hop {
        proxy: "none",
        listen,
    }];
    if nginx.is_ok() {
        hops.push(Hop {
            proxy: "nginx",
            listen: proxies::next_port(listen)?,
        });
    }
    Ok(Page {
        grid: Grid {
            hops,
            witness: Witness::default(),
        },
        no_nginx: nginx.as_ref().err().cloned(),
    })
}

fn with_page(app: Router, page: &Arc<Page>) -> Router {
    let witness = page.grid.witness.clone();
    app.merge(page::routes(Arc::clone(page)))
        .layer(from_fn_with_state(witness, witness::note))
}

/// The listeners of the application, each with a router of its own.
struct Servers {
    settings: ServerSettings,
    running: JoinSet<io::Result<Summary>>,
    /// Dropped to stop them.
    stop: watch::Sender<()>,
}

impl Servers {
    fn new(settings: ServerSettings) -> Self {
        Self {
            settings,
            running: JoinSet::new(),
            stop: watch::Sender::new(()),
        }
    }

    fn start(&mut self, listener: Listener, app: Router) {
        let settings = self.settings.clone();
        let mut stop = self.stop.subscribe();
        self.running.spawn(async move {
            let stopped = async move { stop.changed().await };
            server::serve(listener, app, &settings, stopped).await
        });
    }

    /// Lets running downloads finish, for as long as the settings allow.
    async fn stop(self) {
        drop(self.stop);
        self.running.join_all().await;
    }
}

/// Tells a newcomer where to look.
fn greeting(page: &Page) -> String {
    const EXAMPLE: &str = "/storage/static-path/1.txt";

    let mut lines = vec!["Every kind of download, with and without a proxy in front.\n".to_owned()];
    for hop in &page.grid.hops {
        let host = match hop.address().ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut line = |what: &str, path| {
            lines.push(format!("  {what:<20}{}", hop.url(&host, path)));
        };
        if hop.proxy != "none" {
            line(&format!("Through {}:", hop.proxy), EXAMPLE);
            continue;
        }
        line("Open this:", "/");
        line("The same as data:", "/grid.json");
        line("A file, streamed:", EXAMPLE);
    }
    lines.extend(page.no_nginx.as_ref().map(|why| format!("\n{why}")));
    lines.push("\nCtrl-C stops everything.\n".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_nginx_is_an_error_only_if_it_was_asked_for() {
        let named = Proxies::Named(vec![Proxy::Nginx]);
        let error = chosen_nginx(&named, None).expect_err("it was asked for");
        assert!(error.to_string().ends_with(INSTALL_NGINX), "{error}");

        let chosen = chosen_nginx(&Proxies::Installed, None).expect("auto takes what is there");
        let why = chosen.expect_err("nothing is there");
        assert!(why.ends_with(INSTALL_NGINX), "{why}");
    }

    #[test]
    fn an_installed_nginx_is_left_alone_if_none_was_asked_for() {
        let found = || Some(PathBuf::from("/usr/sbin/nginx"));
        let none = Proxies::Named(Vec::new());
        assert!(chosen_nginx(&none, found()).expect("valid").is_err());
        let auto = chosen_nginx(&Proxies::Installed, found()).expect("valid");
        assert_eq!(auto.ok(), found());
    }
}
