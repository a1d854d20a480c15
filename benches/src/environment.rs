//! What the figures were measured on: date, machine, versions.

use std::fs;
use std::time::SystemTime;

use anyhow::Result;

use crate::files::{FILE_1_GIB, FILE_1_KIB, FILE_100_MIB, TestFile};
use crate::lab::Lab;
use crate::peers::nginx;

/// The dependencies as they were when this program was built.
const LOCK: &str = include_str!("../../Cargo.lock");

const CRATES: [&str; 7] = [
    "hyper",
    "tokio",
    "tower-http",
    "actix-web",
    "actix-files",
    "sea-orm",
    "sqlx",
];

/// What was measured, where and when, as lines of name and value.
pub(crate) fn describe(lab: &Lab, busy: bool) -> Result<Vec<(&'static str, String)>> {
    let cores = lab.cores;
    let turns = |file: TestFile| {
        let turns = lab.plan.turns(file.size);
        match turns.slice.as_millis() {
            0 => format!("{} of one download", lab.plan.sittings * turns.rounds),
            slice => format!("{} of {slice} ms", lab.plan.sittings * turns.rounds),
        }
    };
    Ok(vec![
        ("date", httpdate::fmt_http_date(SystemTime::now())),
        ("CPU", processor()),
        ("kernel", kernel()),
        (
            "cores",
            format!(
                "servers on {}, client on {}{}",
                cores.server,
                cores.client,
                if busy { ", which is busy copying" } else { "" }
            ),
        ),
        (
            "turns",
            format!(
                "{} for small files, {} for 100 MiB, {} for 1 GiB",
                turns(FILE_1_KIB),
                turns(FILE_100_MIB),
                turns(FILE_1_GIB)
            ),
        ),
        ("nginx", nginx::version()?),
        ("crates", crates()),
    ])
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, name)| name).to_owned()
}

fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {}", text.trim())
}

fn crates() -> String {
    CRATES
        .map(|name| format!("{name} {}", locked_version(LOCK, name)))
        .join(", ")
}

/// The highest version of a crate in a `Cargo.lock`, which lists them in rising order.
fn locked_version<'a>(lock: &'a str, name: &str) -> &'a str {
    let line = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut version = "unknown";
    while lines.any(|it| it == line) {
        version = lines
            .next()
            .and_then(|it| it.strip_prefix("version = "))
            .map_or(version, |it| it.trim_matches('"'));
    }
    version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_two_versions_is_named() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.6.9\"\n\n[[package]]\nname = \"a\"\nversion = \"0.7.1\"\n";
        assert_eq!(locked_version(lock, "a"), "0.7.1");
        assert_eq!(locked_version(lock, "b"), "unknown");
    }

    #[test]
    fn every_named_crate_is_in_the_lock_file() {
        assert!(!crates().contains("unknown"), "{}", crates());
    }
}
