//! Blots out secrets in the text that an error report quotes. Offsets stay as they are.
//! Two ways in. A file that is valid TOML: readers [`hide`](super::Value::hide) values, whose places are then masked
//! together with everything that looks like a URL with a password or a query. A file that is not: [`lines`] guesses
//! line by line by the names of keys, and masks too much rather than too little.

use std::cell::Cell;
use std::ops::Range;

/// The text with stars in these places.
pub(crate) fn spans(text: &str, secrets: &[Range<usize>]) -> String {
    let hidden = |offset: usize| secrets.iter().any(|span| span.contains(&offset));
    starred(text, hidden)
}

/// The text with stars after the `=` of each line that speaks of a secret or of a URL with a password: for a file
/// that is not valid TOML, where no value's place is known.
pub(crate) fn lines(text: &str) -> String {
    let in_headers = Cell::new(false);
    let first_secret = |line: &str| {
        let lower = line.to_ascii_lowercase();
        if lower.trim_start().starts_with('[') {
            in_headers.set(lower.contains("headers"));
        }
        let of_header = in_headers.get().then(|| after_equals(line)).flatten();
        let found = [
            of_secret(&lower),
            of_url_key(&lower),
            of_password(line),
            of_query(line),
        ];
        found.into_iter().flatten().chain(of_header).min()
    };
    spans(text, &rests_of_lines(text, first_secret))
}

/// The places that look like a URL with a password or a query, each to the end of its line: a password that should have
/// been percent-encoded may hold a quote or a space.
pub(crate) fn credentials(text: &str) -> Vec<Range<usize>> {
    let of_url = |line: &str| of_password(line).into_iter().chain(of_query(line)).min();
    rests_of_lines(text, of_url)
}

fn rests_of_lines(text: &str, start_in: impl Fn(&str) -> Option<usize>) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut rests = Vec::new();
    for line in text.split_inclusive('\n') {
        rests.extend(start_in(line).map(|offset| start + offset..start + line.len()));
        start += line.len();
    }
    rests
}

fn after_equals(line: &str) -> Option<usize> {
    Some(line.find('=')? + 1)
}

/// After the `=` of a key that speaks of a secret, or of a table that holds some.
fn of_secret(line: &str) -> Option<usize> {
    const WORDS: [&str; 8] = [
        "secret",
        "token",
        "headers",
        "authorization",
        "cookie",
        "password",
        "api-key",
        "access_key",
    ];
    let after = |word: &str| {
        let word = line.find(word)?;
        Some(word + after_equals(&line[word..])?)
    };
    WORDS.into_iter().filter_map(after).min()
}

/// After the `=` of a key that is `url` and not, say, `base_url`.
fn of_url_key(line: &str) -> Option<usize> {
    line.match_indices("url").find_map(|(word, _)| {
        let part_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
        let before = line.as_bytes()[..word].last();
        let after = line[word + 3..]
            .trim_start_matches(['"', '\''])
            .trim_start();
        let is_key = after.starts_with('=') && !before.is_some_and(part_of_word);
        is_key.then_some(line.len() - after.len() + 1)
    })
}

/// After the `://` of `scheme://user:password@`, and of `scheme://token@`.
fn of_password(line: &str) -> Option<usize> {
    let start = line.find("://")? + 3;
    let host = line[start..].split(['/', '?', '"', '\'']).next()?;
    if host.contains('@') {
        return Some(start);
    }
    let colon = start + line[start..].find(':')?;
    line[colon..].contains('@').then_some(start)
}

/// After the `?` of a URL: the query may be a permission.
fn of_query(line: &str) -> Option<usize> {
    let start = line.find("://")?;
    Some(start + line[start..].find('?')? + 1)
}

/// One star for each hidden byte, so that places after it keep their offsets; lines stay lines.
fn starred(text: &str, hidden: impl Fn(usize) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for (offset, character) in text.char_indices() {
        if hidden(offset) && !character.is_whitespace() {
            shown.extend(std::iter::repeat_n('*', character.len_utf8()));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lines_stay() {
        let text = "a = 1\nsecret = \"\u{e9}t\u{e9}\"\nb = 2";
        let secrets = vec![15..22, 30..30];
        let masked = spans(text, &secrets);
        assert_eq!(masked, "a = 1\nsecret = *******\nb = 2");
        assert_eq!(masked.len(), text.len());
    }

    #[test]
    fn hides_the_secret_of_a_broken_line() {
        assert_eq!(
            lines("backend = \"x\n  Secret = \"abc\nf = { secret=\"abc\", b = 1 }\n"),
            "backend = \"x\n  Secret = ****\nf = { secret=****** * * * *\n"
        );
    }

    #[test]
    fn hides_what_proves_us_to_another_server() {
        let text = "secret_access_key = \"a\nheaders = { Authorization = \"b\" }\nSession_Token = \"c\"\n\
                    [storages.a.headers]\nX-Key = \"d\"\n[storages.b]\nbucket = \"e\"\n";
        assert_eq!(
            lines(text),
            "secret_access_key = **\nheaders = * ************* * *** *\nSession_Token = ***\n\
             [storages.a.headers]\nX-Key = ***\n[storages.b]\nbucket = \"e\"\n"
        );
    }

    #[test]
    fn hides_the_url_of_a_broken_line() {
        for (line, masked) in [
            ("url = \"abc", "url = ****"),
            ("\"url\"=\"abc", "\"url\"=****"),
            ("databases.main.url = abc", "databases.main.url = ***"),
            ("main = { url = \"abc", "main = { url = ****"),
            ("base_url = \"/a/", "base_url = \"/a/"),
            ("destination_url = \"/a/", "destination_url = \"/a/"),
            ("ulr = \"x://a:b\" c@d/e", "ulr = \"x://**** *****"),
            ("source_url = \"x://a:80/b", "source_url = \"x://a:80/b"),
        ] {
            assert_eq!(lines(line), masked);
        }
    }

    #[test]
    fn finds_a_password_under_any_key() {
        let text = "a = 1\nulr = \"x://a:b@c\"\nb = \"x://c\"";
        assert_eq!(
            spans(text, &credentials(text)),
            text.replace("a:b@c\"", "******")
        );
    }
}
