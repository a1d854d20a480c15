//! The suite against a real Apache with mod_xsendfile.

#[macro_use]
mod suite;

suite!(Apache);
