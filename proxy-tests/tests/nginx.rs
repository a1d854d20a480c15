//! The suite against a real nginx.

#[macro_use]
mod suite;

suite!(Nginx);
