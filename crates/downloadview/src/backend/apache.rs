//! Apache httpd with mod_xsendfile: sends the file that `X-Sendfile` names.
//!
//! - **Header:** `X-Sendfile`, an absolute path below an `XSendFilePath`. mod_xsendfile 0.12, which
//!   distributions ship, takes the bytes as they are ([`Escaping::Raw`]); 1.0 percent-decodes them
//!   unless told not to ([`Escaping::Percent`]). The wrong one serves another file.
//! - **Cannot carry**, raw: control bytes, a space at the end. Strict: nothing.
//! - **What survives:** every header of the application but `Content-Length` and
//!   `Content-Encoding`; so a file that is stored compressed cannot be announced and is streamed.
//! - **Status:** 200 only. On any other the header stays and the path reaches the client.
//! - **Validators:** the application's. Without them httpd 2.4.47 and later state `ETag: "0"` for
//!   every file (the module leaves `finfo.mtime` 0); generated configuration says `FileETag None`.
//! - **Content-Type:** the application's, or none at all.
//! - **Ranges and conditions:** Apache answers them from the file.
//!
//! <https://tn123.org/mod_xsendfile/>

use http::{HeaderMap, header};

use super::{Backend, CannotCarry, Escaping, HandOff, either, percent_encoded, raw_bytes};
use crate::headers::hand_off::X_SENDFILE;
use crate::rule::{Target, TargetKind};

/// Apache httpd with mod_xsendfile and `X-Sendfile`.
///
/// State the version's [`escaping`](Self::escaping). Without it, files are streamed whose names
/// need escaping.
///
/// ```
/// use downloadview::backend::{Apache, Escaping};
/// use downloadview::{Optimizer, Rule};
///
/// let debian = Apache::new().escaping(Escaping::Raw);
/// let with_1_0 = Apache::new().escaping(Escaping::Percent);
/// let optimizer = Optimizer::builder(debian)
///     .rule(Rule::dir("/srv/media").to_path("/srv/media"))
///     .build()?;
/// # let _ = (with_1_0, optimizer);
/// # Ok::<(), downloadview::BuildError>(())
/// ```
///
/// - **Headers of the application:** all reach the client but `Content-Length` and
///   `Content-Encoding`. A file that is stored compressed is therefore streamed.
/// - **Validators:** the application's.
/// - **Ranges and conditions:** Apache answers them from the file.
/// - **Names:** with [`Escaping::Raw`] no control bytes and no space at the end; such files are
///   streamed.
#[derive(Debug, Clone, Default)]
#[doc(alias = "XSendfileMiddleware")]
pub struct Apache {
    escaping: Escaping,
}

impl Apache {
    /// For any version of mod_xsendfile. Names that need escaping are streamed, until
    /// [`escaping`](Self::escaping) is stated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How the module reads the path: [`Escaping::Raw`] for 0.12, which distributions ship,
    /// [`Escaping::Percent`] for 1.0. Default: [`Escaping::Unstated`].
    #[must_use]
    pub fn escaping(mut self, escaping: Escaping) -> Self {
        self.escaping = escaping;
        self
    }
}

impl Backend for Apache {
    fn name(&self) -> &'static str {
        "apache"
    }

    fn accepts(&self) -> TargetKind {
        TargetKind::Path
    }

    fn hand_off(&self, target: &Target, headers: &HeaderMap) -> Result<HandOff, CannotCarry> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            let why = "apache removes the Content-Encoding of a file that is stored compressed";
            return Err(CannotCarry::because(why));
        }
        let why = CannotCarry::because("apache takes a path, not a URI");
        let path = target.to_path_bytes().ok_or(why)?;
        let value = match self.escaping {
            Escaping::Unstated => either(
                path,
                "whether this apache decodes the name is not known: state its escaping, raw for \
                 mod_xsendfile 0.12, strict for 1.0",
            )?,
            Escaping::Raw => raw_bytes(path)?,
            Escaping::Percent => percent_encoded(path),
        };
        Ok(HandOff::new(X_SENDFILE, value))
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::optimize::tests::{self, delegated, local_file, refusal};

    #[test]
    fn names_its_header() {
        let head = delegated(Apache::new().escaping(Escaping::Raw), local_file("a.txt"));
        assert_eq!(head.headers[X_SENDFILE], "/srv/media/a.txt");
    }

    #[test]
    fn escapes_the_target() {
        for (name, raw, strict) in [
            ("é b.txt", "é b.txt", "%C3%A9%20b.txt"),
            ("100%.txt", "100%.txt", "100%25.txt"),
            ("a%20b", "a%20b", "a%2520b"),
        ] {
            let head = delegated(Apache::new().escaping(Escaping::Raw), local_file(name));
            let sent = head.headers[X_SENDFILE].as_bytes();
            assert_eq!(sent, format!("/srv/media/{raw}").as_bytes());
            let decoding = Apache::new().escaping(Escaping::Percent);
            let head = delegated(decoding, local_file(name));
            assert_eq!(head.headers[X_SENDFILE], format!("/srv/media/{strict}"));
        }
    }

    #[test]
    fn refuses_what_it_cannot_carry() {
        for name in [
            "a\nb",
            "a\r\nSet-Cookie: b",
            "a\u{7f}",
            "a\u{1}",
            "a ",
            "a\t",
        ] {
            assert!(
                refusal(Apache::new().escaping(Escaping::Raw), local_file(name)).is_some(),
                "{name:?}"
            );
            let decoding = Apache::new().escaping(Escaping::Percent);
            assert_eq!(refusal(decoding, local_file(name)), None, "{name:?}");
        }
    }

    #[test]
    fn a_file_that_is_stored_compressed_is_streamed() {
        let (mut head, ()) = Response::new(()).into_parts();
        let gzip = http::HeaderValue::from_static("gzip");
        head.headers.insert(header::CONTENT_ENCODING, gzip);
        let name = crate::storage::StorageName::parse("a").unwrap();
        let target = Target::path("/srv".as_ref(), name);
        assert!(
            Apache::new()
                .escaping(Escaping::Raw)
                .hand_off(&target, &head.headers)
                .is_err()
        );
    }

    #[test]
    fn keeps_the_disposition() {
        tests::assert_keeps_the_disposition(Apache::new().escaping(Escaping::Raw));
    }

    #[test]
    fn drops_the_body_length() {
        tests::assert_drops_the_body_length(Apache::new().escaping(Escaping::Raw));
    }

    #[test]
    fn leaves_ranges_to_the_proxy() {
        tests::assert_leaves_ranges_to_the_proxy(Apache::new().escaping(Escaping::Raw));
    }

    #[test]
    fn a_name_whose_spelling_depends_on_the_version_is_streamed_unless_that_is_stated() {
        let alike = refusal(Apache::new(), local_file("sub/a-b_c.~1.txt"));
        assert_eq!(alike, None);
        for name in ["a b.txt", "a%20b.txt", "\u{e9}.txt", "a+b.txt", "a?b"] {
            let refused = refusal(Apache::new(), local_file(name));
            assert!(
                refused.is_some_and(|it| it.why.contains("escaping")),
                "{name}"
            );
        }
    }

    #[test]
    fn refuses_the_wrong_target() {
        tests::assert_refuses_the_wrong_target(&Apache::new().escaping(Escaping::Raw));
    }
}
