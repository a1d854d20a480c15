//! `downloadview check` on real set-ups: right ones, and such with one thing wrong, whose guilty part it names.

mod around;
mod fetched;
mod forged;
mod found;
mod hops;
mod nginx;
mod others;
mod permission;
mod right;
mod spool;
mod stand;
mod surplus;
mod ways;
