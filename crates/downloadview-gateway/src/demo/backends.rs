//! The proxies of the demonstration, as the versions of Debian 12 read names.

use downloadview::backend::{Apache, Caddy, Escaping, Lighttpd, Nginx};

pub(super) fn nginx() -> Nginx {
    Nginx::new()
}

/// As mod_xsendfile 0.12 reads names. All names here are the same in either escaping.
pub(super) fn apache() -> Apache {
    Apache::new().escaping(Escaping::Raw)
}

pub(super) fn lighttpd() -> Lighttpd {
    Lighttpd::new()
}

/// As Caddy 2.6 reads names. All names here are the same in either escaping.
pub(super) fn caddy() -> Caddy {
    Caddy::new().escaping(Escaping::Raw)
}
