//! nginx: sends the file of an `internal` location that `X-Accel-Redirect` names.
//!
//! - **Header:** `X-Accel-Redirect`, a URI of the same server, decoded once by nginx and then
//!   located like a request. Every byte but `A-Z a-z 0-9 - . _ ~ /` goes out as `%XX`; that way
//!   every file name arrives. `..` never gets here.
//! - **Files of other servers:** `X-Accel-Redirect` names the location that fetches,
//!   `X-Download-Origin` the server and `X-Download-Target` what is asked of it, byte for byte. The
//!   location compares the origin with those of its own rules. The validators are then those of
//!   that server.
//! - **What survives:** `Content-Type`, `Content-Disposition`, `Set-Cookie`, `Cache-Control`,
//!   `Expires` (`src/http/ngx_http_upstream.c`). Everything else is dropped unless the internal
//!   location re-adds it with `add_header NAME $upstream_http_NAME`, as generated configuration
//!   does. `Accept-Ranges` would be sent twice and is never stated. That goes for the
//!   `Content-Security-Policy` that keeps scripts of an inline SVG or HTML from running, and for
//!   `nosniff`: a location written by hand needs both lines, `add_header Content-Security-Policy
//!   $upstream_http_content_security_policy;` and `add_header X-Content-Type-Options
//!   $upstream_http_x_content_type_options always;`.
//! - **Validators:** nginx states its own: `ETag` of mtime in seconds and size, and the file's
//!   date.
//! - **Ranges and conditions:** nginx answers them from the file.
//! - **Connections:** only an answer with `Content-Length: 0` keeps nginx's connection to the
//!   application open.
//! - Any version with the proxy module; measured with 1.22.
//!
//! <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ignore_headers>

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Backend, CannotCarry, HandOff, fetched, percent_encoded};
use crate::content::{ETag, Metadata};
use crate::headers::hand_off::{
    X_ACCEL_BUFFERING, X_ACCEL_CHARSET, X_ACCEL_EXPIRES, X_ACCEL_LIMIT_RATE, X_ACCEL_REDIRECT,
};
use crate::rule::{Target, TargetKind};

/// Whether nginx buffers the answer: `X-Accel-Buffering`. Argument of [`Nginx::buffering`].
///
/// It is for what nginx fetches: files of other servers, where its location fetches them. A file
/// that nginx reads itself goes out as the client takes it, whatever is stated here.
///
/// ```
/// use downloadview::backend::{Buffering, Nginx};
/// let as_it_comes = Nginx::new().buffering(Buffering::Off);
/// # let _ = as_it_comes;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buffering {
    /// `yes`: nginx reads the answer as fast as it can, and keeps what the client has not taken.
    On,
    /// `no`: nginx passes the answer on as it comes.
    Off,
}

/// How long nginx's own cache may keep the answer: `X-Accel-Expires`. Argument of
/// [`Nginx::expires`].
///
/// ```
/// use std::time::Duration;
/// use downloadview::backend::{Expires, Nginx};
/// let an_hour = Nginx::new().expires(Expires::After(Duration::from_secs(3600)));
/// # let _ = an_hour;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expires {
    /// Not at all: `0`. (`off` is not a number, and nginx would ignore it.)
    Never,
    /// This long, in whole seconds.
    After(Duration),
}

/// nginx with `X-Accel-Redirect`. No option header is sent unless set.
///
/// ```
/// use downloadview::backend::{Buffering, Nginx};
/// use downloadview::{Optimizer, Rule};
///
/// let nginx = Nginx::new().limit_rate(1024 * 1024).buffering(Buffering::Off);
/// let optimizer = Optimizer::builder(nginx)
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .build()?;
/// # let _ = optimizer;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
///
/// Its configuration for this rule:
///
/// ```text
/// location /_internal/media/ {
///     internal;
///     alias /srv/media/;
///     add_header Content-Security-Policy $upstream_http_content_security_policy;
///     add_header X-Content-Type-Options $upstream_http_x_content_type_options always;
/// }
/// ```
///
/// - **Headers of the application:** nginx passes `Content-Type`, `Content-Disposition`,
///   `Set-Cookie`, `Cache-Control` and `Expires` on. Every other header is lost unless the location
///   adds it again, as above.
/// - **Validators:** nginx states its own: the file's date, and an `ETag` of date and size. What a
///   view states is not used.
/// - **Ranges and conditions:** nginx answers them from the file.
/// - **Names:** every file name arrives.
#[derive(Debug, Clone, Default)]
#[doc(alias = "XAccelRedirectMiddleware")]
pub struct Nginx {
    options: Vec<(HeaderName, HeaderValue)>,
}

impl Nginx {
    /// nginx without options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest rate of one download, in bytes per second; 0 for no limit. Default: nginx's own
    /// setting.
    #[must_use]
    pub fn limit_rate(self, bytes_per_second: u64) -> Self {
        self.option(X_ACCEL_LIMIT_RATE, HeaderValue::from(bytes_per_second))
    }

    /// Whether nginx buffers the answer. A file that nginx itself reads is not affected. Default:
    /// nginx's own setting.
    #[must_use]
    #[doc(alias = "with_buffering")]
    pub fn buffering(self, buffering: Buffering) -> Self {
        let value = match buffering {
            Buffering::On => "yes",
            Buffering::Off => "no",
        };
        self.option(X_ACCEL_BUFFERING, HeaderValue::from_static(value))
    }

    /// How long nginx's cache may keep the answer. A delegated answer itself is never cached.
    /// Default: nginx's own setting.
    #[must_use]
    pub fn expires(self, expires: Expires) -> Self {
        let seconds = match expires {
            Expires::Never => 0,
            Expires::After(duration) => duration.as_secs(),
        };
        self.option(X_ACCEL_EXPIRES, HeaderValue::from(seconds))
    }

    /// The charset that nginx adds to the type: `X-Accel-Charset`. Better not set: the charset
    /// belongs into the media type, and nginx logs an error on every download if its configuration
    /// does not name that charset.
    #[must_use]
    pub fn charset(self, charset: HeaderValue) -> Self {
        self.option(X_ACCEL_CHARSET, charset)
    }

    fn option(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.options.retain(|(known, _)| *known != name);
        self.options.push((name, value));
        self
    }
}

impl Backend for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn accepts(&self) -> TargetKind {
        TargetKind::Uri
    }

    /// It asks the other server by GET for a HEAD too, and stops when the head has come.
    fn fetches(&self, method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD)
    }

    fn own_etag(&self, metadata: &Metadata) -> Option<ETag> {
        let (modified, size) = metadata.seen_by_proxies()?;
        ETag::of_file_in_seconds(modified, size)
    }

    fn hand_off(&self, target: &Target, _: &HeaderMap) -> Result<HandOff, CannotCarry> {
        let hand_off = match target {
            Target::Remote { location, url } => fetched(location, url)?,
            local => {
                let why = CannotCarry::because("nginx takes a URI, not a path");
                let uri = local.to_uri().ok_or(why)?;
                HandOff::new(X_ACCEL_REDIRECT, percent_encoded(uri))
            }
        };
        Ok(self
            .options
            .iter()
            .fold(hand_off, |hand_off, (name, value)| {
                hand_off.with(name.clone(), value.clone())
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::tests::{self, delegated, local_file};

    #[test]
    fn names_its_header() {
        let head = delegated(Nginx::new(), local_file("a.txt"));
        assert_eq!(head.headers[X_ACCEL_REDIRECT], "/_internal/media/a.txt");
        let options = head
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("x-accel-"));
        assert_eq!(options.count(), 1, "no option unless set");
    }
    #[test]
    fn sends_numbers_where_nginx_reads_numbers() {
        let nginx = Nginx::new()
            .limit_rate(5)
            .limit_rate(1024)
            .buffering(Buffering::Off)
            .expires(Expires::After(Duration::from_millis(60_900)))
            .charset(HeaderValue::from_static("utf-8"));
        let head = delegated(nginx, local_file("a.txt"));
        assert_eq!(head.headers[X_ACCEL_LIMIT_RATE], "1024");
        assert_eq!(head.headers[X_ACCEL_BUFFERING], "no");
        assert_eq!(head.headers[X_ACCEL_EXPIRES], "60");
        assert_eq!(head.headers[X_ACCEL_CHARSET], "utf-8");
        let head = delegated(Nginx::new().expires(Expires::Never), local_file("a.txt"));
        assert_eq!(head.headers[X_ACCEL_EXPIRES], "0");
    }

    #[test]
    fn escapes_the_target() {
        for (name, value) in [
            ("sub/été 100%.txt", "sub/%C3%A9t%C3%A9%20100%25.txt"),
            ("q?x#y&z", "q%3Fx%23y%26z"),
            ("a\r\nSet-Cookie: b", "a%0D%0ASet-Cookie%3A%20b"),
            ("a%20b", "a%2520b"),
            ("@named", "%40named"),
            ("$uri", "%24uri"),
        ] {
            let head = delegated(Nginx::new(), local_file(name));
            assert_eq!(
                head.headers[X_ACCEL_REDIRECT],
                format!("/_internal/media/{value}")
            );
        }
    }

    #[test]
    fn keeps_the_disposition() {
        tests::assert_keeps_the_disposition(Nginx::new());
    }

    #[test]
    fn drops_the_body_length() {
        tests::assert_drops_the_body_length(Nginx::new());
    }

    #[test]
    fn leaves_ranges_to_the_proxy() {
        tests::assert_leaves_ranges_to_the_proxy(Nginx::new());
    }

    #[test]
    fn refuses_the_wrong_target() {
        tests::assert_refuses_the_wrong_target(&Nginx::new());
    }
}
