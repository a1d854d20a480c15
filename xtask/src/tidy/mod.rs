//! `cargo xtask tidy`: house rules that no compiler knows, each violation with its place and how to fix it.

mod circles;
mod floors;
mod habits;
mod links;
mod rooms;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::root;

/// The library's folder, whose rooms are checked.
const LIBRARY: &str = "crates/downloadview/src";

/// The folders of which no two files may need each other.
const CRATES: [&str; 4] = [
    LIBRARY,
    "crates/downloadview-axum/src",
    "crates/downloadview-sea-orm/src",
    "crates/downloadview-gateway/src",
];

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &["target", ".git", "node_modules"];

/// Checks the whole workspace and prints every violation.
///
/// # Errors
/// When there is a violation, or a file cannot be read.
pub(crate) fn run() -> Result<()> {
    let mut violations = Vec::new();
    for house in &floors::HOUSES {
        violations.extend(floors::check(house, root())?);
    }
    for src in CRATES {
        violations.extend(circles::check(&root().join(src))?);
    }
    violations.extend(rooms::check(root())?);
    violations.extend(habits::check(root())?);
    violations.extend(links::check(root())?);
    for violation in &violations {
        eprintln!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy");
            Ok(())
        }
        1 => bail!("one house rule is broken (above)"),
        count => bail!("{count} house rules are broken (above)"),
    }
}

/// One broken rule: where, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: PathBuf,
    line: usize,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.strip_prefix(root()).unwrap_or(&self.file);
        write!(f, "{}:{}: {}", file.display(), self.line, self.message)
    }
}

/// Every file below `folder` with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, extension, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let foreign = FOREIGN.iter().any(|name| entry.file_name() == *name);
        if entry.file_type()?.is_dir() {
            if !foreign {
                collect(&path, extension, found)?;
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
