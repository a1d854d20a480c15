//! Blots out secrets in the text that an error report quotes. Offsets stay as they are.

use std::ops::Range;

/// The text with stars in these places.
pub(super) fn spans(text: &str, secrets: &[Range<usize>]) -> String {
    let hidden = |offset: usize| secrets.iter().any(|span| span.contains(&offset));
    starred(text, hidden)
}

/// The text with stars after the `=` of each line that speaks of a secret: for a file that is no TOML, where no
/// value's place is known.
pub(super) fn lines(text: &str) -> String {
    let mut secrets = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let spoken_of = line.to_ascii_lowercase().find("secret");
        let equals = spoken_of.and_then(|word| Some(word + line[word..].find('=')?));
        secrets.extend(equals.map(|equals| start + equals + 1..start + line.len()));
        start += line.len();
    }
    spans(text, &secrets)
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
}
