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
//! 3. `programs` finds the proxies, `proxies` starts them on `ports` that are free, and a `guard` takes them and the files
//!    away should the demonstration be killed;
//! 4. `page` shows the `grid`, which fetches the file of all `views` through every proxy with a `probe`, whose witness
//!    watches the application from inside.

mod app;
mod backends;
mod documents;
mod elsewhere;
mod files;
mod fixed;
mod grid;
mod guard;
mod note;
mod page;
mod ports;
mod programs;
mod proxies;
mod secrets;
mod views;

pub use self::guard::stand_by;

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
use self::guard::Guard;
use self::page::Page;
use self::ports::{MOST_PORTS, Reserved};
use self::programs::{Choice, Program};
use self::proxies::{Running, Surroundings};
use self::secrets::Secrets;
use crate::cli::DemoArgs;
use crate::config::{Listen, LogSettings, ServerSettings};
use crate::logging;
use crate::probe::Trust;
use crate::server::{self, Listener, Signals};
use crate::witness::{Key, Witness};

/// Where the demonstration listens unless it is told otherwise; if the port is in use, on the next that is free.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Runs the demonstration until SIGTERM, SIGINT or SIGHUP. Its files and its proxies go with it, also if it is killed.
///
/// A proxy that is missing or does not start is a note on the page.
///
/// # Errors
///
/// The address that was asked for is taken, or no temporary folder or no database in it can be written.
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
    let choice = programs::choose(&args.proxies, programs::find);
    let runtime = server::runtime(&settings)?;
    let files = Files::create()?;
    let guard = Guard::start(&files.path("")).context("cannot start the demonstration's guard")?;
    let guard = Arc::new(guard);
    runtime.block_on(run_until_stopped(
        args.listen,
        choice,
        &files,
        &guard,
        settings,
    ))
}

async fn run_until_stopped(
    listen: Option<SocketAddr>,
    choice: Choice,
    files: &Files,
    guard: &Arc<Guard>,
    settings: ServerSettings,
) -> anyhow::Result<()> {
    let mut stop = pin!(asked_to_stop()?);
    let listener = bind(listen).await?;
    let Listen::Tcp(listen) = listener.address()? else {
        bail!("the demonstration listens on a TCP address");
    };
    let secrets = Secrets::draw().context("cannot draw random bytes from the kernel")?;
    let page = Arc::new(page(listen, choice.absent, files)?);
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
        guard,
    };
    let mut running = Vec::new();
    let programs = choice.programs;
    let started = start(&programs, &surroundings, &page, &mut running, stop.as_mut()).await;
    if started == Started::All {
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
    Ok(())
}

/// The address that was asked for and no other; else the first free port.
async fn bind(asked_for: Option<SocketAddr>) -> anyhow::Result<Listener> {
    let last = LISTEN.port() + MOST_PORTS;
    let mut address = asked_for.unwrap_or(LISTEN);
    loop {
        match Listener::bind(&Listen::Tcp(address)).await {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && asked_for.is_none()
                    && address.port() < last =>
            {
                address.set_port(address.port() + 1);
            }
            bound => {
                return bound.with_context(|| {
                    format!("cannot listen on {address}; choose another address with --listen")
                });
            }
        }
    }
}

/// How far the start came.
#[derive(Debug, PartialEq, Eq)]
enum Started {
    All,
    /// Somebody asked to stop meanwhile.
    NotAll,
}

/// Starts the proxies one after the other; those that run are in `running`, and one that does not becomes a note.
async fn start(
    programs: &[Program],
    surroundings: &Surroundings<'_>,
    page: &Page,
    running: &mut Vec<Running>,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Started {
    for program in programs {
        let started = tokio::select! {
            started = start_one(program, surroundings) => started,
            // What was about to start goes as it is dropped.
            () = &mut stop => return Started::NotAll,
        };
        match started {
            Ok((proxy, hop)) => {
                running.push(proxy);
                page.grid.add(hop);
            }
            Err(error) => page.note(format!("{error:#}")),
        }
    }
    Started::All
}

async fn start_one(
    program: &Program,
    surroundings: &Surroundings<'_>,
) -> anyhow::Result<(Running, Hop)> {
    let proxy = program.proxy.name();
    // A proxy might try for seconds to get a port, and somebody else answer meanwhile: so it only gets a free one.
    for port in ports::places(program.proxy, surroundings.app).filter_map(Reserved::take) {
        let listen = port.address;
        let hop = Hop { proxy, listen };
        match Running::start(program, port, surroundings).await {
            // Somebody else was faster.
            Err(_) if !ports::is_free(&listen) => {}
            started => return Ok((started?, hop)),
        }
    }
    bail!(
        "{proxy} is not started: no port after {} is free; choose another with --listen",
        surroundings.app.port()
    )
}

/// Ready once somebody wants the demonstration to end, from now on.
fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    // SIGHUP too: the terminal was closed, and without this proxies and files would stay.
    Ok(async move {
        signals.next().await;
    })
}

fn page(listen: SocketAddr, absent: Vec<String>, files: &Files) -> anyhow::Result<Page> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let direct = Hop {
        proxy: Hop::DIRECT,
        listen,
    };
    let grid = Grid::new(direct, Witness::new(Key::new(&key)), Trust::new(None)?);
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
    for hop in page.grid.hops() {
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
    lines.extend(page.notes().iter().map(|why| format!("\n{why}")));
    lines.push("\nCtrl-C stops everything.\n".to_owned());
    lines.join("\n")
}
