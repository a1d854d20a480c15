//! The command: prints what is found, once or again and again, until it is told to stop.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;

use super::check;
use super::finding::Report;
use super::report::Paint;
use super::setup::Options;
use crate::cli::{CheckArgs, Format};
use crate::config::ServerSettings;
use crate::server::{self, Signals};

/// Checks as the command line says, and gives the code that the process ends with.
///
/// # Errors
///
/// The process gets no runtime or no signals.
pub fn run(args: &CheckArgs) -> anyhow::Result<u8> {
    let options = options(args);
    let runtime = server::runtime(&ServerSettings::default())?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            // What was placed goes as the check is dropped.
            _ = signals.next() => anyhow::Ok(None),
            code = until_done(&options, args) => Ok(Some(code)),
        }
    });
    // A storage that hangs holds its thread; the process does not wait for it.
    runtime.shutdown_background();
    Ok(code?.unwrap_or(CUT_SHORT))
}

/// Nobody could tell.
const CUT_SHORT: u8 = 2;

async fn until_done(options: &Options, args: &CheckArgs) -> u8 {
    loop {
        let report = once(options, args.format).await;
        let Some(pause) = args.watch else {
            return report.exit_code();
        };
        sleep(pause.max(Duration::from_secs(1))).await;
    }
}

async fn once(options: &Options, format: Format) -> Report {
    let paint = match io::stdout().is_terminal() {
        true => Paint::Colours,
        false => Paint::Plain,
    };
    match format {
        Format::Json => {
            let report = check(options, &mut |_| {}).await;
            print(&report.json());
            report
        }
        Format::Text => {
            let report = check(options, &mut |finding| print(&finding.text(paint))).await;
            print(&report.summary());
            report
        }
    }
}

/// If nobody reads it, the exit code says it.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn options(args: &CheckArgs) -> Options {
    let mut options = Options::new(PathBuf::clone(&args.config.file));
    options.app = args.app.clone();
    options.proxies.clone_from(&args.proxies);
    options.files.clone_from(&args.files);
    options.headers.clone_from(&args.headers);
    options.offline = args.offline;
    options.ca_file.clone_from(&args.ca_file);
    options
}
