//! `Content-Disposition`: whether the client saves or shows the file, and under which name (RFC
//! 6266, RFC 8187).
//!
//! The name is made safe first, once, for both of its forms:
//! 1. Path separators become `_`. Control characters are removed, and so are characters that
//!    reorder text (a name shown as `invoice-exe.pdf` must not be `invoice-fdp.exe`) and characters
//!    without any shape. The joiners that Persian, Indic scripts and emoji are written with stay.
//! 2. Dots at the start, and dots and spaces at the end, are removed: each client hides or drops
//!    them in its own way.
//! 3. A name that Windows keeps for a device (`CON`, `nul.txt`) gets a `_` in front. An empty name
//!    becomes `download`.
//! 4. A name of more than 255 bytes, which no file system takes, is cut before its extension.
//!
//! Then `filename="…"` carries it in ASCII. `filename*` carries it exactly; it is left out where
//! both would be the same and no client could read the first in another way (`%41`).

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;

/// Unreserved characters stay; everything else is encoded. A subset of RFC 8187's `attr-char`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The longest name, in bytes: that of file systems.
const LONGEST: usize = 255;
/// The longest extension that is kept when a name is cut, with its dot.
const LONGEST_EXTENSION: usize = 32;
/// The name if nothing of the given one is left.
const NAMELESS: &str = "download";

/// Whether the client saves the content as a file or shows it.
///
/// It is a wish: a browser saves what it cannot show.
///
/// ```
/// use downloadview::headers::{ContentDisposition, Disposition};
///
/// let shown = ContentDisposition::new(Disposition::Inline, "report.pdf");
/// assert_eq!(shown.to_string(), "inline; filename=\"report.pdf\"");
/// assert_eq!(Disposition::default(), Disposition::Attachment);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// The client saves it: `attachment`. The default.
    #[default]
    Attachment,
    /// The client shows it if it can: `inline`. Content of strangers that a browser runs (HTML,
    /// SVG) then runs in the site's origin; [`DownloadOptions`](crate::DownloadOptions) state a
    /// `Content-Security-Policy` against that.
    Inline,
}

impl Disposition {
    /// The word in the header.
    fn as_str(self) -> &'static str {
        match self {
            Self::Attachment => "attachment",
            Self::Inline => "inline",
        }
    }
}

/// The value of a `Content-Disposition` header (RFC 6266), made from any name.
///
/// Use it where you build a response yourself; [`DownloadResponse`](crate::DownloadResponse) does
/// it for you. A name that is not plain ASCII, or holds `"` or `%`, is sent twice: in ASCII for old
/// clients, and exactly.
///
/// ```
/// use downloadview::headers::{ContentDisposition, Disposition::Attachment};
/// let header = ContentDisposition::new(Attachment, "été €.txt");
/// assert_eq!(
///     header.to_string(),
///     "attachment; filename=\"ete .txt\"; filename*=UTF-8''%C3%A9t%C3%A9%20%E2%82%AC.txt",
/// );
///
/// // Whatever the name is, the header is valid and names a file, not a path.
/// let header = ContentDisposition::new(Attachment, "../../etc/passwd\r\nX-Forged: 1");
/// assert_eq!(header.to_string(), "attachment; filename=\"_.._etc_passwdX-Forged: 1\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "content_disposition")]
pub struct ContentDisposition(HeaderValue);

impl ContentDisposition {
    /// The header for a file of this name. Every text makes a valid header:
    /// - `/` and `\` become `_`; control characters and invisible characters are removed.
    /// - Dots at the start, and dots and spaces at the end, are removed.
    /// - A name that Windows keeps for a device gets a `_` in front.
    /// - At most 255 bytes are kept, with the extension.
    /// - If nothing is left, the name is `download`.
    #[must_use]
    pub fn new(disposition: Disposition, name: &str) -> Self {
        let kind = disposition.as_str();
        if is_plain(name) {
            let mut text = String::with_capacity(kind.len() + name.len() + 13);
            for part in [kind, "; filename=\"", name, "\""] {
                text.push_str(part);
            }
            return Self::from_text(text);
        }
        let name = safe_name(name);
        let ascii = ascii_name(&name);
        let text = if ascii == *name && !ascii.contains('%') {
            format!("{kind}; filename=\"{ascii}\"")
        } else {
            let exact = utf8_percent_encode(&name, ENCODED);
            format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{exact}")
        };
        Self::from_text(text)
    }

    /// A header of a text that was made here.
    fn from_text(text: String) -> Self {
        let value = HeaderValue::from_maybe_shared(Bytes::from(text));
        Self(value.expect("visible ASCII and spaces only"))
    }

    /// The value, for a `HeaderMap`.
    #[must_use]
    pub fn into_header_value(self) -> HeaderValue {
        self.0
    }
}

impl fmt::Display for ContentDisposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Whether the name needs no change and no second form: the common case, kept cheap.
fn is_plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let unreserved = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let ends = *first != b'.' && *last != b'.';
    // To the end, whatever comes: nearly all names are plain, and to stop costs more.
    let all = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & unreserved(byte));
    ends && bytes.len() <= LONGEST && all(bytes) && !is_device(name)
}

/// The name that the client may see, in full Unicode.
fn safe_name(name: &str) -> Cow<'_, str> {
    let cleaned: String = name
        .chars()
        .filter(|&c| !is_invisible(c))
        .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
        .collect();
    let trimmed = cleaned
        .trim_start_matches(|c: char| c == '.' || c.is_whitespace())
        .trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if trimmed.is_empty() {
        return Cow::Borrowed(NAMELESS);
    }
    let named = match is_device(trimmed) {
        true => Cow::Owned(format!("_{trimmed}")),
        false => Cow::Borrowed(trimmed),
    };
    Cow::Owned(shortened(&named))
}

/// The name in at most [`LONGEST`] bytes, cut at a character before its extension.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = match name.rfind('.') {
        Some(at) if name.len() - at <= LONGEST_EXTENSION => name.split_at(at),
        _ => (name, ""),
    };
    let mut end = LONGEST - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = stem[..end].trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    [stem, extension].concat()
}

/// Control characters, line separators, and characters that change the direction of text or have no
/// shape and join nothing.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// `CON`, `nul.txt`, `Com1 .log`: Windows opens a device whatever follows the first dot.
fn is_device(name: &str) -> bool {
    // They begin with one of these, and most names do not.
    const FIRST: [char; 10] = ['a', 'A', 'c', 'C', 'l', 'L', 'n', 'N', 'p', 'P'];
    if !name.starts_with(FIRST) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    if is("con") || is("prn") || is("aux") || is("nul") || is("conin$") || is("conout$") {
        return true;
    }
    let (Some(kind), Some(number)) = (stem.get(..3), stem.get(3..)) else {
        return false;
    };
    (kind.eq_ignore_ascii_case("com") || kind.eq_ignore_ascii_case("lpt"))
        && matches!(
            number,
            "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
        )
}

/// The name in ASCII, in a form that needs no escaping in a quoted-string: accents are dropped,
/// letters without a decomposition are written out (`ß` as `ss`), and what has no ASCII form is
/// left out.
fn ascii_name(name: &str) -> String {
    let mut ascii = String::with_capacity(name.len());
    for c in name.nfkd() {
        match c {
            // NFKD turns full-width forms into ASCII, separators included.
            '/' | '\\' => ascii.push('_'),
            // Clients disagree on how a quote is escaped, and curl drops the name.
            '"' => ascii.push('\''),
            ' '..='~' => ascii.push(c),
            c => ascii.push_str(written_out(c)),
        }
    }
    let ascii = ascii.trim_matches(' ').trim_end_matches(['.', ' ']);
    // What is left of `日本.txt` is an extension without a name.
    if ascii.is_empty() || ascii.starts_with('.') {
        return format!("{NAMELESS}{ascii}");
    }
    if is_device(ascii) {
        return format!("_{ascii}");
    }
    ascii.to_owned()
}

/// The ASCII form of letters that NFKD leaves as they are, and of typographic quotes and dashes.
fn written_out(c: char) -> &'static str {
    match c {
        'ß' => "ss",
        'ẞ' => "SS",
        'æ' => "ae",
        'Æ' => "AE",
        'œ' => "oe",
        'Œ' => "OE",
        'ø' => "o",
        'Ø' => "O",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "TH",
        'ħ' => "h",
        'Ħ' => "H",
        'ı' => "i",
        'ĸ' => "k",
        'ŋ' => "n",
        'Ŋ' => "N",
        'ŧ' => "t",
        'Ŧ' => "T",
        '‘' | '’' | '‚' | '‹' | '›' | '“' | '”' | '„' | '«' | '»' => "'",
        '‐'..='―' | '−' => "-",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attachment(name: &str) -> String {
        ContentDisposition::new(Disposition::Attachment, name).to_string()
    }

    #[test]
    fn names_in_both_forms() {
        for (name, parameters) in [
            ("hello-world.txt", "filename=\"hello-world.txt\""),
            ("a b.txt", "filename=\"a b.txt\""),
            (
                "هم\u{200c}زبان.txt",
                "filename=\"download.txt\"; filename*=UTF-8''%D9%87%D9%85%E2%80%8C%D8%B2%D8%A8%D8%A7%D9%86.txt",
            ),
            (
                "👩\u{200d}👧.txt",
                "filename=\"download.txt\"; filename*=UTF-8''%F0%9F%91%A9%E2%80%8D%F0%9F%91%A7.txt",
            ),
            (
                "Þór & Łódź – Ærø.txt",
                "filename=\"THor & Lodz - AEro.txt\"; filename*=UTF-8''%C3%9E%C3%B3r%20%26%20%C5%81%C3%B3d%C5%BA%20%E2%80%93%20%C3%86r%C3%B8.txt",
            ),
            (
                "été.txt",
                "filename=\"ete.txt\"; filename*=UTF-8''%C3%A9t%C3%A9.txt",
            ),
            (
                "100%.txt",
                "filename=\"100%.txt\"; filename*=UTF-8''100%25.txt",
            ),
            ("a,b;c.txt", "filename=\"a,b;c.txt\""),
            (
                "Grüße.txt",
                "filename=\"Grusse.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt",
            ),
            (
                "日本.txt",
                "filename=\"download.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt",
            ),
            (
                "日本",
                "filename=\"download\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC",
            ),
            (
                "при вет.tar.gz",
                "filename=\"download.tar.gz\"; filename*=UTF-8''%D0%BF%D1%80%D0%B8%20%D0%B2%D0%B5%D1%82.tar.gz",
            ),
            ("", "filename=\"download\""),
            ("…", "filename=\"download\"; filename*=UTF-8''%E2%80%A6"),
        ] {
            assert_eq!(
                attachment(name),
                format!("attachment; {parameters}"),
                "{name:?}"
            );
        }
    }

    #[test]
    fn inline_states_the_name_too() {
        let header = ContentDisposition::new(Disposition::Inline, "a.txt");
        assert_eq!(header.to_string(), "inline; filename=\"a.txt\"");
    }

    #[test]
    fn a_name_cannot_add_a_parameter_or_a_header() {
        // Django CVE-2022-36359, Gin CVE-2023-29401
        assert_eq!(
            attachment("a\"; filename=\"b.exe"),
            "attachment; filename=\"a'; filename='b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe"
        );
        assert_eq!(
            attachment("a\r\nSet-Cookie: x"),
            "attachment; filename=\"aSet-Cookie: x\""
        );
    }

    #[test]
    fn a_name_cannot_be_a_path() {
        for (name, parameter) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..\\..\\boot.ini", "_.._boot.ini"),
            ("/abs", "_abs"),
            (".htaccess", "htaccess"),
            ("a.txt. .", "a.txt"),
            ("..", "download"),
        ] {
            assert_eq!(
                attachment(name),
                format!("attachment; filename=\"{parameter}\""),
                "{name:?}"
            );
        }
        // U+FF0F becomes a slash under NFKD.
        assert!(attachment("a／b").starts_with("attachment; filename=\"a_b\""));
    }

    #[test]
    fn bidirectional_controls_never_reach_the_client() {
        assert_eq!(
            attachment("invoice-\u{202e}fdp.exe"),
            "attachment; filename=\"invoice-fdp.exe\""
        );
        assert_eq!(
            attachment("a\u{200f}\u{2066}b\u{feff}.txt"),
            "attachment; filename=\"ab.txt\""
        );
    }

    #[test]
    fn the_fallback_is_as_safe_as_the_name() {
        for (name, fallback) in [
            ("ＣＯＮ.txt", "_CON.txt"),
            ("nul\u{301}.txt", "_nul.txt"),
            ("a.txt…", "a.txt"),
            ("a＼b", "a_b"),
        ] {
            let header = attachment(name);
            let expected = format!("attachment; filename=\"{fallback}\"; filename*");
            assert!(header.starts_with(&expected), "{header}");
        }
    }

    #[test]
    fn device_names_are_disarmed() {
        for (name, parameter) in [
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("LPT9.a.b", "_LPT9.a.b"),
            ("console.txt", "console.txt"),
            ("com10", "com10"),
        ] {
            assert_eq!(
                attachment(name),
                format!("attachment; filename=\"{parameter}\"")
            );
        }
    }

    #[test]
    fn a_name_longer_than_file_systems_take_is_cut_before_its_extension() {
        let header = attachment(&format!("{}.tar.gz", "汉".repeat(3000)));
        let exact = header.rsplit_once("UTF-8''").unwrap().1;
        let name = percent_encoding::percent_decode_str(exact);
        let name = name.decode_utf8().unwrap();
        assert_eq!(*name, format!("{}.gz", "汉".repeat(84)));
        assert!(name.len() <= LONGEST);
        let header = attachment(&"x.".repeat(200));
        assert_eq!(header.len(), "attachment; filename=\"\"".len() + LONGEST);
    }

    #[test]
    fn a_long_name_that_needs_no_other_change_is_cut_too() {
        let header = attachment(&format!("{}.txt", "n".repeat(300)));
        let name = "n".repeat(LONGEST - 4);
        assert_eq!(header, format!("attachment; filename=\"{name}.txt\""));
    }

    proptest! {
        #[test]
        fn any_name_makes_a_header_with_a_non_empty_fallback(name in any::<String>()) {
            let header = attachment(&name);
            prop_assert!(header.is_ascii());
            let fallback = header.strip_prefix("attachment; filename=\"").unwrap();
            prop_assert!(!fallback.starts_with('"'), "{header}");
            prop_assert!(!fallback.starts_with('.'), "{header}");
            let ends = fallback.split("\"; filename*").next().unwrap_or_default().trim_end_matches('"');
            prop_assert!(!ends.ends_with('.') && !is_device(ends), "{header}");
            prop_assert!(header.matches("filename*=").count() <= 1 || name.contains("filename*="));
            let exact = header.rsplit_once("UTF-8''");
            if let Some((_, exact)) = exact {
                let decoded = percent_encoding::percent_decode_str(exact).decode_utf8().unwrap();
                let hostile = decoded.contains(['/', '\\', '\r', '\n', '\0', '\u{202e}']);
                prop_assert!(!hostile, "{}", header);
            }
        }
    }
}
