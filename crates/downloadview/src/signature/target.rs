//! Which targets a signer makes links of: those that each proxy passes on as they are.
//!
//! Measured with nginx, Apache, lighttpd and Caddy, configured as the gateway prints it: they
//! decode escapes that are not needed, change the case of others, escape what is not ASCII, merge
//! slashes and resolve dots, each in its own way. A link with one of these would be good behind one
//! proxy and refused behind the next.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest link, in bytes: proxies take a little more than 8000, browsers and mailers less.
pub(super) const LONGEST: usize = 4096;

/// Everything but the unreserved characters (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A value of a parameter, in its one spelling.
pub(super) fn encode(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Whether this is the one spelling of a text in UTF-8 without control characters, and then the
/// text.
pub(super) fn decode(value: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .ok()?;
    let plain = !text.chars().any(char::is_control) && encode(&text) == value;
    plain.then(|| text.into_owned())
}

/// Checks the target of a link: path, and perhaps a query of its own.
///
/// # Errors
///
/// What a proxy would respell, as a phrase.
pub(super) fn check(target: &str) -> Result<(), &'static str> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if !path.starts_with('/') {
        return Err("it does not begin with a slash");
    }
    if path.contains("//") {
        return Err("it has two slashes in a row, which proxies make one");
    }
    let mut segments = path.split('/');
    if segments.any(|segment| matches!(segment, "." | "..")) {
        return Err("it has a segment `.` or `..`, which proxies resolve");
    }
    check_spelling(path, b"/")?;
    query.map_or(Ok(()), |query| check_spelling(query, b"/?"))
}

/// Checks that proxies do not respell this part; `also` are characters that stand for themselves
/// beside the usual ones.
fn check_spelling(part: &str, also: &[u8]) -> Result<(), &'static str> {
    let bytes = part.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            let plain = is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte);
            if !plain && !also.contains(&byte) {
                return Err(match byte {
                    b'#' => "it holds a `#`, behind which nothing is sent; write %23",
                    0x80.. => "it holds a character outside of ASCII; percent-encode its UTF-8",
                    _ => "it holds a character that must be percent-encoded",
                });
            }
            at += 1;
            continue;
        }
        let digit = |at: usize| match bytes.get(at)? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        };
        let escaped = digit(at + 1).zip(digit(at + 2));
        let Some((high, low)) = escaped else {
            return Err("a percent sign is not followed by two digits of 0-9 and A-F, in capitals");
        };
        match high << 4 | low {
            0..0x20 | 0x7f => return Err("it holds a control character"),
            byte if is_unreserved(byte) => {
                return Err(
                    "it escapes a letter, a digit or one of `-._~`, which some proxies undo",
                );
            }
            _ => at += 3,
        }
    }
    Ok(())
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_proxies_leave_alone_can_be_signed() {
        for target in [
            "/",
            "/a/b.txt",
            "/a%20b",
            "/a+b",
            "/a%2Bb",
            "/a%25b",
            "/a%2Fb",
            "/%C3%A9t%C3%A9.txt",
            "/%FF",
            "/a:b@c,d!$&'()*=~",
            "/a;p=1",
            "/a/",
            "/a?",
            "/a?x=1&&y=2",
            "/a?b=2&a=1",
            "/a?q=a+b%2F/../..//?",
            "/a...b/.c",
        ] {
            assert_eq!(check(target), Ok(()), "{target}");
        }
    }

    #[test]
    fn what_a_proxy_respells_is_refused() {
        for target in [
            "", "a", "?a", "//a", "/a//b", "/a/./b", "/..", "/a/..", "/%41", "/%7E", "/%2e",
            "/%2E", "/%c3%a9", "/%2f", "/é", "/a%", "/a%2", "/a%zz", "/a%00", "/a%0A", "/a%7F",
            "/a#b", "/a b", "/a\"b", "/a<b>", "/a\\b", "/a^", "/a`", "/a{", "/a|", "/a[b]", "/a\n",
            "/a?q=%41", "/a?q=%2f", "/a?q=é", "/a?q=#", "/a?q=[", "/a?q=%zz", "/a?q=%7E",
        ] {
            assert!(check(target).is_err(), "{target}");
        }
    }

    #[test]
    fn a_value_has_one_spelling() {
        assert_eq!(encode("a b~é/%41"), "a%20b~%C3%A9%2F%2541");
        assert_eq!(decode("a%20b~%C3%A9%2F%2541").as_deref(), Some("a b~é/%41"));
        for value in ["%41", "%c3%a9", "a+b", "a b", "%FF", "%0A", "%", "a/b", "é"] {
            assert_eq!(decode(value), None, "{value}");
        }
    }
}
