//! Where a server is asked: `http://HOST:PORT`, `https://HOST:PORT`, or `unix:PATH`.
//!
//! Comes in: what a person wrote, or what the file says the gateway listens on; an address that means every one of
//! this machine becomes one that can be connected to. Goes out: where to connect, and the `Host` that is said
//! there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use http::uri::Scheme;
use http::{HeaderValue, Uri};

use crate::config::Listen;

/// A server, as a client finds it.
/// ```
/// use downloadview_gateway::probe::Address;
/// let front: Address = "https://files.example".parse()?;
/// assert_eq!(front.to_string(), "https://files.example");
/// # Ok::<(), downloadview_gateway::probe::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) place: Place,
    pub(super) host: HeaderValue,
    /// As it was written.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp {
        /// A name, or an IP address without brackets.
        host: String,
        port: u16,
        is_tls: bool,
    },
    Unix(PathBuf),
}

/// A text that is not such an address. `Display` says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a server to ask; write http://HOST:PORT, https://HOST or unix:PATH, without a path"
)]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::unix(path.into()));
        }
        Self::of_url(text).ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl Address {
    fn unix(path: PathBuf) -> Self {
        Self {
            text: format!("unix:{}", path.display()),
            place: Place::Unix(path),
            host: HeaderValue::from_static("localhost"),
        }
    }

    /// What it is called in `Host`.
    #[must_use]
    pub fn host(&self) -> String {
        String::from_utf8_lossy(self.host.as_bytes()).into_owned()
    }

    /// Whether it is asked over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.place, Place::Tcp { is_tls: true, .. })
    }

    fn of_url(text: &str) -> Option<Self> {
        let url: Uri = text.parse().ok()?;
        let is_tls = match url.scheme()? {
            scheme if *scheme == Scheme::HTTP => false,
            scheme if *scheme == Scheme::HTTPS => true,
            _ => return None,
        };
        let authority = url.authority()?;
        if url.path() != "/" || url.query().is_some() || authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Some(Self {
            place: Place::Tcp {
                host: bare.unwrap_or(host).to_owned(),
                port: authority
                    .port_u16()
                    .unwrap_or(if is_tls { 443 } else { 80 }),
                is_tls,
            },
            host: HeaderValue::try_from(authority.as_str()).ok()?,
            text: text.trim_end_matches('/').to_owned(),
        })
    }
}

impl From<SocketAddr> for Address {
    /// One that means every address of this machine becomes one that can be connected to.
    fn from(mut address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        Self {
            place: Place::Tcp {
                host: address.ip().to_string(),
                port: address.port(),
                is_tls: false,
            },
            // An address always is a value.
            host: HeaderValue::try_from(address.to_string())
                .unwrap_or(HeaderValue::from_static("localhost")),
            text: format!("http://{address}"),
        }
    }
}

impl From<&Listen> for Address {
    fn from(listen: &Listen) -> Self {
        match listen {
            Listen::Tcp(address) => (*address).into(),
            Listen::Unix(path) => Self::unix(path.clone()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<(String, u16, bool)> {
        match text.parse::<Address>().ok()?.place {
            Place::Tcp { host, port, is_tls } => Some((host, port, is_tls)),
            Place::Unix(path) => Some((path.display().to_string(), 0, false)),
        }
    }

    #[test]
    fn a_url_is_a_host_and_a_port_and_nothing_more() {
        let found = |host: &str, port, is_tls| Some((host.to_owned(), port, is_tls));
        assert_eq!(place("http://a.example"), found("a.example", 80, false));
        assert_eq!(place("https://a.example/"), found("a.example", 443, true));
        assert_eq!(place("http://[::1]:8080"), found("::1", 8080, false));
        assert_eq!(place("unix:/run/a.sock"), found("/run/a.sock", 0, false));
        for wrong in [
            "a.example",
            "/a",
            "ftp://a.example",
            "http://a.example/files",
            "http://a.example/?b",
            "http://user:word@a.example",
            "",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
