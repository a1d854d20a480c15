//! What a pass may say about the answer: name, disposition, type, caching, cookies. Never which file.
//!
//! | header of the authorizer's answer | value |
//! |---|---|
//! | `X-Download-Name` | the name that the client sees, UTF-8, percent-encoded |
//! | `X-Download-Disposition` | `attachment` or `inline` |
//! | `X-Download-Type` | a media type |
//! | `X-Download-Cache-Control` | `Cache-Control` of the download |
//! | `Set-Cookie` | reaches the client, and then no cache keeps the answer |
//!
//! Another `X-Download-…`, one twice, or a value that is not valid means that the authorizer and we
//! do not speak of the same thing, and nobody gets anything.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;

use crate::headers::Disposition;
use crate::permission::Grant;

/// How long a browser may keep what one person may have, where the view lets it be kept at all and
/// the pass says nothing of it. No shared cache keeps it.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What all of them begin with.
const PREFIX: &str = "x-download-";
const CACHE_CONTROL: &str = "x-download-cache-control";

/// Reads a pass; the error is for the log.
pub(super) fn read(headers: &HeaderMap) -> Result<Grant, &'static str> {
    let mut grant = Grant::new();
    for name in headers.keys() {
        if let Some(field) = name.as_str().strip_prefix(PREFIX) {
            grant = with(grant, field, only(headers, name)?)?;
        }
    }
    if !headers.contains_key(CACHE_CONTROL) {
        grant = grant.private_for(KEPT_FOR);
    }
    for cookie in headers.get_all(header::SET_COOKIE) {
        let cookie = grant.header(header::SET_COOKIE, cookie.clone());
        grant = cookie.map_err(|_| "its cookie cannot be set")?;
    }
    Ok(grant)
}

/// The grant with one more field of the answer.
fn with(grant: Grant, field: &str, text: &str) -> Result<Grant, &'static str> {
    match field {
        "name" => Ok(grant.basename(file_name(text)?)),
        "disposition" => match text {
            "attachment" => Ok(grant.disposition(Disposition::Attachment)),
            "inline" => Ok(grant.disposition(Disposition::Inline)),
            _ => Err("its X-Download-Disposition is neither attachment nor inline"),
        },
        "type" => {
            let typed = grant.content_type(text);
            typed.map_err(|_| "its X-Download-Type is not a media type")
        }
        "cache-control" => {
            let value = HeaderValue::from_str(text).ok();
            let value = value.filter(|value| !value.is_empty());
            Ok(grant.cache_control(value.ok_or("its X-Download-Cache-Control is empty")?))
        }
        _ => Err("it grants something unknown (X-Download-…)"),
    }
}

/// The value of a header that stands there once, in visible ASCII and spaces.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(text)), None) => Ok(text),
        (Some(Err(_)), None) => Err("an X-Download-… of it is not visible ASCII"),
        _ => Err("an X-Download-… of it stands there twice"),
    }
}

/// A name, percent-decoded: not a path, and no control characters.
fn file_name(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "its X-Download-Name is not a file name in percent-encoded UTF-8";
    let escapes = text.split('%').skip(1);
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    for escape in escapes {
        let digits = escape.as_bytes().get(..2);
        digits
            .filter(|digits| digits.iter().all(is_hex))
            .ok_or(WRONG)?;
    }
    let name = percent_decode_str(text).decode_utf8().map_err(|_| WRONG)?;
    let forbidden = |character: char| character.is_control() || "/\\".contains(character);
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(forbidden);
    is_name.then(|| name.into_owned()).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(lines: &[(&'static str, &'static [u8])]) -> Result<Grant, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        read(&headers)
    }

    #[test]
    fn a_pass_says_how_and_never_which_file() {
        let found = read_of(&[
            ("x-download-name", b"r%C3%A9sum%C3%A9 2026.pdf"),
            ("x-download-disposition", b"inline"),
            ("x-download-type", b"application/pdf"),
            ("x-download-cache-control", b"private, max-age=60"),
            ("set-cookie", b"a=1"),
            ("set-cookie", b"b=2"),
            ("x-accel-redirect", b"/etc/passwd"),
            ("content-type", b"text/html"),
            ("cache-control", b"public"),
        ]);
        let cookie = |grant: Grant, text| {
            let value = HeaderValue::from_static(text);
            grant.header(header::SET_COOKIE, value).unwrap()
        };
        let expected = Grant::new()
            .basename("résumé 2026.pdf")
            .disposition(Disposition::Inline)
            .cache_control(HeaderValue::from_static("private, max-age=60"));
        let expected = expected.content_type("application/pdf").unwrap();
        assert_eq!(found, Ok(cookie(cookie(expected, "a=1"), "b=2")));
    }

    #[test]
    fn what_a_pass_does_not_let_be_kept_by_all_is_one_persons() {
        let private = Grant::new().private_for(KEPT_FOR);
        assert_eq!(read_of(&[("x-real-ip", b"a")]), Ok(private));
    }

    #[test]
    fn a_grant_that_is_not_understood_is_none() {
        for lines in [
            &[("x-download-file", &b"a.txt"[..])][..],
            &[("x-download-", b"a")],
            &[("x-download-path", b"/etc/passwd")],
            &[("x-download-name", b"")],
            &[("x-download-name", b"..")],
            &[("x-download-name", b"a/b")],
            &[("x-download-name", b"a%2Fb")],
            &[("x-download-name", b"a%0d%0ab")],
            &[("x-download-name", b"%zz")],
            &[("x-download-name", b"a%")],
            &[("x-download-name", b"%ff")],
            &[("x-download-name", b"\xc3\xa9")],
            &[("x-download-name", b"a"), ("x-download-name", b"a")],
            &[("x-download-disposition", b"Inline")],
            &[("x-download-disposition", b"attachment; filename=a")],
            &[("x-download-type", b"pdf")],
            &[("x-download-cache-control", b"")],
        ] {
            assert!(read_of(lines).is_err(), "{lines:?}");
        }
    }
}
