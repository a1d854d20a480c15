//! Where a browser is sent to log in, in the place of a 401.

use http::{HeaderMap, HeaderValue, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::AccessRequest;
use crate::error::BuildError;

/// A URL with `{url}` or `{uri}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login(String);

const URL: &str = "{url}";
const URI: &str = "{uri}";

impl Login {
    /// # Errors
    ///
    /// The text is neither a path nor an `http(s)` URL, or holds something that no URL holds.
    pub(super) fn parse(text: &str) -> Result<Self, BuildError> {
        let refused =
            |what: &str| Err(BuildError::new(format!("the authorizer: its login {what}")));
        let plain = text.replace(URL, "").replace(URI, "");
        let is_path = plain.starts_with('/') && !plain.starts_with("//");
        let is_url = plain.starts_with("https://") || plain.starts_with("http://");
        if !is_path && !is_url {
            return refused("is neither a path nor a URL that begins with http:// or https://");
        }
        if plain.contains(['{', '}', '\\', '#']) || !plain.bytes().all(|b| b.is_ascii_graphic()) {
            return refused("holds something that no URL holds: write {url} or {uri} for the page");
        }
        Ok(Self(text.to_owned()))
    }

    /// Where this client is sent, if it is a browser that loads a page.
    pub(super) fn location(&self, asked: &AccessRequest<'_>) -> Option<HeaderValue> {
        if !takes_html(asked.client_headers()) {
            return None;
        }
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut text = self.0.clone();
        if text.contains(URL) {
            text = text.replace(URL, &encoded(&asked.url()));
        }
        if text.contains(URI) {
            text = text.replace(URI, &encoded(&asked.uri()));
        }
        HeaderValue::try_from(text).ok()
    }
}

/// Whether a text is a place to log in.
///
/// # Errors
///
/// It is not.
#[doc(hidden)]
pub fn check_login(text: &str) -> Result<(), BuildError> {
    Login::parse(text).map(drop)
}

/// Whether `Accept` names `text/html`: a program that takes anything (`*/*`) is better told 401.
fn takes_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let mut ranges = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    ranges.any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_html = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"));
        // A weight of nothing means "not this one" (RFC 9110, 12.4.2).
        let refused = |part: &[u8]| {
            let weight = part.strip_prefix(b"q=").or(part.strip_prefix(b"Q="));
            weight.is_some_and(|weight| weight.iter().all(|byte| b"0.".contains(byte)))
        };
        is_html && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn location(login: &str, accept: &[&str]) -> Option<String> {
        let mut request = Request::get("/a%20b?c=d&e").header("host", "h.example");
        for value in accept {
            request = request.header("accept", *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let asked = AccessRequest::of(&parts).unwrap();
        let location = Login::parse(login).unwrap().location(&asked)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_browser_is_sent_to_log_in_and_a_program_is_not() {
        let sent = "/in?rd=http%3A%2F%2Fh%2Eexample%2Fa%2520b%3Fc%3Dd%26e";
        for accept in [
            &["text/html"][..],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["application/json", "TEXT/HTML; q=0.1"],
        ] {
            assert_eq!(
                location("/in?rd={url}", accept).as_deref(),
                Some(sent),
                "{accept:?}"
            );
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["text/html;q=0"],
            &["text/html; q=0.00"],
            &["text/htmlx"],
        ] {
            assert_eq!(location("/in?rd={url}", accept), None, "{accept:?}");
        }
        let by_path = location("https://id.example/?next={uri}", &["text/html"]);
        let expected = "https://id.example/?next=%2Fa%2520b%3Fc%3Dd%26e";
        assert_eq!(by_path.as_deref(), Some(expected));
    }

    #[test]
    fn a_login_that_is_no_url_is_a_mistake() {
        for text in [
            "",
            "in",
            "//evil.example",
            "javascript:x",
            "/a b",
            "/{page}",
            "/a#b",
            "{url}",
        ] {
            assert!(Login::parse(text).is_err(), "{text}");
        }
    }
}
