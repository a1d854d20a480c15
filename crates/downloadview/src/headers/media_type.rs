//! A media type and a coding as somebody states them: is the text one, and may a browser that shows
//! it run scripts?
//!
//! Nobody asks here for the type of a file: `content_type` finds that by its name, and only what is
//! one gets into its table or a header.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::error::ParseError;

/// A media type, such as `text/plain; charset=utf-8` or `application/pdf` (RFC 9110, 8.3.1).
///
/// [`FromStr`] is the way to get one: from a configuration, a command line, a record. It becomes a
/// header value by [`From`], and so it can be given to the setters of
/// [`DownloadOptions`](crate::DownloadOptions).
///
/// # Errors
///
/// Those of [`media_type`].
///
/// ```
/// use downloadview::headers::MediaType;
/// use downloadview::DownloadOptions;
///
/// let csv: MediaType = "text/csv; charset=utf-8".parse()?;
/// assert_eq!(csv.as_str(), "text/csv; charset=utf-8");
/// assert!("csv".parse::<MediaType>().is_err());
/// let options = DownloadOptions::new().content_type(csv);
/// # let _ = options;
/// # Ok::<(), downloadview::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType(HeaderValue);

impl MediaType {
    /// The text, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("`media_type` lets only ASCII in")
    }
}

impl FromStr for MediaType {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        media_type(text).map(Self)
    }
}

impl From<MediaType> for HeaderValue {
    fn from(media_type: MediaType) -> Self {
        media_type.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Checks that a text is a media type, such as `text/plain; charset=utf-8` or `application/pdf`
/// (RFC 9110, 8.3.1).
///
/// For types that come from a record or a configuration. [`MediaType`] is the same as a type.
///
/// # Errors
///
/// If the text is not a type and subtype with a slash between them, or has a character that a header
/// cannot hold. The parameters after them are not checked further.
///
/// ```
/// use downloadview::headers::media_type;
/// assert_eq!(media_type("text/plain; charset=utf-8")?, "text/plain; charset=utf-8");
/// assert!(media_type("text").is_err());
/// assert!(media_type("text/plain\r\nX-Forged: 1").is_err());
/// # Ok::<(), downloadview::ParseError>(())
/// ```
pub fn media_type(text: &str) -> Result<HeaderValue, ParseError> {
    const ERROR: ParseError =
        ParseError::new("a media type is written type/subtype, such as `text/csv`");

    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let (kind, subtype) = essence.split_once('/').ok_or(ERROR)?;
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = printable && text.trim() == text && is_token(kind) && is_token(subtype);
    match HeaderValue::from_str(text) {
        Ok(value) if fits => Ok(value),
        _ => Err(ERROR),
    }
}

/// Checks that a text is a content coding, such as `gzip` or `br` (RFC 9110, 8.4.1).
///
/// # Errors
///
/// If it is not one word of the characters that a token may have (RFC 9110, 5.6.2).
///
/// ```
/// use downloadview::headers::content_coding;
/// assert_eq!(content_coding("gzip")?, "gzip");
/// assert!(content_coding("gzip, br").is_err());
/// # Ok::<(), downloadview::ParseError>(())
/// ```
pub fn content_coding(text: &str) -> Result<HeaderValue, ParseError> {
    const ERROR: ParseError = ParseError::new("a content coding is one word, such as `gzip`");

    match HeaderValue::from_str(text) {
        Ok(value) if is_token(text) => Ok(value),
        _ => Err(ERROR),
    }
}

/// Whether a text is a token: RFC 9110, 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

/// Whether a browser that shows this type may run scripts in it: HTML, SVG, XML. `true` also for a
/// value that cannot be judged.
///
/// [`DownloadOptions`](crate::DownloadOptions) use it to decide whether an inline answer needs a
/// `Content-Security-Policy`.
///
/// ```
/// use downloadview::headers::is_active_content;
/// use http::HeaderValue;
///
/// assert!(is_active_content(&HeaderValue::from_static("image/svg+xml")));
/// assert!(!is_active_content(&HeaderValue::from_static("image/png")));
/// ```
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
            assert!(media_type(text).is_err(), "{text:?}");
        }
        for text in ["gzip\r\nX: y", "gzip, br", ""] {
            assert!(content_coding(text).is_err(), "{text:?}");
        }
        let stated = "text/plain; charset=utf-8";
        assert_eq!(media_type(stated).unwrap(), stated);
        assert_eq!(content_coding("gzip").unwrap(), "gzip");
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
