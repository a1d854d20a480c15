//! Turns a fault into a finding: which part is guilty, what came back, what to change.

use std::path::PathBuf;

use http::{HeaderName, StatusCode, header};

use super::client::PREPARING;
use super::expected::Truth;
use super::finding::{Finding, Part};
use super::lines::{Topic, about};
use super::obstacle::{Obstacles, obstacles};
use super::setup::{Named, Setup};
use super::subject::{Case, CaseKind, shortened};
use super::surplus::{Surplus, log, look_for};
use super::user::Who;
use crate::config::{Listen, Proxy};
use crate::probe::{Answer, Expected, Fault, UNREACHED};
use crate::proxy_config::{self, Form};
use crate::witness::{Kind, Seen};

/// What is known where a download through a proxy went wrong.
pub(super) struct Guilt<'a> {
    pub(super) setup: &'a Setup,
    pub(super) proxy: &'a Named,
    pub(super) case: &'a Case,
    pub(super) truth: &'a Truth,
    pub(super) expected: &'a Expected,
}

/// What the answer of the application itself shows.
pub(super) fn of_application(fault: &Fault, what: &str, asked: String, truth: &Truth) -> Finding {
    let (came, change) = match fault {
        Fault::Decided(kind, reason) => {
            return decided(what, asked, *kind, reason.as_deref(), truth);
        }
        Fault::NoAnswer(error) => (error.clone(), "look into the log of the gateway"),
        Fault::HandedOver(_) => ("another hand-off than `explain` shows".to_owned(), RELOAD),
        Fault::OtherBytes | Fault::Mistaken => (
            "other bytes than the storage has".to_owned(),
            "the gateway looks into another folder than this process: a container, or another mount",
        ),
        Fault::HeaderLost(name) => (format!("`{name}` is another one"), RELOAD),
        fault => (format!("{fault:?}"), RELOAD),
    };
    Finding::wrong(what, Part::Application, asked, came).change(change)
}

/// A file that was still being prepared when the time was up.
pub(super) fn of_preparation(what: &str, asked: &str) -> Finding {
    let came = format!(
        "its copy is still being made after {} s",
        PREPARING.as_secs()
    );
    Finding::unknown(what, asked, came).change(
        "check again when the copy is there, or name a file that is made sooner with --file",
    )
}

pub(super) const RELOAD: &str = "let the gateway read its file anew: SIGHUP, or a new start";

/// What the application told the proxy is not what `explain` says.
pub(super) fn of_hand_off(
    what: &str,
    asked: String,
    seen: Option<&Seen>,
    truth: &Truth,
) -> Finding {
    let Some(seen) = seen else {
        return Finding::unknown(what, asked, "the application did not say what it did");
    };
    match &seen.hand_off {
        None => decided(what, asked, seen.kind, seen.reason.as_deref(), truth),
        Some(other) => {
            Finding::wrong(what, Part::Application, asked, shortened(other)).change(RELOAD)
        }
    }
}

fn decided(what: &str, asked: String, kind: Kind, reason: Option<&str>, truth: &Truth) -> Finding {
    let obstacles = truth.path.as_deref().and_then(obstacles);
    if let (Kind::NotSent, Some(obstacles)) = (kind, obstacles) {
        let came = format!("the gateway does not read the file: {}", obstacles.words());
        let change = obstacles.change(&Who::gateway());
        return Finding::wrong(what, Part::Permissions, asked, came).change(change);
    }
    if kind == Kind::NotSent {
        return Finding::wrong(what, Part::Application, asked, "no file").change(
            "the gateway finds no file where this process does: it runs in a container, as another user, or by another \
             file",
        );
    }
    let reason = reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let came = format!("{}{reason}", kind.word());
    Finding::wrong(what, Part::Application, asked, came).change(RELOAD)
}

/// The very lines, as `proxy-config` prints them; a secret is left out.
pub(super) fn lines(setup: &Setup, proxy: &Named, topic: &Topic<'_>) -> String {
    let name = proxy.backend.name();
    let anew = match &proxy.announced {
        Some(_) => format!(
            "`downloadview proxy-config {name} --proxy {}` prints it",
            proxy.name
        ),
        None => format!("`downloadview proxy-config {name}` prints it"),
    };
    let options = proxy_config::Options {
        app: match setup.config.listen {
            Listen::Tcp(address) if address.port() == 0 => None,
            _ => Some(setup.config.listen.clone()),
        },
        form: Form::Snippet,
        proxy: proxy.announced.as_ref().map(|_| proxy.name.clone()),
        installed: proxy.installed.clone(),
        ca_file: None,
        script: None,
    };
    let printed = proxy_config::print(proxy.backend, &setup.config, &options);
    let printed = match printed {
        Ok(printed) => printed,
        Err(error) => return format!("{anew}, but for now: {error}"),
    };
    let mut lines = about(topic, proxy.backend, &printed);
    if let Some(announced) = &proxy.announced {
        let secret = announced.secret.expose();
        lines = lines.iter().map(|line| line.replace(secret, "…")).collect();
    }
    let colon = if lines.is_empty() { "" } else { ":" };
    lines.insert(
        0,
        format!("the configuration of {}; {anew}{colon}", proxy.name),
    );
    lines.join("\n")
}

impl Guilt<'_> {
    pub(super) fn finding(
        &self,
        fault: &Fault,
        what: &str,
        asked: String,
        answer: Option<&Answer>,
    ) -> Finding {
        let (part, came, change) = self.judged(fault, answer);
        let came = match answer.and_then(by_whom).filter(|_| part == Part::Proxy) {
            Some(server) => format!("{came} (answered by {server})"),
            None => came,
        };
        Finding::wrong(what, part, asked, came).change(change)
    }

    fn judged(&self, fault: &Fault, answer: Option<&Answer>) -> (Part, String, String) {
        let name = &self.proxy.name;
        let proxy = |came: String, topic: Topic<'_>| (Part::Proxy, came, self.lines(&topic));
        match fault {
            Fault::NoAnswer(error) if error.starts_with(UNREACHED) => {
                let change = format!("start {name}, or give the URL where it listens");
                (Part::Proxy, error.clone(), change)
            }
            Fault::NoAnswer(error) => {
                let log = log(self.proxy.backend);
                let change = format!("{name} runs, and breaks off: {log} says why");
                (Part::Proxy, error.clone(), change)
            }
            Fault::NotAsked(status) => self.not_asked(*status, answer),
            Fault::AskedOtherwise(method, path) => {
                let surplus = match *path == self.case.bare() {
                    true => Surplus::Method,
                    false => Surplus::Path,
                };
                let came = format!(
                    "{name}, or somebody between it and the gateway, asked for {method} {}, not GET {}",
                    shortened(path),
                    shortened(self.case.bare())
                );
                (Part::Proxy, came, self.look_for(surplus))
            }
            Fault::NotProven(true) => {
                let came = "streamed: the proxy announces itself with another name or secret";
                proxy(came.to_owned(), Topic::Announcement)
            }
            Fault::NotProven(false) => {
                let came = "streamed: the proxy does not announce itself";
                proxy(came.to_owned(), Topic::Announcement)
            }
            Fault::Decided(kind, reason) => self.decided(*kind, reason.as_deref()),
            Fault::HandedOver(other) => {
                let other = other.as_deref().unwrap_or("nothing");
                let came = format!("the gateway handed over {}", shortened(other));
                (Part::Application, came, RELOAD.to_owned())
            }
            Fault::AskedAgain(path) => {
                let came = format!(
                    "{name} has no such location: it asked the gateway for {}",
                    shortened(path)
                );
                proxy(came, self.folder())
            }
            Fault::AnotherHop(status) => (
                Part::AnotherHop,
                format!(
                    "{status}; the gateway was asked by somebody else than a {name} as it is printed"
                ),
                format!(
                    "between {name} and the gateway stands another server that takes the hand-off header: let it pass \
                     the header on (nginx: proxy_ignore_headers X-Accel-Redirect; proxy_pass_header X-Accel-Redirect;), \
                     or let {name} ask the gateway itself"
                ),
            ),
            Fault::Leaked(header) => {
                let came = format!("an empty file, and the client sees {header}");
                (Part::Proxy, came, self.ignoring())
            }
            Fault::Ignored => {
                let came =
                    format!("an empty file: {name} does not send what the gateway hands over");
                (Part::Proxy, came, self.ignoring())
            }
            Fault::Refused(status) => self.refused(*status),
            Fault::Compressed(coding) => (
                Part::ProxyOrAnotherHop,
                format!(
                    "compressed ({coding}): {name}, or somebody before it, changes what passes"
                ),
                self.lines(&Topic::Compression) + "\nor the same in whatever stands before it",
            ),
            Fault::Mistaken => self.escaping(),
            Fault::OtherBytes => proxy(
                "other bytes than the storage has: another folder, perhaps that of a container"
                    .to_owned(),
                self.folder(),
            ),
            Fault::HeaderLost(header) => {
                let is_another = answer.is_some_and(|it| it.headers().contains_key(header));
                let came = format!("`{header}` did not arrive as the gateway says it");
                (Part::Proxy, came, self.header(header, is_another))
            }
            Fault::HeaderTwice(header) => {
                let came = format!(
                    "`{header}` arrived twice: {name}, or somebody before it, adds one of its own"
                );
                let surplus = Surplus::Header(header.as_str());
                (Part::Proxy, came, self.look_for(surplus))
            }
        }
    }

    /// Somebody answered, and it was not this gateway.
    fn not_asked(&self, status: StatusCode, answer: Option<&Answer>) -> (Part, String, String) {
        let name = &self.proxy.name;
        let came = format!("{status}, and this gateway was not asked");
        if let Some(there) = answer.and_then(sent_to).filter(|_| status.is_redirection()) {
            let came = format!("{status} to {there}, and this gateway was not asked");
            let to_tls = there.starts_with("https:") && !self.proxy.address.is_tls();
            let change = match to_tls {
                true => format!("give the URL for https: --proxy {name}=https://HOST; or "),
                false => format!("another location or server of {name} answers: "),
            };
            return (
                Part::Proxy,
                came,
                change + &self.look_for(Surplus::Redirect),
            );
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let change = format!(
                "another location or server of {name} answers, or it asks for a password: {}",
                self.look_for(Surplus::Answer)
            );
            return (Part::Proxy, came, change);
        }
        let mut change = self.lines(&Topic::Upstream);
        if !status.is_server_error() {
            change = format!(
                "{change}\nif they are there, another location or server of {name} answers for this path"
            );
        }
        (Part::Proxy, came, change)
    }

    /// The proxy takes the answer of the gateway for the file.
    fn ignoring(&self) -> String {
        let printed = self.lines(&self.folder());
        match self.proxy.backend {
            // It obeys the header unless a line keeps it from that.
            Proxy::Nginx => self.look_for(Surplus::HandOff),
            _ => printed,
        }
    }

    /// A header that is not there, or another one.
    fn header(&self, name: &HeaderName, is_another: bool) -> String {
        let printed = self.lines(&Topic::Header(name.as_str()));
        match is_another || printed.lines().count() < 2 {
            true => format!(
                "{printed}\n{}",
                self.look_for(Surplus::Header(name.as_str()))
            ),
            false => printed,
        }
    }

    fn decided(&self, kind: Kind, reason: Option<&str>) -> (Part, String, String) {
        match (kind, self.obstacles()) {
            (Kind::NotSent, Some(obstacles)) => {
                let came = format!("the gateway does not read the file: {}", obstacles.words());
                (Part::Permissions, came, obstacles.change(&Who::gateway()))
            }
            (kind, _) => {
                let reason = reason
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                let came = format!(
                    "the gateway decided otherwise than `explain`: {}{reason}",
                    kind.word()
                );
                (Part::Application, came, RELOAD.to_owned())
            }
        }
    }

    /// What keeps others from the file that was handed over.
    fn obstacles(&self) -> Option<Obstacles> {
        let spool = self.setup.config.spool.as_ref();
        match (self.copy(), spool) {
            (Some(copy), Some(spool)) => Some(obstacles(&copy)?.in_spool(&spool.dir)),
            _ => obstacles(self.truth.path.as_deref()?),
        }
    }

    /// Where the copy lies that was handed over, if it is one. Their names need no encoding.
    fn copy(&self) -> Option<PathBuf> {
        let spool = self.setup.config.spool.as_ref()?;
        let hand_off = self.expected.hand_off.as_deref()?;
        let (_, target) = hand_off.split_once(": ")?;
        let folder = spool.destination_dir.as_ref().unwrap_or(&spool.dir);
        let copy = target
            .strip_prefix(&spool.destination_url)
            .or_else(|| target.strip_prefix(folder.to_str()?))?;
        Some(spool.dir.join(copy.trim_start_matches('/')))
    }

    /// The proxy was told of the file, and does not send it.
    fn refused(&self, status: StatusCode) -> (Part, String, String) {
        let name = &self.proxy.name;
        let is_hidden = match self.proxy.backend {
            // It says the same of a file that it may not read.
            Proxy::Apache => matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
            _ => status == StatusCode::FORBIDDEN,
        };
        if let (true, Some(obstacles)) = (is_hidden, self.obstacles()) {
            let who = Who::proxy(self.proxy.backend);
            let obstacles = obstacles.of(&who);
            let came = format!("{status}: {}", obstacles.words());
            let change = obstacles.change(&who);
            return (Part::Permissions, came, change);
        }
        match self.case.kind {
            CaseKind::Long if status.is_server_error() => {
                let came = format!("{status}: the headers of a long name do not fit");
                (Part::Proxy, came, self.lines(&Topic::Room))
            }
            CaseKind::Telling | CaseKind::Query if status == StatusCode::NOT_FOUND => {
                self.escaping()
            }
            _ if status == StatusCode::FORBIDDEN => {
                let came = format!("{status}: {name} may not send what it is told to send");
                let change = format!(
                    "{}; where it runs in a container or on another machine, look at the modes there",
                    self.look_for(Surplus::Refusal)
                );
                let change = match self.proxy.backend {
                    Proxy::Nginx => change,
                    // They say the same of a folder of which they were not told.
                    _ => format!("{}\n{change}", self.lines(&self.folder())),
                };
                (Part::Proxy, came, change)
            }
            _ if status.is_server_error() => {
                let came = format!("{status}: {name} fails to send what it is told to send");
                let (lines, log) = (self.lines(&self.folder()), log(self.proxy.backend));
                (Part::Proxy, came, format!("{lines}\n{log} says why"))
            }
            _ => {
                let came = format!("{status}: {name} does not find what it is told to send");
                (Part::Proxy, came, self.lines(&self.folder()))
            }
        }
    }

    fn escaping(&self) -> (Part, String, String) {
        let name = &self.proxy.name;
        let came = format!(
            "{name} reads names in another way than they are written, and finds another file"
        );
        let change = match self.proxy.backend {
            Proxy::Apache => {
                "in the rule: escaping = \"raw\" for mod_xsendfile 0.12, \"strict\" for 1.0; then print the configuration anew"
            }
            Proxy::Caddy => {
                "in the rule: escaping = \"raw\" for Caddy before 2.7, \"strict\" for later ones; then print the configuration \
                 anew"
            }
            Proxy::Nginx | Proxy::Lighttpd => {
                return (Part::Proxy, came, self.lines(&self.folder()));
            }
        };
        (Part::Rule, came, change.to_owned())
    }

    /// The internal location that the hand-off leads into.
    fn folder(&self) -> Topic<'_> {
        let target = self
            .expected
            .hand_off
            .as_deref()
            .and_then(|it| it.split_once(": "));
        let Some((_, target)) = target else {
            return Topic::Folder(None);
        };
        let rules = self.setup.config.rules();
        let location = rules.filter_map(|rule| match &rule.destination {
            crate::config::Destination::Url(url) => Some(url.as_str()),
            _ => None,
        });
        Topic::Folder(location.into_iter().find(|url| target.starts_with(url)))
    }

    fn look_for(&self, surplus: Surplus<'_>) -> String {
        look_for(surplus, self.proxy.backend, &self.proxy.name)
    }

    fn lines(&self, topic: &Topic<'_>) -> String {
        lines(self.setup, self.proxy, topic)
    }
}

/// Where an answer sends the client, without a query: a signature in it is a permission.
fn sent_to(answer: &Answer) -> Option<String> {
    let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
    let bare = location.split(['?', '#']).next().unwrap_or_default();
    Some(shortened(bare))
}

/// The name that a server gives itself.
fn by_whom(answer: &Answer) -> Option<String> {
    let server = answer.headers().get(header::SERVER)?.to_str().ok()?;
    Some(server.to_owned())
}
