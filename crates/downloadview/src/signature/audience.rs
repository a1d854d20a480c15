//! Whom a link is for: bound by the signature, and not told by the link.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// A kind of audience: the word in the link.
///
/// ```
/// use downloadview::signature::AudienceKind;
/// assert_eq!(AudienceKind::Ip24.as_str(), "ip24");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudienceKind {
    /// `user`: a text that the application chooses, such as the id of a session.
    User,
    /// `ip24`: the clients whose IPv4 address begins with the same 24 bits.
    Ip24,
    /// `ip64`: the clients whose IPv6 address begins with the same 64 bits.
    Ip64,
}

impl AudienceKind {
    /// The word in the link.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Ip24 => "ip24",
            Self::Ip64 => "ip64",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Self::User, Self::Ip24, Self::Ip64];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whom a link is for. The link names the kind only; whoever verifies it must know the value.
///
/// ```
/// use downloadview::signature::{Audience, AudienceKind};
///
/// let network = Audience::of_client([192, 0, 2, 7].into());
/// assert_eq!(network.kind(), AudienceKind::Ip24);
/// assert_eq!(network.value(), "192.0.2.0/24");
///
/// let user = Audience::user("session 7f3a, version 2")?;
/// assert_eq!(user.value(), "session 7f3a, version 2");
/// # Ok::<(), downloadview::BuildError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Audience {
    kind: AudienceKind,
    value: String,
}

impl Audience {
    /// Whoever the application knows by this text: the id of a user or of a session, perhaps with a
    /// version that ends all links when it changes.
    ///
    /// # Errors
    ///
    /// The text is empty, or holds a control character.
    pub fn user(value: impl Into<String>) -> Result<Self, crate::BuildError> {
        let value = value.into();
        if !is_value(&value) {
            return Err(crate::BuildError::new(
                "signature: an audience is a text that is not empty and without control characters",
            ));
        }
        let kind = AudienceKind::User;
        Ok(Self { kind, value })
    }

    /// The clients of the network of this address: /24 of IPv4, /64 of IPv6. An address of a
    /// mobile network changes often; this is for offices.
    #[must_use]
    pub fn of_client(address: IpAddr) -> Self {
        let (kind, value) = match address.to_canonical() {
            IpAddr::V4(it) => {
                let [a, b, c, _] = it.octets();
                let network = Ipv4Addr::new(a, b, c, 0);
                (AudienceKind::Ip24, format!("{network}/24"))
            }
            IpAddr::V6(it) => {
                let network = Ipv6Addr::from_bits(it.to_bits() >> 64 << 64);
                (AudienceKind::Ip64, format!("{network}/64"))
            }
        };
        Self { kind, value }
    }

    /// The kind, which the link names.
    #[must_use]
    pub fn kind(&self) -> AudienceKind {
        self.kind
    }

    /// The value, which goes into the signature.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// The value may be a secret of the session.
impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Whether a text may be the value of an audience. A line feed would end its part of what is
/// signed.
pub(super) fn is_value(value: &str) -> bool {
    !value.is_empty() && !value.chars().any(char::is_control)
}

/// Who asks, for links that are bound to a user: put it into the extensions of the request, outside
/// of the [`RequireSignature`](super::RequireSignature) layer.
///
/// ```
/// use downloadview::signature::AudienceUser;
/// let request = http::Request::get("/a.txt").extension(AudienceUser::new("alice"));
/// # let _ = request;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AudienceUser(Arc<str>);

impl AudienceUser {
    /// The user that [`Audience::user`] named.
    #[must_use]
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    pub(super) fn value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AudienceUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudienceUser").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_one_spelling() {
        for (address, kind, value) in [
            ("192.0.2.255", AudienceKind::Ip24, "192.0.2.0/24"),
            ("::ffff:192.0.2.1", AudienceKind::Ip24, "192.0.2.0/24"),
            ("2001:DB8:0:1::9", AudienceKind::Ip64, "2001:db8:0:1::/64"),
            ("2001:db8::", AudienceKind::Ip64, "2001:db8::/64"),
        ] {
            let network = Audience::of_client(address.parse().unwrap());
            assert_eq!((network.kind(), network.value()), (kind, value));
        }
        assert!(Audience::user("").is_err());
        assert!(Audience::user("alice\n").is_err());
    }
}
