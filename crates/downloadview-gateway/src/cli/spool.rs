//! `downloadview spool`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigArgs, Format};

pub(super) const HELP: &str = "\
All of it may run beside the gateway. What a process fills stays, and so does each copy that was handed to a proxy within
the last lease: gateways note that on the file. Files that are not the spool's are listed, and never removed.

Examples:
  downloadview spool list --config downloadview.toml
      Every copy, with its size, its last use and whether its lease runs.
  downloadview spool prune --config downloadview.toml --unused-for 30d --dry-run
      Which copies nobody asked for within 30 days, and what else could go.
  downloadview spool verify --config downloadview.toml --format json
      Reads every copy; for a machine.

Exit codes:
  0  done, and nothing is wrong
  1  `verify` found something wrong, or the configuration or the disk stands in the way
  2  the command line is wrong";

/// Arguments of `spool`.
#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SpoolCommand,
}

/// What may be asked of a spool.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum SpoolCommand {
    /// Show what lies in the folder
    List(SpoolLookArgs),
    /// Remove leftovers, replaced copies, and copies beyond the bounds of the file
    Prune(SpoolPruneArgs),
    /// Remove every copy whose lease is over
    Clear(SpoolClearArgs),
    /// Read every copy, and say what is wrong with it
    Verify(SpoolLookArgs),
}

impl SpoolCommand {
    /// How the findings are printed.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::List(look) | Self::Verify(look) => look.format,
            Self::Prune(args) => args.look.format,
            Self::Clear(args) => args.look.format,
        }
    }
}

/// Which spool, and how it is told.
#[derive(Debug, Args)]
pub struct SpoolLookArgs {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `spool prune`.
#[derive(Debug, Args)]
pub struct SpoolPruneArgs {
    /// Which spool, and how it is told.
    #[command(flatten)]
    pub look: SpoolLookArgs,
    /// Remove also what was not used for so long: 12h, 30d
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub unused_for: Option<Duration>,
    /// Remove nothing, and say what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `spool clear`.
#[derive(Debug, Args)]
pub struct SpoolClearArgs {
    /// Which spool, and how it is told.
    #[command(flatten)]
    pub look: SpoolLookArgs,
    /// Remove nothing, and say what would go
    #[arg(long)]
    pub dry_run: bool,
}

fn time(text: &str) -> Result<Duration, String> {
    crate::config::duration(text).map_err(|fault| format!("{}; {}", fault.message, fault.help))
}
