//! File names that have broken somebody's download, and the escaping that carries them all.

/// 55 names as their bytes: every sort of character that a Linux file name may hold and a header or URI may not.
pub const NAMES: &[&[u8]] = &[
    // blanks
    b"a b.txt",
    b" a.txt",
    b"a.txt ",
    // characters with a meaning in URIs, headers, patterns or configuration files
    b"a%b.txt",
    b"a?b.txt",
    b"a#b.txt",
    b"a+b.txt",
    b"a&b.txt",
    b"a;b.txt",
    b"a:b.txt",
    b"a,b.txt",
    b"a=b.txt",
    b"a@b.txt",
    b"a!b.txt",
    b"a*b.txt",
    b"a$uri.txt",
    b"a{b.txt",
    b"a}b.txt",
    b"a[b.txt",
    b"a]b.txt",
    b"a(b.txt",
    b"a)b.txt",
    b"a<b.txt",
    b"a>b.txt",
    b"a|b.txt",
    b"a^b.txt",
    b"a~b.txt",
    b"a`b.txt",
    b"a'b.txt",
    b"a\"b.txt",
    b"a\\b.txt",
    // beyond ASCII: composed and decomposed, three and four bytes a character
    b"\xc3\xa9t\xc3\xa9.txt",
    b"e\xcc\x81te\xcc\x81.txt",
    b"\xe6\x97\xa5\xe6\x9c\xac.txt",
    b"\xf0\x9f\x93\x84.txt",
    // dots
    b".hidden",
    b"..x",
    b"a..b",
    b"...",
    b"a.",
    // as long as a name can be
    &[b'n'; 255],
    &LONGEST_UTF8,
    // no UTF-8, and control characters
    b"a\xe9.txt",
    b"a\nb.txt",
    b"a\rb.txt",
    b"a\r\nb.txt",
    b"a\tb.txt",
    b"a\x01b.txt",
    b"a\x7fb.txt",
    b"a\xc2\x85b.txt",
    // names that look percent-encoded and are not
    b"a%20b.txt",
    b"%2e%2e",
    b"a%00b.txt",
    b"a%2fb.txt",
    b"100%.txt",
];

const LONGEST_UTF8: [u8; 255] = {
    let unit = "日".as_bytes();
    let mut name = [0; 255];
    let mut at = 0;
    while at < name.len() {
        name[at] = unit[at % unit.len()];
        at += 1;
    }
    name
};

/// Every byte but `A-Z a-z 0-9 - . _ ~ /` as `%XX`. Written anew here, so that no test trusts the code it tests.
#[must_use]
pub fn strict(path: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(*byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    path.iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_from_each_other() {
        let distinct: std::collections::BTreeSet<_> = NAMES.iter().collect();
        assert_eq!(distinct.len(), 55);
    }
}
