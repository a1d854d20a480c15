//! The application asked through one proxy.

use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::advice::{self, Guilt};
use super::application::RANGE;
use super::client::{ask, connections, get, is_prepared, send};
use super::expected::Truth;
use super::finding::{Finding, Findings, Part, Verdict};
use super::lines::Topic;
use super::setup::{Named, Setup};
use super::subject::{Case, CaseKind, Subject};
use super::surplus::{Surplus, look_for};
use crate::app::App;
use crate::config::{Destination, Proxy, RuleConfig};
use crate::numbers::counted;
use crate::probe::{Answer, Evidence, Expected, Fault, judge_all, unstated};
use crate::witness::Kind;

/// How many requests show whether a connection is kept.
const REPEATED: usize = 4;

/// What is asked of a file that arrives: HEAD, a range, a condition.
const OF_A_FILE: usize = 3;

/// One file through one proxy.
pub(super) struct Proxied<'a> {
    pub(super) setup: &'a Setup,
    pub(super) app: &'a App,
    pub(super) proxy: &'a Named,
    pub(super) subject: &'a Subject,
    pub(super) case: &'a Case,
    pub(super) truth: &'a Truth,
    /// Whether the application knows our tickets.
    pub(super) is_known: bool,
}

/// What was found of one proxy and one view: each case adds what the ones before did not show.
#[derive(Debug, Default)]
pub(super) struct Shown {
    told: Vec<(Option<Part>, Option<String>)>,
    /// A file does not arrive at all: the other names would only repeat it.
    nothing_arrives: bool,
    /// Names are read in another way, which every name but a plain one would only repeat.
    is_misread: bool,
}

impl Shown {
    /// Whether a case can show something new.
    pub(super) fn leaves(&self, kind: CaseKind) -> bool {
        match kind {
            CaseKind::Query => !self.nothing_arrives && !self.is_misread,
            _ => !self.nothing_arrives,
        }
    }
}

impl Proxied<'_> {
    /// Asks for the file, and for all that can be asked of it, whatever is wrong so far.
    pub(super) async fn check(&self, shown: &mut Shown, findings: &mut Findings<'_>) {
        let (case, proxy) = (self.case, self.proxy);
        let expected = self.truth.expected(self.app, case, Some(proxy)).await;
        let Ok(expected) = expected else {
            shown.nothing_arrives = true;
            return;
        };
        let what = self.what(case.kind.words());
        let asked = format!("GET {} of {}", case.shown(), proxy.address);
        let evidence = ask(self.setup, &proxy.address, case.get()).await;
        let expected = match self.setup.config.spool {
            Some(_) => expected.or_copy(&evidence),
            None => expected,
        };
        if let Some(finding) = self.unjudged(&what, &asked, &evidence) {
            findings.add(finding);
            shown.nothing_arrives = true;
            findings.add_if(self.not_asked(&expected));
            self.open_to_anybody(&expected, findings).await;
            return;
        }
        let faults = judge_all(&expected, &evidence);
        self.tell(
            &faults,
            (what, asked),
            &expected,
            &evidence,
            shown,
            findings,
        );
        if case.kind == CaseKind::Plain {
            if shown.nothing_arrives {
                findings.add_if(self.not_asked(&expected));
            }
            self.further(&faults, &expected, &evidence, findings).await;
        }
    }

    /// What nobody could tell of this answer, if so.
    fn unjudged(&self, what: &str, asked: &str, evidence: &Evidence) -> Option<Finding> {
        if evidence.answer.is_ok() && evidence.seen.is_empty() && !self.is_known {
            let came =
                "nobody could tell who sends the bytes: the application does not know this file";
            return Some(Finding::unknown(what, asked, came));
        }
        is_prepared(evidence).then(|| advice::of_preparation(what, asked))
    }

    /// How much is left out where the file does not arrive: the other names, and what is asked of one that does.
    fn not_asked(&self, expected: &Expected) -> Option<Finding> {
        let (cases, kind) = (&self.subject.cases, self.case.kind);
        let names = cases.iter().filter(|case| case.kind != kind).count();
        let questions = match expected.kind {
            Kind::Redirected => 0,
            _ => OF_A_FILE,
        };
        let count = names + questions;
        let came = format!(
            "{} not asked, since no answer would say more",
            counted(count as u64, "further question", "further questions")
        );
        let is_first = kind == CaseKind::Plain && count > 0;
        is_first.then(|| Finding::note(&self.what("other questions"), came))
    }

    /// What is wrong with the answer, or that nothing is.
    fn tell(
        &self,
        faults: &[Fault],
        (what, asked): (String, String),
        expected: &Expected,
        evidence: &Evidence,
        shown: &mut Shown,
        findings: &mut Findings<'_>,
    ) {
        let kind = self.case.kind;
        if faults.is_empty() {
            findings.add(Finding::right(&what, asked, words(expected, self.proxy)));
            if kind != CaseKind::Plain && expected.kind == Kind::Streamed {
                let fallen = expected.reason.as_deref();
                let fallen = fallen.map(|why| format!("it falls back to streaming: {why}"));
                findings.add_if(fallen.map(|came| Finding::note(&what, came)));
            }
            return;
        }
        let guilt = Guilt {
            setup: self.setup,
            proxy: self.proxy,
            case: self.case,
            truth: self.truth,
            expected,
        };
        for fault in faults {
            // Misread, the name may be too long for the file system, which is a 500.
            let is_of_room = *fault == Fault::Refused(StatusCode::BAD_GATEWAY);
            if shown.is_misread && kind == CaseKind::Long && !is_of_room && !fault.has_bytes() {
                continue;
            }
            match kind {
                _ if fault.has_bytes() => {}
                CaseKind::Plain => shown.nothing_arrives = true,
                CaseKind::Telling | CaseKind::Query => shown.is_misread = true,
                CaseKind::Long => {}
            }
            let answer = evidence.answer.as_ref().ok();
            let finding = guilt.finding(fault, &what, asked.clone(), answer);
            let told = (finding.guilty, finding.change.clone());
            if !shown.told.contains(&told) {
                shown.told.push(told);
                findings.add(finding);
            }
        }
    }

    /// What else can be asked, as far as what is wrong already does not answer it.
    async fn further(
        &self,
        faults: &[Fault],
        expected: &Expected,
        evidence: &Evidence,
        findings: &mut Findings<'_>,
    ) {
        if expected.kind == Kind::Redirected {
            return;
        }
        let arrives = faults.iter().all(Fault::has_bytes);
        let is_changed = |fault: &Fault| matches!(fault, Fault::Compressed(_));
        if let Ok(whole) = &evidence.answer
            && arrives
            && !faults.iter().any(is_changed)
        {
            findings.add_if(self.passed_on(whole, expected));
            findings.add(self.head(whole).await);
            findings.add_if(self.range(expected).await);
            findings.add_if(self.not_modified(whole).await);
        }
        match arrives && expected.kind == Kind::Delegated {
            true => findings.add_if(self.closed(expected).await),
            false => self.open_to_anybody(expected, findings).await,
        }
        // Of somebody else's connections it is not the proxy that is guilty.
        let is_by_another = |fault: &Fault| matches!(fault, Fault::AnotherHop(_));
        if !evidence.seen.is_empty() && !faults.iter().any(is_by_another) {
            findings.add_if(self.repeated(expected).await);
        }
    }

    /// Where the file did not arrive, that its location is closed means nothing; that it is open does.
    async fn open_to_anybody(&self, expected: &Expected, findings: &mut Findings<'_>) {
        if expected.kind == Kind::Delegated {
            let closed = self.closed(expected).await;
            findings.add_if(closed.filter(|it| it.verdict == Verdict::Wrong));
        }
    }

    fn what(&self, about: &str) -> String {
        format!("{}, {}: {about}", self.proxy.label, self.subject.route)
    }

    fn wrong(&self, what: &str, asked: String, came: String, topic: &Topic<'_>) -> Finding {
        let lines = advice::lines(self.setup, self.proxy, topic);
        Finding::wrong(what, Part::Proxy, asked, came).change(lines)
    }

    fn surplus(&self, what: &str, asked: String, came: String, surplus: Surplus<'_>) -> Finding {
        let change = look_for(surplus, self.proxy.backend, &self.proxy.name);
        Finding::wrong(what, Part::Proxy, asked, came).change(change)
    }

    /// nginx alone passes headers of the server from which it fetches that nobody told it to, unless it has its script.
    fn passed_on(&self, whole: &Answer, expected: &Expected) -> Option<Finding> {
        let hand_off = expected.hand_off.as_deref().unwrap_or_default();
        let is_fetched = |rule: &RuleConfig| match &rule.destination {
            Destination::Url(location) => rule.remote().is_some() && hand_off.ends_with(location),
            _ => false,
        };
        if self.proxy.backend != Proxy::Nginx || !self.rules().any(is_fetched) {
            return None;
        }
        let added = &self.setup.config.optimize.add_headers;
        let is_added = |name: &HeaderName| {
            let mut added = added.iter().map(|(added, _)| added);
            added.any(|added| name.as_str().eq_ignore_ascii_case(added))
        };
        let names = unstated(&expected.headers, whole.headers()).filter(|name| !is_added(name));
        let names: Vec<_> = names.map(HeaderName::as_str).collect();
        let what = self.what("headers of the server");
        let came = format!(
            "these reach the client, and the application states none of them: {}",
            names.join(", ")
        );
        let change = "if they are the server's: `downloadview proxy-config nginx --script FILE`, for an nginx with the module njs, \
                      lets none pass that is not allowed";
        (!names.is_empty()).then(|| Finding::note(&what, came).by(Part::Proxy).change(change))
    }

    async fn head(&self, whole: &Answer) -> Finding {
        let (proxy, what) = (self.proxy, self.what("HEAD"));
        let asked = format!("HEAD {} of {}", self.case.shown(), proxy.address);
        let head = self.case.get().method(Method::HEAD);
        let answer = match send(self.setup, &proxy.address, &head).await {
            Ok(answer) => answer,
            Err(error) => {
                return self.wrong(&what, asked, format!("{error:#}"), &Topic::Folder(None));
            }
        };
        let length = |answer: &Answer| answer.headers().get(header::CONTENT_LENGTH).cloned();
        let same = length(&answer).is_none() || length(&answer) == length(whole);
        match answer.status() {
            StatusCode::OK if same => Finding::right(&what, asked, "200, the same length"),
            StatusCode::OK => {
                let came = "200, with another length than a GET";
                self.wrong(&what, asked, came.to_owned(), &Topic::Folder(None))
            }
            other => self.surplus(&what, asked, other.to_string(), Surplus::Method),
        }
    }

    async fn range(&self, expected: &Expected) -> Option<Finding> {
        // A part of nothing is no part.
        let part = self.truth.bytes.get(2..=5)?;
        let (proxy, what) = (self.proxy, self.what("range"));
        let asked = format!(
            "GET {} of {}, bytes 2 to 5",
            self.case.shown(),
            proxy.address
        );
        let range = self.case.get().header(header::RANGE, RANGE);
        let came = match send(self.setup, &proxy.address, &range).await {
            Err(error) => format!("{error:#}"),
            Ok(answer) => match answer.status() {
                StatusCode::PARTIAL_CONTENT if answer.body()[..] == *part => {
                    return Some(Finding::right(&what, asked, "206 with these bytes"));
                }
                StatusCode::OK if self.truth.size.is_none() => return None,
                StatusCode::OK if self.sends_whole(expected) => {
                    let came = "200: lighttpd sends a file that is stored compressed as a whole";
                    return Some(Finding::note(&what, came));
                }
                status => status.to_string(),
            },
        };
        if let Some(note) = self.cannot((header::RANGE, RANGE), &what).await {
            return Some(note);
        }
        Some(self.surplus(&what, asked, came, Surplus::Ranges))
    }

    fn sends_whole(&self, expected: &Expected) -> bool {
        let is_compressed = expected.headers.contains_key(header::CONTENT_ENCODING);
        self.proxy.backend == Proxy::Lighttpd && is_compressed && expected.kind == Kind::Delegated
    }

    async fn not_modified(&self, whole: &Answer) -> Option<Finding> {
        let (proxy, what) = (self.proxy, self.what("304"));
        let (name, value) = condition(whole)?;
        let asked = format!("GET {} of {}, {name}", self.case.shown(), proxy.address);
        let conditional = self.case.get().header(name.clone(), value.clone());
        let came = match send(self.setup, &proxy.address, &conditional).await {
            Err(error) => format!("{error:#}"),
            Ok(answer) if answer.status() == StatusCode::NOT_MODIFIED => {
                return Some(Finding::right(&what, asked, "304"));
            }
            Ok(answer) => answer.status().to_string(),
        };
        if let Some(note) = self.cannot((name, value), &what).await {
            return Some(note);
        }
        Some(self.wrong(&what, asked, came, &Topic::Conditions))
    }

    /// A note, if it is not the proxy that cannot do what was asked.
    async fn cannot(&self, asked: (HeaderName, HeaderValue), what: &str) -> Option<Finding> {
        let Self {
            setup, app, case, ..
        } = self;
        self.truth.cannot(setup, app, case, asked, what).await
    }

    /// Nobody but the application may name a file of an internal location.
    async fn closed(&self, expected: &Expected) -> Option<Finding> {
        let hand_off = expected.hand_off.as_deref()?;
        let (_, target) = hand_off.split_once(": ")?;
        let locations = self.rules().filter_map(|rule| match &rule.destination {
            Destination::Url(location) => Some(location.as_str()),
            _ => None,
        });
        let location = locations.into_iter().find(|it| target.starts_with(it))?;
        let (proxy, what) = (self.proxy, self.what("internal location"));
        let asked = format!("GET {target} of {}", proxy.address);
        let answer = send(self.setup, &proxy.address, &get(target)).await;
        Some(match answer {
            Ok(answer) if answer.status().is_success() => {
                let came = format!("{}: it is open to anybody", answer.status());
                self.wrong(&what, asked, came, &Topic::Folder(Some(location)))
            }
            Ok(answer) => {
                let came = format!("{}: closed", answer.status());
                Finding::right(&what, asked, came)
            }
            Err(error) => Finding::unknown(&what, asked, format!("{error:#}")),
        })
    }

    fn rules(&self) -> impl Iterator<Item = &RuleConfig> {
        let backend = self.proxy.backend;
        let rules = self.setup.config.rules();
        rules.filter(move |rule| rule.backend == Some(backend))
    }

    /// What of several requests reaches the application, and over how many connections.
    async fn repeated(&self, expected: &Expected) -> Option<Finding> {
        if !self.is_known {
            return None;
        }
        let (setup, address) = (self.setup, &self.proxy.address);
        let asked = format!("{REPEATED} requests to {address}, one after the other");
        let numbers = connections(setup, address, &self.case.get(), REPEATED).await;
        let mut numbers = numbers.ok()?;
        let unseen = numbers.iter().filter(|number| **number == 0).count();
        if unseen > 0 {
            return self.kept(expected, asked, unseen);
        }
        // It opens one for each request, whatever it is told.
        if self.proxy.backend == Proxy::Lighttpd {
            return None;
        }
        let what = self.what("connections to the application");
        numbers.sort_unstable();
        numbers.dedup();
        let count = numbers.len();
        let came = counted(count as u64, "connection", "connections");
        Some(match count < REPEATED {
            true => Finding::right(&what, asked, came),
            false => {
                let came = format!("{came}: each is opened anew");
                self.wrong(&what, asked, came, &Topic::KeepAlive)
            }
        })
    }

    /// Somebody answers with what he has kept, which only what is public may be.
    fn kept(&self, expected: &Expected, asked: String, unseen: usize) -> Option<Finding> {
        let stated = expected.headers.get(header::CACHE_CONTROL);
        let stated = stated.and_then(|value| value.to_str().ok()).unwrap_or("");
        let mut words = stated.split(',').map(str::trim);
        if words.any(|word| word.eq_ignore_ascii_case("public")) {
            return None;
        }
        let (name, what) = (&self.proxy.name, self.what("answers for one client"));
        let came = format!(
            "{} answered without asking the application, which states `{stated}`: one client gets what another was permitted",
            counted(unseen as u64, "request was", "requests were")
        );
        let change = format!(
            "keep no answers of this path in {name} or before it: no proxy_cache, no mod_cache; or let the view state \
             `cache_control = \"public, …\"`, if all may have the same"
        );
        Some(Finding::wrong(&what, Part::ProxyOrAnotherHop, asked, came).change(change))
    }
}

/// By which a client that has the file asks whether it changed.
fn condition(whole: &Answer) -> Option<(HeaderName, HeaderValue)> {
    let of = |name: HeaderName| whole.headers().get(name).cloned();
    let by_tag = of(header::ETAG).map(|tag| (header::IF_NONE_MATCH, tag));
    by_tag.or_else(|| of(header::LAST_MODIFIED).map(|date| (header::IF_MODIFIED_SINCE, date)))
}

fn words(expected: &Expected, proxy: &Named) -> String {
    let reason = expected.reason.as_deref().unwrap_or_default();
    match expected.kind {
        Kind::Delegated => format!("{} sent the file, the application no byte", proxy.name),
        Kind::Redirected => "the client was sent to the server that has it".to_owned(),
        _ => format!("the application sent the file: {reason}"),
    }
}
