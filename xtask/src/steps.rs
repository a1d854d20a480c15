//! `cargo xtask test`: the steps in order of cost, each with a header and its time; the first failure ends it.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::{cargo, cargo_command, run as run_command, succeeds};
use crate::{newest, node, packages, python, tidy};

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "packages",
        what: "the Debian packages that the tests need",
        run: packages::ensure,
    },
    Step {
        name: "newest",
        what: "the newest nginx and Caddy, as Python packages below target",
        run: newest::ensure,
    },
    Step {
        name: "stores",
        what: "servers that stand for S3 and Google Cloud Storage, as Python packages below target",
        run: python::ensure_stores,
    },
    Step {
        name: "azurite",
        what: "a server that stands for Azure's Blob Storage, as Node.js packages below target",
        run: node::ensure_azurite,
    },
    Step {
        name: "axe",
        what: "axe-core, which looks at the demonstration's page, as a Node.js package below target",
        run: node::ensure_axe,
    },
    Step {
        name: "django",
        what: "Django, an application for the tests, as Python packages below target",
        run: python::ensure_django,
    },
    Step {
        name: "fmt",
        what: "every file is formatted",
        run: fmt,
    },
    Step {
        name: "tidy",
        what: "house rules: floors, backend rooms, habits, links",
        run: tidy::run,
    },
    Step {
        name: "clippy",
        what: "no lint anywhere, tests included",
        run: clippy,
    },
    Step {
        name: "doc",
        what: "the documentation builds without a warning",
        run: doc,
    },
    Step {
        name: "features",
        what: "each feature of the library builds alone, and the gateway without its demonstration",
        run: features,
    },
    Step {
        name: "test",
        what: "unit, doc, journeys, and downloads through the real proxies",
        run: test,
    },
];

/// Features of the library that must build with no other.
const FEATURES_ALONE: &[&str] = &[
    "authorize",
    "azure",
    "fs",
    "gcs",
    "remote",
    "s3",
    "signature",
    "testing",
];

/// The steps, one a line, for the help.
pub(crate) fn list() -> String {
    STEPS
        .iter()
        .map(|step| format!("  {:<20} {}\n", step.name, step.what))
        .collect()
}

/// Runs all steps, or the one that `--only STEP` names.
///
/// # Errors
/// The first step that fails, or arguments that are not understood.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen = match words.as_slice() {
        [] => STEPS,
        ["--only", name] => named(name)?,
        _ => bail!(
            "expected nothing or `--only STEP`; the steps are\n{}",
            list()
        ),
    };
    let started = Instant::now();
    for step in chosen {
        timed(step)?;
    }
    let seconds = started.elapsed().as_secs();
    println!("\nall steps passed in {seconds} s");
    Ok(())
}

fn named(name: &str) -> Result<&'static [Step]> {
    let index = STEPS
        .iter()
        .position(|step| step.name == name)
        .with_context(|| format!("`{name}` is not a step; they are\n{}", list()))?;
    Ok(&STEPS[index..=index])
}

fn timed(step: &Step) -> Result<()> {
    println!("\n=== {}: {}", step.name, step.what);
    let started = Instant::now();
    (step.run)().with_context(|| format!("step `{}`", step.name))?;
    println!(
        "--- {}: {:.1} s",
        step.name,
        started.elapsed().as_secs_f32()
    );
    Ok(())
}

fn fmt() -> Result<()> {
    require_component("fmt", "rustfmt")?;
    cargo(&["fmt", "--all", "--check"]).context("some file is not formatted: run `cargo fmt --all`")
}

fn clippy() -> Result<()> {
    require_component("clippy", "clippy")?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])
}

/// Libraries only: the gateway's binary has the library's name, and both would write `doc/downloadview/`.
fn doc() -> Result<()> {
    let mut command = cargo_command(&["doc", "--workspace", "--no-deps", "--lib"]);
    run_command(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn features() -> Result<()> {
    let alone = [
        "check",
        "--package",
        "downloadview",
        "--no-default-features",
    ];
    cargo(&alone)?;
    for feature in FEATURES_ALONE {
        cargo(&[alone.as_slice(), &["--features", feature]].concat())?;
    }
    let server = "downloadview-gateway";
    cargo(&["check", "--package", server, "--no-default-features"])
}

fn test() -> Result<()> {
    let clouds = "downloadview-gateway/azure,downloadview-gateway/gcs";
    cargo(&["test", "--workspace", "--features", clouds])
}

fn require_component(subcommand: &str, component: &str) -> Result<()> {
    if succeeds(&mut cargo_command(&[subcommand, "--version"])) {
        return Ok(());
    }
    bail!("`cargo {subcommand}` is missing: run `rustup component add {component}`");
}
