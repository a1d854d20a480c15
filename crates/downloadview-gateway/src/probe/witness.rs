//! What the application itself did with a request, seen from inside.
//!
//! A proxy takes the hand-off header away, so a client cannot tell who sent the bytes. It therefore sends a ticket
//! along; [`Witness::note`] keeps what the application answered to it. A ticket that nobody waits for is ignored, and
//! none changes an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use downloadview::headers::hand_off::{ACCEL, SENDFILE};
use downloadview::optimize::Outcome;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body;

/// The request header that carries a ticket.
pub const TICKET: HeaderName = HeaderName::from_static("x-demo-ticket");

/// The headers that name the file, as they are known.
const HAND_OFF: [&str; 2] = [ACCEL[0], SENDFILE[0]];

/// The answers to tickets that somebody waits for. Cloning shares them.
/// ```
/// use downloadview_gateway::probe::{Number, TICKET, Witness};
/// use http::{HeaderMap, Response};
///
/// let witness = Witness::default();
/// let ticket = witness.issue();
/// let headers = HeaderMap::from_iter([(TICKET, ticket.value())]);   // of the request
/// let number = Number::of(&headers).expect("it carries a ticket");   // seen by the application
/// witness.note(number, headers, &Response::new(String::new()));
/// assert!(ticket.answer().is_some_and(|seen| seen.is_empty));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    last: u64,
    answers: HashMap<u64, Option<Seen>>,
}

/// What a request carries of its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number(u64);

/// Stands for one request; dropped, it is of no use to anybody.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    witness: Witness,
}

/// The application's answer, before a proxy made something of it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Who sends the bytes, as the layer decided; `None` for what is not a download.
    pub outcome: Option<Outcome>,
    /// Its status.
    pub status: StatusCode,
    /// The hand-off header as it goes over the wire.
    pub hand_off: Option<String>,
    /// Whether the application itself sends no byte.
    pub is_empty: bool,
    /// How many bytes the application itself sends, if that is known at the start.
    pub length: Option<u64>,
    /// The headers of the request as they reached the application. One of them may prove the proxy.
    pub request: HeaderMap,
    /// The headers of its answer, before a proxy saw them.
    pub response: HeaderMap,
}

impl Witness {
    /// A ticket for one request.
    #[must_use]
    pub fn issue(&self) -> Ticket {
        let mut book = self.book();
        book.last += 1;
        let number = book.last;
        book.answers.insert(number, None);
        Ticket {
            number,
            witness: self.clone(),
        }
    }

    /// Notes the answer to a request that carried a ticket, and had these headers.
    pub fn note<B: Body>(
        &self,
        Number(ticket): Number,
        request: HeaderMap,
        response: &Response<B>,
    ) {
        if let Some(waiting) = self.book().answers.get_mut(&ticket) {
            *waiting = Some(Seen::of(request, response));
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The value of [`TICKET`].
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        HeaderValue::from(self.number)
    }

    /// What was answered; `None` if the request has not arrived.
    #[must_use]
    pub fn answer(&self) -> Option<Seen> {
        self.witness.book().answers.get(&self.number)?.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.witness.book().answers.remove(&self.number);
    }
}

impl Number {
    /// The ticket of a request; `None` without one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let number = headers.get(TICKET)?.to_str().ok()?.parse();
        number.ok().map(Self)
    }
}

impl Seen {
    fn of<B: Body>(request: HeaderMap, response: &Response<B>) -> Self {
        let hand_off = HAND_OFF.iter().find_map(|name| {
            let value = response.headers().get(*name)?.to_str().ok()?;
            Some(format!("{name}: {value}"))
        });
        Self {
            outcome: response.extensions().get().cloned(),
            status: response.status(),
            hand_off,
            is_empty: response.body().size_hint().exact() == Some(0),
            length: response.body().size_hint().exact(),
            request,
            response: response.headers().clone(),
        }
    }
}
