//! Views that are not for everybody: closed to who may not, open to who may.
//!
//! | asked | of views | must come |
//! |---|---|---|
//! | the path without its link | `signature = "required"` | a refusal |
//! | a link with another signature | with `signature` | a refusal |
//! | without any credentials | with `authorize` | a refusal, which shows that the authorizer is reached |
//! | with a good link, with the credentials of `--header` | all | the file: like any other, by the other questions |
//!
//! Each is asked of the application and of every proxy: one that keeps answers for itself hands out what it should not.

use http::{HeaderMap, StatusCode};

use super::advice::{self, RELOAD};
use super::client::{ask, get};
use super::finding::{Finding, Findings, Part};
use super::lines::Topic;
use super::setup::{Named, Setup};
use super::subject::{Case, Subject};
use crate::probe::{Address, Ask, Evidence};
use crate::witness::Kind;

/// A request that is to be refused.
struct Barred {
    /// `without a link`.
    what: &'static str,
    ask: Ask,
    /// Whether the authorizer decides.
    by_authorizer: bool,
}

/// What tells from the answer to somebody who may not.
struct Door<'a> {
    setup: &'a Setup,
    subject: &'a Subject,
    address: &'a Address,
    /// The proxy, or else the application itself.
    proxy: Option<&'a Named>,
}

/// Asks for what nobody may have.
pub(super) async fn check(setup: &Setup, subject: &Subject, findings: &mut Findings<'_>) {
    let Some(case) = subject.cases.first() else {
        return;
    };
    let direct = (&setup.app, None);
    let proxies = setup.proxies.iter();
    let proxies = proxies.map(|proxy| (&proxy.address, Some(proxy)));
    for (address, proxy) in [direct].into_iter().chain(proxies) {
        let door = Door {
            setup,
            subject,
            address,
            proxy,
        };
        for barred in of(subject, case) {
            let evidence = ask(setup, address, barred.ask.clone()).await;
            findings.add(door.finding(&barred, evidence));
        }
    }
}

fn of(subject: &Subject, case: &Case) -> Vec<Barred> {
    let mut all = Vec::new();
    let mut add = |what, ask, by_authorizer| {
        all.push(Barred {
            what,
            ask,
            by_authorizer,
        });
    };
    let permitted = case.get();
    if subject.gate.asks_for_links {
        let headers = permitted.headers.clone();
        let bare = Ask {
            headers,
            ..get(case.bare())
        };
        add("without a link", bare, false);
    }
    if let Some(forged) = case.forged() {
        let forged = Ask {
            path: forged,
            ..permitted.clone()
        };
        add("with a forged link", forged, false);
    }
    if subject.gate.asks_authorizer {
        let anybody = get(&case.path);
        add("without credentials", anybody, true);
    }
    all
}

impl Door<'_> {
    fn name(&self) -> &str {
        self.proxy.map_or("application", |proxy| &proxy.label)
    }

    fn finding(&self, barred: &Barred, evidence: Evidence) -> Finding {
        let what = format!("{}, {}: {}", self.name(), self.subject.route, barred.what);
        let asked = format!("GET {} of {}", self.subject.route, self.address);
        let answer = match evidence.answer {
            Ok(answer) => answer,
            Err(error) => return self.unreached(&what, asked, format!("{error:#}")),
        };
        let (status, seen) = (answer.status(), evidence.seen.first());
        let is_permitted = seen.is_some_and(|seen| is_download(seen.kind));
        if is_permitted && barred.by_authorizer {
            let came = format!("{status}: the authorizer lets everybody have this file");
            return Finding::note(&what, came);
        }
        if is_permitted {
            let came = format!("{status}: the gateway hands it out");
            return Finding::wrong(&what, Part::Application, asked, came).change(RELOAD);
        }
        if status.is_success() {
            return self.leaking(&what, asked, status, seen.is_some());
        }
        // What the gateway says where an authorizer fails, and where it answers nonsense.
        let fails = matches!(
            status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE
        );
        if barred.by_authorizer && fails && seen.is_some() {
            let came = format!("{status}: the authorizer says neither yes nor no");
            return Finding::wrong(&what, Part::Authorizer, asked, came).change(
                "see whether the `url` of [views.authorize] runs, is reached from the gateway, and answers as \
                 docs/authorize.md says; the gateway's log has its answer",
            );
        }
        match status.is_server_error() {
            true => self.unreached(&what, asked, status.to_string()),
            false => Finding::right(&what, asked, format!("{status}: refused")),
        }
    }

    fn unreached(&self, what: &str, asked: String, came: String) -> Finding {
        let (part, change) = match self.proxy {
            Some(proxy) => (
                Part::Proxy,
                advice::lines(self.setup, proxy, &Topic::Upstream),
            ),
            None => (
                Part::Application,
                "look into the log of the gateway".to_owned(),
            ),
        };
        Finding::wrong(what, part, asked, came).change(change)
    }

    /// Somebody answers in the gateway's place, or against its word.
    fn leaking(&self, what: &str, asked: String, status: StatusCode, was_asked: bool) -> Finding {
        let name = self.name();
        let came = match was_asked {
            true => format!("{status}, where the gateway refuses"),
            false => format!("{status}, and the gateway was not asked"),
        };
        let part = match self.proxy {
            Some(_) => Part::Proxy,
            None => Part::AnotherHop,
        };
        Finding::wrong(what, part, asked, came).change(format!(
            "{name}, or somebody before it, answers by itself: keep no answers of this path (no proxy_cache, no mod_cache), \
             and serve no folder and no error page under it"
        ))
    }
}

fn is_download(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Delegated | Kind::Redirected | Kind::Streamed | Kind::NotAnnounced
    )
}

/// Whether who may have the file gets it of the application; what is wrong if not.
pub(super) async fn opens(setup: &Setup, subject: &Subject, case: &Case) -> Result<(), Finding> {
    let what = format!("application, {}: with permission", subject.route);
    let asked = format!("GET {} of {}", case.shown(), setup.app);
    let evidence = ask(setup, &setup.app, case.get()).await;
    let is_denied = evidence
        .seen
        .first()
        .is_some_and(|seen| seen.kind == Kind::Denied);
    let Some(answer) = evidence.answer.ok().filter(|_| is_denied) else {
        return Ok(());
    };
    let (status, headers) = (answer.status(), answer.headers());
    if status.is_server_error() {
        let came = format!("{status}: nobody says who may have it");
        return Err(Finding::unknown(&what, asked, came)
            .change("see what is wrong with the authorizer, and check again"));
    }
    if subject.gate.asks_authorizer {
        let came = format!("{status}: the credentials of --header do not permit this file");
        return Err(Finding::unknown(&what, asked, came)
            .change("give those of somebody who may have it: --header 'Cookie: session=…'"));
    }
    Err(refused_link(&what, asked, status, headers))
}

/// Both ends sign by the same file; what differs is the time.
fn refused_link(what: &str, asked: String, status: StatusCode, headers: &HeaderMap) -> Finding {
    let apart = super::clock::apart(headers);
    match apart.filter(|apart| *apart > super::clock::SKEW) {
        Some(apart) => {
            let came = format!(
                "{status}: a good link is refused; the gateway's clock is {} s from this machine's",
                apart.as_secs()
            );
            Finding::wrong(what, Part::Clock, asked, came).change(super::clock::CHANGE)
        }
        None => {
            let came = format!("{status}: a good link is refused");
            Finding::wrong(what, Part::Application, asked, came).change(RELOAD)
        }
    }
}
