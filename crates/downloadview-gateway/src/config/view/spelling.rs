//! The one spelling of a path: two paths that may name one file have the same.
//!
//! A view decodes the names of files once and steps over segments `.`, a router compares text. So
//! `/files/%70rivate/a` would get past the route `/files/private/{*path}`, and be found all the same by that of
//! `/files/{*path}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The path with nothing escaped that could stand there bare, and without segments `.` before the last one. `%2F` and
/// `%25` stay: they are not the characters themselves.
pub(crate) fn of_path(path: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if path.bytes().all(is_plain) && !path.contains("/./") {
        return Cow::Borrowed(path);
    }
    Cow::Owned(spelt(path, |text, byte| text.push(char::from(byte))))
}

/// The same of the pattern of a route, in which a brace is written twice.
pub(super) fn of_pattern(pattern: &str) -> String {
    spelt(pattern, |text, byte| {
        text.push(char::from(byte));
        if b"{}".contains(&byte) {
            text.push(char::from(byte));
        }
    })
}

/// `push` writes an escaped byte that could stand there bare.
fn spelt(path: &str, push: impl Fn(&mut String, u8)) -> String {
    let mut text = String::with_capacity(path.len());
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = text.len();
        let mut rest = segment;
        while let Some(character) = rest.chars().next() {
            let escaped = match character {
                '%' => rest
                    .get(1..3)
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
                _ => None,
            };
            match escaped {
                Some(byte) if byte.is_ascii_graphic() && !b"/%".contains(&byte) => {
                    push(&mut text, byte);
                }
                // Writing to a text cannot fail.
                Some(byte) => drop(write!(text, "%{byte:02X}")),
                None if character.is_ascii() => text.push(character),
                None => {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        let _ = write!(text, "%{byte:02X}");
                    }
                }
            }
            rest = match escaped {
                Some(_) => &rest[3..],
                None => &rest[character.len_utf8()..],
            };
        }
        if segments.peek().is_some() {
            match &text[start..] {
                "." => text.truncate(start),
                _ => text.push('/'),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_name_one_file_is_spelt_alike() {
        for (path, expected) in [
            ("/a/b", "/a/b"),
            ("/%61/%62", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/./%2e/a/%2E/b", "/a/b"),
            ("/a%2fb/%2525%20", "/a%2Fb/%2525%20"),
            ("/%c3%a9", "/%C3%A9"),
            ("/é", "/%C3%A9"),
            ("/%7b%7D%zz%", "/{}%zz%"),
            ("/%é/%4é", "/%%C3%A9/%4%C3%A9"),
            ("/a/.", "/a/."),
            ("/..//...", "/..//..."),
        ] {
            assert_eq!(of_path(path), expected, "{path}");
        }
        assert_eq!(of_pattern("/%61/{b}/%7Bc{{"), "/a/{b}/{{c{{");
    }
}
