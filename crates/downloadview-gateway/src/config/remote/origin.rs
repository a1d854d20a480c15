//! One server of the web, and a folder of URLs on it.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::config::reader::scalar::{Fault, url_prefix};

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `http`: in the clear.
    Http,
    /// `https`: over TLS, with a certificate that is checked.
    Https,
}

/// One server: `https://files.example:8443`. `Display` spells it in the one way that the header `X-Download-Origin`
/// has: lower case, the default port left out.
///
/// In the file it is the `endpoint` of a bucket, or the beginning of a URL:
///
/// ```toml
/// endpoint = "https://minio.example:9000"
/// ```
///
/// Refused: a text without scheme, a scheme other than `http` and `https`, a user or a password.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteOrigin {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Its name or address, in lower case; an IPv6 address in brackets.
    pub host: String,
    /// Its port, the default one too.
    pub port: u16,
}

/// The URLs of a server that begin alike: `https://files.example/media/`. `Display` shows it so.
///
/// ```toml
/// [[optimize.rules]]
/// source_url = "https://files.example/media/"   # or the `url` of a storage of kind "http"
/// redirect = true
/// ```
///
/// Refused: a scheme other than `http` and `https`, a user or a password, a query, a path that does not end in a slash
/// or has `.`, `..` or an empty segment in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    /// The server.
    pub origin: RemoteOrigin,
    /// The path, which begins and ends in a slash, as the file spells it.
    pub path: String,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl RemoteOrigin {
    /// A URL that is only scheme, host and port; one slash may end it.
    pub(in crate::config) fn read(text: &str) -> Result<Self, Fault> {
        let (origin, path) = split(text)?;
        match path {
            "" | "/" => Ok(origin),
            _ => Err(Fault::new(
                "more than a scheme, a host and a port stands there",
                format!("write \"{origin}\""),
            )),
        }
    }

    /// Scheme, host and port, and the rest of the URL as it stands there.
    pub(in crate::config) fn split(text: &str) -> Result<(Self, &str), Fault> {
        split(text)
    }

    /// Whether the host is spelled as an address of this machine or of a private network, or as this machine's own
    /// name.
    pub(in crate::config) fn is_private(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => {
                ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
            }
            Ok(IpAddr::V6(ip)) => {
                ip.is_loopback()
                    || ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    || ip.is_unspecified()
            }
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

impl RemoteUrl {
    /// No message holds a user or a password.
    pub(in crate::config) fn read(text: &str) -> Result<Self, Fault> {
        let (origin, path) = split(text)?;
        if path.is_empty() {
            return Err(Fault::new(
                format!("`{text}` does not end on a segment boundary"),
                format!("write \"{origin}/\""),
            ));
        }
        // Not repeated: a query may be a permission.
        if path.contains('?') {
            return Err(Fault::new(
                "the URL holds a query, and files lie below a path",
                "write only the path, and `%3F` for the character itself",
            ));
        }
        // The help shows the whole URL: a path alone would be none.
        if !path.ends_with('/') && url_prefix(&format!("{path}/")).is_ok() {
            return Err(Fault::new(
                format!("`{path}` does not end on a segment boundary"),
                format!(
                    "write \"{origin}{path}/\", so that no neighbour with a longer name is meant"
                ),
            ));
        }
        let path = url_prefix(path)?;
        Ok(Self { origin, path })
    }

    /// Whether each URL below `other` begins like this one.
    pub(in crate::config) fn holds(&self, other: &Self) -> bool {
        self.origin == other.origin && other.path.starts_with(&self.path)
    }
}

impl fmt::Display for RemoteOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        match self.port == self.scheme.default_port() {
            true => Ok(()),
            false => write!(f, ":{}", self.port),
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// Scheme, host and port, and what follows them as it stands there. The host is parsed by `url`, so that other
/// spellings of an address (`127.1`) come out as the address that is connected to; what `url` would only guess at is
/// refused before.
fn split(text: &str) -> Result<(RemoteOrigin, &str), Fault> {
    let example = "write \"https://origin.example/\"";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(without_scheme(text, example));
    };
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => {
            return Err(Fault::new(
                format!("`{other}://` is not HTTP"),
                "start with `/`, `http://` or `https://`",
            ));
        }
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(Fault::new(
            "the URL holds a user or a password",
            "take it out; a header may go along with each request: Authorization",
        ));
    }
    // A query may hold a secret.
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let no_host = || Fault::new(format!("`{shown}` names no host"), example);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let plain = !authority.is_empty() && authority.bytes().all(plain);
    let url = Url::parse(&format!("{}://{authority}/", scheme.name())).ok();
    let url = url.filter(|_| plain).ok_or_else(no_host)?;
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => format!("[{ip}]"),
        None => return Err(no_host()),
    };
    let port = url.port().unwrap_or(scheme.default_port());
    Ok((RemoteOrigin { scheme, host, port }, path))
}

/// What to say of `minio.example:9000`. Nothing is repeated that could hold a password or a permission.
fn without_scheme(text: &str, example: &str) -> Fault {
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host =
        Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.username().is_empty());
    match is_host && !host.contains('@') && !text.contains(['?', '#']) {
        true => Fault::new(
            format!("`{text}` does not begin with a scheme"),
            format!("write \"https://{text}\", or \"http://{text}\""),
        ),
        false => Fault::new("it names no server", example),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_host_is_shown_without_its_query() {
        for text in ["https:///a?sig=s3cret", "https://a b/?sig=s3cret"] {
            let fault = split(text).map(drop).unwrap_err();
            assert!(!format!("{fault:?}").contains("s3cret"), "{fault:?}");
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for (text, shown) in [
            ("https://Files.Example", "https://files.example"),
            ("https://files.example:443/", "https://files.example"),
            ("http://files.example:443", "http://files.example:443"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("http://0x7f.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(RemoteOrigin::read(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn no_message_holds_a_password() {
        for text in [
            "https://me:s3cr3t@host/",
            "https://s3cr3t@host",
            "https://a:s3cr3t@",
            "me:s3cr3t@host/files/",
            "host/files/?sig=s3cr3t",
        ] {
            let fault = RemoteUrl::read(text).unwrap_err();
            assert!(!format!("{fault:?}").contains("s3cr3t"), "{fault:?}");
        }
    }

    #[test]
    fn a_url_holds_what_lies_below_it_on_the_same_server() {
        let url = |text| RemoteUrl::read(text).unwrap();
        let above = url("https://host/a/");
        assert!(above.holds(&url("https://HOST:443/a/b/")));
        for other in [
            "https://host/ab/",
            "http://host/a/b/",
            "https://host:1/a/b/",
        ] {
            assert!(!above.holds(&url(other)), "{other}");
        }
    }

    #[test]
    fn addresses_of_this_machine_are_known_however_they_are_spelled() {
        for text in [
            "http://localhost",
            "http://127.1",
            "http://2130706433",
            "http://[::1]",
            "http://[fd00::1]",
            "http://10.1.2.3",
            "http://169.254.169.254",
        ] {
            assert!(RemoteOrigin::read(text).unwrap().is_private(), "{text}");
        }
        assert!(!RemoteOrigin::read("http://192.0.2.1").unwrap().is_private());
    }
}
