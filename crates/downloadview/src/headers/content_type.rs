//! `Content-Type` by file name. It is never guessed from the content, which an attacker may have
//! chosen.
//!
//! The table is that of `mime_guess`, corrected by `media_types` where it is silent or outdated. A
//! compressed file is announced as the archive that it is (`application/gzip`), not as its content
//! with a `Content-Encoding`: clients undo that coding and save `a.tar.gz` as a broken archive.
//!
//! Who asks: `response::head`, with the name that the client gets, then with the file's own name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::HeaderValue;

use super::media_type::{is_token, media_type};
use super::media_types::MEDIA_TYPES;
use crate::error::BuildError;

/// The longest extension that is looked up.
const LONGEST: usize = 16;

/// The table by which file names get their media types: the table of this crate, your own
/// extensions on top of it, and the charset that text is said to be in.
///
/// Give it to a view, a response or options
/// ([`DownloadOptions::media_types`](crate::DownloadOptions::media_types)). Without one, the table
/// of this crate is used, and text is UTF-8.
///
/// ```
/// use downloadview::headers::MediaTypes;
/// let types = MediaTypes::new()
///     .extension("gcode", "text/x-gcode")?
///     .extension("tar.zst", "application/x-zstd-compressed-tar")?
///     .charset("iso-8859-15")?;
/// assert_eq!(types.of("part.GCODE"), "text/x-gcode; charset=iso-8859-15");
/// assert_eq!(types.of("a.tar.zst"), "application/x-zstd-compressed-tar");
/// assert_eq!(types.of("a.txt"), "text/plain; charset=iso-8859-15");
/// assert_eq!(types.of("a.png"), "image/png");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTypes {
    /// Extensions in lower case without the first dot, the longest first.
    own: Vec<(String, String)>,
    charset: Option<String>,
}

impl MediaTypes {
    /// The table of this crate, with text in UTF-8. The same as [`Default`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            own: Vec::new(),
            charset: Some("utf-8".to_owned()),
        }
    }

    /// States the type of files with this extension. Upper and lower case are the same, a leading
    /// dot may be left out, and the extension may have several parts: `"log"`, `"tar.zst"`.
    ///
    /// Of two types for one extension the later counts; of two extensions that fit a name the
    /// longer.
    ///
    /// # Errors
    ///
    /// If no name can have that extension (empty, or with a slash), and if the text is not a [media
    /// type](media_type).
    ///
    /// ```
    /// use downloadview::headers::MediaTypes;
    /// let types = MediaTypes::new().extension("log", "text/plain")?;
    /// assert_eq!(types.of("today.log"), "text/plain; charset=utf-8");
    /// assert!(MediaTypes::new().extension("log", "plain text").is_err());
    /// # Ok::<(), downloadview::BuildError>(())
    /// ```
    pub fn extension(mut self, extension: &str, media_type: &str) -> Result<Self, BuildError> {
        let plain = extension.strip_prefix('.').unwrap_or(extension);
        if plain.is_empty() || plain.starts_with('.') || plain.contains(['/', '\0']) {
            let extension = extension.escape_debug();
            let what = format!("media types: `{extension}` is not a file extension");
            return Err(BuildError::new(what));
        }
        if self::media_type(media_type).is_err() {
            let media_type = media_type.escape_debug();
            let what =
                format!("media types: `{media_type}` is not a media type, such as `text/csv`");
            return Err(BuildError::new(what));
        }
        let plain = plain.to_ascii_lowercase();
        self.own.retain(|(known, _)| *known != plain);
        self.own.push((plain, media_type.to_owned()));
        self.own
            .sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        Ok(self)
    }

    /// States the charset of text by its IANA name, such as `"iso-8859-15"`. Default: `utf-8`.
    ///
    /// It is added to `text/…` types that state no charset themselves. Files are not converted.
    ///
    /// # Errors
    ///
    /// If the text cannot name a charset: it is empty, or holds a character that a token must not
    /// have (RFC 9110, 5.6.2).
    pub fn charset(mut self, charset: &str) -> Result<Self, BuildError> {
        if !is_token(charset) {
            let charset = charset.escape_debug();
            let what = format!("media types: `{charset}` is not the name of a charset");
            return Err(BuildError::new(what));
        }
        self.charset = Some(charset.to_owned());
        Ok(self)
    }

    /// States no charset. Clients then guess one, and browsers may guess wrongly: use it only if
    /// the charsets of your files differ and you do not know them.
    #[must_use]
    pub fn without_charset(mut self) -> Self {
        self.charset = None;
        self
    }

    /// The media type for a file of this name; `application/octet-stream` if the extension is
    /// unknown.
    #[must_use]
    pub fn of(&self, name: &str) -> HeaderValue {
        self.guess(name).unwrap_or(UNKNOWN)
    }

    /// As [`of`](Self::of), but `None` if the name does not tell the type.
    pub(crate) fn guess(&self, name: &str) -> Option<HeaderValue> {
        if self.own.is_empty() && self.charset.as_deref() == Some("utf-8") {
            return guess(name);
        }
        let own = self
            .own
            .iter()
            .find(|(extension, _)| ends_in(name, extension));
        let essence = match own {
            Some((_, stated)) => stated,
            None => essence(name)?,
        };
        match &self.charset {
            Some(charset) if is_text_without_charset(essence) => {
                HeaderValue::try_from(format!("{essence}; charset={charset}")).ok()
            }
            _ => HeaderValue::from_str(essence).ok(),
        }
    }
}

impl Default for MediaTypes {
    fn default() -> Self {
        Self::new()
    }
}

/// The type of a file of which nobody knows the type (RFC 9110, 8.3).
const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether a name has this extension, and something before it.
fn ends_in(name: &str, extension: &str) -> bool {
    let Some(at) = name.len().checked_sub(extension.len() + 1) else {
        return false;
    };
    let (stem, end) = name.as_bytes().split_at(at);
    !stem.is_empty() && end[0] == b'.' && end[1..].eq_ignore_ascii_case(extension.as_bytes())
}

/// Whether a type is text that states no charset yet.
fn is_text_without_charset(essence: &str) -> bool {
    essence.starts_with("text/") && !essence.to_ascii_lowercase().contains("charset=")
}

/// The media type for a file of this name, by the table of this crate.
///
/// `text/…` gets `charset=utf-8`; an unknown extension is `application/octet-stream`. For
/// extensions of your own or another charset use [`MediaTypes`].
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
    guess(name).unwrap_or(UNKNOWN)
}

/// As [`content_type_of`], but `None` if the name does not tell the type.
pub(crate) fn guess(name: &str) -> Option<HeaderValue> {
    known(name).map(|known| known.stated.clone())
}

/// What the tables know of a name, without a charset.
fn essence(name: &str) -> Option<&'static str> {
    known(name).map(|known| known.essence)
}

/// What is known of an extension.
struct Known {
    essence: &'static str,
    /// As it is sent: text with the charset that it is said to be in.
    stated: HeaderValue,
}

impl Known {
    fn of(essence: &'static str) -> Option<Self> {
        let stated = match essence.starts_with("text/") {
            true => HeaderValue::try_from(format!("{essence}; charset=utf-8")),
            false => HeaderValue::from_str(essence),
        };
        let stated = stated.ok()?;
        Some(Self { essence, stated })
    }
}

/// Every extension that is known, side by side with what is known of it, in the order of the
/// extensions.
struct Table {
    extensions: Vec<u128>,
    known: Vec<Known>,
}

/// Made when the first name is looked up: each later one then costs a dozen comparisons of numbers.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let underneath = mime_guess::get_extensions("*", "*").unwrap_or_default();
    let underneath = underneath
        .iter()
        .filter_map(|extension| Some((*extension, mime_guess::from_ext(extension).first_raw()?)));
    // Where the table underneath is silent, outdated or wrong, the own one, later, counts.
    let all = underneath.chain(MEDIA_TYPES.iter().copied());
    let known =
        all.filter_map(|(extension, essence)| Some((number(extension)?, Known::of(essence)?)));
    let in_order: BTreeMap<u128, Known> = known.collect();
    let (extensions, known) = in_order.into_iter().unzip();
    Table { extensions, known }
});

/// An extension, upper or lower case, as a number; `None` for one that is too long to be known.
fn number(extension: &str) -> Option<u128> {
    let mut lower = [0; LONGEST];
    let part = lower.get_mut(..extension.len())?;
    part.copy_from_slice(extension.as_bytes());
    part.make_ascii_lowercase();
    (!part.contains(&0)).then(|| u128::from_be_bytes(lower))
}

fn known(name: &str) -> Option<&'static Known> {
    // A dot further in ends no extension that is known, and at the start it begins a name.
    let last = name.len().saturating_sub(LONGEST + 1)..;
    let at = name.as_bytes()[last]
        .iter()
        .rev()
        .position(|&byte| byte == b'.')?;
    let extension = &name[name.len() - at..];
    let number = number(extension).filter(|_| at + 1 < name.len())?;
    let table = &*TABLE;
    let at = table.extensions.binary_search(&number).ok()?;
    table.known.get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_type_is_one() {
        assert!(MEDIA_TYPES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (extension, kind) in MEDIA_TYPES {
            assert!(extension.len() <= LONGEST, "{extension}");
            assert!(media_type(kind).is_ok(), "{extension}: {kind}");
            assert_eq!(essence(&format!("a.{extension}")), Some(*kind));
        }
    }

    #[test]
    fn extensions_are_found_whole_and_in_any_case() {
        for (name, expected) in [
            ("a.PdF", Some("application/pdf")),
            ("a.pd", None),
            ("a.pdff", None),
            ("a.pdf\0", None),
            ("a.pdf.", None),
            ("a.\u{e9}", None),
            ("a.application-of-a-long-name", None),
        ] {
            assert_eq!(essence(name), expected, "{name:?}");
        }
        let underneath = mime_guess::get_extensions("*", "*").unwrap();
        let mut short = underneath.iter().filter(|it| it.len() <= LONGEST);
        assert!(underneath.len() > 1000);
        assert!(short.all(|it| essence(&format!("a.{it}")).is_some()));
    }

    #[test]
    fn own_types_are_of_whole_extensions() {
        let types = MediaTypes::new().extension(".Bar", "text/x-bar; charset=ascii");
        let types = types.unwrap().extension("foo.bar", "a/foobar").unwrap();
        for (name, expected) in [
            ("a.BAR", "text/x-bar; charset=ascii"),
            ("a.foo.bar", "a/foobar"),
            ("foo.bar", "text/x-bar; charset=ascii"),
            (".bar", "application/octet-stream"),
            ("bar", "application/octet-stream"),
            ("a.rebar", "application/octet-stream"),
            ("\u{e9}.bar", "text/x-bar; charset=ascii"),
        ] {
            assert_eq!(types.of(name), expected, "{name}");
        }
        assert_eq!(types.clone().without_charset().of("a.txt"), "text/plain");
        for (extension, media_type) in [("", "a/b"), ("..", "a/b"), ("a/b", "a/b"), ("a", "a")] {
            assert!(types.clone().extension(extension, media_type).is_err());
        }
        assert!(types.charset("utf-8\r\nX: y").is_err());
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
}
