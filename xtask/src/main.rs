//! The project's commands, the same by hand and in continuous integration: `cargo xtask <command>`.

mod command;
mod newest;
mod node;
mod packages;
mod python;
mod steps;
mod tidy;
mod wheels;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::command::cargo;

const HELP: &str = "\
cargo xtask <command>

  test [--only STEP]   everything: packages, format, lints, house rules, docs, features, tests
                       against the real proxies (installs what is missing when root on Debian, and the
                       newest nginx and Caddy, servers for S3, Google Cloud Storage and Azure, Django and axe-core below
                       target)
  tidy                 house rules alone: floors, backend rooms, habits, links
  proxies [NAME...]    the tests against real proxies, then a table of who carries which file name;
                       or the suite of nginx, apache, lighttpd, caddy, newest_nginx, newest_caddy, announced,
                       or the table alone
  soak [--minutes N]   one gateway for N minutes (15) on a full disk, with few descriptors, a mount that
                       hangs, reloads and bad clients; takes root, and ends with a verdict
  bench [ARGS...]      release builds, then the benchmarks with ARGS (--quick, --help, ...)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Err(error) = dispatch(&arguments) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{HELP}\nSteps of `test`:\n{}", steps::list());
        return Ok(());
    };
    match name.as_str() {
        "test" => steps::run(rest),
        "tidy" => tidy::run(),
        "proxies" => proxies(rest),
        "soak" => soak(rest),
        "bench" => bench(rest),
        "help" | "-h" | "--help" => dispatch(&[]),
        unknown => bail!("`{unknown}` is not a command; `cargo xtask` alone lists them"),
    }
}

/// The table is the last of the package's tests, and prints itself.
fn proxies(names: &[String]) -> Result<()> {
    packages::ensure()?;
    newest::ensure()?;
    python::ensure_stores()?;
    python::ensure_django()?;
    node::ensure_azurite()?;
    node::ensure_axe()?;
    let mut arguments = vec!["test", "--package", "proxy-tests", "--no-fail-fast"];
    for name in names {
        arguments.extend(["--test", name]);
    }
    cargo(&arguments)
}

/// Not a step of `test`: it takes minutes, and what it shows, it shows after minutes.
fn soak(rest: &[String]) -> Result<()> {
    let mut arguments = vec!["run", "--package", "proxy-tests", "--example", "soak", "--"];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments)
}

fn bench(rest: &[String]) -> Result<()> {
    cargo(&[
        "build",
        "--profile",
        "dist",
        "--package",
        "downloadview-gateway",
        "--package",
        "downloadview-benches",
    ])?;
    let mut arguments = vec![
        "run",
        "--profile",
        "dist",
        "--package",
        "downloadview-benches",
        "--",
    ];
    arguments.extend(rest.iter().map(String::as_str));
    cargo(&arguments)
}
