//! File names that have broken somebody's download, and the escaping that carries them all.

/// Names as their bytes: every sort of character that a Linux file name may hold and a header or URI may not.
pub const NAMES: &[&[u8]] = &[
    // spaces
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
    // nothing but spaces, and spaces of other sorts at the end
    b" ",
    b"a.txt\t",
    b"a.txt\xc2\xa0",
    // kept by Windows for devices, whatever follows the first dot
    b"con",
    b"NUL.txt",
    b"com1.tar.gz",
    b"aux .log",
    // right to left, turned around, and without a width
    b"\xd9\x85\xd9\x84\xd9\x81.txt",
    b"invoice-\xe2\x80\xaefdp.exe",
    b"a\xe2\x80\x8bb.txt",
    b"\xef\xbb\xbfa.txt",
    // letters under a heap of combining marks, and full-width forms of separators
    b"Z\xcc\x81\xcc\xa7\xcc\x88\xcc\x8a.txt",
    b"a\xef\xbc\x8fb\xef\xbc\xbcc.txt",
    // control characters at the edges
    b"\ta.txt",
    b"a.txt\n",
    b"a\x1b[31mb.txt",
    b"a\x1fb.txt",
    // more that is not valid UTF-8: cut short, overlong, half of a pair
    b"a\xe6\x97.txt",
    b"a\xc0\xafb.txt",
    b"a\xed\xa0\x80b.txt",
    b"\xff\xfe",
    // names that mean something to a proxy
    b"@named",
    b"#fragment",
    b"?query",
    b"{rp.header.X}",
    b"%{REQUEST_URI}",
    b"-",
    b"index.html",
    b".htaccess",
];

/// The name that the client shall see, for each of [`NAMES`] whose own is not fit to be seen.
pub const CLIENT_NAMES: &[(&[u8], &str)] = &[
    (b" a.txt", "a.txt"),
    (b"a.txt ", "a.txt"),
    (b"a\\b.txt", "a_b.txt"),
    (b".hidden", "hidden"),
    (b"..x", "x"),
    (b"...", "download"),
    (b"a.", "a"),
    (b"a\xe9.txt", "a\u{fffd}.txt"),
    (b"a\nb.txt", "ab.txt"),
    (b"a\rb.txt", "ab.txt"),
    (b"a\r\nb.txt", "ab.txt"),
    (b"a\tb.txt", "ab.txt"),
    (b"a\x01b.txt", "ab.txt"),
    (b"a\x7fb.txt", "ab.txt"),
    (b"a\xc2\x85b.txt", "ab.txt"),
    (b" ", "download"),
    (b"a.txt\t", "a.txt"),
    (b"a.txt\xc2\xa0", "a.txt"),
    (b"con", "_con"),
    (b"NUL.txt", "_NUL.txt"),
    (b"com1.tar.gz", "_com1.tar.gz"),
    (b"aux .log", "_aux .log"),
    (b"invoice-\xe2\x80\xaefdp.exe", "invoice-fdp.exe"),
    (b"a\xe2\x80\x8bb.txt", "ab.txt"),
    (b"\xef\xbb\xbfa.txt", "a.txt"),
    (b"\ta.txt", "a.txt"),
    (b"a.txt\n", "a.txt"),
    (b"a\x1b[31mb.txt", "a[31mb.txt"),
    (b"a\x1fb.txt", "ab.txt"),
    (b"a\xe6\x97.txt", "a\u{fffd}.txt"),
    (b"a\xc0\xafb.txt", "a\u{fffd}\u{fffd}b.txt"),
    (b"a\xed\xa0\x80b.txt", "a\u{fffd}\u{fffd}\u{fffd}b.txt"),
    (b"\xff\xfe", "\u{fffd}\u{fffd}"),
    (b".htaccess", "htaccess"),
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

/// A name for messages and tables: on one line, in visible characters, not too long.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    let text = match std::str::from_utf8(name) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => name.escape_ascii().to_string(),
    };
    if name.len() <= 40 {
        return format!("\"{text}\"");
    }
    let start: String = text.chars().take(6).collect();
    format!("\"{start}…\" ({} bytes)", name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_from_each_other() {
        let distinct: std::collections::BTreeSet<_> = NAMES.iter().collect();
        assert_eq!(distinct.len(), NAMES.len());
    }

    #[test]
    fn every_client_name_belongs_to_a_name() {
        for (name, _) in CLIENT_NAMES {
            assert!(NAMES.contains(name), "{}", shown(name));
        }
    }

    #[test]
    fn a_shown_name_stays_on_its_line() {
        assert_eq!(shown(b"a\nb"), r#""a\nb""#);
        assert_eq!(shown(b"a\xe9"), r#""a\xe9""#);
        assert_eq!(shown(&[b'n'; 255]), r#""nnnnnn…" (255 bytes)"#);
    }
}
