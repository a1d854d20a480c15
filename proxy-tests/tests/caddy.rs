//! The suite against a real Caddy.

#[macro_use]
mod suite;

suite!(Caddy);
