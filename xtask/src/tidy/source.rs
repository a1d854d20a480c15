//! Rust source with comments, literals and tests blanked out: what is left is code that ships.
//!
//! Blanking keeps every line break and every byte's place, so offsets still tell the line.

/// The text with comments and the insides of literals replaced by blanks.
pub(super) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(bytes, at);
        blank(&mut out[at..end]);
        at = end.max(at + 1);
    }
    into_text(&out)
}

/// `code` with every item under `#[cfg(test)]` or `#[cfg(all(test, …))]` replaced by blanks.
pub(super) fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for marker in ["#[cfg(test)]", "#[cfg(all(test,"] {
        for (start, _) in code.match_indices(marker) {
            let end = item_end(code.as_bytes(), start);
            blank(&mut out[start..end]);
        }
    }
    into_text(&out)
}

/// The line, from 1, of a byte offset.
pub(super) fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|&&byte| byte == b'\n').count() + 1
}

/// The identifier that starts at `offset`, possibly empty.
pub(super) fn identifier(text: &str, offset: usize) -> &str {
    let rest = text.get(offset..).unwrap_or_default();
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    &rest[..end]
}

/// Offsets of `word` where it is a whole identifier.
pub(super) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word)
        .map(|(offset, _)| offset)
        .filter(move |&offset| {
            let before = text[..offset].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                && identifier(text, offset) == word
        })
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Blanks replace whole comments and literals, so no character is cut in two.
fn into_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none does.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment(rest);
    }
    if rest[0] == b'"' {
        return at + escaped_literal(rest, b'"');
    }
    if let Some(length) = raw_string(bytes, at) {
        return at + length;
    }
    if rest[0] == b'\'' {
        return at + character(rest);
    }
    at
}

/// Block comments nest in Rust.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn escaped_literal(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"…"`, `br##"…"##`: no escapes, ended by a quote and as many hashes as began it.
fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let within_a_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let after_r = rest.strip_prefix(b"br").or(rest.strip_prefix(b"r"))?;
    let hashes = after_r.iter().take_while(|&&byte| byte == b'#').count();
    if within_a_word || after_r.get(hashes) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let opened = rest.len() - after_r.len() + hashes + 1;
    let length = rest[opened..]
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(opened + length + closing.len())
}

/// A character literal, or nothing for the lifetime that looks like one.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return escaped_literal(rest, b'\'');
    }
    let closing = (2..=5).find(|&at| rest.get(at) == Some(&b'\''));
    match closing {
        Some(2) => 3,
        // More than one byte before the quote: one character only if the first says so.
        Some(at) if rest[1] >= 0x80 => at + 1,
        _ => 0,
    }
}

/// An item ends at the `;` or the closing brace of its first block, whichever stands outside.
fn item_end(code: &[u8], start: usize) -> usize {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (offset, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return offset + 1;
                }
            }
            b'[' | b'(' => brackets += 1,
            b']' | b')' => brackets = brackets.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let text = "let a = \"crate::x\"; // crate::y\n/* a /* b */ c */ let b = 'x';\n";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains("crate"));
        assert!(code.contains("let a =") && code.contains("let b ="));
        assert_eq!(line(&code, code.find("let b").unwrap()), 2);
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        let code = code(r###"f(r#"todo!() " still"#, br"dbg!"); g('"', b'\'', 'é'); h()"###);
        assert!(!code.contains("todo") && !code.contains("dbg") && !code.contains("still"));
        assert!(code.contains("h()"));
    }

    #[test]
    fn lifetimes_are_not_characters() {
        let code = code("fn f<'a>(x: &'a str, y: &'static [u8]) {}");
        assert_eq!(code, "fn f<'a>(x: &'a str, y: &'static [u8]) {}");
    }

    #[test]
    fn test_items_are_blanked_up_to_their_end() {
        let text = "#[cfg(test)]\nmod tests { fn f() { x() } }\nfn kept() {}\n#[cfg(test)]\nuse a::b;\nfn too() {}";
        let left = without_tests(text);
        assert!(!left.contains("x()") && !left.contains("a::b"));
        assert!(left.contains("fn kept()") && left.contains("fn too()"));
    }
}
