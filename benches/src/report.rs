//! The tables that a run ends with, as Markdown: read on the terminal and kept in `RESULTS.md` alike.

use std::fmt::Write;

use crate::crowd::Felt;
use crate::files::{KIB, MIB};
use crate::memory::Amount;
use crate::scenario::ratio::{Quotient, Ratio};
use crate::scenario::{Objects, Relation, Source};

/// Everything a run found out.
#[derive(Debug)]
pub(crate) struct Report {
    environment: Vec<(&'static str, String)>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) objects: Option<Objects>,
    pub(crate) memory: Vec<Amount>,
    pub(crate) felt: Vec<Felt>,
}

const METHOD: &str = "\
Written by `cargo xtask bench`. Every server has one thread (nginx: one worker) and one core, the client the other. \
Servers take turns, and are started anew between every few of them; CPU time is what the scheduler counted for all threads of all their processes, kernel \
time included, divided by the answers of the turn. A ratio is the peer's CPU time divided by the gateway's, the median \
over the rounds, with the quartiles in brackets: above 1 the gateway is cheaper. The client checks the \
status, the length, and the first and last bytes of every answer. Files come from the page cache, over loopback. Without a \
target means: shown, not promised.";

const OBJECTS: &str = "\
Requests for `/documents/hello-world`, sent to the application itself, which answers with a hand-off to nginx: the library's \
`ObjectView` on hyper. The record states size and date, so nobody looks at the file. The lines differ only in where the record \
comes from: a `HashMap`, or a table of 10 000 rows with a unique index on the slug, which is asked once a request. SQLite \
runs within the application; PostgreSQL and MariaDB are servers, reached by TCP over loopback, on the application's core, \
and their CPU time is part of the sum. \"To memory\" is the figure divided by that of memory. Shown, not promised.";

const BESIDE: &str = "\
One thread and one core for the server, the other core for all clients. A figure is the median of the sittings, with the \
quartiles in brackets; \"to nginx\" is the figure divided by that of nginx in the same sitting. Small answers are asked \
for every half a millisecond, from the page cache. Cold files were dropped from it before. Shown, not promised.";

impl Report {
    /// An empty report of a run in this environment.
    pub(crate) fn new(environment: Vec<(&'static str, String)>) -> Self {
        Self {
            environment,
            ratios: Vec::new(),
            objects: None,
            memory: Vec::new(),
            felt: Vec::new(),
        }
    }

    /// Whether every promise is kept.
    pub(crate) fn targets_met(&self) -> bool {
        self.verdicts().all(|met| met)
    }

    /// The whole report as Markdown.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("# Results\n\n{METHOD}\n\n");
        for (name, value) in &self.environment {
            let _ = writeln!(text, "- {name}: {value}");
        }
        if !self.ratios.is_empty() {
            text.push_str("\n## CPU time of an answer\n\n");
            text.push_str(&self.ratio_table());
            let turns = self.ratios.iter();
            let turns = turns.map(|row| (row.scenario.as_str(), row.disturbed));
            text.push_str(&disturbances(turns));
        }
        if let Some(objects) = &self.objects {
            let _ = write!(text, "\n## Objects: what a database costs\n\n{OBJECTS}\n\n");
            text.push_str(&object_table(objects));
            text.push_str(&disturbances([("objects", objects.disturbed)]));
        }
        if !self.memory.is_empty() {
            text.push_str("\n## Resident memory\n\n");
            text.push_str(&self.memory_table());
        }
        if !self.felt.is_empty() {
            let _ = write!(text, "\n## Beside others\n\n{BESIDE}\n\n");
            text.push_str(&self.felt_table());
        }
        let kept = self.verdicts().filter(|met| *met).count();
        let _ = writeln!(
            text,
            "\nTargets met: {kept} of {}.",
            self.verdicts().count()
        );
        text
    }

    fn verdicts(&self) -> impl Iterator<Item = bool> {
        let ratios = self
            .ratios
            .iter()
            .filter_map(|row| row.peer.as_ref()?.met());
        ratios.chain(self.memory.iter().filter_map(Amount::met))
    }

    fn ratio_table(&self) -> String {
        let head = [
            "scenario",
            "server",
            "CPU µs",
            "peer",
            "peer CPU µs",
            "ratio",
            "target",
            "met",
        ];
        table(&head, self.ratios.iter().map(ratio_cells))
    }

    fn felt_table(&self) -> String {
        let head = ["beside others", "server", "measured", "unit", "to nginx"];
        table(&head, self.felt.iter().map(felt_cells))
    }

    fn memory_table(&self) -> String {
        let head = ["memory", "server", "measured", "at most", "met"];
        table(&head, self.memory.iter().map(memory_cells))
    }
}

/// Says which figures to distrust, by their scenarios' disturbed turns; nothing when the machine was quiet.
fn disturbances<'a>(turns: impl IntoIterator<Item = (&'a str, usize)>) -> String {
    let mut text = String::new();
    let disturbed = turns.into_iter().filter(|(_, turns)| *turns > 0);
    let mut disturbed: Vec<_> = disturbed.collect();
    disturbed.dedup_by_key(|(scenario, _)| *scenario);
    for (scenario, turns) in disturbed {
        let _ = write!(
            text,
            "\nOther programs ran on the cores during {turns} turns of \"{scenario}\"."
        );
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn object_table(objects: &Objects) -> String {
    let head = [
        "records from",
        "requests/s",
        "to memory",
        "CPU µs",
        "of which the database server",
        "to memory",
    ];
    table(&head, objects.sources.iter().map(object_cells))
}

fn object_cells(row: &Source) -> Vec<String> {
    let to_memory = |of: fn(&Relation) -> Quotient| {
        let relation = row.to_memory.as_ref();
        relation.map_or_else(blank, |relation| quotient(of(relation)))
    };
    vec![
        row.name.clone(),
        format!("{:.0}", row.per_second),
        to_memory(|relation| relation.per_second),
        micros(row.micros),
        row.database_micros.map_or_else(blank, micros),
        to_memory(|relation| relation.micros),
    ]
}

fn quotient(quotient: Quotient) -> String {
    let (low, high) = quotient.quartiles;
    format!("{:.2} ({low:.2}–{high:.2})", quotient.median)
}

fn ratio_cells(row: &Ratio) -> Vec<String> {
    let mut cells = vec![
        row.scenario.clone(),
        row.subject.server.clone(),
        micros(row.subject.micros),
    ];
    match &row.peer {
        Some(peer) => cells.extend([
            peer.peer.server.clone(),
            micros(peer.peer.micros),
            quotient(peer.ratio),
            peer.target
                .map_or_else(blank, |target| format!("≥ {target:.2}")),
            verdict(peer.met()),
        ]),
        None => cells.extend([(); 5].map(|()| blank())),
    }
    cells
}

fn felt_cells(row: &Felt) -> Vec<String> {
    vec![
        row.what.clone(),
        row.server.clone(),
        spread(row.figure),
        row.unit.to_owned(),
        row.to_nginx.map_or_else(blank, quotient),
    ]
}

/// A figure of any size, with what half of the sittings lie between.
fn spread(figure: Quotient) -> String {
    let (low, high) = figure.quartiles;
    let digits = micros;
    format!(
        "{} ({}–{})",
        digits(figure.median),
        digits(low),
        digits(high)
    )
}

fn memory_cells(row: &Amount) -> Vec<String> {
    vec![
        row.what.clone(),
        row.server.clone(),
        bytes(row.bytes),
        row.bound
            .map_or_else(blank, |bound| format!("≤ {}", bytes(bound))),
        verdict(row.met()),
    ]
}

fn verdict(met: Option<bool>) -> String {
    match met {
        Some(true) => "yes".to_owned(),
        Some(false) => "**no**".to_owned(),
        None => blank(),
    }
}

fn blank() -> String {
    "–".to_owned()
}

/// Three digits are as many as a run reproduces.
fn micros(micros: f64) -> String {
    match micros {
        0.0..10.0 => format!("{micros:.2}"),
        10.0..100.0 => format!("{micros:.1}"),
        _ => format!("{micros:.0}"),
    }
}

fn bytes(bytes: u64) -> String {
    if bytes < MIB {
        format!("{:.1} KiB", bytes as f64 / KIB as f64)
    } else {
        format!("{:.1} MiB", bytes as f64 / MIB as f64)
    }
}

/// A Markdown table whose columns also line up as plain text.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines = vec![head.iter().map(|cell| (*cell).to_owned()).collect()];
    lines.extend(rows);
    let width = |column: usize| {
        let cells = lines
            .iter()
            .filter_map(|line: &Vec<String>| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1, rule);

    let mut text = String::new();
    for line in &lines {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::ratio::{Comparison, Cost};

    fn cost(server: &str, micros: f64) -> Cost {
        Cost {
            server: server.to_owned(),
            micros,
        }
    }

    fn around(median: f64) -> Quotient {
        Quotient {
            median,
            quartiles: (median - 0.1, median + 0.1),
        }
    }

    fn row(ratio: f64, target: Option<f64>) -> Ratio {
        Ratio {
            scenario: "streamed, 1 KiB".to_owned(),
            subject: cost("gateway", 10.04),
            peer: Some(Comparison {
                peer: cost("tower-http", 25.1),
                ratio: around(ratio),
                target,
            }),
            disturbed: 0,
        }
    }

    #[test]
    fn a_row_reads_from_scenario_to_verdict() {
        let mut report = Report::new(vec![("kernel", "Linux 6".to_owned())]);
        report.ratios = vec![row(2.5, Some(2.2)), row(2.0, None)];
        let text = report.render();
        assert!(text.contains("- kernel: Linux 6\n"), "{text}");
        let expected = "\
| scenario        | server  | CPU µs | peer       | peer CPU µs | ratio            | target | met |
| --------------- | ------- | ------ | ---------- | ----------- | ---------------- | ------ | --- |
| streamed, 1 KiB | gateway | 10.0   | tower-http | 25.1        | 2.50 (2.40–2.60) | ≥ 2.20 | yes |
| streamed, 1 KiB | gateway | 10.0   | tower-http | 25.1        | 2.00 (1.90–2.10) | –      | –   |
";
        assert!(text.contains(expected), "{text}");
        assert!(text.ends_with("Targets met: 1 of 1.\n"), "{text}");
    }

    #[test]
    fn a_disturbed_scenario_is_named_once() {
        let mut report = Report::new(Vec::new());
        report.ratios = vec![row(2.5, None), row(2.0, None)];
        assert!(!report.render().contains("Other programs"));
        for row in &mut report.ratios {
            row.disturbed = 7;
        }
        let text = report.render();
        assert_eq!(
            text.matches("during 7 turns of \"streamed, 1 KiB\"")
                .count(),
            1,
            "{text}"
        );
    }

    #[test]
    fn one_missed_target_of_either_kind_is_seen() {
        let mut report = Report::new(Vec::new());
        report.ratios = vec![row(2.5, Some(2.2))];
        report.memory = vec![Amount {
            what: "idle".to_owned(),
            server: "gateway".to_owned(),
            bytes: 17 * KIB,
            bound: Some(16 * KIB),
        }];
        assert!(!report.targets_met());
        let text = report.render();
        assert!(
            text.contains("| 17.0 KiB | ≤ 16.0 KiB | **no** |"),
            "{text}"
        );
        report.memory.clear();
        assert!(report.targets_met());
    }

    #[test]
    fn a_database_is_set_beside_memory_and_promises_nothing() {
        let mut report = Report::new(Vec::new());
        let memory = Source {
            name: "memory".to_owned(),
            per_second: 100_000.4,
            micros: 9.0,
            database_micros: None,
            to_memory: None,
        };
        let database = Source {
            name: "PostgreSQL 15.18".to_owned(),
            per_second: 20_000.0,
            micros: 45.0,
            database_micros: Some(20.0),
            to_memory: Some(Relation {
                per_second: around(0.2),
                micros: around(5.0),
            }),
        };
        report.objects = Some(Objects {
            sources: vec![memory, database],
            disturbed: 2,
        });
        let text = report.render();
        let expected = "\
| records from     | requests/s | to memory        | CPU µs | of which the database server | to memory        |
| ---------------- | ---------- | ---------------- | ------ | ---------------------------- | ---------------- |
| memory           | 100000     | –                | 9.00   | –                            | –                |
| PostgreSQL 15.18 | 20000      | 0.20 (0.10–0.30) | 45.0   | 20.0                         | 5.00 (4.90–5.10) |

Other programs ran on the cores during 2 turns of \"objects\".
";
        assert!(text.contains(expected), "{text}");
        assert!(text.ends_with("Targets met: 0 of 0.\n"), "{text}");
    }
}
