//! What was found and done, as a table and as JSON.

use std::fmt::Write as _;

use downloadview::spool::{Entry, EntryKind};
use serde::Serialize;

use crate::numbers::{counted, span};

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    Listed,
    Gone,
    WouldGo,
    InUse,
    /// What is wrong, and how to fix it.
    Faulty(String),
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    kind: String,
    bytes: u64,
    /// `null` for a time that is still to come: the clock was set back.
    used_seconds_ago: Option<u64>,
    leased: bool,
    /// `null` where nothing was done to it.
    result: Option<String>,
    #[serde(skip)]
    is_faulty: bool,
}

/// All that is told of a spool. [`text`](Self::text) is for people, [`json`](Self::json) for machines.
#[derive(Debug, Serialize)]
pub struct Report {
    dir: String,
    max_bytes: u64,
    /// Copies that lie there, and their bytes.
    copies: u64,
    bytes: u64,
    leased: u64,
    /// Copies that are being made.
    parts: u64,
    /// Files that are not the spool's.
    foreign: u64,
    entries: Vec<Row>,
    /// What was to go and stays, and until when, in sentences.
    #[serde(skip)]
    stays: Vec<String>,
}

impl Row {
    pub(super) fn of(entry: &Entry, done: Done) -> Self {
        let used = entry.used.elapsed().ok();
        let is_faulty = matches!(done, Done::Faulty(_));
        Self {
            name: entry.name.clone(),
            kind: entry.kind.to_string(),
            bytes: entry.bytes,
            used_seconds_ago: used.map(|since| since.as_secs()),
            leased: entry.leased,
            result: match done {
                Done::Listed => None,
                Done::Gone => Some("removed".to_owned()),
                Done::WouldGo => Some("would be removed".to_owned()),
                Done::InUse => Some("stays: it came into use".to_owned()),
                Done::Faulty(why) => Some(why),
            },
            is_faulty,
        }
    }

    fn text(&self) -> String {
        let used = match self.used_seconds_ago {
            Some(seconds) => span(seconds),
            None => "-".to_owned(),
        };
        let lease = if self.leased { "runs" } else { "-" };
        let (name, kind, bytes) = (&self.name, &self.kind, size(self.bytes));
        let mut text = format!("{kind:<9} {bytes:>10} {used:>9}  {lease:<5}  {name}");
        if let Some(result) = &self.result {
            let _ = write!(text, ": {result}");
        }
        text.push('\n');
        text
    }
}

impl Report {
    pub(super) fn new(dir: &str, max_bytes: u64, entries: &[Entry], rows: Vec<Row>) -> Self {
        let of = |kinds: &[EntryKind]| {
            let all = entries.iter();
            let found = all.filter(|entry| kinds.contains(&entry.kind));
            found.collect::<Vec<_>>()
        };
        let copies = of(&[EntryKind::Copy, EntryKind::Once]);
        Self {
            dir: dir.to_owned(),
            max_bytes,
            copies: copies.len() as u64,
            bytes: copies.iter().map(|entry| entry.bytes).sum(),
            leased: copies.iter().filter(|entry| entry.leased).count() as u64,
            parts: of(&[EntryKind::Part]).len() as u64,
            foreign: of(&[EntryKind::Foreign]).len() as u64,
            entries: rows,
            stays: Vec::new(),
        }
    }

    /// Says of an empty folder that was wished for what lies in it still, and until when.
    pub(super) fn cleared(mut self, entries: &[Entry]) -> Self {
        let leased = entries.iter().filter(|entry| entry.leased);
        let left = leased.map(|entry| entry.lease_left).max();
        if let Some(left) = left {
            let copies = counted(self.leased, "copy stays", "copies stay");
            let left = span(left.as_secs() + 1);
            self.stays.push(format!(
                "{copies}, because the proxy may still have to open what was handed to it: the last lease ends in {left} \
                 at the latest, unless a client asks again"
            ));
        }
        if self.parts > 0 {
            let parts = counted(self.parts, "copy that is", "copies that are");
            self.stays.push(format!(
                "{parts} being made: left to the process that makes it"
            ));
        }
        self
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.entries.iter().any(|row| row.is_faulty)
    }

    /// A table, and a line about the whole.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.entries.is_empty() {
            text.push_str("KIND            SIZE      USED  LEASE  NAME\n");
        }
        text.extend(self.entries.iter().map(Row::text));
        let copies = counted(self.copies, "copy", "copies");
        let leased = self.leased;
        let (bytes, max_bytes) = (size(self.bytes), size(self.max_bytes));
        let _ = write!(text, "{}: {copies}, {bytes} of {max_bytes}", self.dir);
        let _ = write!(text, "; {leased} leased, {} being made", self.parts);
        if self.foreign > 0 {
            let foreign = counted(
                self.foreign,
                "file that is not the spool's and stays",
                "files that are not the spool's and stay",
            );
            let _ = write!(text, "; {foreign}");
        }
        let removed = self.entries.iter();
        let removed = removed.filter(|row| row.result.as_deref() == Some("removed"));
        let freed: u64 = removed.clone().map(|row| row.bytes).sum();
        if freed > 0 {
            let removed = counted(removed.count() as u64, "file", "files");
            let _ = write!(text, "\nremoved {removed} of the spool, {}", size(freed));
        }
        text.push('\n');
        text.extend(self.stays.iter().map(|why| format!("{why}\n")));
        text
    }

    /// The same in one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // Plain data always is JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// Bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 1024.0 && units.len() > 0 {
        value /= 1024.0;
        unit = units.next();
    }
    format!("{value:.1} {}", unit.unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 1536, 20 << 30, u64::MAX].map(size);
        let expected = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "20.0 GiB",
            "16384.0 PiB",
        ];
        assert_eq!(sizes, expected);
    }
}
