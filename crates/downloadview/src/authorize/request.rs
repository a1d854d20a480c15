//! What an authorizer is asked: a request of our own making, of which only named headers are the
//! client's.
//!
//! | header | what it says |
//! |---|---|
//! | `X-Forwarded-Method` | the client's method, `GET` or `HEAD` |
//! | `X-Forwarded-Proto`, `-Host` | `http` or `https`, and the host that the client asked |
//! | `X-Forwarded-Uri` | path and query: the path decided on, and the query without `X-Download-…` |
//! | `X-Forwarded-For`, `X-Real-IP` | the client's address, if it is known |
//! | `X-Download-Route`, `X-Download-Params` | the route, and its parameters as a form |
//!
//! The path is written in one way (canonical): a client that spells `/a` as `/%61` or `//a` must not
//! be asked about under one name and served another.

use std::fmt::Write as _;
use std::net::IpAddr;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::error::{Error, Result};
use crate::permission::Caller;
use crate::storage::StorageName;
use crate::view::RouteParameters;

/// A request of a client, as an [`Authorizer`](super::Authorizer) is asked about it.
///
/// [`Authorize`](super::Authorize) makes one by itself. Make it by hand for a server without tower,
/// or if the path that decides is not that of the request.
///
/// ```
/// use downloadview::authorize::AccessRequest;
/// use http::Request;
///
/// let (parts, ()) = Request::get("/files/a%20b.txt?v=2").body(())?.into_parts();
/// let asked = AccessRequest::of(&parts)?.route("/files/{*path}").parameter("path", "a b.txt");
/// assert_eq!(asked.uri(), "/files/a%20b.txt?v=2");
///
/// let (parts, ()) = Request::get("/files/%61/../b").body(())?.into_parts();
/// assert_eq!(AccessRequest::of(&parts).unwrap_err().status(), 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct AccessRequest<'a> {
    parts: &'a Parts,
    path: String,
    route: Option<&'a str>,
    parameters: String,
    scheme: &'static str,
    host: Option<Authority>,
    address: Option<IpAddr>,
}

/// What names of the query are ours: they are no business of the authorizer.
const OWN: &str = "x-download-";

impl<'a> AccessRequest<'a> {
    /// The request as it came: its path in the one spelling that it has, its parameters if a
    /// [`RouteParameters`] stands in its extensions, its [`Caller`] likewise.
    ///
    /// # Errors
    ///
    /// As [`StorageName::from_url_path`], if the path could mean several things: `..`, an encoded
    /// slash, an empty segment, a wrong escape. One slash may end it.
    pub fn of(parts: &'a Parts) -> Result<Self> {
        let path = canonical(parts.uri.path())?;
        Ok(Self::at(parts, path))
    }

    /// The request, with this path in place of its own. It must begin with a slash and be
    /// percent-encoded.
    #[must_use]
    pub fn at(parts: &'a Parts, path: impl Into<String>) -> Self {
        let nobody = Caller::new();
        let caller = parts.extensions.get::<Caller>().unwrap_or(&nobody);
        let mut request = Self {
            parts,
            path: path.into(),
            route: None,
            parameters: String::new(),
            scheme: caller.scheme(),
            host: caller.host_of(parts),
            address: caller.ip(),
        };
        for (name, value) in RouteParameters::of(parts)
            .into_iter()
            .flat_map(RouteParameters::iter)
        {
            request = request.parameter(name, value);
        }
        request
    }

    /// The route that matched, such as `/files/{*path}`. Default: none is told.
    #[must_use]
    pub fn route(mut self, route: &'a str) -> Self {
        self.route = Some(route);
        self
    }

    /// Adds a parameter of the route, decoded. Default: those of the request's extensions.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let encoded = |text| percent_encode(text, FORM);
        let (name, value) = (name.as_bytes(), value.as_ref());
        let and = if self.parameters.is_empty() { "" } else { "&" };
        // Writing to a String cannot fail.
        let _ = write!(self.parameters, "{and}{}={}", encoded(name), encoded(value));
        self
    }

    /// What `X-Forwarded-Uri` says: the path, and the query without the parameters of a signed link.
    #[must_use]
    pub fn uri(&self) -> String {
        let mut uri = self.path.clone();
        let query = self.parts.uri.query().unwrap_or_default();
        let mut separator = '?';
        for pair in query.split('&').filter(|pair| !is_own(pair)) {
            if query.is_empty() {
                break;
            }
            uri.push(separator);
            separator = '&';
            push_visible(&mut uri, pair);
        }
        uri
    }

    /// The whole URL that the client asked, if its host is known; else [`uri`](Self::uri).
    pub(super) fn url(&self) -> String {
        match &self.host {
            Some(host) => format!("{}://{host}{}", self.scheme, self.uri()),
            None => self.uri(),
        }
    }

    /// The host that the client asked.
    pub(super) fn host(&self) -> Option<&Authority> {
        self.host.as_ref()
    }

    /// The headers of the client's request.
    pub(super) fn client_headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The headers of our request: what we say, and of the client's those named.
    ///
    /// # Errors
    ///
    /// 400 if the client states `Authorization` twice: whoever reads the first would judge another
    /// client than who reads the last.
    pub(super) fn headers(&self, forwarded: &[HeaderName]) -> Result<HeaderMap> {
        let theirs = &self.parts.headers;
        if theirs.get_all(header::AUTHORIZATION).iter().count() > 1 {
            let reason = "the request states Authorization twice";
            return Err(Error::BadRequest { reason });
        }
        let mut headers = HeaderMap::with_capacity(8 + forwarded.len());
        for name in forwarded {
            for value in theirs.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        for (name, text) in self.said() {
            let value = HeaderValue::try_from(text).map_err(Error::other)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }

    /// What we say of the request, by header.
    pub(super) fn said(&self) -> impl Iterator<Item = (&'static str, String)> {
        let address = self.address.map(|address| address.to_string());
        let said = [
            ("x-forwarded-method", Some(self.parts.method.to_string())),
            ("x-forwarded-proto", Some(self.scheme.to_owned())),
            (
                "x-forwarded-host",
                self.host.as_ref().map(ToString::to_string),
            ),
            ("x-forwarded-uri", Some(self.uri())),
            ("x-forwarded-for", address.clone()),
            ("x-real-ip", address),
            ("x-download-route", self.route.map(visible)),
            (
                "x-download-params",
                Some(self.parameters.clone()).filter(|text| !text.is_empty()),
            ),
        ];
        said.into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
    }
}

/// As in `application/x-www-form-urlencoded`, a space as `%20`.
const FORM: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

/// A path in the one spelling that it has.
pub(super) fn canonical(path: &str) -> Result<String> {
    let inside = path.strip_prefix('/').unwrap_or(path);
    if inside.is_empty() {
        return Ok("/".to_owned());
    }
    let (inside, end) = match inside.strip_suffix('/') {
        Some(inside) => (inside, "/"),
        None => (inside, ""),
    };
    let name = StorageName::from_encoded(inside)?;
    Ok(format!("/{}{end}", name.to_url_path()))
}

/// Whether a pair of the query belongs to a signed link, in whatever spelling.
fn is_own(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    let name: Vec<u8> = percent_decode_str(name).collect();
    name.get(..OWN.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OWN.as_bytes()))
}

/// Text of a URL as a header can hold it: what is not visible ASCII is percent-encoded.
fn push_visible(text: &mut String, more: &str) {
    for byte in more.bytes() {
        match byte {
            b'!'..=b'~' => text.push(char::from(byte)),
            byte => drop(write!(text, "%{byte:02X}")),
        }
    }
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    push_visible(&mut shown, text);
    shown
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn uri(target: &str) -> Result<String> {
        let request = Request::get(target).body(()).unwrap();
        let (parts, ()) = request.into_parts();
        Ok(AccessRequest::of(&parts)?.uri())
    }

    #[test]
    fn a_path_has_one_spelling_and_what_could_mean_two_is_refused() {
        for (target, expected) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/%61/b%20c", "/a/b%20c"),
            ("/a/./b", "/a/b"),
            ("/a+b", "/a%2Bb"),
            ("/%c3%a9", "/%C3%A9"),
            ("/a?", "/a"),
            ("/a?b=1&&c", "/a?b=1&&c"),
        ] {
            assert_eq!(uri(target).unwrap(), expected, "{target}");
        }
        for target in [
            "/a/../b",
            "/a%2fb",
            "/a%00",
            "/%zz",
            "/..%2fb",
            "/a/%2e%2e/b",
        ] {
            assert_eq!(uri(target).unwrap_err().status(), 400, "{target}");
        }
        for target in ["//a", "/a//b", "/a//"] {
            assert_eq!(uri(target).unwrap_err().status(), 404, "{target}");
        }
    }

    #[test]
    fn the_parameters_of_a_signed_link_are_not_told_in_any_spelling() {
        for target in [
            "/a?X-Download-Key=1&b=2&X-Download-Signature=s",
            "/a?x-download-key=1&b=2",
            "/a?b=2&X%2dDownload-Expires=3",
            "/a?b=2&%58-Download-=",
        ] {
            assert_eq!(uri(target).unwrap(), "/a?b=2", "{target}");
        }
        assert_eq!(uri("/a?X-Download-Key=1").unwrap(), "/a");
        assert_eq!(uri("/a?X-Downloads=1").unwrap(), "/a?X-Downloads=1");
    }

    #[test]
    fn two_authorizations_are_400_and_no_other_header_of_the_client_goes_along() {
        let request = Request::get("/a")
            .header("authorization", "a")
            .header("x-forwarded-uri", "/other")
            .header("x-forwarded-for", "203.0.113.9")
            .header("cookie", "a=1")
            .header("range", "bytes=0-1")
            .header("host", "h.example:8080");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let forwarded = [header::COOKIE, header::AUTHORIZATION];
        let headers = AccessRequest::of(&parts)
            .unwrap()
            .headers(&forwarded)
            .unwrap();
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        assert_eq!(
            told,
            [
                "authorization: a",
                "cookie: a=1",
                "x-forwarded-host: h.example:8080",
                "x-forwarded-method: GET",
                "x-forwarded-proto: http",
                "x-forwarded-uri: /a",
            ]
        );
        parts
            .headers
            .append("authorization", HeaderValue::from_static("b"));
        let refused = AccessRequest::of(&parts).unwrap().headers(&forwarded);
        assert_eq!(refused.unwrap_err().status(), 400);
    }

    #[test]
    fn parameters_are_a_form() {
        let (parts, ()) = Request::get("/a").body(()).unwrap().into_parts();
        let asked = AccessRequest::of(&parts).unwrap();
        let asked = asked
            .parameter("path", "a b&c=d/é.txt")
            .parameter("n", "1+1");
        let params = asked.said().find(|(name, _)| *name == "x-download-params");
        let expected = "path=a%20b%26c%3Dd%2F%C3%A9.txt&n=1%2B1";
        assert_eq!(params.unwrap().1, expected);
    }
}
