//! The application's notes of its answers to requests with tickets.
//!
//! Comes in: the number of a ticket whose code is right, and an answer. Goes out: those answers, once, to whoever
//! shows the receipt. What nobody asks for makes room: the book is bounded.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, Request};

use super::key::Claim;
use super::long::{Pouring, Taken};
use super::once::{self, Used};
use super::ticket::{LONG, RECEIPT, TAKEN, TICKET, decoded};
use super::{CHECK, Key, Seen, Ticket};

/// Only those who know the key fill the book, and no faster than they read it.
const MOST_TICKETS: usize = 512;
/// A proxy that is told of a file where it has none may ask the application again, in circles.
const MOST_ANSWERS: usize = 16;

/// Keeps what was answered to tickets of its key. Cloning it shares the notes.
///
/// It keeps 512 tickets, of each the first 16 answers; the oldest ticket makes room for a new one.
#[derive(Debug, Clone)]
pub struct Witness {
    key: Key,
    book: Arc<Mutex<Book>>,
    taken: Taken,
    used: Used,
}

type Book = VecDeque<(String, Vec<Seen>)>;

/// What a request with the header [`CHECK`] wants. The texts are the ticket's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To be answered as ever, and noted.
    Ticket(String),
    /// The notes of a ticket.
    Receipt(String),
    /// A long answer, in place of any other.
    Long(String),
    /// How much of it was taken.
    Taken(String),
}

impl Witness {
    /// A book with nothing in it.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            book: Arc::default(),
            taken: Taken::default(),
            used: Used::default(),
        }
    }

    /// One for this key with nothing in its book, which accepts nothing that this one accepted for the last time.
    #[must_use]
    pub fn succeeded_by(&self, key: Key) -> Self {
        Self {
            used: self.used.clone(),
            ..Self::new(key)
        }
    }

    /// A ticket for a request of one's own.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn issue(&self) -> io::Result<Ticket> {
        Ticket::draw(&self.key)
    }

    /// What a request proves to be; `None` for one without the header, for one with a wrong code, and where the code is
    /// older than [`VALID`](super::VALID), or from as far ahead. A receipt, and what asks for a long answer, counts once,
    /// and the latter only in a GET of the path that it was made for.
    #[must_use]
    pub fn asked<B>(&self, request: &Request<B>) -> Option<Asked> {
        self.asked_at(request, once::now())
    }

    fn asked_at<B>(&self, request: &Request<B>, now: u64) -> Option<Asked> {
        let shown = Shown::of(request.headers())?;
        let is_proven = |path: &[u8]| shown.is_proven(&self.key, path, now);
        let is_first = |purpose| self.used.is_first(shown.second, purpose, shown.number, now);
        let is_long = || {
            request.method() == Method::GET
                && is_proven(&decoded(request.uri().path()))
                && is_first(LONG)
        };
        let number = || shown.number.to_owned();
        match shown.purpose {
            TICKET if is_proven(&[]) => Some(Asked::Ticket(number())),
            RECEIPT if is_proven(&[]) && is_first(RECEIPT) => Some(Asked::Receipt(number())),
            LONG if is_long() => Some(Asked::Long(number())),
            TAKEN if is_proven(&[]) => Some(Asked::Taken(number())),
            _ => None,
        }
    }

    /// The number of the ticket that a request carries.
    #[must_use]
    pub fn ticket_of(&self, headers: &HeaderMap) -> Option<String> {
        let shown = Shown::of(headers).filter(|shown| shown.purpose == TICKET)?;
        let is_proven = shown.is_proven(&self.key, &[], once::now());
        is_proven.then(|| shown.number.to_owned())
    }

    /// Notes the answer to a request that carried the ticket of this number.
    pub fn note(&self, number: String, seen: Seen) {
        let mut book = self.book();
        if let Some((_, answers)) = book.iter_mut().find(|(known, _)| *known == number) {
            if answers.len() < MOST_ANSWERS {
                answers.push(seen);
            }
            return;
        }
        if book.len() >= MOST_TICKETS {
            book.pop_front();
        }
        book.push_back((number, vec![seen]));
    }

    /// The notes of a ticket, oldest first. They are given once.
    #[must_use]
    pub fn take(&self, ticket: &Ticket) -> Vec<Seen> {
        self.take_of(ticket.number())
    }

    /// As [`take`](Self::take), for a ticket known by its number.
    #[must_use]
    pub fn take_of(&self, number: &str) -> Vec<Seen> {
        let mut book = self.book();
        let place = book.iter().position(|(known, _)| known == number);
        let taken = place.and_then(|place| book.remove(place));
        taken.map(|(_, answers)| answers).unwrap_or_default()
    }

    /// The bytes of a long answer to the ticket of this number.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn pour(&self, number: String) -> io::Result<Pouring> {
        self.taken.begin(number)
    }

    /// How much of the long answer to the ticket of this number was taken so far; `None` if nobody asked for it.
    #[must_use]
    pub fn taken_of(&self, number: &str) -> Option<u64> {
        self.taken.of(number)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a header says, which may be a lie.
struct Shown<'a> {
    purpose: &'a str,
    number: &'a str,
    second: u64,
    code: &'a str,
}

impl<'a> Shown<'a> {
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CHECK).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        let mut words = value.to_str().ok()?.splitn(4, ' ');
        Some(Self {
            purpose: words.next()?,
            number: words.next()?,
            second: words.next()?.parse().ok()?,
            code: words.next()?,
        })
    }

    fn is_proven(&self, key: &Key, path: &[u8], now: u64) -> bool {
        let claim = Claim {
            purpose: self.purpose,
            number: self.number,
            second: self.second,
            path,
        };
        once::is_valid(self.second, now) && key.proves(&claim, self.code)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Response};

    use super::super::Envelope;
    use super::*;

    fn witness() -> Witness {
        Witness::new(Key::new(b"a configuration"))
    }

    fn seen() -> Seen {
        let request = Request::get("/a").body(()).expect("a request");
        Seen::of(Envelope::of(&request), &Response::new(String::new()))
    }

    fn asked(witness: &Witness, values: &[HeaderValue]) -> Option<Asked> {
        asked_at(witness, &Method::GET, "/a", values, once::now())
    }

    fn asked_at(
        witness: &Witness,
        method: &Method,
        path: &str,
        values: &[HeaderValue],
        now: u64,
    ) -> Option<Asked> {
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().expect("a path");
        for value in values {
            request.headers_mut().append(CHECK, value.clone());
        }
        witness.asked_at(&request, now)
    }

    const NOW: u64 = 1_800_000_000;

    /// All that a ticket may say in that second, the long answer of `/a b`.
    fn all(ticket: &Ticket) -> [HeaderValue; 4] {
        [TICKET, RECEIPT, TAKEN, LONG].map(|purpose| {
            let path: &[u8] = if purpose == LONG { b"/a b" } else { b"" };
            ticket.header_at(purpose, path, NOW)
        })
    }

    #[test]
    fn a_captured_header_that_is_replayed_after_a_minute_is_none() {
        let witness = witness();
        let ticket = witness.issue().expect("random numbers");
        for value in all(&ticket) {
            let at = |now| {
                let value = value.clone();
                asked_at(&witness, &Method::GET, "/a%20b", &[value], now)
            };
            for now in [NOW + 61, NOW - 61, NOW + 1_000_000, 0, u64::MAX] {
                assert_eq!(at(now), None, "{value:?} {now}");
            }
            assert!(at(NOW + 60).is_some(), "{value:?}");
        }
        // Nor does it help to say another second.
        let later = ticket.value().to_str().expect("a text").to_owned();
        let second = later.split(' ').nth(2).expect("a second").to_owned();
        let later = later.replace(&second, &(NOW + 1).to_string());
        let later = HeaderValue::try_from(later).expect("a value");
        assert_eq!(
            asked_at(&witness, &Method::GET, "/a", &[later], NOW + 1),
            None
        );
    }

    #[test]
    fn a_captured_receipt_or_long_answer_that_is_replayed_at_once_is_none() {
        let witness = witness();
        let ticket = witness.issue().expect("random numbers");
        let [value, receipt, taken, long] = all(&ticket);
        let successor = witness.succeeded_by(Key::new(b"a configuration"));
        let at = |witness: &Witness, value: &HeaderValue| {
            asked_at(
                witness,
                &Method::GET,
                "/a%20b",
                std::slice::from_ref(value),
                NOW,
            )
        };
        for value in [&receipt, &long] {
            assert!(at(&witness, value).is_some(), "{value:?}");
            assert_eq!(at(&witness, value), None, "{value:?}");
            assert_eq!(at(&successor, value), None, "{value:?}");
            // The same second, spelled in another way.
            let other = value.to_str().expect("a text").replace(" 18", " 018");
            let other = HeaderValue::try_from(other).expect("a value");
            assert_eq!(at(&witness, &other), None, "{other:?}");
        }
        for value in [&value, &taken] {
            assert!(at(&witness, value).is_some(), "{value:?}");
            assert!(at(&witness, value).is_some(), "{value:?}");
        }
    }

    #[test]
    fn a_captured_long_answer_is_none_with_another_method_or_path() {
        let witness = witness();
        let ticket = witness.issue().expect("random numbers");
        let [.., long] = all(&ticket);
        let at = |method, path| asked_at(&witness, &method, path, std::slice::from_ref(&long), NOW);
        for method in [Method::POST, Method::HEAD, Method::PUT] {
            assert_eq!(at(method, "/a%20b"), None);
        }
        for path in ["/", "/a", "/a%20b/", "/A%20b"] {
            assert_eq!(at(Method::GET, path), None, "{path}");
        }
        // None of these has used it up.
        let right = at(Method::GET, "/%61%20b?further");
        assert_eq!(right, Some(Asked::Long(ticket.number().to_owned())));
    }

    #[test]
    fn a_ticket_or_a_receipt_of_another_key_is_none() {
        let witness = witness();
        let ticket = witness.issue().expect("random numbers");
        let number = ticket.number().to_owned();
        let known = asked(&witness, &[ticket.value()]);
        assert_eq!(known, Some(Asked::Ticket(number.clone())));
        let known = asked(&witness, &[ticket.receipt()]);
        assert_eq!(known, Some(Asked::Receipt(number.clone())));

        let other = Witness::new(Key::new(b"another one")).issue();
        let other = other.expect("random numbers");
        assert_eq!(asked(&witness, &[other.value()]), None);
        assert_eq!(asked(&witness, &[ticket.value(), ticket.value()]), None);
        // Who has seen a ticket cannot make its receipt of it.
        let forged = ticket
            .value()
            .to_str()
            .expect("a text")
            .replace(TICKET, RECEIPT);
        let forged = HeaderValue::try_from(forged).expect("a value");
        assert_eq!(asked(&witness, &[forged]), None);
        for wrong in [
            "",
            "ticket",
            "ticket 1",
            "ticket 1 00",
            "ticket 1 1 00",
            "ticket 1 x 00",
            "other 1 1 00",
        ] {
            assert_eq!(
                asked(&witness, &[HeaderValue::from_static(wrong)]),
                None,
                "{wrong}"
            );
        }
    }

    #[test]
    fn notes_are_given_once_and_their_number_is_bounded() {
        let witness = witness();
        for _ in 0..=MOST_ANSWERS {
            witness.note("first".to_owned(), seen());
        }
        for number in 1..MOST_TICKETS {
            witness.note(number.to_string(), seen());
        }
        assert_eq!(witness.take_of("first").len(), MOST_ANSWERS);
        assert!(witness.take_of("first").is_empty());
        for number in 0..2 {
            witness.note(format!("new {number}"), seen());
        }
        assert!(witness.take_of("1").is_empty(), "the oldest made room");
        assert_eq!(witness.take_of("2").len(), 1);
    }
}
