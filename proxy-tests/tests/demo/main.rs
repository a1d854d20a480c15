//! The demonstration and real Chromium: what a newcomer sees, clicks on, and has saved afterwards; and where it must do with
//! less: as an ordinary user, without any proxy.

mod downloads;
mod media;
mod page;
mod surroundings;

/// All proxies of a demonstration.
const ALL: &str = "nginx,apache,lighttpd,caddy";
