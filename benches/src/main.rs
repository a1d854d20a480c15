//! Measures the gateway against its peers in CPU time and memory, and is most of these peers itself.
//!
//! A run goes one way:
//! 1. [`lab`] makes the files, keeps one core for the client and one for the servers;
//! 2. [`scenario`] starts the servers of one comparison and lets them take turns under [`client`]'s load;
//!    for object views over databases, [`database`] makes and starts these;
//! 3. [`memory`] leaves clients stalled or idle and reads what the servers hold for them;
//! 4. [`crowd`] measures what clients wait for, and cost, beside fast and slow ones and beside the disk;
//! 5. [`report`] prints the rows and writes them to `RESULTS.md`.

mod client;
mod crowd;
mod database;
mod documents;
mod environment;
mod files;
mod gateway;
mod lab;
mod memory;
mod peers;
mod proc;
mod report;
mod request;
mod scenario;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::lab::{Lab, Plan};
use crate::peers::Peer;
use crate::report::Report;

/// CPU time and memory of the gateway, side by side with bare hyper, tower-http, actix-files and nginx.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be one of the servers that the gateway is compared with (the harness starts these itself).
    #[command(subcommand)]
    Peer(Peer),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// A smoke run of about a minute: every scenario, figures too rough to quote.
    #[arg(long)]
    quick: bool,
    /// Compare the peers with each other; needs no gateway and checks no target.
    #[arg(long)]
    only_peers: bool,
    /// Run only this part; may be repeated.
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// The gateway to measure.
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/dist/downloadview"))]
    gateway: PathBuf,
    /// An earlier build of the gateway, measured in the same turns: it shows what a change gained or cost.
    #[arg(long, value_name = "FILE", conflicts_with = "only_peers")]
    before: Option<PathBuf>,
    /// static-web-server, to stream beside the others (`cargo install static-web-server --no-default-features`).
    #[arg(long, value_name = "FILE")]
    static_web_server: Option<PathBuf>,
    /// Folder for the 1.2 GiB of test files, on a disk (not tmpfs); emptied afterwards.
    #[arg(long, value_name = "FOLDER", default_value = "/var/tmp")]
    dir: PathBuf,
    /// Where the tables go; by default `RESULTS.md` beside this package for a complete run, nowhere otherwise.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Measure while somebody copies memory on the client's core, as on a machine that is in use.
    #[arg(long)]
    busy: bool,
    /// Exit with status 1 when a target is missed.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    HandOff,
    EndToEnd,
    Streaming,
    Remote,
    Spool,
    Authorized,
    Object,
    Memory,
    Fairness,
    Slow,
    Cold,
}

impl RunArgs {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    fn output(&self) -> Option<PathBuf> {
        let complete = !self.quick && !self.only_peers && !self.busy && self.only.is_empty();
        self.output.clone().or_else(|| {
            complete.then(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md")))
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Peer(peer)) => peer.run().map(|()| ExitCode::SUCCESS),
        None => {
            let outcome = run(&cli.run);
            lab::stay_while_stopping();
            outcome
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(args: &RunArgs) -> Result<ExitCode> {
    let plan = if args.quick {
        Plan::quick()
    } else {
        Plan::full()
    };
    let gateway = (!args.only_peers).then(|| args.gateway.clone());
    let binaries = lab::Binaries {
        gateway,
        before: args.before.clone(),
        static_web_server: args.static_web_server.clone(),
    };
    let mut lab = Lab::open(&args.dir, binaries, plan)?;

    if args.busy {
        lab.keep_busy();
    }
    let mut report = Report::new(environment::describe(&lab, args.busy)?);
    if args.wants(Part::HandOff) {
        report.ratios.extend(scenario::hand_off(&lab)?);
    }
    if args.wants(Part::EndToEnd) {
        report.ratios.extend(scenario::end_to_end(&lab)?);
    }
    if args.wants(Part::Streaming) {
        report.ratios.extend(scenario::streaming(&lab)?);
    }
    if args.wants(Part::Remote) {
        report.ratios.extend(scenario::remote(&lab)?);
    }
    if args.wants(Part::Spool) {
        report.ratios.extend(scenario::spool(&lab)?);
    }
    if args.wants(Part::Authorized) {
        report.ratios.extend(scenario::authorized(&lab)?);
    }
    if args.wants(Part::Object) {
        report.objects = Some(scenario::object(&lab)?);
    }
    if args.wants(Part::Memory) {
        report.memory.extend(memory::measure(&lab)?);
    }
    if args.wants(Part::Fairness) {
        report.felt.extend(crowd::fairness(&lab)?);
    }
    if args.wants(Part::Slow) {
        report.felt.extend(crowd::slow(&lab)?);
    }
    if args.wants(Part::Cold) {
        report.felt.extend(crowd::cold(&lab)?);
    }

    let text = report.render();
    println!("{text}");
    if let Some(path) = args.output() {
        lab::write(&path, &text)?;
    }
    let failed = args.check && !report.targets_met();
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
