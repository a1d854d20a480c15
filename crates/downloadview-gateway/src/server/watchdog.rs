//! Ends the process when stopping takes longer than it may: a read from a mount that hangs cannot be called off, and
//! whoever waits for it waits for ever.

use std::io::{self, Write as _};
use std::process::exit;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// How long what should have ended by now gets on top.
const GRACE: Duration = Duration::from_secs(1);

/// Watches for SIGTERM and SIGINT on a thread of its own, since those of the server may hang. After the first the process
/// has `shutdown_timeout` and a second, after the second a second.
pub(super) fn start(shutdown_timeout: Duration) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let context = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    drop(context);
    let watch = async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        let _ = timeout(shutdown_timeout, next()).await;
        sleep(GRACE).await;
        // Not through the log, whose writer may be what hangs.
        let _ = writeln!(
            io::stderr(),
            "stopping took too long: the process ends with downloads cut"
        );
        exit(1)
    };
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || -> () { runtime.block_on(watch) })?;
    Ok(())
}
