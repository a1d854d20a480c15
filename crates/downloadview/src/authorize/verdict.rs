//! What an authorizer's answer means.
//!
//! | answer | means |
//! |---|---|
//! | 200, 202, 204 | pass |
//! | 401, 403, 404, 410, 429, 451, 302, 303, 307 | no: it goes on to the client, and no cache keeps it |
//! | another 2xx, 3xx or 4xx, or a grant that is not understood | nonsense: 502 |
//! | 5xx, no answer, half an answer | a failure: 503 |
//!
//! A 301 or 308 is nonsense because browsers keep it, and a 304 because nothing was asked
//! conditionally: an application that redirects every path without a slash, or to `https`, would
//! otherwise look like one that refuses.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, response};

use super::AccessRequest;
use super::grant;
use super::login::Login;
use crate::permission::Grant;
use crate::response::{DownloadBody, Refusal, refusal};

/// The body of an answer, as far as it was read.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// It goes on after the bound.
    TooLong,
}

/// What is made of an answer.
pub(super) enum Judged {
    Pass(Grant),
    /// What the client gets.
    No(Response<DownloadBody>),
    /// Why it cannot be used, for the log.
    Nonsense(&'static str),
    /// It failed by its own word.
    Failed(StatusCode),
}

/// What the settings say of answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) login: Option<Login>,
    /// A pass without this header is nonsense.
    pub(super) required: Option<HeaderName>,
}

/// What an answer could mean by its status, before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pass,
    No,
    Nonsense,
    Failed,
}

impl Kind {
    pub(super) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200 | 202 | 204 => Self::Pass,
            401 | 403 | 404 | 410 | 429 | 451 | 302 | 303 | 307 => Self::No,
            500.. => Self::Failed,
            _ => Self::Nonsense,
        }
    }
}

/// Judges an answer.
pub(super) fn judge(
    head: &response::Parts,
    body: Body,
    terms: &Terms,
    asked: &AccessRequest<'_>,
) -> Judged {
    match Kind::of(head.status) {
        Kind::Failed => Judged::Failed(head.status),
        Kind::Nonsense => Judged::Nonsense("its status means neither yes nor no"),
        Kind::Pass => pass(&head.headers, terms),
        Kind::No if head.status.is_redirection() && location(&head.headers).is_none() => {
            Judged::Nonsense("a redirect that leads nowhere")
        }
        Kind::No => Judged::No(no(head, body, terms, asked)),
    }
}

fn pass(headers: &HeaderMap, terms: &Terms) -> Judged {
    let is_there = |name| headers.get(name).is_some_and(|value| !value.is_empty());
    if !terms.required.as_ref().is_none_or(is_there) {
        return Judged::Nonsense("a pass without the header that `require_header` names");
    }
    match grant::read(headers) {
        Ok(pass) => Judged::Pass(pass),
        Err(why) => Judged::Nonsense(why),
    }
}

/// Headers of a refusal that go on, each once or as often as it is there.
const GO_ON: [HeaderName; 3] = [
    header::WWW_AUTHENTICATE,
    header::SET_COOKIE,
    header::RETRY_AFTER,
];

/// The answer for the client. A body that is too long, or in a coding that nobody asked for, gives
/// way to a short text.
fn no(
    head: &response::Parts,
    body: Body,
    terms: &Terms,
    asked: &AccessRequest<'_>,
) -> Response<DownloadBody> {
    let theirs = &head.headers;
    let login = terms
        .login
        .as_ref()
        .filter(|_| head.status == StatusCode::UNAUTHORIZED);
    let login = login.and_then(|login| login.location(asked));
    let is_readable = !theirs.contains_key(header::CONTENT_ENCODING);
    let mut answer = match body {
        Body::Whole(bytes) if is_readable && login.is_none() => page(head, bytes),
        _ => refusal(head.status),
    };
    let headers = answer.headers_mut();
    for name in GO_ON {
        for value in theirs.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    if let Some(login) = login {
        headers.remove(header::WWW_AUTHENTICATE);
        headers.insert(header::LOCATION, login);
        *answer.status_mut() = StatusCode::FOUND;
        answer.extensions_mut().remove::<Refusal>();
    } else if head.status.is_redirection() {
        headers.extend(location(theirs).map(|value| (header::LOCATION, value.clone())));
    }
    answer
}

/// The authorizer's own page.
fn page(head: &response::Parts, bytes: Bytes) -> Response<DownloadBody> {
    let mut answer = refusal(head.status);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    match head.headers.get(header::CONTENT_TYPE) {
        Some(kind) => drop(headers.insert(header::CONTENT_TYPE, kind.clone())),
        None => drop(headers.remove(header::CONTENT_TYPE)),
    }
    *answer.body_mut() = DownloadBody::full(bytes);
    // Nobody draws another page over it.
    answer.extensions_mut().remove::<Refusal>();
    answer
}

/// Where a redirect leads, if it says so once and in characters that a URL has.
fn location(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(header::LOCATION).iter();
    let (only, None) = (values.next()?, values.next()) else {
        return None;
    };
    let is_url = !only.is_empty() && only.as_bytes().iter().all(u8::is_ascii_graphic);
    is_url.then_some(only)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn judged(status: u16, headers: &[(&str, &str)], body: Body, terms: &Terms) -> Judged {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        let request = Request::get("/a").header("accept", "text/html");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        judge(&head, body, terms, &AccessRequest::of(&parts).unwrap())
    }

    fn said(status: u16, headers: &[(&str, &str)]) -> Option<String> {
        let body = Body::Whole(Bytes::from_static(b"no"));
        match judged(status, headers, body, &Terms::default()) {
            Judged::No(answer) => Some(shown(&answer)),
            _ => None,
        }
    }

    fn shown(answer: &Response<DownloadBody>) -> String {
        let lines = answer.headers().iter();
        let lines = lines.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            format!("\n{name}: {value}")
        });
        answer.status().as_str().to_owned() + &lines.collect::<String>()
    }

    #[test]
    fn every_status_has_its_meaning() {
        for status in 100..1000 {
            let Ok(code) = StatusCode::from_u16(status) else {
                continue;
            };
            let expected = match status {
                200 | 202 | 204 => Kind::Pass,
                401 | 403 | 404 | 410 | 429 | 451 | 302 | 303 | 307 => Kind::No,
                500.. => Kind::Failed,
                _ => Kind::Nonsense,
            };
            assert_eq!(Kind::of(code), expected, "{status}");
        }
        for status in [
            201, 203, 205, 206, 226, 300, 301, 304, 308, 400, 405, 407, 418,
        ] {
            let body = Body::Whole(Bytes::new());
            let judged = judged(status, &[], body, &Terms::default());
            assert!(matches!(judged, Judged::Nonsense(_)), "{status}");
        }
    }

    #[test]
    fn a_refusal_goes_on_with_its_cookies_and_challenges_and_is_kept_by_nobody() {
        let headers = [
            ("content-type", "text/html"),
            ("www-authenticate", "Basic realm=\"a\""),
            ("www-authenticate", "Bearer"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("retry-after", "3"),
            ("cache-control", "public, max-age=600"),
            ("location", "/elsewhere"),
            ("x-accel-redirect", "/_internal/a"),
            ("x-powered-by", "x"),
            ("etag", "\"a\""),
        ];
        insta::assert_snapshot!(said(401, &headers).unwrap(), @r#"
        401
        content-type: text/html
        x-content-type-options: nosniff
        cache-control: no-store
        content-length: 2
        www-authenticate: Basic realm="a"
        www-authenticate: Bearer
        set-cookie: a=1
        set-cookie: b=2
        retry-after: 3
        "#);
    }

    #[test]
    fn a_redirect_goes_on_and_leads_somewhere() {
        let there = [
            ("location", "https://id.example/?next=%2Fa"),
            ("set-cookie", "a=1"),
        ];
        insta::assert_snapshot!(said(307, &there).unwrap(), @"
        307
        content-length: 2
        x-content-type-options: nosniff
        cache-control: no-store
        set-cookie: a=1
        location: https://id.example/?next=%2Fa
        ");
        for headers in [
            &[][..],
            &[("location", "")],
            &[("location", "/a b")],
            &[("location", "/a"), ("location", "/b")],
        ] {
            assert_eq!(said(302, headers), None, "{headers:?}");
        }
    }

    #[test]
    fn a_browser_gets_the_login_in_place_of_a_401_with_the_cookies_of_that() {
        let terms = Terms {
            login: Some(Login::parse("/in?rd={uri}").unwrap()),
            required: None,
        };
        let headers = [("set-cookie", "csrf=1"), ("www-authenticate", "Basic")];
        let body = || Body::Whole(Bytes::from_static(b"no"));
        let Judged::No(answer) = judged(401, &headers, body(), &terms) else {
            panic!("a refusal");
        };
        insta::assert_snapshot!(shown(&answer), @"
        302
        content-type: text/plain; charset=utf-8
        x-content-type-options: nosniff
        cache-control: no-store
        content-length: 13
        set-cookie: csrf=1
        location: /in?rd=%2Fa
        ");
        let Judged::No(answer) = judged(403, &headers, body(), &terms) else {
            panic!("a refusal");
        };
        assert_eq!(answer.status(), 403);
    }

    #[test]
    fn a_body_that_cannot_be_passed_on_gives_way_to_a_short_text() {
        let coded = [("content-encoding", "gzip"), ("content-type", "text/html")];
        let body = Body::Whole(Bytes::from_static(b"\x1f\x8b"));
        for (headers, body) in [(&coded[..], body), (&coded[1..], Body::TooLong)] {
            let Judged::No(answer) = judged(403, headers, body, &Terms::default()) else {
                panic!("a refusal");
            };
            assert_eq!(answer.headers()["content-length"], "10");
            assert_eq!(
                answer.headers()["content-type"],
                "text/plain; charset=utf-8"
            );
        }
    }

    #[test]
    fn a_pass_without_the_required_header_is_nonsense() {
        let terms = Terms {
            login: None,
            required: Some(HeaderName::from_static("x-user")),
        };
        for (headers, passes) in [
            (&[][..], false),
            (&[("x-user", "")], false),
            (&[("x-user", "alice")], true),
        ] {
            let judged = judged(200, headers, Body::TooLong, &terms);
            assert_eq!(matches!(judged, Judged::Pass(_)), passes, "{headers:?}");
        }
    }
}
