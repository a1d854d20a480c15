//! The proxies. Each has a file of its own that says which header it reads, how the value is
//! written, which headers of the application reach the client, and which validators the proxy
//! states.
//!
//! | backend | header | takes | fetches from other servers |
//! |---|---|---|---|
//! | [`Nginx`] | `X-Accel-Redirect` | a URI | for GET and HEAD |
//! | [`Caddy`] | `X-Accel-Redirect` | a URI | for GET |
//! | [`Apache`] | `X-Sendfile` | a path | no |
//! | [`Lighttpd`] | `X-Sendfile` | a path | no |
//!
//! For another proxy implement [`Backend`].

mod apache;
mod caddy;
mod lighttpd;
mod nginx;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub use self::apache::Apache;
pub use self::caddy::Caddy;
pub use self::lighttpd::Lighttpd;
pub use self::nginx::{Buffering, Expires, Nginx};
use crate::content::{ETag, Metadata};
pub use crate::headers::hand_off::HandOff;
use crate::headers::hand_off::{X_ACCEL_REDIRECT, X_DOWNLOAD_ORIGIN, X_DOWNLOAD_TARGET};
use crate::rule::{Target, TargetKind};
use crate::storage::{SignedUrl, is_strict, strict};

/// A reverse proxy that sends files when the application tells it to. It is used as `Arc<dyn
/// Backend>`.
///
/// Implement it for a proxy that this crate does not know. Rules, decisions and heads need no
/// change.
///
/// ```
/// use downloadview::backend::{Backend, CannotCarry, HandOff, percent_encoded};
/// use downloadview::rule::{Target, TargetKind};
/// use http::{HeaderMap, HeaderName};
///
/// const SEND: HeaderName = HeaderName::from_static("x-carrier-send");
///
/// /// A proxy that takes a percent-encoded path in a header of its own.
/// #[derive(Debug)]
/// struct Carrier;
///
/// impl Backend for Carrier {
///     fn name(&self) -> &'static str {
///         "carrier"
///     }
///
///     fn accepts(&self) -> TargetKind {
///         TargetKind::Path
///     }
///
///     fn hand_off_headers(&self) -> Vec<HeaderName> {
///         vec![SEND]
///     }
///
///     fn hand_off(&self, target: &Target, _: &HeaderMap) -> Result<HandOff, CannotCarry> {
///         let why = CannotCarry::because("carrier takes a path");
///         let path = target.to_path_bytes().ok_or(why)?;
///         Ok(HandOff::new(SEND, percent_encoded(path)))
///     }
/// }
///
/// // The answer is a plain 200 with `Content-Length: 0` and this header, whatever was asked:
/// // the proxy answers ranges and conditions.
/// let rule = downloadview::Rule::dir("/srv/media").to_path("/srv/media");
/// let optimizer = downloadview::Optimizer::builder(Carrier).rule(rule).build()?;
/// # Ok::<(), downloadview::BuildError>(())
/// ```
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The name in logs, configuration and errors, such as `nginx`.
    fn name(&self) -> &'static str;

    /// What its header takes. Every rule is checked against it when an optimizer is built.
    fn accepts(&self) -> TargetKind;

    /// Whether it also takes a [`Target::Remote`] for a request with this method. It then fetches
    /// the file from the server that has it, always by GET. A proxy that does not fetch for GET
    /// never does. Default: it does not.
    ///
    /// Such a proxy is reached by [`fetched_at`](crate::rule::RuleFrom::fetched_at), and its
    /// [`hand_off`](Self::hand_off) finds the URL by [`Target::to_url`]: whole by
    /// [`expose`](crate::storage::SignedUrl::expose), or in two parts.
    fn fetches(&self, _method: &Method) -> bool {
        false
    }

    /// The entity tag that the proxy states for such a file, whatever the application states.
    /// `None` for a proxy that passes the application's tag on. Default: `None`.
    ///
    /// A backend need not ask whether such a tag can be trusted. This crate states the proxy's tag
    /// in an answer of its own only if the last change of the file is at least two seconds ago and
    /// its date is that of the change: tags made of whole seconds and a size tell other files not
    /// apart. So a download that began through the proxy can be resumed from the application, and
    /// the other way round.
    fn own_etag(&self, _metadata: &Metadata) -> Option<ETag> {
        None
    }

    /// The names of the headers that tell it what to send, for a proxy that this crate does not
    /// know. If a handler, a view or another server sets one, that would be a forged hand-off: a
    /// layer with this backend removes it. Default: none besides [those that are
    /// known](crate::headers::hand_off::is_hand_off).
    fn hand_off_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    /// The headers that hand `target` to the proxy. `headers` are those of the answer, with what is
    /// known of the file: type and coding.
    ///
    /// `target` is of the kind that [`accepts`](Self::accepts) says, or a [`Target::Remote`] where
    /// [`fetches`](Self::fetches) holds. A redirect never comes here.
    ///
    /// # Errors
    ///
    /// [`CannotCarry`] if the header cannot hold this target, or if the proxy would not pass such a
    /// file on unchanged. The file is then left to the next rule, or streamed.
    fn hand_off(&self, target: &Target, headers: &HeaderMap) -> Result<HandOff, CannotCarry>;
}

/// Why a proxy's header cannot hold a name, or why the proxy cannot send such a file.
///
/// ```
/// use downloadview::backend::CannotCarry;
/// let too_long = CannotCarry::because(format!("a name of more than {} bytes", 255));
/// assert_eq!(too_long.to_string(), "a name of more than 255 bytes");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CannotCarry {
    /// The reason, for logs. It must hold no path and no query.
    pub why: Cow<'static, str>,
}

impl CannotCarry {
    /// For this reason.
    #[must_use]
    pub fn because(why: impl Into<Cow<'static, str>>) -> Self {
        Self { why: why.into() }
    }
}

/// How a proxy reads the path in its header. For Caddy and Apache it depends on the version. With
/// the wrong setting the proxy serves another file: `a%20b.txt` in place of `a b.txt`.
///
/// ```
/// use downloadview::backend::{Apache, Caddy, Escaping};
/// let debian_apache = Apache::new().escaping(Escaping::Raw); // mod_xsendfile 0.12
/// let current_caddy = Caddy::new().escaping(Escaping::Percent); // 2.7 and later
/// # let _ = (debian_apache, current_caddy);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// Not known. Names that both ways below spell alike are delegated, and all others streamed.
    /// The default.
    #[default]
    Unstated,
    /// The proxy takes the bytes as they are.
    Raw,
    /// The proxy percent-decodes the path: every byte but `A-Z a-z 0-9 - . _ ~ /` is sent as `%XX`.
    Percent,
}

/// A path as a header value, percent-encoded: every byte but `A-Z a-z 0-9 - . _ ~ /` is written as
/// `%XX`. Every name can be written in this way.
///
/// ```
/// use downloadview::backend::percent_encoded;
/// assert_eq!(percent_encoded(b"/a b/\xff.txt"), "/a%20b/%FF.txt");
/// ```
#[must_use]
pub fn percent_encoded(path: impl Into<Vec<u8>>) -> HeaderValue {
    let path = path.into();
    let encoded = match is_strict(&path) {
        true => path,
        false => strict(&path).into_owned().into_bytes(),
    };
    HeaderValue::from_maybe_shared(Bytes::from(encoded)).expect("visible ASCII")
}

/// The hand-off of a file that nginx or Caddy fetches: by which of their locations, from which
/// server, and what that server is asked for. The last may be a permission, so it is marked as
/// sensitive.
fn fetched(location: &str, url: &SignedUrl) -> Result<HandOff, CannotCarry> {
    let mut target = raw_bytes(url.target().into())?;
    target.set_sensitive(true);
    let location = raw_bytes(location.into())?;
    Ok(HandOff::new(X_ACCEL_REDIRECT, location)
        .with(X_DOWNLOAD_ORIGIN, raw_bytes(url.origin().into())?)
        .with(X_DOWNLOAD_TARGET, target))
}

/// A path that both ways of [`Escaping`] spell alike.
fn either(path: Vec<u8>, why: &'static str) -> Result<HeaderValue, CannotCarry> {
    match strict(&path).as_bytes() == path {
        true => raw_bytes(path),
        false => Err(CannotCarry::because(why)),
    }
}

/// A path as a header value, byte for byte.
///
/// # Errors
///
/// [`CannotCarry`] for a control byte, which a header cannot hold, and for a space or tab at the
/// end, which it loses.
///
/// ```
/// use downloadview::backend::raw_bytes;
/// assert_eq!(raw_bytes(b"/a b.txt".to_vec())?, "/a b.txt");
/// assert!(raw_bytes(b"/a\nb.txt".to_vec()).is_err());
/// # Ok::<(), downloadview::backend::CannotCarry>(())
/// ```
pub fn raw_bytes(path: Vec<u8>) -> Result<HeaderValue, CannotCarry> {
    if matches!(path.last(), Some(b' ' | b'\t')) {
        let why = "a header loses the space at the end of the name";
        return Err(CannotCarry::because(why));
    }
    let why = "a header cannot hold the control bytes of the name";
    HeaderValue::from_maybe_shared(Bytes::from(path)).map_err(|_| CannotCarry::because(why))
}

#[deny(clippy::missing_trait_methods)]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn accepts(&self) -> TargetKind {
        (**self).accepts()
    }

    fn fetches(&self, method: &Method) -> bool {
        (**self).fetches(method)
    }

    fn own_etag(&self, metadata: &Metadata) -> Option<ETag> {
        (**self).own_etag(metadata)
    }

    fn hand_off_headers(&self) -> Vec<HeaderName> {
        (**self).hand_off_headers()
    }

    fn hand_off(&self, target: &Target, headers: &HeaderMap) -> Result<HandOff, CannotCarry> {
        (**self).hand_off(target, headers)
    }
}
