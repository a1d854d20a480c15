//! For tests of applications, and of files and storages of your own. Feature `testing`; enable it
//! under `[dev-dependencies]` only.

pub mod conformance;
