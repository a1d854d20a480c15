//! `downloadview demo`: every kind of view, with and without a proxy in front, to look at and to read.
//!
//! ```text
//! client ────────────▶ application: streams everything
//! client ─▶ nginx ───▶ the same port of the same process: streams what nginx cannot send
//! client ─▶ apache ──▶ the same, and so on
//! ```
//!
//! 1. `files` writes what is served into a temporary folder, `documents` makes a database whose rows name some of it, and
//!    `secrets` draws what proves the proxies;
//! 2. `app` is the application, `fixed` those of its routes that are for one proxy only, and `elsewhere` are two servers
//!    that have files which it has not;
//! 3. `programs` finds the proxies, `proxies` starts them;
//! 4. `page` shows the `grid`, which fetches the file of all `views` through every proxy with a `probe`, whose witness
//!    watches the application from inside.

mod app;
mod backends;
mod documents;
mod elsewhere;
mod files;
mod fixed;
mod grid;
mod note;
mod page;
mod programs;
mod proxies;
mod secrets;
mod views;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::oneshot;

use self::elsewhere::Elsewhere;
use self::files::Files;
use self::grid::{Grid, Hop};
use self::page::Page;
use self::programs::{Choice, Program};
use self::proxies::{Running, Surroundings};
use self::secrets::Secrets;
use crate::cli::DemoArgs;
use crate::config::{Listen, LogSettings, ServerSettings};
use crate::logging;
use crate::probe::Trust;
use crate::server::{self, Listener, Signals};
use crate::witness::{Key, Witness};

/// Runs the demonstration until SIGTERM, SIGINT or SIGHUP. Its files and its proxies go with it.
///
/// # Errors
///
/// A port is taken, a proxy that was asked for is missing or does not start, or no temporary folder or no database in it
/// can be written.
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
    let choice = programs::choose(&args.proxies, programs::find)?;
    let runtime = server::runtime(&settings)?;
    let files = Files::create()?;
    runtime.block_on(run_until_stopped(args.listen, choice, &files, settings))
}

async fn run_until_stopped(
    listen: SocketAddr,
    choice: Choice,
    files: &Files,
    settings: ServerSettings,
) -> anyhow::Result<()> {
    let mut stop = pin!(asked_to_stop()?);
    let listener = Listener::bind(&Listen::Tcp(listen))
        .await
        .with_context(|| {
            format!("cannot listen on {listen}; choose another address with --listen")
        })?;
    let Listen::Tcp(listen) = listener.address()? else {
        bail!("the demonstration listens on a TCP address");
    };
    let fronts = fronts(choice.programs, listen)?;
    let secrets = Secrets::draw().context("cannot draw random bytes from the kernel")?;
    let page = Arc::new(page(listen, &fronts, choice.absent, files)?);
    let db = documents::create(files).await?;
    let elsewhere = Elsewhere::start(files)
        .await
        .context("cannot start the servers that stand in for others")?;
    let app = with_page(app::app(files, &db, &secrets, &elsewhere)?, &page);
    let (stop_app, app_stopped) = oneshot::channel::<()>();
    let app =
        tokio::spawn(async move { server::serve(listener, app, &settings, app_stopped).await });

    let surroundings = Surroundings {
        app: listen,
        files,
        secrets: &secrets,
        elsewhere,
        grid: &page.grid,
    };
    let mut running = Vec::new();
    let started = start(&fronts, &surroundings, &mut running, stop.as_mut()).await;
    if let Ok(Started::All) = started {
        // If nobody reads it, the page is there all the same.
        let _ = io::stdout().write_all(greeting(&page).as_bytes());
        stop.await;
    }
    // Running downloads may finish, for as long as the settings allow; those through a proxy too.
    drop(stop_app);
    let _ = app.await;
    for proxy in running {
        proxy.stop().await;
    }
    started.map(|_| ())
}

/// A proxy and where it listens.
struct Front {
    program: Program,
    hop: Hop,
}

/// The place of each proxy: on the ports after the application's, each proxy always on the same.
///
/// # Errors
///
/// There are not enough ports.
fn fronts(programs: Vec<Program>, app: SocketAddr) -> anyhow::Result<Vec<Front>> {
    let place = |program: Program| {
        let name = program.proxy.name();
        let port = app.port().checked_add(programs::step(program.proxy));
        let port = port.with_context(|| {
            format!("no port is left for {name} after 65535; choose another with --listen")
        })?;
        let hop = Hop {
            proxy: name,
            listen: SocketAddr::new(app.ip(), port),
        };
        Ok(Front { program, hop })
    };
    programs.into_iter().map(place).collect()
}

/// How far the start came.
enum Started {
    All,
    /// Somebody asked to stop meanwhile.
    NotAll,
}

/// Starts the proxies one after the other; those that run are in `running`, also when a later one fails.
async fn start(
    fronts: &[Front],
    surroundings: &Surroundings<'_>,
    running: &mut Vec<Running>,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<Started> {
    for front in fronts {
        tokio::select! {
            started = Running::start(&front.program, front.hop, surroundings) => running.push(started?),
            // What was about to start goes as it is dropped.
            () = &mut stop => return Ok(Started::NotAll),
        }
    }
    Ok(Started::All)
}

/// Ready once somebody wants the demonstration to end, from now on.
fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    // SIGHUP too: the terminal was closed, and without this proxies and files would stay.
    Ok(async move {
        signals.next().await;
    })
}

fn page(
    listen: SocketAddr,
    fronts: &[Front],
    absent: Vec<String>,
    files: &Files,
) -> anyhow::Result<Page> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let direct = Hop {
        proxy: Hop::DIRECT,
        listen,
    };
    let through = fronts.iter().map(|front| front.hop);
    let grid = Grid {
        hops: std::iter::once(direct).chain(through).collect(),
        witness: Witness::new(Key::new(&key)),
        trust: Trust::new(None)?,
    };
    Ok(Page::new(grid, absent, files)?)
}

fn with_page(app: Router, page: &Arc<Page>) -> Router {
    let witness = page.grid.witness.clone();
    app.merge(page::routes(Arc::clone(page)))
        .layer(from_fn_with_state(witness, note::note))
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
        if !hop.is_direct() {
            line(&format!("Through {}:", hop.proxy), EXAMPLE);
            continue;
        }
        line("Open this:", "/");
        line("The same as data:", "/grid.json");
        line("A file, streamed:", EXAMPLE);
    }
    lines.extend(page.absent.iter().map(|why| format!("\n{why}")));
    lines.push("\nCtrl-C stops everything.\n".to_owned());
    lines.join("\n")
}
