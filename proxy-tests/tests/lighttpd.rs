//! The suite against a real lighttpd.

#[macro_use]
mod suite;

suite!(Lighttpd);
