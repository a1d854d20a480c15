//! lighttpd: sends the file that `X-Sendfile` names, over plain HTTP proxying too (since 1.4.46).
//!
//! - **Header:** `X-Sendfile`, an absolute path below an `x-sendfile-docroot`, percent-decoded once
//!   (`src/http-header-glue.c`). Without a docroot any readable file of the machine would be sent.
//! - **Cannot carry:** control bytes, each of which lighttpd turns into `_`, and names that are not
//!   valid UTF-8, which it answers with 502.
//! - **What survives:** every header of the application.
//! - **Status:** kept, with the file as the body; hence 200 only.
//! - **Validators:** the application's.
//! - **Content-Type:** the application's. Where there is none and `mimetype.assign` knows none
//!   either, lighttpd states no validator and answers no condition.
//! - **Ranges:** answered by lighttpd from the file, for GET.
//! - Measured with 1.4.69.
//!
//! <https://redmine.lighttpd.net/projects/lighttpd/wiki/X-LIGHTTPD-send-file>

use http::{HeaderMap, HeaderValue};

use super::{Backend, CannotCarry, HandOff, percent_encoded};
use crate::headers::hand_off::{X_LIGHTTPD_KBYTES_PER_SECOND, X_SENDFILE};
use crate::rule::{Target, TargetKind};

/// lighttpd with `X-Sendfile`, behind plain HTTP proxying since 1.4.46.
///
/// ```
/// use downloadview::backend::Lighttpd;
/// use downloadview::{Optimizer, Rule};
///
/// let lighttpd = Lighttpd::new().limit_rate(1024 * 1024);
/// let optimizer = Optimizer::builder(lighttpd)
///     .rule(Rule::dir("/srv/media").to_path("/srv/media"))
///     .build()?;
/// # let _ = optimizer;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
///
/// Its configuration must name an `x-sendfile-docroot`. Without one, lighttpd would send any file
/// that it can read.
///
/// - **Headers of the application:** all reach the client.
/// - **Validators:** the application's.
/// - **Ranges:** lighttpd answers them from the file, for GET.
/// - **Names:** no control bytes, and valid UTF-8 only; other files are streamed.
#[derive(Debug, Clone, Default)]
pub struct Lighttpd {
    rate: Option<HeaderValue>,
}

impl Lighttpd {
    /// lighttpd without options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest rate of one download, in bytes per second; 0 for no limit. It is sent in whole
    /// KiB, rounded up. Default: lighttpd's own setting.
    #[must_use]
    pub fn limit_rate(mut self, bytes_per_second: u64) -> Self {
        self.rate = Some(HeaderValue::from(bytes_per_second.div_ceil(1024)));
        self
    }
}

impl Backend for Lighttpd {
    fn name(&self) -> &'static str {
        "lighttpd"
    }

    fn accepts(&self) -> TargetKind {
        TargetKind::Path
    }

    fn hand_off(&self, target: &Target, _: &HeaderMap) -> Result<HandOff, CannotCarry> {
        let value = escape(target).map_err(CannotCarry::because)?;
        let hand_off = HandOff::new(X_SENDFILE, value);
        Ok(match &self.rate {
            Some(rate) => hand_off.with(X_LIGHTTPD_KBYTES_PER_SECOND, rate.clone()),
            None => hand_off,
        })
    }
}

/// The path, percent-encoded; or why lighttpd would not find the file.
fn escape(target: &Target) -> Result<HeaderValue, &'static str> {
    let path = target
        .to_path_bytes()
        .ok_or("lighttpd takes a path, not a URI")?;
    if path.iter().any(u8::is_ascii_control) {
        return Err("lighttpd replaces control bytes in a name");
    }
    if std::str::from_utf8(&path).is_err() {
        return Err("lighttpd refuses a name that is not valid UTF-8");
    }
    Ok(percent_encoded(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::tests::{self, delegated, local_file, refusal};

    #[test]
    fn names_its_header() {
        let head = delegated(Lighttpd::new(), local_file("a.txt"));
        assert_eq!(head.headers[X_SENDFILE], "/srv/media/a.txt");
        assert!(!head.headers.contains_key(X_LIGHTTPD_KBYTES_PER_SECOND));
    }

    #[test]
    fn rounds_a_rate_up_to_whole_kibibytes() {
        for (bytes, header) in [(0, "0"), (1, "1"), (1024, "1"), (1025, "2")] {
            let head = delegated(Lighttpd::new().limit_rate(bytes), local_file("a.txt"));
            assert_eq!(head.headers[X_LIGHTTPD_KBYTES_PER_SECOND], header);
        }
    }

    #[test]
    fn escapes_the_target() {
        for (name, value) in [
            ("sub/été 100%.txt", "sub/%C3%A9t%C3%A9%20100%25.txt"),
            ("q?x#y", "q%3Fx%23y"),
            ("a%20b", "a%2520b"),
        ] {
            let head = delegated(Lighttpd::new(), local_file(name));
            assert_eq!(head.headers[X_SENDFILE], format!("/srv/media/{value}"));
        }
    }

    #[test]
    fn refuses_what_it_cannot_carry() {
        for name in ["a\nb", "a\tb", "a\u{7f}"] {
            assert!(
                refusal(Lighttpd::new(), local_file(name)).is_some(),
                "{name:?}"
            );
        }
        let name = crate::storage::StorageName::parse(b"caf\xe9").unwrap();
        let target = Target::path("/srv".as_ref(), name);
        let refused = Lighttpd::new().hand_off(&target, &HeaderMap::new());
        assert!(refused.is_err());
        assert_eq!(refusal(Lighttpd::new(), local_file("a ")), None);
    }

    #[test]
    fn keeps_the_disposition() {
        tests::assert_keeps_the_disposition(Lighttpd::new());
    }

    #[test]
    fn drops_the_body_length() {
        tests::assert_drops_the_body_length(Lighttpd::new());
    }

    #[test]
    fn leaves_ranges_to_the_proxy() {
        tests::assert_leaves_ranges_to_the_proxy(Lighttpd::new());
    }

    #[test]
    fn refuses_the_wrong_target() {
        tests::assert_refuses_the_wrong_target(&Lighttpd::new());
    }
}
