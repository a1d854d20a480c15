//! Findings as text: a line for each, and what is wrong in full.

use std::fmt::Write as _;

use super::finding::{Finding, Report, Verdict};

/// Whether words have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// For a terminal.
    Colours,
    /// For everything else.
    Plain,
}

impl Paint {
    fn verdict(self, verdict: Verdict) -> String {
        let word = format!("{:<8}", verdict.word());
        let colour = match verdict {
            Verdict::Right => "32",
            Verdict::Note => "36",
            Verdict::Unknown => "33",
            Verdict::Wrong => "1;31",
        };
        match self {
            Self::Plain => word,
            Self::Colours => format!("\x1b[{colour}m{word}\x1b[0m"),
        }
    }
}

impl Finding {
    /// One line of the table, and more where something is wrong.
    #[must_use]
    pub fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} {:<44} ", paint.verdict(self.verdict), self.what);
        if let Some(guilty) = self.guilty {
            let _ = write!(text, "{}: ", guilty.words());
        }
        let mut answered = self.answered.lines();
        text.push_str(answered.next().unwrap_or_default());
        text.push('\n');
        for line in answered {
            let _ = writeln!(text, "             {line}");
        }
        if self.verdict != Verdict::Right {
            if !self.asked.is_empty() {
                let _ = writeln!(text, "         asked   {}", self.asked);
            }
            let mut start = "change ";
            for line in self.change.iter().flat_map(|change| change.lines()) {
                let _ = writeln!(text, "         {start} {line}");
                start = "       ";
            }
        }
        text
    }
}

impl Report {
    /// How many things are how.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |verdict| self.of(verdict).count();
        format!(
            "{} right, {} wrong, {} that nobody could tell\n",
            count(Verdict::Right),
            count(Verdict::Wrong),
            count(Verdict::Unknown)
        )
    }

    /// The findings as JSON, in one line.
    #[must_use]
    pub fn json(&self) -> String {
        // Plain data always is JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_full_and_what_is_right_in_a_line() {
        let right = Finding::right("nginx: range", "GET /a", "206").text(Paint::Plain);
        assert_eq!(right.lines().count(), 1, "{right}");
        let wrong = Finding::wrong("nginx: range", Part::Proxy, "GET /a", "200").change("b\nc");
        let text = wrong.text(Paint::Plain);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert!(lines[0].ends_with("the proxy: 200"), "{text}");
        assert_eq!(lines[1..], ["asked   GET /a", "change  b", "c"]);
        assert!(wrong.text(Paint::Colours).contains("\x1b[1;31m"));
    }
}
