//! What proves that a request came through a proxy of this demonstration: a secret for each, new at every start.

use std::fs::File;
use std::io::{self, Read as _};

use crate::config::Proxy;

/// Where the kernel hands out random bytes.
const RANDOM: &str = "/dev/urandom";

/// A secret for each proxy, be it started or not; one that nobody is told opens nothing.
pub(super) struct Secrets {
    nginx: String,
    apache: String,
    lighttpd: String,
    caddy: String,
}

impl Secrets {
    /// New ones, of 64 hexadecimal digits.
    pub(super) fn draw() -> io::Result<Self> {
        let mut random = File::open(RANDOM)?;
        let mut draw = || {
            let mut bytes = [0; 32];
            random.read_exact(&mut bytes)?;
            io::Result::Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        Ok(Self {
            nginx: draw()?,
            apache: draw()?,
            lighttpd: draw()?,
            caddy: draw()?,
        })
    }

    /// The one of a proxy.
    pub(super) fn of(&self, proxy: Proxy) -> &str {
        match proxy {
            Proxy::Nginx => &self.nginx,
            Proxy::Apache => &self.apache,
            Proxy::Lighttpd => &self.lighttpd,
            Proxy::Caddy => &self.caddy,
        }
    }
}
