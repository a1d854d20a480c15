//! Compares what came of a request with what should have.
//!
//! Comes in: what the configuration says should come, the answer that the client got, and what the application
//! noted of the request. Goes out: nothing, or one [`Fault`]: the first that explains the others, so that a missing
//! header is not told where the whole answer is somebody else's.

use bytes::Bytes;
use downloadview::headers::hand_off::{ACCEL, ELSEWHERE, REMOTE, SENDFILE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::client::Answer;
use crate::witness::{Envelope, Kind, Seen};

/// Headers that whoever sends the bytes says in its own words.
const OF_THE_SENDER: [HeaderName; 10] = [
    header::ACCEPT_RANGES,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::DATE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::SERVER,
    header::TRANSFER_ENCODING,
    header::VARY,
];

/// Headers of which an answer has one at most, whoever states it.
const OF_ONE_VALUE: [HeaderName; 4] = [
    header::CONTENT_DISPOSITION,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
];

/// Headers of which a further line adds to the others (RFC 9110, 5.3; `Set-Cookie`: RFC 6265, 3).
const LISTS: [HeaderName; 12] = [
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ALT_SVC,
    header::CONTENT_LANGUAGE,
    header::LINK,
    header::SET_COOKIE,
    header::VARY,
    header::VIA,
    header::WARNING,
    header::WWW_AUTHENTICATE,
];
const LISTS_BY_NAME: [&str; 2] = ["server-timing", "x-robots-tag"];

/// What should come of a GET.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Who sends the bytes.
    pub kind: Kind,
    /// Why no proxy does, if none does.
    pub reason: Option<String>,
    /// The hand-off header, as one line.
    pub hand_off: Option<String>,
    /// The head that the application states.
    pub headers: HeaderMap,
    /// The file, or its first 1 MiB.
    pub bytes: Bytes,
    /// Another file, which arrives in place of this one where a proxy reads names in another way; empty if there is
    /// none.
    pub mistaken: Bytes,
}

/// A request seen from both sides.
#[derive(Debug)]
pub struct Evidence {
    /// What the client got.
    pub answer: anyhow::Result<Answer>,
    /// Whom it was for: the `Host` of the request. Every proxy as it is printed passes it on.
    pub host: String,
    /// The method that was asked with.
    pub method: Method,
    /// The path that was asked for, without a query.
    pub path: String,
    /// What the application did, oldest first: nothing, if the request did not arrive.
    pub seen: Vec<Seen>,
}

/// What is wrong with a GET; the first thing that explains the others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There was no answer.
    NoAnswer(String),
    /// There was an answer, but the application was not asked.
    NotAsked(StatusCode),
    /// The application took the request for one of a client of its own. Whether a proxy announced itself, wrongly.
    NotProven(bool),
    /// The application was asked with another method, or for another path, than the client asked.
    AskedOtherwise(Method, String),
    /// The application decided in another way than its configuration says.
    Decided(Kind, Option<String>),
    /// The application handed over another file than its configuration says.
    HandedOver(Option<String>),
    /// The proxy asked the application for the name that it was told to send itself.
    AskedAgain(String),
    /// Somebody who does not speak as this proxy would is between it and the application, and took the header.
    AnotherHop(StatusCode),
    /// The hand-off header reached the client.
    Leaked(String),
    /// The proxy sent the application's empty answer.
    Ignored,
    /// The proxy answered so in place of the file.
    Refused(StatusCode),
    /// The bytes came compressed.
    Compressed(String),
    /// Other bytes arrived: those of the file whose name is mistaken for this one.
    Mistaken,
    /// Other bytes arrived.
    OtherBytes,
    /// A header of the application did not arrive, or not so.
    HeaderLost(HeaderName),
    /// A header that must be there once is there more often.
    HeaderTwice(HeaderName),
}

impl Expected {
    /// The same where the application may have handed over a copy of its own making, which only it knows.
    #[must_use]
    pub fn or_copy(mut self, evidence: &Evidence) -> Self {
        let first = evidence.seen.first();
        let copied = first.filter(|seen| seen.kind == Kind::Delegated);
        if let (Kind::Streamed, Some(seen)) = (self.kind, copied) {
            self.kind = Kind::Delegated;
            self.hand_off.clone_from(&seen.hand_off);
        }
        self
    }
}

/// Whether what came is what should have.
///
/// # Errors
///
/// The first [`Fault`] that explains the others.
pub fn judge(expected: &Expected, evidence: &Evidence) -> Result<(), Fault> {
    let answer = match &evidence.answer {
        Ok(answer) => answer,
        Err(error) => return Err(Fault::NoAnswer(format!("{error:#}"))),
    };
    let Some(first) = evidence.seen.first() else {
        return Err(Fault::NotAsked(answer.status()));
    };
    decided(expected, first).map_err(|fault| asked_otherwise(evidence, first).unwrap_or(fault))?;
    arrived(expected, answer).map_err(|fault| match fault {
        Fault::Refused(status) if expected.kind == Kind::Delegated => {
            let again = evidence.seen.get(1);
            match again {
                _ if is_by_another(&first.asked, &evidence.host) => Fault::AnotherHop(status),
                Some(again) => Fault::AskedAgain(again.asked.path.clone()),
                None => Fault::Refused(status),
            }
        }
        fault => fault,
    })
}

/// Everything that is wrong: as [`judge`], and where the bytes arrived, each header that did not arrive as it should.
#[must_use]
pub fn judge_all(expected: &Expected, evidence: &Evidence) -> Vec<Fault> {
    let Err(first) = judge(expected, evidence) else {
        return Vec::new();
    };
    let (true, Ok(answer)) = (first.has_bytes(), &evidence.answer) else {
        return vec![first];
    };
    let further = faults_of_headers(&expected.headers, answer.headers()).into_iter();
    let further = further.filter(|fault| *fault != first);
    let further: Vec<_> = further.collect();
    [first].into_iter().chain(further).collect()
}

impl Fault {
    /// Whether the file arrived nevertheless, in some form.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        matches!(
            self,
            Self::HeaderLost(_) | Self::HeaderTwice(_) | Self::Compressed(_)
        )
    }
}

/// Whether an answer is what it should be, as far as it shows that by itself.
///
/// # Errors
///
/// The first [`Fault`] that explains the others.
pub(super) fn arrived(expected: &Expected, answer: &Answer) -> Result<(), Fault> {
    if let Some(leaked) = leaked(answer.headers()) {
        return Err(Fault::Leaked(leaked));
    }
    let right = match expected.kind {
        Kind::Redirected => StatusCode::FOUND,
        _ => StatusCode::OK,
    };
    if answer.status() != right {
        return Err(Fault::Refused(answer.status()));
    }
    if expected.kind == Kind::Redirected {
        return Ok(());
    }
    if let Some(coding) = coding(answer.headers()).filter(|_| coding(&expected.headers).is_none()) {
        return Err(Fault::Compressed(coding));
    }
    let body = answer.body();
    if *body != expected.bytes {
        let is_mistaken = !expected.mistaken.is_empty() && *body == expected.mistaken;
        return Err(match body.is_empty() && expected.kind == Kind::Delegated {
            true => Fault::Ignored,
            false if is_mistaken => Fault::Mistaken,
            false => Fault::OtherBytes,
        });
    }
    match faults_of_headers(&expected.headers, answer.headers())
        .into_iter()
        .next()
    {
        Some(fault) => Err(fault),
        None => Ok(()),
    }
}

/// No proxy as it is printed asks so, but for lighttpd, which closes its connections.
fn is_by_another(asked: &Envelope, host: &str) -> bool {
    asked.is_old || asked.host != host
}

/// What the application was asked in place of what the client asked, which explains another decision.
fn asked_otherwise(evidence: &Evidence, seen: &Seen) -> Option<Fault> {
    let asked = &seen.asked;
    // A gateway that is older than this process may not say.
    let method = Method::from_bytes(asked.method.as_bytes()).unwrap_or(evidence.method.clone());
    let is_same = method == evidence.method && asked.path == evidence.path;
    (!is_same).then(|| Fault::AskedOtherwise(method, asked.path.clone()))
}

fn decided(expected: &Expected, seen: &Seen) -> Result<(), Fault> {
    if seen.kind == Kind::NotAnnounced && expected.kind != Kind::NotAnnounced {
        return Err(Fault::NotProven(seen.asked.is_announced));
    }
    if seen.kind != expected.kind {
        return Err(Fault::Decided(seen.kind, seen.reason.clone()));
    }
    if seen.hand_off != expected.hand_off {
        return Err(Fault::HandedOver(seen.hand_off.clone()));
    }
    Ok(())
}

/// The first header that passes between applications and proxies only.
fn leaked(headers: &HeaderMap) -> Option<String> {
    let known = ACCEL.into_iter().chain(SENDFILE);
    let mut known = known.chain(ELSEWHERE).chain(REMOTE);
    let name = known.find(|name| headers.contains_key(*name))?;
    Some(name.to_owned())
}

fn coding(headers: &HeaderMap) -> Option<String> {
    let coding = headers.get(header::CONTENT_ENCODING)?;
    Some(String::from_utf8_lossy(coding.as_bytes()).into_owned())
}

/// What the application states of the file and did not arrive so.
fn faults_of_headers(stated: &HeaderMap, arrived: &HeaderMap) -> Vec<Fault> {
    let twice = arrived
        .keys()
        .filter(|name| contradicts(name, stated, arrived));
    let twice: Vec<_> = twice.cloned().collect();
    let is_told = |name: &&HeaderName| !OF_THE_SENDER.contains(name) && !is_hand_off(name);
    let has_arrived = |name: &&HeaderName| {
        let arrived: Vec<_> = arrived.get_all(*name).iter().collect();
        let mut values = stated.get_all(*name).iter();
        values.all(|value| arrived.contains(&value))
    };
    let told = stated.keys().filter(is_told);
    let lost = told.filter(|name| !has_arrived(name) && !twice.contains(name));
    let lost = lost.cloned().map(Fault::HeaderLost).collect::<Vec<_>>();
    let twice = twice.into_iter().map(Fault::HeaderTwice);
    twice.chain(lost).collect()
}

/// Whether a header that has one value has several: each client picks another one. A second line that says the same,
/// as of those who add `nosniff` to everything, says nothing new.
fn contradicts(name: &HeaderName, stated: &HeaderMap, arrived: &HeaderMap) -> bool {
    let is_stated_once = stated.get_all(name).iter().count() == 1;
    let has_one = OF_ONE_VALUE.contains(name) || (is_stated_once && !is_list(name));
    let mut values = arrived.get_all(name).iter();
    let first = values.next();
    let differs = |value: &HeaderValue| Some(value) != first;
    has_one && values.any(|value| OF_ONE_VALUE.contains(name) || differs(value))
}

fn is_list(name: &HeaderName) -> bool {
    LISTS.contains(name) || LISTS_BY_NAME.contains(&name.as_str())
}

/// The headers of an answer that neither the application stated nor whoever sends the bytes says of them.
pub fn unstated<'a>(
    stated: &HeaderMap,
    arrived: &'a HeaderMap,
) -> impl Iterator<Item = &'a HeaderName> {
    let of_the_bytes =
        |name: &HeaderName| OF_THE_SENDER.contains(name) || *name == header::CONTENT_ENCODING;
    let names = arrived.keys();
    names.filter(move |name| !of_the_bytes(name) && !stated.contains_key(*name))
}

fn is_hand_off(name: &HeaderName) -> bool {
    let known = ACCEL.into_iter().chain(SENDFILE);
    let mut known = known.chain(ELSEWHERE).chain(REMOTE);
    known.any(|known| name.as_str().eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request, Response};

    use super::*;

    fn expected() -> Expected {
        Expected {
            kind: Kind::Delegated,
            reason: None,
            hand_off: Some("x-accel-redirect: /_internal/a".to_owned()),
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, text("text/plain"))]),
            bytes: "file".into(),
            mistaken: "mistaken".into(),
        }
    }

    fn text(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    fn seen(path: &str) -> Seen {
        let request = Request::get(path).body(()).expect("a request");
        Seen {
            asked: Envelope::of(&request),
            client: None,
            status: 200,
            kind: Kind::Delegated,
            reason: None,
            hand_off: expected().hand_off,
            is_empty: true,
            length: Some(0),
            outcome: None,
            headers: HeaderMap::new(),
        }
    }

    fn answer(status: u16, body: &'static str, headers: &[(HeaderName, &'static str)]) -> Answer {
        let mut answer = Response::new(Bytes::from(body));
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), text(value)));
        answer.headers_mut().extend(headers);
        answer
    }

    #[test]
    fn a_header_that_nobody_stated_is_told_and_what_is_said_of_the_bytes_is_not() {
        let stated = expected().headers;
        let arrived = [
            (header::CONTENT_TYPE, "text/plain"),
            (header::ETAG, "\"v1\""),
            (header::CONTENT_ENCODING, "gzip"),
            (HeaderName::from_static("x-amz-meta-owner"), "me"),
        ];
        let answer = answer(200, "file", &arrived);
        let names: Vec<_> = unstated(&stated, answer.headers()).collect();
        assert_eq!(names, ["x-amz-meta-owner"]);
    }

    fn evidence(answer: Answer, seen: Vec<Seen>) -> Evidence {
        Evidence {
            answer: Ok(answer),
            host: String::new(),
            method: Method::GET,
            path: "/a".to_owned(),
            seen,
        }
    }

    fn fault(answer: Answer, seen: Vec<Seen>) -> Option<Fault> {
        judge(&expected(), &evidence(answer, seen)).err()
    }

    const TYPE: (HeaderName, &str) = (header::CONTENT_TYPE, "text/plain");

    #[test]
    fn the_first_fault_explains_the_others() {
        let accel = HeaderName::from_static("x-accel-redirect");
        let right = || answer(200, "file", &[TYPE]);
        assert_eq!(fault(right(), vec![seen("/a")]), None);
        assert_eq!(
            fault(right(), vec![]),
            Some(Fault::NotAsked(StatusCode::OK))
        );
        let leaks = answer(200, "", &[TYPE, (accel, "/_internal/a")]);
        let leaked = Fault::Leaked("X-Accel-Redirect".to_owned());
        assert_eq!(fault(leaks, vec![seen("/a")]), Some(leaked));
        for (body, expected) in [
            ("", Fault::Ignored),
            ("mistaken", Fault::Mistaken),
            ("another", Fault::OtherBytes),
        ] {
            assert_eq!(
                fault(answer(200, body, &[TYPE]), vec![seen("/a")]),
                Some(expected)
            );
        }
        let missing = || answer(404, "", &[]);
        let refused = Fault::Refused(StatusCode::NOT_FOUND);
        assert_eq!(fault(missing(), vec![seen("/a")]), Some(refused));
        let again = Fault::AskedAgain("/_internal/a".to_owned());
        assert_eq!(
            fault(missing(), vec![seen("/a"), seen("/_internal/a")]),
            Some(again)
        );
        let mut old = seen("/a");
        old.asked.is_old = true;
        let hop = Fault::AnotherHop(StatusCode::NOT_FOUND);
        assert_eq!(fault(missing(), vec![old, seen("/_internal/a")]), Some(hop));
    }

    #[test]
    fn headers_are_kept_once_and_as_they_are() {
        let found = |headers: &[_]| fault(answer(200, "file", headers), vec![seen("/a")]);
        assert_eq!(found(&[]), Some(Fault::HeaderLost(header::CONTENT_TYPE)));
        let other = (header::CONTENT_TYPE, "text/html");
        assert_eq!(
            found(&[other]),
            Some(Fault::HeaderLost(header::CONTENT_TYPE))
        );
        assert_eq!(
            found(&[TYPE, TYPE]),
            Some(Fault::HeaderTwice(header::CONTENT_TYPE))
        );
        let gzip = (header::CONTENT_ENCODING, "gzip");
        assert_eq!(
            found(&[TYPE, gzip]),
            Some(Fault::Compressed("gzip".to_owned()))
        );
    }

    #[test]
    fn of_a_file_that_arrives_every_header_is_judged() {
        let mut expected = expected();
        let policy = header::CONTENT_SECURITY_POLICY;
        expected
            .headers
            .insert(policy.clone(), text("default-src 'none'"));
        let found = |headers: &[_], body| {
            let answer = answer(200, body, headers);
            judge_all(&expected, &evidence(answer, vec![seen("/a")]))
        };
        let both = [header::CONTENT_TYPE, policy.clone()].map(Fault::HeaderLost);
        let lost = found(&[], "file");
        assert_eq!(lost.len(), 2, "{lost:?}");
        assert!(both.iter().all(|fault| lost.contains(fault)), "{lost:?}");
        let gzip = (header::CONTENT_ENCODING, "gzip");
        let compressed = found(&[TYPE, gzip], "packed");
        let expected = [
            Fault::Compressed("gzip".to_owned()),
            Fault::HeaderLost(policy),
        ];
        assert_eq!(compressed, expected);
        assert_eq!(found(&[], "another"), [Fault::OtherBytes]);
    }

    #[test]
    fn what_the_application_did_is_held_against_its_configuration() {
        let right = || answer(200, "file", &[TYPE]);
        let mut other = seen("/a");
        other.hand_off = None;
        assert_eq!(
            fault(right(), vec![other.clone()]),
            Some(Fault::HandedOver(None))
        );
        other.kind = Kind::Streamed;
        assert_eq!(
            fault(right(), vec![other.clone()]),
            Some(Fault::Decided(Kind::Streamed, None))
        );
        other.kind = Kind::NotAnnounced;
        assert_eq!(fault(right(), vec![other]), Some(Fault::NotProven(false)));
    }

    /// What was asked otherwise explains another decision, and is not a fault where all is well.
    #[test]
    fn what_the_application_was_asked_is_held_against_what_the_client_asked() {
        let right = || answer(200, "file", &[TYPE]);
        assert_eq!(fault(right(), vec![seen("/%61")]), None);
        let mut other = seen("/b");
        other.kind = Kind::NotSent;
        let asked = Fault::AskedOtherwise(Method::GET, "/b".to_owned());
        assert_eq!(fault(right(), vec![other.clone()]), Some(asked));
        other.asked.path = "/a".to_owned();
        other.asked.method = "POST".to_owned();
        let asked = Fault::AskedOtherwise(Method::POST, "/a".to_owned());
        assert_eq!(fault(right(), vec![other.clone()]), Some(asked));
        // A gateway that does not tell it.
        other.asked.method.clear();
        let decided = Fault::Decided(Kind::NotSent, None);
        assert_eq!(fault(right(), vec![other]), Some(decided));
    }

    #[test]
    fn a_header_of_one_value_with_two_is_told_and_a_list_or_a_repetition_is_not() {
        let mut expected = expected();
        let known = [
            (header::CACHE_CONTROL, "no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::LINK, "</a>"),
        ];
        let stated = known.clone();
        expected
            .headers
            .extend(stated.map(|(name, it)| (name, text(it))));
        let found = |more: &[_]| {
            let answer = answer(200, "file", &[&[TYPE], &known[..], more].concat());
            judge_all(&expected, &evidence(answer, vec![seen("/a")]))
        };
        let twice = |name: &HeaderName| vec![Fault::HeaderTwice(name.clone())];
        for (name, value) in &known[..2] {
            assert_eq!(found(&[(name.clone(), "public")]), twice(name));
            assert_eq!(found(&[(name.clone(), value)]), []);
        }
        assert_eq!(found(&[(header::LINK, "</b>")]), []);
        let tag = |value| (header::ETAG, value);
        assert_eq!(found(&[tag("\"a\""), tag("\"b\"")]), twice(&header::ETAG));
    }
}
