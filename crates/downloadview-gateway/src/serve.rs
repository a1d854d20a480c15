//! `downloadview serve`: the gateway from start to stop.
//! 1. start the log, raise the limit of open files, make the runtime, outlive the limit of file sizes;
//! 2. build the application: storages, databases, rules, views;
//! 3. listen, and serve until a signal;
//! 4. at SIGHUP read the file anew; `listen`, `[server]` and `[log]` stay as they were, with a warning;
//! 5. at SIGTERM or SIGINT let running downloads finish, for as long as `shutdown_timeout`.

use std::path::PathBuf;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::app::{self, App, Reloadable};
use crate::config::{Colours, Config, ConfigError, Listen};
use crate::logging;
use crate::server::{self, Listener, Signals};

/// Serves the views of `config` until SIGTERM or SIGINT, listening on `listen` or where the file says. On SIGHUP the
/// file is read anew: new requests are answered by what it says then, running downloads go on.
///
/// # Errors
///
/// Anything that stands in the way of starting; once it listens, nothing does.
pub fn serve(config: &Config, listen: Option<Listen>) -> anyhow::Result<()> {
    logging::init(&config.log)?;
    let listen = listen.unwrap_or_else(|| config.listen.clone());
    let mut settings = config.server.clone();
    server::provide_descriptors(&mut settings);
    let runtime = server::runtime(&settings)?;
    let served = runtime.block_on(async {
        outlive_file_sizes()?;
        let app = Reloadable::new(app::build(config).await?);
        warn_of_idle_rules(config);
        // Whoever sees the port open may send one, which would end the process.
        let signals = Signals::listen().context("cannot catch signals")?;
        let listener = Listener::bind(&listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        tracing::info!(%listen, views = config.views.len(), "listening");
        let mut current = config.clone();
        let reload = async || reload(&mut current, &app).await;
        let served = app.clone();
        let connected = move |peer| served.of_peer(peer);
        let ended =
            server::serve_until_signal(listener, signals, connected, &settings, reload).await?;
        tell_of_spool(&app);
        match ended {
            Some(ended) => tracing::info!(
                accepted = ended.accepted,
                aborted = ended.aborted,
                "stopped"
            ),
            None => tracing::info!("stopped at once"),
        }
        anyhow::Ok(())
    });
    // A read that hangs holds its thread for as long as it likes; the process does not wait for it.
    runtime.shutdown_background();
    served
}

/// A file that would grow beyond the limit of the process (`ulimit -f`) fails to be written: that is one download to be
/// streamed, and not the end of all.
fn outlive_file_sizes() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};

        // From the first time on it is caught, also when nobody listens.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).context("cannot catch SIGXFSZ")?);
    }
    Ok(())
}

/// Reads the file anew. Mistakes are logged as at start, and leave everything as it was.
async fn reload(current: &mut Config, app: &Reloadable) {
    match read_anew(current.file.clone(), app.current()).await {
        Ok((config, built)) => {
            for restart in needs_restart(current, &config) {
                tracing::warn!("{restart} changed in the file: that takes a restart");
            }
            warn_of_idle_rules(&config);
            tell_of_spool(app);
            app.replace(built);
            tracing::info!(views = config.views.len(), "configuration read anew");
            *current = config;
        }
        Err(error) => {
            let text = match error.downcast_ref::<ConfigError>() {
                Some(error) => error.render(Colours::Never).to_string(),
                None => format!("{error:#}"),
            };
            tracing::error!("configuration not read anew, the old one stays: {text}");
        }
    }
}

/// On a thread of its own: who looks at the folders of the file may meet a mount that hangs.
async fn read_anew(file: PathBuf, before: App) -> anyhow::Result<(Config, App)> {
    let runtime = Handle::current();
    let read = move || {
        let config = Config::load(&file)?;
        let built = runtime.block_on(before.rebuild(&config))?;
        anyhow::Ok((config, built))
    };
    spawn_blocking(read).await?
}

/// What the copies were good for, and what they cost: at reload and stop.
fn tell_of_spool(app: &Reloadable) {
    let Some(counters) = app.current().spool_counters() else {
        return;
    };
    let streamed = counters.streamed.iter();
    let streamed: Vec<_> = streamed
        .map(|(why, count)| format!("{count}: {why}"))
        .collect();
    tracing::info!(
        hits = counters.hits,
        misses = counters.misses,
        fills = counters.fills,
        failed = counters.failed,
        joined = counters.joined,
        validated = counters.validated,
        stale = counters.stale,
        bytes_in = counters.bytes_in,
        bytes_out = counters.bytes_out,
        evictions = counters.evictions,
        bytes_held = counters.bytes_held,
        copies_held = counters.copies_held,
        streamed = streamed.join("; "),
        "the spool since its start"
    );
}

/// A rule that nobody carries out looks like one that works, until somebody wonders who sends the files.
fn warn_of_idle_rules(config: &Config) {
    for rule in config.rules() {
        if let Some(why) = rule.idle() {
            tracing::warn!(rule = rule.label(), "the rule {why}");
        }
    }
}

/// What was decided when the process started.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        (old.listen != new.listen, "`listen`"),
        (old.server != new.server, "[server]"),
        (old.log != new.log, "[log]"),
    ];
    let changed = changed.into_iter().filter(|(changed, _)| *changed);
    changed.map(|(_, what)| what).collect()
}
