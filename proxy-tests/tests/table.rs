//! Prints which proxy carries which name, as it is on this machine: rows are names, columns proxies.
//!
//! Without the test harness, whose output would hide the table. A wrong byte, or a name carried otherwise than it is
//! known to be, fails it.

use std::process::ExitCode;

use proxy_tests::{Carriage, NAMES, Proxy, World, carry, shown};

fn main() -> ExitCode {
    // What test runners ask every target.
    if std::env::args().any(|argument| argument == "--list") {
        println!("table: test");
        return ExitCode::SUCCESS;
    }
    let worlds = Proxy::ALL.map(World::new);
    let mut table = vec![head()];
    let mut complaints = Vec::new();
    for name in NAMES {
        let mut row = vec![shown(name)];
        for world in &worlds {
            let cell = cell(world, name);
            row.push(cell.clone().unwrap_or_else(|_| "WRONG".to_owned()));
            complaints.extend(cell.err());
        }
        table.push(row);
    }
    println!("\n{}", aligned(&table));
    if complaints.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("wrong:\n{}", complaints.join("\n"));
    ExitCode::FAILURE
}

fn head() -> Vec<String> {
    let proxies = Proxy::ALL.iter().map(|proxy| proxy.name().to_owned());
    std::iter::once("file name".to_owned())
        .chain(proxies)
        .collect()
}

fn cell(world: &World, name: &[u8]) -> Result<String, String> {
    let (carriage, _) = carry(world, name).map_err(|error| format!("{error:#}"))?;
    match (carriage, world.proxy.cannot_carry(name)) {
        (Carriage::Delegated, None) => Ok("delegated".to_owned()),
        (Carriage::Streamed(reason), Some(word)) if reason.contains(word) => {
            Ok(format!("streamed ({word})"))
        }
        (carriage, known) => Err(format!(
            "{} behind {}: {carriage:?}, but known as {known:?}",
            shown(name),
            world.proxy.name()
        )),
    }
}

/// Columns as wide as their widest cell.
fn aligned(table: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = table.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..=Proxy::ALL.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        format!("{}\n", line.trim_end())
    };
    table.iter().map(line).collect()
}
