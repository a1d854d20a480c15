//! Caddy: sends the file that `X-Accel-Redirect` names, once its configuration says so with
//! `reverse_proxy` and `handle_response`.
//!
//! - **Header:** `X-Accel-Redirect`, a path below the `root` of the matching handler. Caddy 2.7 and
//!   later percent-decode it ([`Escaping::Percent`]); 2.6, which Debian 12 ships, takes the bytes
//!   as they are ([`Escaping::Raw`]). The wrong one serves another file.
//! - **Cannot carry**, raw: control bytes, a space at the end, `?`, which would start a query.
//!   Strict: nothing.
//! - **Files of other servers:** `X-Accel-Redirect` names the handler that fetches,
//!   `X-Download-Origin` the server and `X-Download-Target` what is asked of it. Not carried: `.`
//!   and `..` segments, braces, a `%` without two digits, an empty query; before 2.7 also `! $ ' (
//!   ) * [ ]` in the path. Not for HEAD, which Caddy would answer by reading the whole file.
//! - **What survives:** what `copy_response_headers` names. A header that no matcher takes reaches
//!   the client; generated configuration removes it.
//! - **Status:** becomes 200, unless the matcher names it.
//! - **Validators:** 2.6 states its own: an `ETag` of mtime in seconds and size, both base 36.
//!   Later versions keep a copied `ETag` (since 2.7.6), so the application's.
//! - **Ranges and conditions:** Caddy answers them from the file.
//!
//! <https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#intercepting-responses>

use http::{HeaderMap, Method};

use super::{Backend, CannotCarry, Escaping, HandOff, either, fetched, percent_encoded, raw_bytes};
use crate::content::{ETag, Metadata};
use crate::headers::hand_off::X_ACCEL_REDIRECT;
use crate::rule::{Target, TargetKind};
use crate::storage::SignedUrl;

/// Caddy with `X-Accel-Redirect`, which its configuration handles with `handle_response`.
///
/// State the version's [`escaping`](Self::escaping). Without it, files are streamed whose names
/// need escaping.
///
/// ```
/// use downloadview::backend::{Caddy, Escaping};
/// use downloadview::{Optimizer, Rule};
///
/// let current = Caddy::new().escaping(Escaping::Percent);
/// let debian_12 = Caddy::new().escaping(Escaping::Raw);
/// let optimizer = Optimizer::builder(current)
///     .rule(Rule::url("/media/").to_uri("/media/"))
///     .build()?;
/// # let _ = (debian_12, optimizer);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
///
/// - **Headers of the application:** those that `copy_response_headers` names reach the client.
/// - **Validators:** 2.6 states its own; later versions keep the application's `ETag` if it is
///   copied (since 2.7.6).
/// - **Ranges and conditions:** Caddy answers them from the file.
/// - **Names:** with [`Escaping::Raw`] no control bytes, no `?` and no space at the end; such files
///   are streamed.
#[derive(Debug, Clone, Default)]
pub struct Caddy {
    escaping: Escaping,
}

impl Caddy {
    /// For any version. Names that need escaping are streamed, until [`escaping`](Self::escaping)
    /// is stated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How Caddy reads the path: [`Escaping::Raw`] before 2.7, [`Escaping::Percent`] from then on.
    /// Default: [`Escaping::Unstated`].
    #[must_use]
    pub fn escaping(mut self, escaping: Escaping) -> Self {
        self.escaping = escaping;
        self
    }
}

impl Caddy {
    /// Whether Caddy asks for this URL byte for byte. It takes path and query apart and joins them
    /// again, which changes some spellings.
    fn check_fetched(&self, url: &SignedUrl) -> Result<(), CannotCarry> {
        let (path, target) = (url.path(), url.target());
        let mut segments = path.split('/');
        let why = if segments.any(|segment| matches!(segment, "." | "..")) {
            "caddy resolves `.` and `..` in the URL of a file that it fetches"
        } else if target.contains(['{', '}']) {
            "caddy encodes braces in the URL of a file that it fetches"
        } else if has_lone_percent(target) {
            "caddy encodes a `%` without two digits in the URL of a file that it fetches"
        } else if target.ends_with('?') && path.len() + 1 == target.len() {
            "caddy drops the empty query of a file that it fetches"
        } else if self.escaping != Escaping::Percent && path.contains(ENCODED_BEFORE_2_7) {
            "caddy before 2.7 encodes `! $ ' ( ) * [ ]` in the URL of a file that it fetches"
        } else {
            return Ok(());
        };
        Err(CannotCarry::because(why))
    }
}

/// What Caddy before 2.7 encodes in the path of a file that it fetches.
const ENCODED_BEFORE_2_7: [char; 8] = ['!', '$', '\'', '(', ')', '*', '[', ']'];

/// Whether there is a `%` without two hexadecimal digits after it.
fn has_lone_percent(target: &str) -> bool {
    let mut after = target.split('%').skip(1);
    after.any(|rest| {
        !rest
            .as_bytes()
            .get(..2)
            .is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
    })
}

impl Backend for Caddy {
    fn name(&self) -> &'static str {
        "caddy"
    }

    fn accepts(&self) -> TargetKind {
        TargetKind::Uri
    }

    /// Not for a HEAD: Caddy would ask the other server by GET, because the signature is for GET,
    /// and read the whole file.
    fn fetches(&self, method: &Method) -> bool {
        *method == Method::GET
    }

    fn own_etag(&self, metadata: &Metadata) -> Option<ETag> {
        match self.escaping {
            Escaping::Raw => {
                let (modified, size) = metadata.seen_by_proxies()?;
                ETag::of_file_in_base_36(modified, size)
            }
            Escaping::Percent | Escaping::Unstated => None,
        }
    }

    fn hand_off(&self, target: &Target, _: &HeaderMap) -> Result<HandOff, CannotCarry> {
        if let Target::Remote { location, url } = target {
            self.check_fetched(url)?;
            return fetched(location, url);
        }
        let why = CannotCarry::because("caddy takes a URI, not a path");
        let uri = target.to_uri().ok_or(why)?;
        let value = match self.escaping {
            Escaping::Unstated => either(
                uri,
                "whether this caddy decodes the name is not known: state its escaping, raw before \
                 2.7, strict from 2.7 on",
            )?,
            Escaping::Raw if uri.contains(&b'?') => {
                let why = "caddy before 2.7 takes `?` for the start of a query";
                return Err(CannotCarry::because(why));
            }
            Escaping::Raw => raw_bytes(uri)?,
            Escaping::Percent => percent_encoded(uri),
        };
        Ok(HandOff::new(X_ACCEL_REDIRECT, value))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::optimize::tests::{self, delegated, local_file, refusal};

    fn caddy_2_6() -> Caddy {
        Caddy::new().escaping(Escaping::Raw)
    }

    #[test]
    fn names_its_header() {
        let head = delegated(
            Caddy::new().escaping(Escaping::Percent),
            local_file("a.txt"),
        );
        assert_eq!(head.headers[X_ACCEL_REDIRECT], "/_internal/media/a.txt");
    }

    #[test]
    fn escapes_the_target() {
        for (name, raw, strict) in [
            ("é b.txt", "é b.txt", "%C3%A9%20b.txt"),
            ("100%.txt", "100%.txt", "100%25.txt"),
            ("a%20b", "a%20b", "a%2520b"),
            ("{path}#x", "{path}#x", "%7Bpath%7D%23x"),
        ] {
            let head = delegated(caddy_2_6(), local_file(name));
            let sent = head.headers[X_ACCEL_REDIRECT].as_bytes();
            assert_eq!(sent, format!("/_internal/media/{raw}").as_bytes());
            let head = delegated(Caddy::new().escaping(Escaping::Percent), local_file(name));
            assert_eq!(
                head.headers[X_ACCEL_REDIRECT],
                format!("/_internal/media/{strict}")
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_carry() {
        for name in ["a?b", "a\nb", "a\u{7f}", "a "] {
            assert!(refusal(caddy_2_6(), local_file(name)).is_some(), "{name:?}");
            assert_eq!(
                refusal(Caddy::new().escaping(Escaping::Percent), local_file(name)),
                None,
                "{name:?}"
            );
        }
    }

    #[test]
    fn states_the_tag_that_2_6_will_state() {
        let metadata = Metadata::new()
            .with_size(100)
            .with_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000));
        let tag = caddy_2_6().own_etag(&metadata).unwrap();
        assert_eq!(tag.as_str(), "\"qgljwg2s\"");
        assert_eq!(
            Caddy::new().escaping(Escaping::Percent).own_etag(&metadata),
            None
        );
    }

    #[test]
    fn keeps_the_disposition() {
        tests::assert_keeps_the_disposition(Caddy::new().escaping(Escaping::Percent));
    }

    #[test]
    fn drops_the_body_length() {
        tests::assert_drops_the_body_length(Caddy::new().escaping(Escaping::Percent));
    }

    #[test]
    fn leaves_ranges_to_the_proxy() {
        tests::assert_leaves_ranges_to_the_proxy(Caddy::new().escaping(Escaping::Percent));
    }

    #[test]
    fn a_name_whose_spelling_depends_on_the_version_is_streamed_unless_that_is_stated() {
        let alike = refusal(Caddy::new(), local_file("sub/a-b_c.~1.txt"));
        assert_eq!(alike, None);
        for name in ["a b.txt", "a%20b.txt", "\u{e9}.txt", "a+b.txt", "a?b"] {
            let refused = refusal(Caddy::new(), local_file(name));
            assert!(
                refused.is_some_and(|it| it.why.contains("escaping")),
                "{name}"
            );
        }
    }

    #[test]
    fn refuses_the_wrong_target() {
        tests::assert_refuses_the_wrong_target(&Caddy::new().escaping(Escaping::Percent));
    }
}
