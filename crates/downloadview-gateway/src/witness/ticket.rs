//! What a client sends along with a request, and what it shows to learn what became of it.

use std::io;

use http::HeaderValue;
use percent_encoding::percent_decode_str;

use super::Key;
use super::key::{Claim, hexadecimal};
use super::once;

pub(super) const TICKET: &str = "ticket";
pub(super) const RECEIPT: &str = "receipt";
pub(super) const LONG: &str = "long";
pub(super) const TAKEN: &str = "taken";

/// Stands for one request, or for several that belong together. Cloning it gives the same ticket.
///
/// What it puts into a header counts for [a minute](super::VALID).
/// ```
/// use downloadview_gateway::witness::{CHECK, Envelope, Key, Seen, Witness};
/// use http::{Request, Response};
///
/// let witness = Witness::new(Key::new(b"the configuration"));
/// let ticket = witness.issue()?;
/// let request = Request::get("/a").header(CHECK, ticket.value()).body(())?;
/// // In the application:
/// let number = witness.ticket_of(request.headers()).expect("it carries a ticket");
/// let envelope = Envelope::of(&request);
/// witness.note(number, Seen::of(envelope, &Response::new(String::new())));
/// // Where the request came from:
/// assert!(witness.take(&ticket).iter().all(|seen| seen.is_empty));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ticket {
    number: String,
    key: Key,
}

impl Ticket {
    /// A new one, which only those who know the key take for one.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn draw(key: &Key) -> io::Result<Self> {
        let mut number = [0; 16];
        getrandom::fill(&mut number)?;
        Ok(Self {
            number: hexadecimal(&number),
            key: key.clone(),
        })
    }

    /// What [`CHECK`](super::CHECK) says in a request that shall be noted.
    #[must_use]
    pub fn value(&self) -> HeaderValue {
        self.header_at(TICKET, &[], once::now())
    }

    /// What [`CHECK`](super::CHECK) says in a request for the notes. It is good for one.
    #[must_use]
    pub fn receipt(&self) -> HeaderValue {
        self.header_at(RECEIPT, &[], once::now())
    }

    /// What [`CHECK`](super::CHECK) says in a GET of this path, percent-encoded, for a long answer of no meaning. It
    /// is good for one.
    #[must_use]
    pub fn long(&self, path: &str) -> HeaderValue {
        self.header_at(LONG, &decoded(path), once::now())
    }

    /// What [`CHECK`](super::CHECK) says in a request for the number of bytes that were taken of it.
    #[must_use]
    pub fn taken(&self) -> HeaderValue {
        self.header_at(TAKEN, &[], once::now())
    }

    pub(super) fn number(&self) -> &str {
        &self.number
    }

    /// As it is said in this second.
    pub(super) fn header_at(&self, purpose: &str, path: &[u8], second: u64) -> HeaderValue {
        let Self { number, key } = self;
        let code = key.code(&Claim {
            purpose,
            number,
            second,
            path,
        });
        // Letters, digits and spaces always are a value.
        HeaderValue::try_from(format!("{purpose} {number} {second} {code}"))
            .unwrap_or(HeaderValue::from_static(""))
    }
}

/// The path that a code is for, however it is spelled.
pub(super) fn decoded(path: &str) -> Vec<u8> {
    percent_decode_str(path).collect()
}
