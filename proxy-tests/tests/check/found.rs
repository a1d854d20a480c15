//! What `check` said.

use std::net::SocketAddr;

use proxy_tests::{Proxy, Server, Site, User};
use serde_json::Value;

/// How many views the file of a stand has: each is judged by itself.
pub(crate) const VIEWS: usize = 3;

/// What is asked to see who keeps whole answers.
pub(crate) const UNREAD: &str = "a client that does not read";

/// What was found on a set-up.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) code: i32,
    findings: Vec<Value>,
}

/// Checks a site with these arguments, as the servers' user.
#[track_caller]
pub(crate) fn check(site: &Site, arguments: &[String]) -> Found {
    check_as(site, arguments, User::OfServers)
}

#[track_caller]
pub(crate) fn check_as(site: &Site, arguments: &[String], user: User) -> Found {
    let (code, text) = site.check(arguments, user);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let findings = report["findings"].as_array().expect("findings").clone();
    Found { code, findings }
}

/// `--proxy NAME=URL`.
pub(crate) fn through(name: &str, address: SocketAddr) -> Vec<String> {
    vec!["--proxy".to_owned(), format!("{name}=http://{address}")]
}

/// The arguments to check a site through one proxy.
pub(crate) fn front(proxy: Proxy, server: &Server) -> Vec<String> {
    through(proxy.backend().name(), server.address())
}

impl Found {
    fn of(&self, verdict: &str) -> Vec<&Value> {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding["verdict"] == verdict)
            .collect()
    }

    /// Everything, as it was printed.
    pub(crate) fn everything(&self) -> String {
        self.findings.iter().map(ToString::to_string).collect()
    }

    /// Everything that is not right, for the message of a test.
    pub(crate) fn text(&self) -> String {
        let findings = self.findings.iter();
        let told: Vec<_> = findings
            .filter(|finding| finding["verdict"] != "right")
            .map(|finding| serde_json::to_string_pretty(finding).expect("JSON"))
            .collect();
        format!("code {}\n{}", self.code, told.join("\n"))
    }

    /// Nothing is wrong, and nothing is unknown.
    #[track_caller]
    pub(crate) fn assert_right(&self, what: &str) {
        assert_eq!(self.code, 0, "{what}: {}", self.text());
        assert!(self.of("right").len() > 5, "{what}: {}", self.text());
        assert!(self.of("wrong").is_empty(), "{what}: {}", self.text());
    }

    /// Nothing is wrong, and nobody could tell of something.
    #[track_caller]
    pub(crate) fn assert_unknown(&self, words: &str) {
        assert_eq!(self.code, 2, "{}", self.text());
        assert!(self.text().contains(words), "{words}: {}", self.text());
    }

    /// How many findings are right whose subject holds `what`.
    pub(crate) fn right(&self, what: &str) -> usize {
        let right = self.of("right").into_iter();
        right
            .filter(|finding| finding["what"].as_str().is_some_and(|it| it.contains(what)))
            .count()
    }

    /// What is to be changed where `what` was looked at.
    #[track_caller]
    pub(crate) fn change(&self, what: &str) -> String {
        let mut wrong = self.of("wrong").into_iter();
        let found = wrong.find(|it| it["what"].as_str().is_some_and(|it| it.contains(what)));
        let change = found.and_then(|it| it["change"].as_str());
        let change = change.unwrap_or_else(|| panic!("{what}: {}", self.text()));
        change.to_owned()
    }

    /// How many things are wrong.
    pub(crate) fn wrong(&self) -> usize {
        self.of("wrong").len()
    }

    /// Whether a note says this.
    pub(crate) fn noted(&self, note: &str) -> bool {
        let mut notes = self.of("note").into_iter();
        notes.any(|it| it.to_string().contains(note))
    }

    /// Nothing is wrong, and a note says this, with something to change in these words.
    #[track_caller]
    pub(crate) fn assert_noted(&self, note: &str, words: &[&str]) {
        assert_eq!(self.code, 0, "{}", self.text());
        let notes = self.of("note").into_iter();
        let told: Vec<_> = notes.map(ToString::to_string).collect();
        let noted = told.iter().find(|text| text.contains(note));
        let noted = noted.unwrap_or_else(|| panic!("`{note}`: {}", self.text()));
        for word in words {
            assert!(noted.contains(word), "`{word}`: {}", self.text());
        }
    }

    /// Whether something is wrong with this part, in these words.
    pub(crate) fn blames(&self, guilty: &str, words: &str) -> bool {
        let mut wrong = self.of("wrong").into_iter();
        wrong.any(|it| it["guilty"] == guilty && it.to_string().contains(words))
    }

    /// Something is wrong; the first thing is this part's fault, no other part is blamed, and text and change have these
    /// words.
    #[track_caller]
    pub(crate) fn assert_guilty(&self, guilty: &str, words: &[&str]) {
        assert_eq!(self.code, 1, "{}", self.text());
        let wrong = self.of("wrong");
        for finding in &wrong {
            assert_eq!(finding["guilty"], guilty, "{}", self.text());
            assert!(finding["change"].is_string(), "{}", self.text());
        }
        let told: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        for word in words {
            let is_told = told.iter().any(|text| text.contains(word));
            assert!(is_told, "`{word}`: {}", self.text());
        }
    }
}
