//! What the application itself did with a request that the grid sent, seen from inside.
//!
//! A proxy takes the hand-off header away, so a client cannot tell who sent the bytes. The grid therefore sends a
//! ticket along; [`note`] keeps what the application answered to it. A ticket that nobody waits for is ignored, and
//! none changes an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use downloadview::optimize::Outcome;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Body as _;

/// The request header that carries a ticket.
pub(super) const TICKET: HeaderName = HeaderName::from_static("x-demo-ticket");

/// The hand-off headers, as they are known.
const HAND_OFF: [&str; 2] = ["X-Accel-Redirect", "X-Sendfile"];

/// The answers to tickets that somebody waits for. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    last: u64,
    answers: HashMap<u64, Option<Seen>>,
}

/// Stands for one request; dropped, it is of no use to anybody.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    witness: Witness,
}

/// The application's answer, before a proxy made something of it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Who sends the bytes, as the layer decided; `None` for what is not a download.
    pub(super) outcome: Option<Outcome>,
    pub(super) status: StatusCode,
    /// The hand-off header as it goes over the wire.
    pub(super) hand_off: Option<String>,
    /// Whether the application itself sends no byte.
    pub(super) is_empty: bool,
}

impl Witness {
    /// A ticket for one request.
    pub(super) fn issue(&self) -> Ticket {
        let mut book = self.book();
        book.last += 1;
        let number = book.last;
        book.answers.insert(number, None);
        Ticket {
            number,
            witness: self.clone(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Middleware around everything: notes the answer to a request that carries a ticket.
pub(super) async fn note(State(witness): State<Witness>, request: Request, next: Next) -> Response {
    let ticket = ticket_of(request.headers());
    let response = next.run(request).await;
    if let Some(ticket) = ticket
        && let Some(waiting) = witness.book().answers.get_mut(&ticket)
    {
        *waiting = Some(Seen::of(&response));
    }
    response
}

impl Ticket {
    /// The value of [`TICKET`].
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from(self.number)
    }

    /// What was answered; `None` if the request has not arrived.
    pub(super) fn answer(&self) -> Option<Seen> {
        self.witness.book().answers.get(&self.number)?.clone()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.witness.book().answers.remove(&self.number);
    }
}

fn ticket_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(TICKET)?.to_str().ok()?.parse().ok()
}

impl Seen {
    fn of(response: &Response) -> Self {
        let hand_off = HAND_OFF.iter().find_map(|name| {
            let value = response.headers().get(*name)?.to_str().ok()?;
            Some(format!("{name}: {value}"))
        });
        Self {
            outcome: response.extensions().get().cloned(),
            status: response.status(),
            hand_off,
            is_empty: response.body().size_hint().exact() == Some(0),
        }
    }
}
