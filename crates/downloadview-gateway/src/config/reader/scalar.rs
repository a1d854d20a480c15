//! Understands single values: sizes, durations, names, header values; refuses with how to fix it.
//! Each function takes the text of one value and returns a type, or a [`Fault`]: what is wrong and what to write. They
//! know neither key nor place; `Value` adds both. A function that reads secrets leaves the text out of its messages.

use std::env;
use std::time::Duration;

use downloadview::headers;
use downloadview::storage::StorageName;
use http::HeaderValue;
use percent_encoding::percent_decode_str;

/// Why a value was not understood, and what to write in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong, without the key's name, which whoever reports it adds.
    pub(crate) message: String,
    /// What to write in its place.
    pub(crate) help: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// What `read` makes of the value of an environment variable. The value itself is in no message.
pub(crate) fn of_variable<T>(
    name: &str,
    read: impl FnOnce(&str) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let value = env::var(name).map_err(|error| {
        let what = match error {
            env::VarError::NotPresent => "is not set",
            env::VarError::NotUnicode(_) => "is not a text",
        };
        let help = "set it, to the same value wherever this file is used";
        Fault::new(format!("the environment variable `{name}` {what}"), help)
    })?;
    read(&value).map_err(|fault| {
        let message = format!("in the environment variable `{name}`: {}", fault.message);
        Fault::new(message, fault.help)
    })
}

/// A text that nobody guesses, and that stands in one line. It is in no message. `made_by`: a command that makes one.
pub(crate) fn secret<'t>(text: &'t str, least: usize, made_by: &str) -> Result<&'t str, Fault> {
    if text.len() < least {
        return Err(Fault::new(
            format!("a secret of {} bytes can be guessed", text.len()),
            format!("write at least {least}: {made_by}"),
        ));
    }
    match text.chars().any(char::is_control) {
        false => Ok(text),
        true => Err(Fault::new(
            "the secret holds a line break or another control character",
            format!("write it in one line: {made_by}"),
        )),
    }
}

/// A count of bytes: `65536`, `64KiB`, `1MiB`, `2GiB`.
pub(crate) fn size(text: &str) -> Result<u64, Fault> {
    const UNITS: [(&str, u64); 4] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("", 1),
    ];
    number_with_unit(text, &UNITS).ok_or_else(|| {
        Fault::new(
            format!("`{text}` is not a size"),
            "write a number of bytes, or a whole number of KiB, MiB or GiB: \"64KiB\"",
        )
    })
}

/// A span of time: `500ms`, `60s`, `5m`, `1h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, Fault> {
    const UNITS: [(&str, u64); 5] = [
        ("ms", 1),
        ("s", 1000),
        ("m", 60 * 1000),
        ("h", 3600 * 1000),
        ("d", 24 * 3600 * 1000),
    ];
    let milliseconds = number_with_unit(text, &UNITS).ok_or_else(|| {
        Fault::new(
            format!("`{text}` is not a duration"),
            "write a whole number with its unit, ms, s, m, h or d: \"60s\"",
        )
    })?;
    Ok(Duration::from_millis(milliseconds))
}

/// A span of time longer than nothing.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, Fault> {
    match duration(text)? {
        Duration::ZERO => Err(Fault::new(
            "with no time at all nothing could ever succeed",
            "write at least \"1ms\"",
        )),
        duration => Ok(duration),
    }
}

/// A value or the word `off`.
pub(crate) fn or_off<T>(
    parse: impl FnOnce(&str) -> Result<T, Fault>,
) -> impl FnOnce(&str) -> Result<Option<T>, Fault> {
    move |text| match text {
        "off" => Ok(None),
        text => parse(text).map(Some),
    }
}

/// One of the `known` words; a word of `later` is understood and refused for now.
pub(crate) fn one_of<T: Clone>(
    text: &str,
    known: &[(&'static str, T)],
    later: &[&str],
) -> Result<T, Fault> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(value.clone());
    }
    let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
    if later.contains(&text) {
        return Err(Fault::new(
            format!("`{text}` is not available in this version"),
            format!("use {}", listing(&words, "or")),
        ));
    }
    let help = match nearest(text, &words) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("use {}", listing(&words, "or")),
    };
    Err(Fault::new(format!("unknown value `{text}`"), help))
}

/// The name of a table `[{what}s.NAME]` that the file holds.
pub(crate) fn described(text: &str, names: &[String], what: &str) -> Result<String, Fault> {
    if names.iter().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let help = match nearest(text, &names) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if names.is_empty() => format!("add a table [{what}s.{text}]"),
        None => format!(
            "add a table [{what}s.{text}], or use {}",
            listing(&names, "or")
        ),
    };
    Err(Fault::new(format!("there is no {what} `{text}`"), help))
}

/// The value of an HTTP header: visible ASCII and spaces inside.
pub(crate) fn header_value(text: &str) -> Result<HeaderValue, Fault> {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match HeaderValue::from_str(text) {
        Ok(value) if printable && !text.is_empty() && text.trim() == text => Ok(value),
        _ => Err(Fault::new(
            format!("{text:?} is not a header value"),
            "use one or more visible ASCII characters, without spaces at the ends",
        )),
    }
}

/// A media type: `application/pdf`, `text/plain; charset=utf-8`.
pub(crate) fn media_type(text: &str) -> Result<HeaderValue, Fault> {
    headers::media_type(text).map_err(|_| {
        Fault::new(
            format!("{text:?} is not a media type"),
            "write type/subtype: \"application/pdf\", \"text/plain; charset=utf-8\"",
        )
    })
}

/// A content coding such as `gzip`.
pub(crate) fn coding(text: &str) -> Result<HeaderValue, Fault> {
    headers::content_coding(text).map_err(|_| {
        Fault::new(
            format!("{text:?} is not a content coding"),
            "write one word: \"gzip\", \"br\", \"zstd\"",
        )
    })
}

/// The name a client saves the file under.
pub(crate) fn basename(text: &str) -> Result<String, Fault> {
    let forbidden = |character: char| character.is_control() || "/\\".contains(character);
    if !text.is_empty() && text != "." && text != ".." && !text.contains(forbidden) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{text:?} is not a file name"),
        "write a name without slashes and control characters: \"report.pdf\"",
    ))
}

/// The name of a file in a storage: relative, no `..`, no empty segment.
pub(crate) fn storage_name(text: &str) -> Result<StorageName, Fault> {
    StorageName::parse(text).map_err(|_| {
        Fault::new(
            format!("{text:?} is not a name in a storage"),
            "write it relative to the storage, without `..` and empty segments: \"reports/may.pdf\"",
        )
    })
}

/// The path of URLs that begin alike: `/media/`, with both slashes.
pub(crate) fn url_prefix(text: &str) -> Result<String, Fault> {
    let inner = text.trim_matches('/');
    let slashed = if inner.is_empty() {
        "/".to_owned()
    } else {
        format!("/{inner}/")
    };
    if text.contains("://") {
        return Err(Fault::new(
            format!("`{text}` names a server"),
            "write only the path, from the slash after the host on",
        ));
    }
    if !text.starts_with('/') {
        return Err(Fault::new(
            format!("`{text}` does not start with `/`"),
            format!("write \"{slashed}\""),
        ));
    }
    prefix_characters(text)?;
    if text != slashed {
        return Err(Fault::new(
            format!("`{text}` does not end on a segment boundary"),
            format!("write \"{slashed}\", so that no neighbour with a longer name is meant"),
        ));
    }
    prefix_segments(text)?;
    Ok(text.to_owned())
}

/// The path of a URL, whole.
pub(crate) fn url_path(text: &str) -> Result<(), Fault> {
    if !text.starts_with('/') {
        return Err(Fault::new(
            "the URL has no path",
            "write a slash after the host, and what follows",
        ));
    }
    prefix_characters(text)?;
    prefix_segments(text)
}

/// The path of a proxy's internal location: a URL prefix of plain characters, below `/`.
pub(crate) fn location(text: &str) -> Result<String, Fault> {
    let prefix = url_prefix(text)?;
    if prefix == "/" {
        return Err(Fault::new(
            "`/` would hide the whole site from clients",
            "name a folder of URLs that nothing else uses: \"/_internal/\"",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !prefix.bytes().all(plain) {
        return Err(Fault::new(
            format!("`{prefix}` holds a character that proxies spell in several ways"),
            "use letters, digits, `-`, `.`, `_` and `~`: no client ever sees this path",
        ));
    }
    Ok(prefix)
}

/// The word of `words` that `text` was probably meant to be.
pub(crate) fn nearest<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    let distance = |word: &str| strsim::damerau_levenshtein(text, word);
    let near = words.iter().min_by_key(|word| distance(word))?;
    (distance(near) <= 1 + near.len() / 4).then_some(near)
}

/// "`a`, `b` and `c`", in the order given, with the last word's conjunction.
pub(crate) fn listing(words: &[&str], conjunction: &str) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}

/// Whole digits and one of the units, multiplied. `None` for a sign, a fraction, a space between the two, an unknown unit,
/// and for what does not fit.
fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Refuses what cannot stand in the path of a URL: a query, a fragment, bytes that are not visible ASCII.
fn prefix_characters(text: &str) -> Result<(), Fault> {
    if let Some(mark) = text.chars().find(|character| "?#".contains(*character)) {
        return Err(Fault::new(
            format!("`{text}` holds `{mark}`, which ends the path of a URL"),
            "write only the path, and `%3F` or `%23` for the character itself",
        ));
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(Fault::new(
            format!("{text:?} holds a character that no URL holds bare"),
            "percent-encode it: `%20` for a space",
        ));
    }
    Ok(())
}

/// Refuses segments after which a name appended to the prefix would not lie below it, percent-encoded ones too.
fn prefix_segments(text: &str) -> Result<(), Fault> {
    for segment in text.trim_matches('/').split('/').filter(|_| text != "/") {
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        let climbs = matches!(decoded.as_slice(), b"" | b"." | b"..");
        if climbs
            || decoded
                .iter()
                .any(|byte| *byte == b'/' || byte.is_ascii_control())
        {
            return Err(Fault::new(
                format!("`{text}` holds the segment `{segment}`"),
                "write it without `.`, `..`, empty segments, encoded slashes and control bytes",
            ));
        }
    }
    Ok(())
}
