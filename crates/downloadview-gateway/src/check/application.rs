//! The running gateway, asked without a proxy.

use std::time::Duration;

use downloadview::optimize::PROXY_HEADER;
use http::{HeaderValue, StatusCode, header};

use super::advice::{self, RELOAD};
use super::client::{ask, get, is_prepared};
use super::clock;
use super::expected::Truth;
use super::finding::{Finding, Findings, Part};
use super::setup::Setup;
use super::subject::{Case, CaseKind, Subject, shortened};
use crate::app::App;
use crate::config::Listen;
use crate::probe::{Answer, Evidence, judge};
use crate::witness::{Kind, VALID};

/// A range that every file of a check holds.
pub(super) const RANGE: HeaderValue = HeaderValue::from_static("bytes=2-5");

pub(super) struct Application<'a> {
    setup: &'a Setup,
}

impl<'a> Application<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        Self { setup }
    }

    /// Whether it runs, and by the same file.
    pub(super) async fn hello(&self, findings: &mut Findings<'_>) -> bool {
        let app = &self.setup.app;
        let what = "application: its configuration";
        let asked = format!("{app}, whether it runs by this file");
        let evidence = ask(self.setup, app, get("/")).await;
        let finding = match &evidence.answer {
            Err(error) => Finding::wrong(what, Part::Application, asked, format!("{error:#}"))
                .change(
                    "start `downloadview serve` with this file, or say with --app where it listens",
                ),
            Ok(answer) if evidence.seen.is_empty() => unproven(what, asked, answer),
            Ok(_) => Finding::right(what, asked, "by the very same"),
        };
        findings.add(finding);
        if let (Listen::Tcp(address), false) =
            (&self.setup.config.listen, self.setup.proxies.is_empty())
            && address.ip().is_unspecified()
        {
            findings.add(Finding::note(
                "application: its address",
                "it listens on every address: see that clients do not reach it past the proxy",
            ));
        }
        evidence.answer.is_ok() && !evidence.seen.is_empty()
    }

    /// Bytes and range against the storage, and the hand-off against what `explain` says.
    pub(super) async fn check(
        &self,
        app: &App,
        subject: &Subject,
        case: &Case,
        truth: &Truth,
        findings: &mut Findings<'_>,
    ) {
        let Self { setup } = self;
        let what = format!("application, {}: {}", subject.route, case.kind.words());
        let Ok(expected) = truth.expected(app, case, None).await else {
            return;
        };
        let asked = format!("GET {} of {}", case.shown(), setup.app);
        let evidence = ask(setup, &setup.app, case.get()).await;
        let expected = match setup.config.spool {
            Some(_) => expected.or_copy(&evidence),
            None => expected,
        };
        if is_prepared(&evidence) {
            findings.add(advice::of_preparation(&what, &asked));
            return;
        }
        if expected.kind == Kind::Delegated {
            // Nobody in between takes the header: what arrives is the hand-off itself.
            findings.add(self.hand_off(&what, asked, &expected.hand_off, &evidence, truth));
            return;
        }
        findings.add(match judge(&expected, &evidence) {
            Ok(()) => Finding::right(&what, asked, expected.kind.word()),
            Err(fault) => advice::of_application(&fault, &what, asked, truth),
        });
        if case.kind != CaseKind::Plain {
            return;
        }
        if matches!(expected.kind, Kind::Streamed | Kind::NotAnnounced) && truth.bytes.len() > 6 {
            findings.add(self.range(app, case, truth).await);
        }
        for proxy in &setup.proxies {
            let Some(announced) = &proxy.announced else {
                continue;
            };
            let Ok(expected) = truth.expected(app, case, Some(proxy)).await else {
                continue;
            };
            let value = format!("{} {}", proxy.name, announced.secret.expose());
            let Ok(value) = HeaderValue::try_from(value) else {
                continue;
            };
            let evidence = ask(setup, &setup.app, case.get().header(PROXY_HEADER, value)).await;
            if is_prepared(&evidence) {
                continue;
            }
            let expected = match setup.config.spool {
                Some(_) => expected.or_copy(&evidence),
                None => expected,
            };
            let what = format!("{what}, as {} asks", proxy.name);
            let asked = format!("GET {} of {}, announced", case.shown(), setup.app);
            findings.add(self.hand_off(&what, asked, &expected.hand_off, &evidence, truth));
        }
    }

    async fn range(&self, app: &App, case: &Case, truth: &Truth) -> Finding {
        let (setup, what) = (self.setup, "application: range");
        let asked = format!("GET {} of {}, bytes 2 to 5", case.shown(), setup.app);
        let evidence = ask(setup, &setup.app, case.get().header(header::RANGE, RANGE)).await;
        match &evidence.answer {
            Ok(answer)
                if answer.status() == StatusCode::PARTIAL_CONTENT
                    && answer.body()[..] == truth.bytes[2..=5] =>
            {
                Finding::right(what, asked, "206 with these bytes")
            }
            Ok(answer) if answer.status() == StatusCode::OK && truth.size.is_none() => {
                Finding::right(what, asked, "200: the size is not known")
            }
            Ok(answer) => {
                let status = answer.status();
                let ranged = (header::RANGE, RANGE);
                let note = truth.cannot(setup, app, case, ranged, what).await;
                note.unwrap_or_else(|| {
                    Finding::wrong(what, Part::Application, asked, status.as_str()).change(RELOAD)
                })
            }
            Err(error) => Finding::wrong(what, Part::Application, asked, format!("{error:#}")),
        }
    }

    fn hand_off(
        &self,
        what: &str,
        asked: String,
        expected: &Option<String>,
        evidence: &Evidence,
        truth: &Truth,
    ) -> Finding {
        let seen = evidence.seen.first();
        let found = seen.and_then(|seen| seen.hand_off.clone());
        if found == *expected {
            let found = found.unwrap_or_else(|| "streamed".to_owned());
            return Finding::right(what, asked, shortened(&found));
        }
        advice::of_hand_off(what, asked, seen, truth)
    }
}

/// Somebody answers, and does not take what is shown to him.
fn unproven(what: &str, asked: String, answer: &Answer) -> Finding {
    // A date says whole seconds.
    let nearly = VALID.saturating_sub(Duration::from_secs(2));
    if let Some(apart) = clock::apart(answer.headers()).filter(|apart| *apart >= nearly) {
        let came = format!(
            "it answers, and its clock is {} s from this machine's: what a check shows to prove that it knows this file \
             counts for {} s",
            apart.as_secs(),
            VALID.as_secs()
        );
        return Finding::wrong(what, Part::Clock, asked, came).change(clock::CHANGE);
    }
    let came = "it answers, and does not know this file";
    Finding::wrong(what, Part::Application, asked, came).change(
        "the file was changed since it was read: send SIGHUP to the gateway, or start it anew. Or another program listens \
         there: say with --app where the gateway does",
    )
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_clock_by_which_nothing_is_proven_is_named_as_the_reason() {
        let guilty = |ago: u64| {
            let there = SystemTime::now() - Duration::from_secs(ago);
            let answer = http::Response::builder()
                .header(header::DATE, httpdate::fmt_http_date(there))
                .body(Bytes::new())
                .expect("an answer");
            unproven("what", "asked".to_owned(), &answer).guilty
        };
        assert_eq!(guilty(70), Some(Part::Clock));
        assert_eq!(guilty(30), Some(Part::Application));
    }
}
