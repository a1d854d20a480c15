//! Which addresses may be connected to: what a client's request leads to must not reach into the networks around us
//! (server-side request forgery, CWE-918).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where clouds hand out credentials to whoever asks: never by a mere `allow_private`.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Addresses that are allowed: public ones, and those that the settings add.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    private: bool,
    allowed: Arc<[IpAddr]>,
}

impl Guard {
    /// As it is, and this machine's and private networks too.
    pub(crate) fn with_private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }

    /// As it is, and exactly these addresses.
    pub(crate) fn with_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let known = self.allowed.iter().copied();
        Self {
            allowed: known.chain(addresses.into_iter().map(plain)).collect(),
            ..self
        }
    }

    /// Whether a server at this address may be talked to.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        let address = plain(address);
        if self.allowed.contains(&address) {
            return true;
        }
        if METADATA.contains(&address) || is_of_many(address) {
            return false;
        }
        self.private || is_public(address)
    }

    /// One address that is refused refuses the name: it would be asked for again and again until another turn of the
    /// list is used.
    pub(super) fn allows_all(&self, found: &[SocketAddr]) -> bool {
        found.iter().all(|address| self.allows(address.ip()))
    }
}

/// An IPv4 address in the dress of IPv6 is that address: `::ffff:127.0.0.1`.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Multicast and broadcast: nothing that takes a connection.
fn is_of_many(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IANA's registry of special-purpose addresses (RFC 6890), everything that is not globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// Global unicast is 2000::/3, without its special parts; 64:ff9b::/96 is what NAT64 makes of an IPv4 address (RFC 6052).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let [[w, x], [y, z]] = [g, h].map(u16::to_be_bytes);
        return is_public(plain(IpAddr::V4(Ipv4Addr::new(w, x, y, z))));
    }
    let special = matches!(
        (a, b),
        // Protocol assignments with Teredo, documentation, 6to4.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff)
    );
    a & 0xe000 == 0x2000 && !special
}
