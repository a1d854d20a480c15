//! A proxy that downloadview does not know.

use downloadview::backend::{Backend, CannotCarry, HandOff};
use downloadview::rule::{Target, TargetKind};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names the file.
pub const X_COURIER_SEND: HeaderName = HeaderName::from_static("x-courier-send");

/// Limits the rate, in bytes per second.
pub const X_COURIER_RATE: HeaderName = HeaderName::from_static("x-courier-rate");

/// The made-up proxy Courier. It sends the file whose path stands in `X-Courier-Send`:
///
/// ```text
/// X-Courier-Send: "/srv/media/a \"quoted\" name.txt"
/// X-Courier-Rate: 1048576
/// ```
///
/// The path is a string of RFC 9651 (3.3.3): visible ASCII and spaces between quotes, with a
/// backslash before `"` and `\`. It cannot hold any other byte, so files with other names are
/// streamed.
#[derive(Debug, Clone, Default)]
pub struct Courier {
    rate: Option<u64>,
}

impl Courier {
    /// Courier without a limit of the rate.
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest rate of one download, in bytes per second. Default: none.
    #[must_use]
    pub fn rate(mut self, bytes_per_second: u64) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }
}

impl Backend for Courier {
    fn name(&self) -> &'static str {
        "courier"
    }

    /// Rules for Courier end in `to_path`; others are refused when the optimizer is built.
    fn accepts(&self) -> TargetKind {
        TargetKind::Path
    }

    /// Whoever could set these could have any file sent, so the layer removes them wherever
    /// they do not come from a rule.
    fn hand_off_headers(&self) -> Vec<HeaderName> {
        vec![X_COURIER_SEND, X_COURIER_RATE]
    }

    fn hand_off(&self, target: &Target, _headers: &HeaderMap) -> Result<HandOff, CannotCarry> {
        let path = target.to_path_bytes();
        let path = path.ok_or_else(|| CannotCarry::because("Courier takes a path"))?;
        let hand_off = HandOff::new(X_COURIER_SEND, quoted(&path)?);
        Ok(match self.rate {
            Some(rate) => hand_off.with(X_COURIER_RATE, rate.into()),
            None => hand_off,
        })
    }
}

/// The path as a string of RFC 9651. Where a proxy unescapes, an escape that is left out makes it
/// send another file; where it does not, one too many does. So nothing here is guessed.
fn quoted(path: &[u8]) -> Result<HeaderValue, CannotCarry> {
    let mut value = Vec::with_capacity(path.len() + 2);
    value.push(b'"');
    for &byte in path {
        match byte {
            b'"' | b'\\' => value.extend([b'\\', byte]),
            b' '..=b'~' => value.push(byte),
            _ => return Err(CannotCarry::because("Courier takes visible ASCII only")),
        }
    }
    value.push(b'"');
    HeaderValue::from_bytes(&value).map_err(|_| CannotCarry::because("not a header value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use downloadview::storage::StorageName;
    use std::path::Path;

    fn sent(name: &str) -> Result<HandOff, CannotCarry> {
        let name = StorageName::parse(name).expect("a valid name");
        let target = Target::path(Path::new("/srv/media"), name);
        Courier::new().hand_off(&target, &HeaderMap::new())
    }

    #[test]
    fn quotes_and_backslashes_are_escaped_and_nothing_else() {
        let hand_off = sent(r#"a "b" \ 100%.txt"#).expect("visible ASCII");
        assert_eq!(hand_off.header().0, X_COURIER_SEND);
        assert_eq!(hand_off.header().1, r#""/srv/media/a \"b\" \\ 100%.txt""#);
    }

    #[test]
    fn other_bytes_are_refused() {
        for name in ["été.txt", "a\nb.txt", "a\tb.txt", "a\u{7f}.txt"] {
            assert!(sent(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn only_paths_are_taken() {
        let name = StorageName::parse("a.txt").expect("a valid name");
        assert!(
            Courier::new()
                .hand_off(&Target::uri("/a/", name), &HeaderMap::new())
                .is_err()
        );
    }
}
