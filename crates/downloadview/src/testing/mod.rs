//! For the tests of applications and of further files and storages.

pub mod conformance;
