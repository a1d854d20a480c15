//! Files of other servers, against one that does exactly as a script says, byte by byte.

#[cfg(feature = "s3")]
mod buckets;
mod conditions;
mod faults;
mod guarded;
#[path = "../logs/mod.rs"]
mod logs;
mod origin;
mod plain;
mod resume;
mod tls;
