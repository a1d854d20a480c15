//! The entity tag of a content: a short quoted text that changes whenever the bytes do (RFC 9110,
//! 8.8.3).
//!
//! Clients send it back in conditions, and resume a download only under the same tag. Besides tags
//! that somebody states there are those made of a file here: this crate's own, and the two that
//! nginx and Caddy make, so that a file has one tag whoever sends it.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use crate::error::ParseError;

const UNQUOTED: ParseError = ParseError::new("an entity tag stands between double quotes");
const UNFIT: ParseError =
    ParseError::new("an entity tag holds only visible ASCII characters, and no double quote");

/// A strong or weak entity tag, in the form of the `ETag` header (RFC 9110, 8.8.3): `"v1"`,
/// `W/"v1"`.
///
/// Use a strong tag if other bytes always have another tag, such as a digest, a version number or
/// [`of_file`](Self::of_file). Use a weak one where that is not certain: no range is resumed by it.
///
/// ```
/// use downloadview::content::ETag;
///
/// let etag: ETag = "\"v1\"".parse()?;
/// assert_eq!(etag, ETag::strong("v1")?);
/// assert!(etag.is_strong());
/// assert!(!ETag::weak("v1")?.is_strong());
/// # Ok::<(), downloadview::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(HeaderValue);

impl ETag {
    /// A strong tag around `opaque`. It promises that other bytes always have another tag (RFC
    /// 9110, 8.8.1).
    ///
    /// # Errors
    ///
    /// If `opaque` holds a double quote, a space, a control character or a character outside ASCII.
    ///
    /// ```
    /// use downloadview::content::ETag;
    /// assert_eq!(ETag::strong("v1")?.as_str(), "\"v1\"");
    /// assert!(ETag::strong("a\"b").is_err());
    /// # Ok::<(), downloadview::ParseError>(())
    /// ```
    pub fn strong(opaque: &str) -> Result<Self, ParseError> {
        Self::parse(&format!("\"{opaque}\""))
    }

    /// A weak tag around `opaque`: contents that mean the same may share it (RFC 9110, 8.8.1). It
    /// serves `If-None-Match`, but no range is resumed by it.
    ///
    /// # Errors
    ///
    /// As [`strong`](Self::strong).
    ///
    /// ```
    /// use downloadview::content::ETag;
    /// assert_eq!(ETag::weak("v1")?.as_str(), "W/\"v1\"");
    /// # Ok::<(), downloadview::ParseError>(())
    /// ```
    pub fn weak(opaque: &str) -> Result<Self, ParseError> {
        Self::parse(&format!("W/\"{opaque}\""))
    }

    /// A tag as it stands in a header: `"…"` or `W/"…"`.
    ///
    /// # Errors
    ///
    /// If the text has no quotes around it, and as [`strong`](Self::strong).
    ///
    /// ```
    /// use downloadview::content::ETag;
    /// assert!(ETag::parse("W/\"v1\"").is_ok());
    /// assert!(ETag::parse("v1").is_err()); // no quotes
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let quoted = text.strip_prefix("W/").unwrap_or(text);
        let opaque = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or(UNQUOTED)?;
        // etagc = %x21 / %x23-7E / obs-text
        let valid = opaque
            .bytes()
            .all(|b| b == 0x21 || (0x23..=0x7e).contains(&b));
        match HeaderValue::from_str(text) {
            Ok(value) if valid => Ok(Self(value)),
            _ => Err(UNFIT),
        }
    }

    /// The tag that this crate makes for a file: modification time in nanoseconds, size in bytes,
    /// and `changed`, the time of its last change, if the system knows it (`ctime`, which no
    /// program can set). All are hexadecimal, with `-` between them.
    ///
    /// `None` for a modification time at or before the first second of 1970. Archives and
    /// reproducible builds give every file that date, so it tells no two states apart.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use downloadview::content::ETag;
    ///
    /// let modified = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    /// let etag = ETag::of_file(modified, 5_000, None).unwrap();
    /// assert_eq!(etag.as_str(), "\"17979cfe362a0000-1388\"");
    /// assert_eq!(ETag::of_file(UNIX_EPOCH, 5_000, None), None);
    /// ```
    #[must_use]
    pub fn of_file(modified: SystemTime, size: u64, changed: Option<SystemTime>) -> Option<Self> {
        let since = since_epoch(modified)?;
        let changed = changed.filter(|changed| *changed != modified);
        let changed = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        let (modified, size) = (since.as_nanos(), u128::from(size));
        Some(match changed {
            Some(changed) => Self::from_hex(&[modified, size, changed.as_nanos()]),
            None => Self::from_hex(&[modified, size]),
        })
    }

    /// The tag that nginx states for a file: modification time in whole seconds and size
    /// (`src/http/ngx_http_core_module.c`, `ngx_http_set_etag`).
    #[must_use]
    pub(crate) fn of_file_in_seconds(modified: SystemTime, size: u64) -> Option<Self> {
        let since = since_epoch(modified)?;
        Some(Self::from_hex(&[since.as_secs().into(), size.into()]))
    }

    /// The tag that Caddy before 2.8 states for a file: modification time in whole seconds and
    /// size, both in base 36 (`modules/caddyhttp/fileserver/staticfiles.go`, `calculateEtag`).
    #[must_use]
    pub(crate) fn of_file_in_base_36(modified: SystemTime, size: u64) -> Option<Self> {
        let since = since_epoch(modified)?;
        let text = format!("\"{}{}\"", base_36(since.as_secs()), base_36(size));
        Self::parse(&text).ok()
    }

    /// A strong tag of hexadecimal numbers with `-` between them.
    fn from_hex(parts: &[u128]) -> Self {
        // From behind, as the digits come; there are three numbers at most.
        let mut text = [b'"'; 3 * LONGEST_HEX + 4];
        let mut start = text.len() - 1;
        for part in parts.iter().rev() {
            start = push_hex(&mut text, start, *part) - 1;
            text[start] = b'-';
        }
        text[start] = b'"';
        Self(HeaderValue::from_bytes(&text[start..]).expect("hex digits, dashes and quotes"))
    }

    /// The tag as the header states it, with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("only visible ASCII was let in")
    }

    /// Whether the tag promises the same bytes, and not only the same meaning: it does not begin
    /// with `W/`.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        !self.0.as_bytes().starts_with(b"W/")
    }

    /// The value of the `ETag` header.
    pub(crate) fn into_header_value(self) -> HeaderValue {
        self.0
    }

    /// The value of the `ETag` header.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for ETag {
    type Err = ParseError;

    /// As [`ETag::parse`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

/// The most digits of a number.
const LONGEST_HEX: usize = 32;

/// Lower-case hexadecimal without leading zeros, up to `end` of `text`: where it begins.
fn push_hex(text: &mut [u8], end: usize, mut number: u128) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut start = end;
    loop {
        start -= 1;
        text[start] = DIGITS[(number & 0xf) as usize];
        number >>= 4;
        if number == 0 {
            return start;
        }
    }
}

/// Lower-case base 36 without leading zeros, as Go's `strconv.FormatInt(n, 36)` writes it.
fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit((number % 36) as u32, 36));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// Time since 1970, for times that can serve as a validator: after the first second of 1970 and
/// before the year 10000, which `IMF-fixdate` cannot write.
pub(crate) fn since_epoch(time: SystemTime) -> Option<Duration> {
    const YEAR_10000: u64 = 253_402_300_800;
    time.duration_since(UNIX_EPOCH)
        .ok()
        .filter(|since| (2..YEAR_10000).contains(&since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_1970_has_no_tag() {
        for time in [
            UNIX_EPOCH,
            UNIX_EPOCH + Duration::from_secs(1),
            UNIX_EPOCH - Duration::from_secs(9),
        ] {
            assert_eq!(ETag::of_file(time, 5, None), None);
            assert_eq!(ETag::of_file_in_seconds(time, 5), None);
            assert_eq!(ETag::of_file_in_base_36(time, 5), None);
        }
    }

    #[test]
    fn a_file_changed_within_one_second_has_another_tag() {
        let time = UNIX_EPOCH + Duration::from_nanos(1_600_000_000_000_000_001);
        let tag = ETag::of_file(time, 100, Some(time)).unwrap();
        assert_eq!(tag.as_str(), "\"16345785d8a00001-64\"");
        let later = time + Duration::from_nanos(1);
        assert_ne!(Some(&tag), ETag::of_file(later, 100, None).as_ref());
        let moved = ETag::of_file(time, 100, Some(later)).unwrap();
        assert_eq!(moved.as_str(), "\"16345785d8a00001-64-16345785d8a00002\"");
    }

    #[test]
    fn the_tag_of_nginx_is_measured() {
        let time = UNIX_EPOCH + Duration::from_millis(1_600_000_000_999);
        assert_eq!(
            ETag::of_file_in_seconds(time, 100).unwrap().as_str(),
            "\"5f5e1000-64\""
        );
    }

    #[test]
    fn a_tag_cannot_carry_a_header() {
        for (text, error) in [
            ("\"a\r\nb\"", UNFIT),
            ("\"a b\"", UNFIT),
            ("\"a\"b\"", UNFIT),
            ("abc", UNQUOTED),
            ("W/abc", UNQUOTED),
            ("\"", UNQUOTED),
            ("\"\u{e9}\"", UNFIT),
        ] {
            assert_eq!(text.parse::<ETag>(), Err(error), "{text:?}");
        }
        assert!(!ETag::parse("W/\"a\"").unwrap().is_strong());
        assert_eq!(ETag::weak("a").unwrap().as_str(), "W/\"a\"");
        assert!(ETag::strong("a").unwrap().is_strong());
    }
}
