//! One application behind several proxies, or none: each request says through which one it came,
//! and proves it.
//!
//! A proxy's configuration sets the request header `X-Downloadview-Proxy: NAME SECRET` and so
//! overwrites what the client sent. The outermost layer removes the header. Every layer with
//! announced proxies compares its own secrets with it, in constant time, and uses the optimizer of
//! that proxy. Without a valid announcement it streams, or redirects by such rules of any proxy; it
//! states no hand-off header, which would reach the client.
//!
//! The request can only select an entry that was configured, and only with its secret. It never
//! supplies a path, a mapping or a header name (rack CVE-2025-61780, Plack CVE-2026-7381).

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq as _;

use super::plan::Candidate;
use super::{Optimizer, Reason};
use crate::content::{ETag, Metadata};
use crate::error::BuildError;

/// The request header by which a proxy announces itself: its name, a space, its secret.
pub const PROXY_HEADER: HeaderName = HeaderName::from_static("x-downloadview-proxy");

/// The length of the shortest secret that is accepted, in bytes.
pub const MIN_SECRET_LEN: usize = 16;

/// Proxies that prove which one they are, each with rules of its own. Use it if one application
/// stands behind several proxies, or behind a proxy and also without one. Behind one proxy only, an
/// [`Optimizer`] alone is enough.
///
/// ```
/// use downloadview::optimize::{Announced, OptimizeLayer};
/// use downloadview::{Optimizer, Rule, backend::Nginx};
/// # fn main() -> downloadview::Result<()> {
/// let behind_nginx = Optimizer::builder(Nginx::new())
///     .rule(Rule::url("/media/").to_uri("/_internal/media/"))
///     .build()?;
/// let secret = "better-read-from-the-environment";
/// let layer = OptimizeLayer::new(Announced::new().proxy("front", secret, behind_nginx)?);
/// # Ok(())
/// # }
/// ```
///
/// In the configuration of nginx, next to `proxy_pass`:
///
/// ```text
/// proxy_set_header X-Downloadview-Proxy "front better-read-from-the-environment";
/// ```
pub struct Announced {
    proxies: Vec<Proxy>,
    /// For requests without a proof: redirects, which need no proxy.
    direct: Optimizer,
}

/// A proxy, its secret and its rules.
struct Proxy {
    name: Arc<str>,
    secret: Box<[u8]>,
    optimizer: Arc<Optimizer>,
}

impl Announced {
    /// No proxy yet: everything is streamed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            proxies: Vec::new(),
            direct: Optimizer::without_rules(Reason::NotAnnounced),
        }
    }

    /// Adds a proxy. Its [redirects](crate::rule::RuleFrom::redirect) are also used for requests
    /// without a proof.
    ///
    /// # Errors
    ///
    /// If the name is already taken, if name or secret are not visible ASCII without spaces, and if
    /// the secret has fewer than [`MIN_SECRET_LEN`] bytes.
    pub fn proxy(
        mut self,
        name: &str,
        secret: &str,
        optimizer: impl Into<Arc<Optimizer>>,
    ) -> Result<Self, BuildError> {
        let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        let complaint = if name.is_empty() || !visible(name) {
            Some("the name must be visible ASCII without spaces")
        } else if self.proxies.iter().any(|proxy| &*proxy.name == name) {
            Some("the name is taken by another proxy")
        } else if secret.len() < MIN_SECRET_LEN {
            Some("the secret must have at least 16 bytes")
        } else if !visible(secret) {
            Some("the secret must be visible ASCII without spaces")
        } else {
            None
        };
        if let Some(complaint) = complaint {
            let what = format!("announced proxy `{}`: {complaint}", name.escape_debug());
            return Err(BuildError::new(what));
        }
        let optimizer = optimizer.into();
        self.direct.adopt_redirects(&optimizer);
        self.proxies.push(Proxy {
            name: name.into(),
            secret: secret.as_bytes().into(),
            optimizer,
        });
        Ok(self)
    }

    /// The optimizer of the proxy that an announcement proves. Without a proof, one that streams or
    /// redirects.
    pub(super) fn optimizer(&self, announcement: Option<&HeaderValue>) -> &Optimizer {
        let proven = announcement.and_then(|announcement| self.proven(announcement));
        proven.map_or(&self.direct, |proxy| &proxy.optimizer)
    }

    /// The name of the proxy that an announcement proves.
    pub(super) fn name_of(&self, announcement: &HeaderValue) -> Option<&str> {
        Some(&self.proven(announcement)?.name)
    }

    /// The proxy whose name and secret an announcement holds.
    fn proven(&self, announcement: &HeaderValue) -> Option<&Proxy> {
        let value = announcement.as_bytes();
        let space = value.iter().position(|&b| b == b' ')?;
        let (name, secret) = (&value[..space], &value[space + 1..]);
        let mut proxies = self.proxies.iter();
        let proxy = proxies.find(|proxy| proxy.name.as_bytes() == name)?;
        bool::from(proxy.secret.ct_eq(secret)).then_some(proxy)
    }

    /// Removes hand-off headers that only the proxies' backends know.
    pub(super) fn strip(&self, headers: &mut HeaderMap) {
        for proxy in &self.proxies {
            proxy.optimizer.strip(headers);
        }
    }

    /// The tag that the first proxy with a tag of its own states for the file. All other proxies
    /// and the application state the same one, so that a download can move between them.
    pub(super) fn own_etag(&self, candidate: &Candidate<'_>, metadata: &Metadata) -> Option<ETag> {
        self.proxies
            .iter()
            .find_map(|proxy| proxy.optimizer.own_etag(candidate, metadata))
    }
}

impl Default for Announced {
    fn default() -> Self {
        Self::new()
    }
}

/// The secrets are not shown.
impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxies = self
            .proxies
            .iter()
            .map(|proxy| (&proxy.name, &proxy.optimizer));
        f.debug_map().entries(proxies).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn front() -> Announced {
        let announced = Announced::new().proxy("front", SECRET, Optimizer::none());
        announced
            .unwrap()
            .proxy("other", "another-secret-01", Optimizer::none())
            .unwrap()
    }

    fn proven(values: &[&str]) -> Option<Arc<str>> {
        let mut request = http::Request::get("/");
        for value in values {
            request = request.header(PROXY_HEADER, *value);
        }
        let mut request = request.body(()).unwrap();
        let asked = Asked::of(&mut request);
        assert!(!request.headers().contains_key(PROXY_HEADER));
        let front = front();
        let proven = front.proven(asked.announcement()?)?;
        Some(Arc::clone(&proven.name))
    }

    #[test]
    fn only_a_name_with_its_own_secret_is_proof() {
        assert_eq!(
            proven(&["front 0123456789abcdef"]).as_deref(),
            Some("front")
        );
        for values in [
            &[][..],
            &["front"],
            &["front "],
            &["front 0123456789abcdeF"],
            &["front 0123456789abcde"],
            &["front 0123456789abcdef0"],
            &["front  0123456789abcdef"],
            &["other 0123456789abcdef"],
            &["nobody 0123456789abcdef"],
            &["FRONT 0123456789abcdef"],
            &[" 0123456789abcdef"],
            &["front 0123456789abcdef", "front 0123456789abcdef"],
        ] {
            assert_eq!(proven(values), None, "{values:?}");
        }
    }

    #[test]
    fn a_weak_secret_is_refused() {
        for (name, secret) in [
            ("a", "short"),
            ("a", ""),
            ("a", "with a space in it, long"),
            ("", SECRET),
            ("a b", SECRET),
            ("front", SECRET),
        ] {
            let refused = front().proxy(name, secret, Optimizer::none());
            assert!(refused.is_err(), "{name} {secret}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(!format!("{:?}", front()).contains(SECRET));
    }
}
