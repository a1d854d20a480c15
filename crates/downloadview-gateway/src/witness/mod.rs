//! What the application itself did with a request, seen from inside.
//!
//! A proxy takes the hand-off header away, so a client cannot tell who sent the bytes, or whether the request arrived at
//! all. Who wants to know sends a ticket along, in the request header [`CHECK`]. The application notes what it answered,
//! and gives the notes to whoever shows the receipt of that ticket.
//!
//! - `key`: both sides prove that they know the same [`Key`]: of `serve`, the text of its configuration file. Neither
//!   the key nor a digest of the text crosses the wire, only a code over a random number and the time.
//! - `ticket`: what a client sends, and later shows.
//! - `seen`: one answer, as the notes keep it.
//! - `once`: for how long such a header counts, and how often.
//! - `book`: the application's notes.
//! - `long`: an answer that the client does not read, to see who takes it nevertheless.
//!
//! A ticket never changes an answer; a long one has to be asked for in that word, for this path, and comes once. A request
//! with a wrong header, or an old one, is answered as if it carried none.

mod book;
mod key;
mod long;
mod once;
mod seen;
mod ticket;

use http::{HeaderName, Request};

pub use self::book::{Asked, Witness};
pub use self::key::Key;
pub use self::long::{KEPT, LONG, Pouring};
pub use self::once::VALID;
pub use self::seen::{Client, ConnectionNumber, Envelope, Kind, Seen};
pub use self::ticket::Ticket;

/// The request header that carries a ticket, or the receipt of one.
pub const CHECK: HeaderName = HeaderName::from_static("x-downloadview-check");

/// Whether a request carries a ticket or a receipt. Almost none does, and to look at its few names costs less than to
/// hash this one.
pub(crate) fn is_checked<B>(request: &Request<B>) -> bool {
    request.headers().keys().any(|name| *name == CHECK)
}
