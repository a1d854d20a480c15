//! A URL by which somebody else may fetch a file, often for a short while only. Its query may be a
//! permission, so it is never shown.
//!
//! `File::link` and `Storage::link` return a [`SignedUrl`]; rules compare its origin and path,
//! backends write it into their headers, and `response::head` into `Location`. [`LinkRequest`] says
//! who will fetch. A URL is parsed once; after that, scheme and host have one spelling, so that two
//! URLs of one server compare as equal text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::error::BuildError;

/// An absolute URL, `http` or `https`, by which a proxy or a client may fetch a file.
///
/// Its query often holds a signature, which is a permission for whoever has it. So
/// [`Debug`](fmt::Debug) and [`Display`](fmt::Display) show `?…` in its place, and only
/// [`expose`](Self::expose) and [`target`](Self::target) return it.
///
/// ```
/// use downloadview::storage::SignedUrl;
/// let url = SignedUrl::parse("HTTPS://Files.Example:443/media/a%20b.txt?signature=secret")?;
/// assert_eq!(url.origin(), "https://files.example");
/// assert_eq!(url.target(), "/media/a%20b.txt?signature=secret");
/// assert_eq!(url.to_string(), "https://files.example/media/a%20b.txt?…");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignedUrl {
    text: Arc<str>,
    /// Length of the origin: scheme, host, and the port where it is not the scheme's own.
    origin: usize,
}

impl SignedUrl {
    /// A URL as it is sent: visible ASCII, with scheme and host, without user and fragment.
    ///
    /// Scheme and host become lower case, and the scheme's own port (80, 443) is left out. Path and
    /// query stay byte for byte, because a signature covers them.
    ///
    /// # Errors
    ///
    /// For anything else. The text says what is wrong and does not quote the URL.
    pub fn parse(url: &str) -> Result<Self, BuildError> {
        let (origin, target) =
            split(url).map_err(|what| BuildError::new(format!("a URL: {what}")))?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            text: format!("{origin}{slash}{target}").into(),
            origin: origin.len(),
        })
    }

    /// The whole URL, the query included: for the `Location` of an answer, or for an HTTP client.
    /// Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The server: `https://host:port`. The port is left out if it is the scheme's own.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.text[..self.origin]
    }

    /// What the server is asked for: `/path?query`, byte for byte. Do not log it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.text[self.origin..]
    }

    /// The path, still percent-encoded, without the query. It may be shown.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }
}

impl fmt::Display for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(&self.text))
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&without_query(&self.text), f)
    }
}

/// What a link is for: who will fetch the file, and how. The argument of
/// [`File::link`](crate::File::link) and [`Storage::link`](super::Storage::link).
///
/// ```
/// use downloadview::storage::LinkRequest;
/// use http::{HeaderMap, HeaderValue, Method, header};
///
/// // A proxy states name and type itself.
/// let for_a_proxy = LinkRequest::new(&Method::GET);
/// assert!(for_a_proxy.headers().is_none());
///
/// // A client that is redirected sees only what the other server states.
/// let mut headers = HeaderMap::new();
/// headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
/// let for_a_client = LinkRequest::new(&Method::GET).with_headers(&headers);
/// assert_eq!(for_a_client.headers().unwrap()[header::CONTENT_TYPE], "application/pdf");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LinkRequest<'a> {
    method: &'a Method,
    headers: Option<&'a HeaderMap>,
}

impl<'a> LinkRequest<'a> {
    /// For a proxy: it asks with this method, and states name and type of the file itself. A
    /// signature is valid for one method only.
    #[must_use]
    pub fn new(method: &'a Method) -> Self {
        Self {
            method,
            headers: None,
        }
    }

    /// For a client that goes to the URL itself: the answer there must state these headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &'a HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// The method of the request that the URL is for: GET or HEAD.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// What the answer at the URL must state itself: `Content-Disposition`, `Content-Type`, and
    /// `Content-Encoding` if a view states it. Stores take them as parameters of the signed URL
    /// (`response-content-disposition` of S3). `None` for a proxy, which states them itself.
    #[must_use]
    pub fn headers(&self) -> Option<&'a HeaderMap> {
        self.headers
    }
}

/// A URL, absolute or not, with `?…` in place of its query and its fragment.
pub(crate) fn without_query(url: &str) -> String {
    match url.split_once(['?', '#']) {
        Some((path, _)) => format!("{path}?…"),
        None => url.to_owned(),
    }
}

/// The origin, in its one spelling, and the rest of the URL.
fn split(url: &str) -> Result<(String, &str), &'static str> {
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("it must be visible ASCII, anything else percent-encoded");
    }
    let (scheme, rest) = url.split_once("://").ok_or(NOT_ABSOLUTE)?;
    let (scheme, own_port) = match scheme.to_ascii_lowercase().as_str() {
        "https" => ("https", 443),
        "http" => ("http", 80),
        _ => return Err(NOT_ABSOLUTE),
    };
    if url.contains('#') {
        return Err("it must not have a fragment");
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if target
        .split('?')
        .next()
        .is_some_and(|path| path.contains('\\'))
    {
        return Err("its path must not hold a backslash");
    }
    let (host, port) = host_and_port(authority)?;
    Ok(match port {
        Some(port) if port != own_port => (format!("{scheme}://{host}:{port}"), target),
        _ => (format!("{scheme}://{host}"), target),
    })
}

const NOT_ABSOLUTE: &str = "it must begin with `https://` or `http://`";
const NO_HOST: &str = "its host is not valid";

/// The host, in its one spelling, and the port.
fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    if authority.contains('@') {
        return Err("it must not have a user or a password");
    }
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_bracket..].rfind(':') {
        Some(at) => authority.split_at(after_bracket + at),
        None => (authority, ""),
    };
    let port = match port.strip_prefix(':') {
        None | Some("") => None,
        Some(digits) => Some(port_of(digits).ok_or("its port is not a number from 1 to 65535")?),
    };
    Ok((spelled(host).ok_or(NO_HOST)?, port))
}

/// A port from 1 to 65535.
fn port_of(digits: &str) -> Option<u16> {
    let port = digits.bytes().all(|b| b.is_ascii_digit());
    port.then(|| digits.parse().ok())?.filter(|port| *port != 0)
}

/// A host in its one spelling; `None` if it is not valid. `127.1` and the like are not valid:
/// clients would read them as different addresses.
fn spelled(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    // A last label that is a number makes it an address, and those have other spellings (`127.1`).
    let last = host.trim_end_matches('.').rsplit('.').next()?;
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    match number {
        true => Some(host.parse::<Ipv4Addr>().ok()?.to_string()),
        false => Some(host.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_spelling_of_its_server_and_its_own_of_the_rest() {
        for (url, origin, target) in [
            ("https://a.example", "https://a.example", "/"),
            ("https://a.example?x=1", "https://a.example", "/?x=1"),
            ("HTTP://A.example:80/%2f?", "http://a.example", "/%2f?"),
            ("http://a.example:443/", "http://a.example:443", "/"),
            ("https://a.example:/b", "https://a.example", "/b"),
            ("https://[0:0::1]:8443/a", "https://[::1]:8443", "/a"),
            ("http://127.0.0.1:9000/k?a=@:#", "", ""),
            (
                "http://127.0.0.1:9000/k?a=@:",
                "http://127.0.0.1:9000",
                "/k?a=@:",
            ),
            ("https://a_b.example./x//y", "https://a_b.example.", "/x//y"),
        ] {
            let parsed = SignedUrl::parse(url);
            let parts = parsed.as_ref().map(|it| (it.origin(), it.target()));
            assert_eq!(parts.unwrap_or_default(), (origin, target), "{url}");
        }
    }

    #[test]
    fn what_is_not_an_absolute_url_of_a_server_is_refused() {
        for url in [
            "",
            "/media/a",
            "//a.example/a",
            "ftp://a.example/",
            "https:///a",
            "https://user@a.example/",
            "https://user:secret@a.example/",
            "https://a.example/#b",
            "https://a.example/é",
            "https://a.example/a b",
            "https://a.example\\@b.example/",
            "https://a.example/\\..",
            "https://a.example:0/",
            "https://a.example:65536/",
            "https://a.example:+1/",
            "https://a.example:1:2/",
            "https://[::1/",
            "https://[::1%25eth0]/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://a%2eexample/",
            "https://$origin/",
        ] {
            let refused = SignedUrl::parse(url).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn nobody_sees_the_query() {
        for url in ["https://a.example/b?secret", "https://a.example?secret"] {
            let url = SignedUrl::parse(url).unwrap();
            let shown = format!("{url} {url:?}");
            assert!(shown.contains("https://a.example/"), "{shown}");
            assert!(shown.contains("?…"), "{shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
