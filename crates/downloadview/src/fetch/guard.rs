//! Which addresses may be connected to. What a client's request leads to must not reach into
//! private networks (server-side request forgery, CWE-918).
//!
//! `connect` asks for every address of a name before it connects, and `builder` for an address in
//! the URL of an origin. Public addresses are allowed, and those that the settings add.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where clouds hand out credentials to whoever asks. `allow_private` alone never allows them, and a public address, such
/// as the one of Azure, does not either.
const METADATA: [IpAddr; 13] = [
    // Most clouds.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    // Amazon: instances, tasks of ECS, pods of EKS.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google, Azure (WireServer), Alibaba, Oracle, Tencent, Scaleway.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

/// The addresses that are allowed: public ones, and those that the settings add.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    private: bool,
    allowed: Arc<[IpAddr]>,
}

impl Guard {
    /// The same, with this machine's addresses and those of private networks.
    pub(crate) fn with_private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }

    /// The same, with exactly these addresses.
    pub(crate) fn with_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let known = self.allowed.iter().copied();
        Self {
            allowed: known.chain(addresses.into_iter().map(plain)).collect(),
            ..self
        }
    }

    /// Which addresses it allows, so that two guards can be told apart.
    pub(crate) fn admits(&self) -> Vec<u8> {
        let mut allowed: Vec<_> = self.allowed.iter().map(IpAddr::to_string).collect();
        allowed.sort_unstable();
        let private = if self.private { "private" } else { "public" };
        format!("{private} {}", allowed.join(" ")).into_bytes()
    }

    /// Whether a server at this address may be connected to.
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

    /// Whether all addresses of a name are allowed. One that is refused refuses the name: otherwise
    /// a client could repeat its request until another address of the list is used.
    pub(super) fn allows_all(&self, found: &[SocketAddr]) -> bool {
        found.iter().all(|address| self.allows(address.ip()))
    }
}

/// An IPv4 address that is written as IPv6 is treated as the IPv4 address: `::ffff:127.0.0.1`, and `64:ff9b::127.0.0.1`,
/// which NAT64 connects to it (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => translated(address).map_or(IpAddr::V6(address), IpAddr::V4),
        address => address,
    }
}

fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, g, h] = address.segments() else {
        return None;
    };
    let [[w, x], [y, z]] = [g, h].map(u16::to_be_bytes);
    Some(Ipv4Addr::new(w, x, y, z))
}

/// Multicast and broadcast: addresses that accept no connection.
fn is_of_many(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Whether an address is globally reachable.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By IANA's registry of special-purpose addresses (RFC 6890): everything that is globally
/// reachable.
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

/// Global unicast is 2000::/3, without its special parts.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let special = matches!(
        (a, b),
        // Protocol assignments with Teredo, documentation, 6to4.
        (0x2001, 0..=0x1ff) | (0x2001, 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff)
    );
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(guard: &Guard, addresses: &[&str]) -> Vec<bool> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        addresses.map(|address| guard.allows(address)).collect()
    }

    fn refused(addresses: &[&str]) {
        let allowed = allows(&Guard::default(), addresses);
        assert!(!allowed.contains(&true), "{addresses:?}: {allowed:?}");
    }

    #[test]
    fn loopback_is_refused() {
        refused(&["127.0.0.1", "127.255.255.255", "::1"]);
    }

    #[test]
    fn this_network_0_0_0_0_8_is_refused() {
        refused(&["0.0.0.0", "0.1.2.3", "::"]);
    }

    #[test]
    fn private_networks_and_ula_are_refused() {
        refused(&[
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "fc00::1",
            "fdff::1",
        ]);
    }

    #[test]
    fn cgnat_is_refused() {
        refused(&["100.64.0.1", "100.127.255.255"]);
    }

    #[test]
    fn link_local_is_refused() {
        refused(&[
            "169.254.0.1",
            "169.254.169.254",
            "fe80::1",
            "febf::1",
            "fec0::1",
        ]);
    }

    #[test]
    fn ipv6_that_means_ipv4_is_that_address() {
        refused(&[
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
        ]);
        refused(&[
            "::127.0.0.1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "64:ff9b:1::808:808",
        ]);
        let public = ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"];
        assert_eq!(allows(&Guard::default(), &public), [true, true]);
    }

    #[test]
    fn what_takes_no_connection_is_refused() {
        let none = ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"];
        refused(&none);
        assert_eq!(allows(&Guard::default().with_private(), &none), [false; 4]);
        refused(&[
            "240.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "198.18.0.1",
        ]);
        refused(&["2001:db8::1", "100::1", "3fff::1", "5f00::1", "4000::1"]);
    }

    #[test]
    fn what_is_public_is_allowed() {
        let public = [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "169.255.0.1",
            "192.0.1.1",
        ];
        assert_eq!(allows(&Guard::default(), &public), [true; 6]);
        let public = ["2606:4700::1111", "2a00::1", "2001:4860::8888", "2003::1"];
        assert_eq!(allows(&Guard::default(), &public), [true; 4]);
    }

    #[test]
    fn metadata_is_allowed_only_by_its_address() {
        let metadata = ["169.254.169.254", "169.254.170.2", "fd00:ec2::254"];
        assert_eq!(
            allows(&Guard::default().with_private(), &metadata),
            [false; 3]
        );
        let mapped = "::ffff:169.254.169.254".parse();
        let guard = Guard::default().with_addresses(mapped);
        assert_eq!(allows(&guard, &metadata), [true, false, false]);
    }

    #[test]
    fn metadata_behind_a_translator_is_metadata() {
        let translated = ["64:ff9b::169.254.169.254", "64:ff9b::a9fe:aa02"];
        let guard = Guard::default().with_private();
        assert_eq!(allows(&guard, &translated), [false; 2]);
    }

    #[test]
    fn what_takes_no_connection_takes_none_behind_a_translator() {
        let guard = Guard::default().with_private();
        assert_eq!(allows(&guard, &["64:ff9b::255.255.255.255"]), [false]);
    }

    /// Azure's has an address that is public everywhere else.
    #[test]
    fn metadata_of_every_cloud_is_refused() {
        let metadata = [
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "169.254.0.23",
            "169.254.42.42",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "fd00:42::42",
        ];
        refused(&metadata);
        let guard = Guard::default().with_private();
        assert_eq!(allows(&guard, &metadata), [false; 8]);
    }

    #[test]
    fn private_allows_this_machine_and_networks_around_it() {
        let private = [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "fd00::1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
        ];
        assert_eq!(
            allows(&Guard::default().with_private(), &private),
            [true; 7]
        );
    }
}
