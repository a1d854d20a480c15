//! What was found, and who is guilty.

use serde::Serialize;

/// One thing that was looked at.
/// ```
/// use downloadview_gateway::check::{Finding, Part, Verdict};
/// let finding = Finding::wrong("nginx", Part::Proxy, "GET /files/a.txt", "404")
///     .change("location /_internal/ { internal; alias /srv/media/; }");
/// assert_eq!(finding.verdict, Verdict::Wrong);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at: `storage of /files/{*path}`, `nginx: range`.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// Which part is to blame, if something is wrong, or which one to look at.
    pub guilty: Option<Part>,
    /// What was asked.
    pub asked: String,
    /// What came back.
    pub answered: String,
    /// What to change, perhaps in several lines.
    pub change: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// As it should be.
    Right,
    /// As it may be, and good to know.
    Note,
    /// Nobody could tell.
    Unknown,
    /// Not as it should be.
    Wrong,
}

/// A part of a set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// The gateway's file.
    Configuration,
    /// What keeps the files.
    Storage,
    /// What names them.
    Database,
    /// Another server that has the files.
    Origin,
    /// The running gateway.
    Application,
    /// Another program that says who may.
    Authorizer,
    /// A rule of the file.
    Rule,
    /// The configuration of the proxy.
    Proxy,
    /// Modes and owners of files and folders.
    Permissions,
    /// Somebody between client and proxy, or between proxy and gateway.
    AnotherHop,
    /// The proxy, or somebody before or behind it: from outside they look the same.
    ProxyOrAnotherHop,
    /// The clocks of two machines.
    Clock,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

impl Finding {
    fn new(what: &str, verdict: Verdict, asked: String, answered: String) -> Self {
        Self {
            what: what.to_owned(),
            verdict,
            guilty: None,
            asked,
            answered,
            change: None,
        }
    }

    /// All is well.
    #[must_use]
    pub fn right(what: &str, asked: impl Into<String>, answered: impl Into<String>) -> Self {
        Self::new(what, Verdict::Right, asked.into(), answered.into())
    }

    /// Good to know.
    #[must_use]
    pub fn note(what: &str, answered: impl Into<String>) -> Self {
        Self::new(what, Verdict::Note, String::new(), answered.into())
    }

    /// Nobody could tell.
    #[must_use]
    pub fn unknown(what: &str, asked: impl Into<String>, answered: impl Into<String>) -> Self {
        Self::new(what, Verdict::Unknown, asked.into(), answered.into())
    }

    /// A part is guilty.
    #[must_use]
    pub fn wrong(
        what: &str,
        guilty: Part,
        asked: impl Into<String>,
        answered: impl Into<String>,
    ) -> Self {
        Self {
            guilty: Some(guilty),
            ..Self::new(what, Verdict::Wrong, asked.into(), answered.into())
        }
    }

    /// Says which part to look at.
    #[must_use]
    pub fn by(mut self, part: Part) -> Self {
        self.guilty = Some(part);
        self
    }

    /// Says what to change.
    #[must_use]
    pub fn change(mut self, change: impl Into<String>) -> Self {
        self.change = Some(change.into());
        self
    }
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Note => "note",
            Self::Unknown => "unknown",
            Self::Wrong => "WRONG",
        }
    }
}

impl Part {
    /// The words for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Configuration => "the configuration",
            Self::Storage => "the storage",
            Self::Database => "the database",
            Self::Origin => "the origin",
            Self::Application => "the application",
            Self::Authorizer => "the authorizer",
            Self::Rule => "the rule",
            Self::Proxy => "the proxy",
            Self::Permissions => "permissions",
            Self::AnotherHop => "another hop",
            Self::ProxyOrAnotherHop => "the proxy or another hop",
            Self::Clock => "a clock",
        }
    }
}

impl Report {
    /// What a process ends with: 0 all is right, 1 something is wrong, 2 nobody could tell of something.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let has = |verdict| self.of(verdict).next().is_some();
        match (has(Verdict::Wrong), has(Verdict::Unknown)) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 0,
        }
    }

    /// The findings with this verdict.
    pub fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        let is_so = move |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(is_so)
    }
}

/// A report that grows while somebody listens.
pub(super) struct Findings<'a> {
    found: Vec<Finding>,
    tell: &'a mut (dyn FnMut(&Finding) + Send),
}

impl<'a> Findings<'a> {
    pub(super) fn new(tell: &'a mut (dyn FnMut(&Finding) + Send)) -> Self {
        Self {
            found: Vec::new(),
            tell,
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        (self.tell)(&finding);
        self.found.push(finding);
    }

    pub(super) fn add_if(&mut self, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.add(finding);
        }
    }

    pub(super) fn into_report(self) -> Report {
        Report {
            findings: self.found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_counts_more_than_what_nobody_could_tell() {
        let code = |findings: &[Finding]| {
            Report {
                findings: findings.to_vec(),
            }
            .exit_code()
        };
        let right = Finding::right("a", "b", "c");
        let unknown = Finding::unknown("a", "b", "c");
        let wrong = Finding::wrong("a", Part::Proxy, "b", "c");
        assert_eq!(code(&[right.clone(), Finding::note("a", "b")]), 0);
        assert_eq!(code(&[right.clone(), unknown.clone()]), 2);
        assert_eq!(code(&[unknown, wrong, right]), 1);
    }
}
