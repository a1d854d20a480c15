//! Asks for a download as a client does, and learns what the application itself made of the request.
//!
//! `client` sends the request, with a ticket of the `witness`, who sits behind the proxy and notes what the application
//! answered to it.

mod client;
mod witness;

pub use self::client::get;
pub use self::witness::{Number, Seen, TICKET, Ticket, Witness};
