//! Asks for a download as a client does, and judges what came of it.
//!
//! 1. `address` says where to ask: a URL, or a socket;
//! 2. `client` sends the request, with a ticket of the [`witness`](crate::witness), and keeps the whole answer;
//! 3. `judge` compares both sides, the answer and what the application itself did, with what should be: the first
//!    [`Fault`] that it finds is the one that explains the others;
//! 4. `health` is all of it for one file, for the health endpoint of an application of one's own.

mod address;
mod client;
mod health;
mod judge;
mod tls;

pub use self::address::{Address, AddressError};
pub use self::client::{Answer, Ask, Line, UNREACHED, Unread, get};
pub use self::health::Health;
pub use self::judge::{Evidence, Expected, Fault, judge, judge_all, unstated};
pub use self::tls::Trust;
