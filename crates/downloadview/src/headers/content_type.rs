//! `Content-Type` by file name: never by content, which an attacker may have chosen.
//!
//! The table of `mime_guess`, corrected where it is silent or outdated. A compressed file is
//! announced as the archive it is (`application/gzip`), not as its content with a
//! `Content-Encoding`: clients undo that one and save `a.tar.gz` as a broken archive.

use http::HeaderValue;

use super::media_types::MEDIA_TYPES;

/// The longest extension that is looked up.
const LONGEST: usize = 16;

/// The media type for a file of this name; `text/…` with `charset=utf-8`, unknown
/// `application/octet-stream`.
///
/// ```
/// use downloadview::headers::content_type_of;
/// assert_eq!(content_type_of("a.TXT"), "text/plain; charset=utf-8");
/// assert_eq!(content_type_of("a.tar.gz"), "application/gzip");
/// assert_eq!(content_type_of("a.png"), "image/png");
/// assert_eq!(content_type_of("noext"), "application/octet-stream");
/// ```
#[must_use]
#[doc(alias = "mimetype")]
pub fn content_type_of(name: &str) -> HeaderValue {
    guess(name).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// As [`content_type_of`], `None` where the name says nothing.
pub(crate) fn guess(name: &str) -> Option<HeaderValue> {
    let (stem, extension) = name.rsplit_once('.')?;
    if stem.is_empty() || extension.len() > LONGEST {
        return None;
    }
    let essence = match overridden(extension) {
        Some(essence) => essence,
        None => mime_guess::from_ext(extension).first_raw()?,
    };
    Some(match essence {
        "text/plain" => HeaderValue::from_static("text/plain; charset=utf-8"),
        text if text.starts_with("text/") => {
            HeaderValue::from_str(&format!("{text}; charset=utf-8")).ok()?
        }
        other => HeaderValue::from_static(other),
    })
}

/// Where the table underneath is silent, outdated or wrong.
fn overridden(extension: &str) -> Option<&'static str> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension.as_bytes());
    lower.make_ascii_lowercase();
    let found = MEDIA_TYPES.binary_search_by(|(known, _)| known.as_bytes().cmp(lower));
    found.ok().map(|at| MEDIA_TYPES[at].1)
}

/// A text as a media type, `None` if it is none: `text/plain; charset=utf-8`, `application/pdf`.
///
/// The type must have its two parts (RFC 9110, 8.3.1); what follows them is only known to fit into a header.
///
/// ```
/// use downloadview::headers::media_type;
/// assert!(media_type("text/plain; charset=utf-8").is_some());
/// assert!(media_type("text").is_none());
/// assert!(media_type("text/plain\r\nX-Forged: 1").is_none());
/// ```
#[must_use]
pub fn media_type(text: &str) -> Option<HeaderValue> {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let (kind, subtype) = essence.split_once('/')?;
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = printable && text.trim() == text && is_token(kind) && is_token(subtype);
    fits.then(|| HeaderValue::from_str(text).ok()).flatten()
}

/// A text as a content coding, `None` if it is none: `gzip`, `br`.
#[must_use]
pub fn content_coding(text: &str) -> Option<HeaderValue> {
    is_token(text)
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

/// Whether a browser that shows this type may run scripts in it: HTML, SVG, XML.
#[must_use]
pub fn is_active_content(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else {
        return true;
    };
    // Of two types joined by a comma browsers take the last.
    if text.contains(',') {
        return true;
    }
    let essence = text
        .split(';')
        .next()
        .unwrap_or(text)
        .trim()
        .to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "text/html" | "text/xml" | "application/xml" | "text/xsl" | "multipart/related"
    ) || essence.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_type_is_one() {
        assert!(MEDIA_TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (extension, kind) in MEDIA_TYPES {
            assert!(extension.len() <= LONGEST, "{extension}");
            assert!(media_type(kind).is_some(), "{extension}: {kind}");
        }
    }

    #[test]
    fn a_stated_type_cannot_forge_a_header() {
        for text in [
            "text/html\r\nX-Accel-Redirect: /secret",
            "text/plain\n",
            "text/plain; a=\u{e4}",
            " text/plain",
            "banana",
            "/",
            "text/",
            "text /plain",
            "",
        ] {
            assert_eq!(media_type(text), None, "{text:?}");
        }
        for text in ["gzip\r\nX: y", "gzip, br", ""] {
            assert_eq!(content_coding(text), None, "{text:?}");
        }
        let stated = "text/plain; charset=utf-8";
        assert_eq!(media_type(stated).unwrap(), stated);
        assert_eq!(content_coding("gzip").unwrap(), "gzip");
    }

    #[test]
    fn only_text_has_a_charset() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.pdf", "application/pdf"),
            ("a.zip", "application/zip"),
            ("a.gz", "application/gzip"),
            ("a.zst", "application/zstd"),
            ("a.mp4", "video/mp4"),
            ("a.rst", "text/x-rst; charset=utf-8"),
            (".txt", "application/octet-stream"),
            ("a.", "application/octet-stream"),
            ("a.\u{e9}", "application/octet-stream"),
        ] {
            assert_eq!(content_type_of(name), expected, "{name}");
        }
    }

    #[test]
    fn what_can_run_scripts_is_active() {
        for (essence, active) in [
            ("text/html; charset=utf-8", true),
            ("IMAGE/SVG+XML", true),
            ("application/xhtml+xml", true),
            ("image/png, text/html", true),
            ("text/plain", false),
            ("image/png", false),
            ("application/json", false),
        ] {
            assert_eq!(
                is_active_content(&HeaderValue::from_static(essence)),
                active,
                "{essence}"
            );
        }
    }
}
