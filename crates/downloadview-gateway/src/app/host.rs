//! The `Host` of a request: a server must refuse one that lacks it, has two, or one that is not valid (RFC 9112, 3.2).
//! Caches and proxies in front would otherwise take the request for another site's.

use downloadview::{Error, Result};
use http::uri::Authority;
use http::{Request, Version, header};

pub(super) fn check<B>(request: &Request<B>) -> Result<()> {
    let mut values = request.headers().get_all(header::HOST).iter();
    let reason = match (values.next(), values.next()) {
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        (None, _) => "the request names no host",
        (Some(_), Some(_)) => "the request names two hosts",
        (Some(host), None) if is_valid(host.as_bytes()) => return Ok(()),
        (Some(_), None) => "the host of the request is not valid",
    };
    Err(Error::BadRequest { reason })
}

/// A host and perhaps a port; a user and a password have no place here.
fn is_valid(value: &[u8]) -> bool {
    if is_plain(value) {
        return true;
    }
    let Ok(authority) = Authority::try_from(value) else {
        return false;
    };
    let (text, host) = (authority.as_str(), authority.host());
    let port = text.strip_prefix(host).unwrap_or("@");
    let digits = port.strip_prefix(':').unwrap_or(port);
    !host.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A name or an IPv4 address and perhaps a port, as most requests have it: valid without a closer look.
fn is_plain(value: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let end = value.iter().position(|byte| !in_name(byte));
    match value.split_at(end.unwrap_or(value.len())) {
        ([], _) => false,
        (_, []) => true,
        (_, [b':', port @ ..]) => port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, hosts: &[&[u8]]) -> bool {
        let mut request = Request::get("/").version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        check(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn a_request_names_one_valid_host() {
        for host in [
            "a",
            "a.example:80",
            "127.0.0.1:8000",
            "[::1]:8000",
            "a:",
            "a_b.example",
            "a.example.",
        ] {
            assert!(checked(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
        for host in [
            &b""[..],
            b"a b",
            b"a/b",
            b"a?b",
            b"user@a",
            b"a:b",
            b"[::1",
            b"a\xff",
            b":80",
        ] {
            assert!(!checked(Version::HTTP_11, &[host]), "{host:?}");
        }
        assert!(!checked(Version::HTTP_11, &[]));
        assert!(!checked(Version::HTTP_11, &[b"a", b"a"]));
        assert!(checked(Version::HTTP_10, &[]));
        assert!(!checked(Version::HTTP_10, &[b"a", b"b"]));
    }
}
