//! Small tools for writing in another program's language.

use std::fmt::Write as _;

/// A list of lines, each indented by `indent` and between `before` and `after`.
pub(super) fn lines<'a>(
    indent: &str,
    before: &str,
    words: impl IntoIterator<Item = &'a str>,
    after: &str,
) -> String {
    let mut text = String::new();
    for word in words {
        let _ = writeln!(text, "{indent}{before}{word}{after}");
    }
    text
}

/// Indents each line that holds something.
pub(super) fn indented(text: &str, margin: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{margin}{line}\n"),
    });
    lines.collect()
}

/// The text with a backslash before each of these characters.
pub(super) fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        if special.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
