//! The application's notes of its answers to requests with tickets.
//!
//! Comes in: the number of a ticket whose code is right, and an answer. Goes out: those answers, once, to whoever
//! shows the receipt. What nobody asks for makes room: the book is bounded.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use super::long::{Pouring, Taken};
use super::ticket::{LONG, RECEIPT, TAKEN, TICKET};
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

    /// What a request proves to be; `None` for one without the header, and for one with a wrong code.
    #[must_use]
    pub fn asked(&self, headers: &HeaderMap) -> Option<Asked> {
        let mut values = headers.get_all(CHECK).iter();
        let (value, further) = (values.next()?, values.next());
        let mut words = value.to_str().ok()?.splitn(3, ' ');
        let (purpose, number, code) = (words.next()?, words.next()?, words.next()?);
        let proven = further.is_none() && self.key.proves(purpose, number, code);
        let number = || number.to_owned();
        match purpose {
            TICKET if proven => Some(Asked::Ticket(number())),
            RECEIPT if proven => Some(Asked::Receipt(number())),
            LONG if proven => Some(Asked::Long(number())),
            TAKEN if proven => Some(Asked::Taken(number())),
            _ => None,
        }
    }

    /// The number of the ticket that a request carries.
    #[must_use]
    pub fn ticket_of(&self, headers: &HeaderMap) -> Option<String> {
        match self.asked(headers)? {
            Asked::Ticket(number) => Some(number),
            Asked::Receipt(_) | Asked::Long(_) | Asked::Taken(_) => None,
        }
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

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request, Response};

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
        let lines = values.iter().map(|value| (CHECK, value.clone()));
        witness.asked(&HeaderMap::from_iter(lines))
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
        for wrong in ["", "ticket", "ticket 1", "ticket 1 00", "other 1 00"] {
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
